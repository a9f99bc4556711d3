"""Rows and jobs for the tests of Linear Learner."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array, random_array
from waiting import HANG_S

from localaws.linear_learner import LinearLearner
from localaws.linear_learner.hyperparameters import Hyperparameters, parse
from localaws.linear_learner.objective import Rows
from sagemaker_formats.recordio import encode, from_csr

ALGORITHM = LinearLearner()
METRICS = {definition.name: definition.regex for definition in ALGORITHM.metric_definitions}
RECORDIO = "application/x-recordio-protobuf"
# Early stopping that never stops, and a threshold of one half: what remains is the optimum.
TO_THE_OPTIMUM = {
    "epochs": "200",
    "early_stopping_patience": "300",
    "binary_classifier_model_selection_criteria": "loss_function",
}


def params(predictor_type: str = "binary_classifier", **hyperparameters: str) -> Hyperparameters:
    return parse({"predictor_type": predictor_type, **hyperparameters})


def dense_rows(n_rows: int = 400, *, seed: int = 0, is_classifier: bool = True, feature_dim: int = 6) -> Rows:
    """Features of different means and deviations. Labels depend on them by a linear function and noise."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(n_rows, feature_dim)) * np.logspace(-1, 1, feature_dim) + np.arange(feature_dim)
    truth = np.random.default_rng(99).normal(size=feature_dim) / np.logspace(-1, 1, feature_dim)
    line = (features - np.arange(feature_dim)) @ truth + draw.normal(0, 1, n_rows)
    return Rows(features=csr_array(features), labels=(line > 0).astype(float) if is_classifier else 40 + 5 * line)


def sparse_rows(n_rows: int = 1000, *, feature_dim: int = 60, seed: int = 0, is_classifier: bool = True) -> Rows:
    draw = np.random.default_rng(seed)
    features = random_array((n_rows, feature_dim), density=0.1, format="csr", rng=draw)
    line = features @ np.random.default_rng(99).normal(0, 2, feature_dim) + draw.normal(0, 0.5, n_rows)
    return Rows(features=features, labels=(line > 0).astype(float) if is_classifier else line + 3)


def as_recordio(rows: Rows) -> bytes:
    return encode(from_csr(rows.features, labels=rows.labels))


def as_csv(rows: Rows) -> bytes:
    table = np.column_stack([rows.labels, rows.features.toarray()]).astype(np.float32)
    return "".join(",".join(map(repr, row)) + "\n" for row in table.tolist()).encode()


def make_job(root: Path, hyperparameters: dict[str, str], files: dict[str, bytes], **channel: Any) -> Path:
    """A container's /opt/ml. `files` are paths below input/data."""
    for folder in ("input/config", "input/data", "model", "output"):
        (root / folder).mkdir(parents=True)
    for name, content in files.items():
        path = root / "input/data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    channels = sorted({name.split("/")[0] for name in files})
    configuration = {
        "hyperparameters": {"predictor_type": "binary_classifier", **hyperparameters},
        "inputdataconfig": {name: {"TrainingInputMode": "File", "ContentType": RECORDIO, **channel} for name in channels},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, settings in configuration.items():
        (root / f"input/config/{name}.json").write_text(json.dumps(settings))
    return root


def run(root: Path) -> tuple[int, str]:
    """The exit code and the log of the job's process."""
    done = subprocess.run(
        ALGORITHM.training_command(root),
        cwd=root,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    return done.returncode, done.stdout


def last_value(log: str, metric: str) -> float:
    return float(re.findall(METRICS[metric], log)[-1])
