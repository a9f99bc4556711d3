"""Reads CSV and LIBSVM into arrays, for training and the endpoint.

Values are float32, as in the library. An empty cell, NaN, and a feature that a LIBSVM line does not name are missing values.
"""

import io
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

DELIMITERS = ",;\t|"
_MISSING = ["", "nan", "NaN"]
_MAX_FEATURES = 2**31 - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Sparse:
    """The rows of LIBSVM lines. labels and weights are (n_rows,) float32. A missing label is NaN, a missing weight is 1."""

    features: csr_array
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]


def find_delimiter(line: str) -> str | None:
    """The separator of a CSV line: one of DELIMITERS, otherwise blanks; None if there are several or none."""
    found = [delimiter for delimiter in DELIMITERS if delimiter in line] or [" "]
    return found[0] if len(found) == 1 and found[0] in line.strip() else None


def read_csv(file: BinaryIO, *, delimiter: str, n_columns: int) -> NDArray[np.float32]:
    """The values of a CSV file without header, (n_rows, n_columns). Raises ValueError for text, or for lines of different lengths."""
    import pyarrow
    from pyarrow import csv

    names = [f"f{column}" for column in range(n_columns)]
    table = csv.read_csv(
        file,
        read_options=csv.ReadOptions(column_names=names),
        parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False),
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.float32()), null_values=_MISSING),
    )
    values = np.empty((table.num_rows, n_columns), np.float32)
    for column, chunks in enumerate(table.columns):
        values[:, column] = chunks.to_numpy()
    check_finite(values)
    return values


def read_libsvm(lines: Iterable[bytes], *, has_labels: bool) -> Sparse:
    """Read lines `label[:weight] index:value index:value ...`. Indices start at 0; `#` begins a comment.

    With `has_labels`, every line needs a label; otherwise it is optional.

    Raises ValueError that names the line, counted from 1.
    """
    labels: list[float] = []
    weights: list[float] = []
    ends, indices, values = [0], array("q"), array("f")
    for number, line in enumerate(lines, 1):
        tokens = line.partition(b"#")[0].split()
        if not tokens:
            continue
        try:
            label, weight = _label(tokens[0], is_sure=has_labels)
            pairs = [token.split(b":") for token in tokens[0 if label is None else 1 :]]
            indices.extend([int(index) for index, _ in pairs])
            values.extend([float(value) for _, value in pairs])
        except (ValueError, OverflowError) as error:
            raise ValueError(f"line {number}: {error}") from error
        labels.append(np.nan if label is None else label)
        weights.append(weight)
        ends.append(ends[-1] + len(pairs))
    features = _csr(np.array(ends, np.int64), np.frombuffer(indices, np.int64), np.frombuffer(values, np.float32))
    return Sparse(features=features, labels=np.array(labels, np.float32), weights=np.array(weights, np.float32))


def read_dense_request(body: bytes) -> NDArray[np.float32]:
    """The rows of a CSV body. Raises ValueError, also for a body without rows."""
    first = body.lstrip().split(b"\n", 1)[0].decode("utf-8").strip()
    if not first:
        raise ValueError("there is no row")
    delimiter = find_delimiter(first)
    if delimiter is None and len(first.split()) > 1:
        raise ValueError(f"Could not determine delimiter on line {first[:50]}")
    delimiter = delimiter or ","
    return read_csv(io.BytesIO(body.strip()), delimiter=delimiter, n_columns=first.count(delimiter) + 1)


def check_finite(values: NDArray[np.float32]) -> None:
    """Raises ValueError for an infinite value, or a value that float32 cannot represent. NaN is a missing value."""
    if np.isinf(values).any():
        raise ValueError("Input data contains `inf` or a value too large")


def _label(token: bytes, *, is_sure: bool) -> tuple[float | None, float]:
    """Label and weight. The label is None if the token is a feature."""
    label, colon, weight = token.partition(b":")
    if colon and not is_sure:
        return None, 1.0
    return float(label), float(weight) if colon else 1.0


def _csr(indptr: NDArray[np.int64], indices: NDArray[np.int64], values: NDArray[np.float32]) -> csr_array:
    if indices.size and not (indices.min() >= 0 and indices.max() < _MAX_FEATURES):
        raise ValueError(f"a feature's index is not from 0 to {_MAX_FEATURES - 1}")
    check_finite(values)
    n_features = int(indices.max()) + 1 if indices.size else 0
    features = csr_array((values.copy(), indices.astype(np.int32), indptr), shape=(indptr.size - 1, n_features))
    features.sort_indices()
    if not features.has_canonical_format:
        raise ValueError("a line names a feature twice")
    return features
