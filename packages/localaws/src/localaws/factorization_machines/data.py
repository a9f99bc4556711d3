"""Reads the rows of a training channel into memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import Rows, read


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """CSR arrays for the compiled loops: indptr int64 (n_rows + 1,), keys int32, values float32, labels float32 (n_rows,)."""

    indptr: NDArray[np.int64]
    keys: NDArray[np.int32]
    values: NDArray[np.float32]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return self.indptr.size - 1


def read_channel(folder: Path, *, feature_dim: int, is_classifier: bool) -> Dataset:
    """The rows of all files below `folder`, in the order of their paths; empty files are skipped.

    Needs 8 bytes an entry and 12 a row, while reading twice that. Raises ValueError with the text for the job's FailureReason: not
    RecordIO, another dimension than `feature_dim`, no labels, labels that are not 0 or 1 for a classifier, no rows at all.
    """
    blocks = [
        block for path in sorted(folder.rglob("*")) if path.is_file() for block in _read_file(path, folder, feature_dim, is_classifier)
    ]
    if not blocks:
        raise ValueError(f"ClientError: No data was found in the channel '{folder.name}'.")
    lengths = np.concatenate([np.diff(block.indptr) for block in blocks])
    indptr = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    return Dataset(
        indptr=indptr,
        keys=np.concatenate([block.keys for block in blocks]),
        values=np.concatenate([block.values for block in blocks]),
        labels=np.concatenate([block.labels for block in blocks]),
    )


def _read_file(path: Path, folder: Path, feature_dim: int, is_classifier: bool) -> list[Dataset]:
    name = f"{folder.name}/{path.relative_to(folder)}"
    try:
        with path.open("rb") as file:
            return [_check(rows, feature_dim, is_classifier) for rows in read(file)]
    except (InvalidData, ValueError) as error:
        raise ValueError(f"ClientError: Unable to read the data of the channel '{folder.name}'. {name}: {error}") from error


def _check(rows: Rows, feature_dim: int, is_classifier: bool) -> Dataset:
    if rows.feature_dim != feature_dim:
        raise ValueError(f"the rows have {rows.feature_dim} features, but the hyperparameter feature_dim is {feature_dim}")
    if rows.labels is None:
        raise ValueError("the rows have no labels")
    if is_classifier and not np.isin(rows.labels, (0, 1)).all():
        raise ValueError("a label is neither 0 nor 1, as the predictor_type binary_classifier needs")
    if not (np.isfinite(rows.labels).all() and np.isfinite(rows.values).all()):
        raise ValueError("a value or a label is not a finite number")
    check_unique_keys(rows)
    return Dataset(indptr=rows.indptr, keys=rows.keys.astype(np.int32), values=rows.values, labels=rows.labels)


def check_unique_keys(rows: Rows) -> None:
    """Raises ValueError if a row names a feature twice, because such a row is not a vector."""
    steps = np.diff(rows.keys)
    starts = rows.indptr[1:-1]
    falling = steps <= 0
    falling[starts[(starts > 0) & (starts < rows.keys.size)] - 1] = False  # keys must grow within a row, but not from one row to the next
    if not falling.any():
        return
    row_of_key = np.repeat(np.arange(len(rows)), np.diff(rows.indptr))
    order = np.lexsort((rows.keys, row_of_key))
    keys, row_of_key = rows.keys[order], row_of_key[order]
    twice = (keys[1:] == keys[:-1]) & (row_of_key[1:] == row_of_key[:-1])
    if twice.any():
        raise ValueError(f"a row has the key {keys[1:][twice][0]} twice")
