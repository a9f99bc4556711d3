"""The model artifact: `model.json` (its description) and `model.npz` (its weights). The format is ours, not the container's MXNet files."""

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from localaws.linear_learner.hyperparameters import LOSSES
from localaws.linear_learner.losses import Floats, probability

FORMAT = "linear-learner"
VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    """weights (feature_dim,) float32 and bias, for features as they are in the data. A classifier predicts 1 above the threshold."""

    predictor_type: str
    loss: str
    weights: NDArray[np.float32]
    bias: float
    threshold: float | None

    def raw_scores(self, features: csr_array) -> Floats:
        """The linear function of each row, (n_rows,) float64."""
        raw: Floats = features @ self.weights.astype(np.float64) + self.bias
        return raw

    def scores(self, features: csr_array) -> Floats:
        """What the endpoint calls score: with loss `logistic` the probability of label 1, otherwise the linear function."""
        raw = self.raw_scores(features)
        return probability(raw) if self.loss == "logistic" else raw


def save(model: Model, folder: Path) -> None:
    """Write both files. The same model gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "model.npz", weights=model.weights, bias=np.array([model.bias], np.float64))
    about = {
        "format": FORMAT,
        "version": VERSION,
        "predictor_type": model.predictor_type,
        "loss": model.loss,
        "feature_dim": int(model.weights.size),
        "threshold": model.threshold,
    }
    (folder / "model.json").write_text(json.dumps(about, indent=2) + "\n")


def load(folder: Path) -> Model:
    """The model in the folder. Raises ValueError unless save() wrote it and all numbers are finite."""
    try:
        about = json.loads((folder / "model.json").read_text())
        with (folder / "model.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            weights, bias = arrays["weights"], arrays["bias"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"not a model of the local Linear Learner: {error}") from error
    if not isinstance(about, dict) or (about.get("format"), about.get("version")) != (FORMAT, VERSION):
        raise ValueError(f"model.json does not have format {FORMAT}, version {VERSION}")
    _check_description(about)
    if (weights.dtype, weights.shape, bias.dtype, bias.shape) != (np.float32, (about["feature_dim"],), np.float64, (1,)):
        raise ValueError("model.npz does not have the shapes that model.json says, as float32 weights and a float64 bias")
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        raise ValueError("model.npz holds weights that are not finite")
    return Model(
        predictor_type=about["predictor_type"], loss=about["loss"], weights=weights, bias=float(bias[0]), threshold=about["threshold"]
    )


def _check_description(about: dict[str, Any]) -> None:
    predictor_type, threshold = about.get("predictor_type"), about.get("threshold")
    if predictor_type not in LOSSES:
        raise ValueError(f"model.json has the unknown predictor_type {predictor_type!r}")
    if about.get("loss") not in LOSSES[predictor_type]:
        raise ValueError(f"model.json has the unknown loss {about.get('loss')!r}")
    is_number = isinstance(threshold, float) and math.isfinite(threshold)
    if is_number != (predictor_type == "binary_classifier") or (threshold is not None and not is_number):
        raise ValueError(f"model.json has the threshold {threshold!r}")
    if type(about.get("feature_dim")) is not int:
        raise ValueError(f"model.json has the feature_dim {about.get('feature_dim')!r}")
