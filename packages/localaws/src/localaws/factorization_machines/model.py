"""The model artifact: `model.json` (its description) and `model.npz` (its weights). The format is ours, not the container's MXNet files."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from localaws.factorization_machines.compiled_loops import Weights

FORMAT = "factorization-machines"
VERSION = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Model:
    predictor_type: str
    weights: Weights

    @property
    def feature_dim(self) -> int:
        return int(self.weights.linear.size)

    @property
    def is_classifier(self) -> bool:
        return self.predictor_type == "binary_classifier"


def save(model: Model, folder: Path) -> None:
    """Write both files. The same model gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    bias, linear, factors = model.weights
    np.savez(folder / "model.npz", bias=bias, linear=linear, factors=factors)
    about = {
        "format": FORMAT,
        "version": VERSION,
        "predictor_type": model.predictor_type,
        "feature_dim": model.feature_dim,
        "num_factors": int(factors.shape[1]),
    }
    (folder / "model.json").write_text(json.dumps(about, indent=2) + "\n")


def load(folder: Path) -> Model:
    """The model in the folder. Raises ValueError unless save() wrote it and all weights are finite."""
    try:
        about = json.loads((folder / "model.json").read_text())
        with (folder / "model.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            weights = Weights(arrays["bias"], arrays["linear"], arrays["factors"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"not a model of the local Factorization Machines: {error}") from error
    if not isinstance(about, dict) or not _is_ours(about.get("format"), about.get("version")):
        raise ValueError(f"model.json does not have format {FORMAT}, version {VERSION}")
    if about.get("predictor_type") not in ("binary_classifier", "regressor"):
        raise ValueError(f"model.json has the unknown predictor_type {about.get('predictor_type')!r}")
    shapes = [(1,), (about.get("feature_dim"),), (about.get("feature_dim"), about.get("num_factors"))]
    if [array.shape for array in weights] != shapes or any(array.dtype != np.float32 for array in weights):
        raise ValueError("model.npz does not have the shapes that model.json says, as float32")
    if not all(np.isfinite(array).all() for array in weights):
        raise ValueError("model.npz holds weights that are not finite")
    return Model(predictor_type=about["predictor_type"], weights=weights)


def _is_ours(name: object, version: object) -> bool:
    """Whether the format is ours. Models from before this package had its own name have another prefix."""
    return str(name).endswith(FORMAT) and version == VERSION
