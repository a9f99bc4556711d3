"""Training jobs of Factorization Machines as SageMaker lays them out for a container, with small channels."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from sagemaker_formats.recordio import Rows

BASE = {"feature_dim": "30", "num_factors": "4", "predictor_type": "binary_classifier", "mini_batch_size": "50", "epochs": "3"}


def make_rows(n_rows: int, *, seed: int = 0, feature_dim: int = 30, labels: Any = None) -> Rows:
    draw = np.random.default_rng(seed)
    keys = np.stack([draw.integers(0, 10, n_rows), draw.integers(10, 30, n_rows)], axis=1)
    default = (keys[:, 0] < 5).astype(np.float32)
    return Rows(
        indptr=np.arange(0, 2 * n_rows + 1, 2),
        keys=keys.ravel(),
        values=np.ones(2 * n_rows, np.float32),
        labels=default if labels is None else np.asarray(labels, np.float32),
        feature_dim=feature_dim,
    )


def make_job(root: Path, hyperparameters: dict[str, str], files: dict[str, bytes], **channel: Any) -> Path:
    for folder in ("input/config", "input/data", "model", "output"):
        (root / folder).mkdir(parents=True)
    channels = sorted({name.split("/")[0] for name in files})
    for name, content in files.items():
        path = root / "input/data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    configuration = {
        "hyperparameters": {**BASE, **hyperparameters},
        "inputdataconfig": {
            name: {"TrainingInputMode": "File", "ContentType": "application/x-recordio-protobuf", **channel} for name in channels
        },
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"]},
    }
    for name, settings in configuration.items():
        (root / f"input/config/{name}.json").write_text(json.dumps(settings))
    return root
