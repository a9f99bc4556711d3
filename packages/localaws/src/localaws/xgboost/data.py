"""Reads the rows of a training channel into memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from localaws.algorithm_kit.csv_rows import find_delimiter, read_csv
from localaws.xgboost.hyperparameters import Hyperparameters
from localaws.xgboost.libsvm import read_libsvm

FORMATS = {
    "csv": "csv",
    "text/csv": "csv",
    "libsvm": "libsvm",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "parquet": "parquet",
    "application/x-parquet": "parquet",
}
_RECORDIO = ("recordio-protobuf", "application/x-recordio-protobuf")
_MAX_DEPTH = 3
_LINE = 1 << 20  # bytes of a first line that are read


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """features (n_rows, n_features), dense with NaN for missing values, or sparse; labels (n_rows,); weights (n_rows,) or None. float32."""

    features: NDArray[np.float32] | csr_array
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None

    def __len__(self) -> int:
        return self.labels.size


def data_format(channels: Mapping[str, Mapping[str, Any]]) -> str:
    """The format of all channels: "csv", "libsvm" or "parquet". The container uses the type of `train` for both.

    Raises ValueError with the text for the job's FailureReason.
    """
    formats = {name: _format(str(channel.get("ContentType") or "text/libsvm")) for name, channel in channels.items()}
    if len(set(formats.values())) > 1:
        raise ValueError("ClientError: The channels train and validation must have the same ContentType; the container reads both as train")
    return formats["train"]


def _format(content_type: str) -> str:
    kind, _, parameter = (part.strip() for part in content_type.lower().partition(";"))
    if kind in _RECORDIO:
        raise ValueError(f"ClientError: ContentType {content_type} is not honoured by the local AWS; it reads CSV, LIBSVM and Parquet")
    if kind not in FORMATS:
        raise ValueError(f"ClientError: {content_type} is not an accepted ContentType: {', '.join([*FORMATS, *_RECORDIO])}.")
    if "label_size" in parameter and parameter.replace(" ", "") != "label_size=1":
        optional = "Optional parameter label_size must be equal to 1"
        raise ValueError(f"ClientError: {content_type} is not an accepted csv ContentType. {optional}")
    return FORMATS[kind]


def read_channel(folder: Path, kind: str, *, csv_weights: bool) -> Rows:
    """The rows of all files below `folder`, in the order of their paths; empty files are skipped. The label is the first column.

    Dense rows need 4 bytes a value, three times that while reading. Raises ValueError with the text for the job's FailureReason.
    """
    files = _files(folder)
    if not files:
        what = "training" if folder.name == "train" else "validation"
        raise ValueError(f"ClientError: No data in {what} channel path /opt/ml/input/data/{folder.name}")
    try:
        parts = [_READERS[kind](path, csv_weights) for path in files]
    except ValueError as error:
        raise ValueError(f"ClientError: {error}") from error
    rows = _stack(parts, folder.name)
    if not np.isfinite(rows.labels).all():
        raise ValueError(f"ClientError: Label contains NaN, infinity or a value too large (channel '{folder.name}')")
    return rows


def _files(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in found:
        if path.name.startswith("."):
            raise ValueError("ClientError: Hidden file found in the data path! Remove that before training.")
        if len(path.relative_to(folder).parts) > _MAX_DEPTH:
            raise ValueError(f"ClientError: Folder depth exceed the limit: {_MAX_DEPTH}. ({path.relative_to(folder)})")
    return [path for path in found if path.stat().st_size]


def _read_csv(path: Path, csv_weights: bool) -> Rows:
    with path.open("rb") as file:
        line = _first_line(file.readline(_LINE), path)
    delimiter = find_delimiter(line)
    if delimiter is None:
        raise ValueError(f"Could not determine delimiter on line {line[:50]} of file '{path.name}'")
    _check_first_line(line, delimiter, path)
    try:
        with path.open("rb") as file:
            values = read_csv(file, delimiter=delimiter, n_columns=line.count(delimiter) + 1)
    except ValueError as error:
        raise ValueError(f"Failed to load csv data with exception:\n{path.name}: {error}") from error
    first = 2 if csv_weights else 1
    if values.shape[1] <= first:
        raise ValueError(f"File '{path.name}' has no column of features")
    return Rows(features=values[:, first:], labels=values[:, 0], weights=values[:, 1] if csv_weights else None)


def _first_line(line: bytes, path: Path) -> str:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"File '{path.name}' is not text in UTF-8: {error}") from error
    if "\0" in text:
        raise ValueError(f"File '{path.name}' is not text in UTF-8: it holds zero bytes")
    return text.strip("\r\n")


def _check_first_line(line: str, delimiter: str, path: Path) -> None:
    for value in line.split(delimiter):
        try:
            float(value or "nan")
        except ValueError as error:
            raise ValueError(
                f"Non-numeric value '{value}' found in the header line '{line[:50]}...' of file '{path.name}'. CSV format require no "
                "header line in it. If header line is already removed, XGBoost does not accept non-numeric value in the data."
            ) from error


def _read_libsvm(path: Path, csv_weights: bool) -> Rows:
    try:
        with path.open("rb") as file:
            found = read_libsvm(file, has_labels=True)
    except ValueError as error:
        if str(error).startswith("line 1: "):
            with path.open("rb") as file:
                line = file.readline(_LINE)[:50].decode(errors="replace").strip()
            what = f"First line '{line}...' of file '{path.name}' is not 'LIBSVM' format."
            raise ValueError(f"{what} Please ensure the file is in 'LIBSVM' format.") from error
        raise ValueError(f"Failed to load libsvm data with exception:\n{path.name}: {error}") from error
    return Rows(features=found.features, labels=found.labels, weights=found.weights)


def _read_parquet(path: Path, csv_weights: bool) -> Rows:
    import pyarrow
    from pyarrow import parquet

    try:
        values = parquet.ParquetFile(path).read().to_pandas().to_numpy(np.float32)
    except (ValueError, TypeError, OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"Failed to load parquet data with exception:\n{path.name}: {error}") from error
    if values.shape[1] < 2:
        raise ValueError(f"File '{path.name}' has no column of features")
    return Rows(features=values[:, 1:], labels=values[:, 0], weights=None)


_READERS: dict[str, Callable[[Path, bool], Rows]] = {"csv": _read_csv, "libsvm": _read_libsvm, "parquet": _read_parquet}


def _stack(parts: list[Rows], channel: str) -> Rows:
    if isinstance(parts[0].features, csr_array):
        width = max(part.features.shape[1] for part in parts)
        for part in parts:
            part.features.resize((len(part), width))
        features = vstack([part.features for part in parts], format="csr")
    else:
        widths = sorted({part.features.shape[1] for part in parts})
        if len(widths) > 1:
            raise ValueError(f"ClientError: The files of the channel '{channel}' have different numbers of features: {widths}")
        features = np.concatenate([part.features for part in parts])
    weights = [part.weights for part in parts if part.weights is not None]
    return Rows(
        features=features, labels=np.concatenate([part.labels for part in parts]), weights=np.concatenate(weights) if weights else None
    )


def check_labels(rows: Rows, params: Hyperparameters, channel: str) -> None:
    """Raises ValueError with the container's text if a label does not fit the objective."""
    labels, objective = rows.labels, params.objective
    n_classes = params.library.get("num_class", 0)
    if objective in ("binary:logistic", "binary:logitraw", "reg:logistic") and not ((labels >= 0) & (labels <= 1)).all():
        raise ValueError(f"ClientError: label must be in [0,1] for logistic regression (channel '{channel}')")
    if objective == "binary:hinge" and not np.isin(labels, (0, 1)).all():
        raise ValueError(f"ClientError: label must be 0 or 1 for binary:hinge (channel '{channel}')")
    if objective.startswith("multi:") and not ((labels >= 0) & (labels < n_classes) & (labels == np.floor(labels))).all():
        raise ValueError(f"ClientError: label must be in [0, num_class) (channel '{channel}')")
    if rows.weights is not None and not (rows.weights >= 0).all():
        raise ValueError(f"ClientError: Weights must be positive values (channel '{channel}')")
