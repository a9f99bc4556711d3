"""Reads the rows of a training channel, from RecordIO-protobuf or CSV. CSV has the label in its first column."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from localaws.algorithm_kit.csv_rows import read_csv
from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import Rows, from_csr, read

Block = TypeVar("Block")
# of a file's bytes, decoded at a time
BLOCK_BYTES = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """CSR arrays for the compiled loops: indptr int64 (n_rows + 1,), keys int32, values float32, labels float32 (n_rows,)."""

    indptr: NDArray[np.int64]
    keys: NDArray[np.int32]
    values: NDArray[np.float32]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return self.indptr.size - 1

    def __getitem__(self, rows: slice) -> "Dataset":
        """The rows of a slice with step 1. Keys, values and labels are not copied."""
        start, stop, _ = rows.indices(len(self))
        first, last = self.indptr[start], self.indptr[stop]
        return Dataset(
            indptr=self.indptr[start : stop + 1] - first, keys=self.keys[first:last], values=self.values[first:last],
            labels=self.labels[start:stop],
        )  # fmt: skip


def read_channel(folder: Path, *, feature_dim: int, is_classifier: bool, is_csv: bool = False) -> Dataset:
    """The rows of all files below `folder`, in the order of their paths; empty files are skipped.

    Needs 8 bytes an entry and 12 a row, while reading twice that. Raises ValueError with the text for the job's FailureReason: not
    RecordIO (or CSV), another dimension than `feature_dim`, no labels, labels that are not 0 or 1 for a classifier, no rows at all.
    """

    return join(list(read_blocks(folder, feature_dim=feature_dim, is_classifier=is_classifier, is_csv=is_csv)))


def read_blocks(folder: Path, *, feature_dim: int, is_classifier: bool, is_csv: bool = False) -> Iterator[Dataset]:
    """The rows of read_channel() in blocks, so that memory does not grow with the channel (of CSV, with the number of files).

    Raises ValueError as read_channel() does, as soon as a block is wrong.
    """

    def checked(path: Path) -> Iterator[Dataset]:
        return (_check(rows, feature_dim, is_classifier) for rows in (_read_csv(path) if is_csv else _read_recordio(path)))

    is_empty = True
    for path in _files(folder):
        for block in _told(folder, path, checked(path)):
            is_empty = False
            yield block
    if is_empty:
        raise ValueError(f"ClientError: No data was found in the channel '{folder.name}'.")


def join(blocks: Sequence[Dataset]) -> Dataset:
    """The rows of some blocks, in order."""
    if len(blocks) == 1:
        return blocks[0]
    lengths = np.concatenate([np.diff(block.indptr) for block in blocks])
    indptr = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    return Dataset(
        indptr=indptr,
        keys=np.concatenate([block.keys for block in blocks]),
        values=np.concatenate([block.values for block in blocks]),
        labels=np.concatenate([block.labels for block in blocks]),
    )


def find_feature_dim(folder: Path, *, is_csv: bool = False) -> int:
    """The number of features of the channel's first row. Raises ValueError as read_channel() does."""
    for path in _files(folder):
        for rows in _told(folder, path, _read_csv(path, first_line=True) if is_csv else _read_recordio(path)):
            return rows.feature_dim
    raise ValueError(f"ClientError: No data was found in the channel '{folder.name}'.")


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]


def _read_recordio(path: Path) -> Iterator[Rows]:
    with path.open("rb") as file:
        yield from read(file, block_bytes=BLOCK_BYTES)


def _read_csv(path: Path, *, first_line: bool = False) -> Iterator[Rows]:
    """One block: all rows of the file, or the first one. A row needs 4 bytes for each value while reading, zeros too."""
    with path.open("rb") as file:
        line = file.readline()
        n_columns = line.count(b",") + 1
        if n_columns < 2:
            raise ValueError("the first line has one column, but a label and features are needed")
        file.seek(0)
        values = read_csv(io.BytesIO(line) if first_line else file, delimiter=",", n_columns=n_columns)
    yield from_csr(csr_array(values[:, 1:]), labels=values[:, 0])


def _told(folder: Path, path: Path, blocks: Iterator[Block]) -> Iterator[Block]:
    """The blocks; an error names the channel and the file."""
    try:
        yield from blocks
    except (InvalidData, ValueError) as error:
        name = f"{folder.name}/{path.relative_to(folder)}"
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
