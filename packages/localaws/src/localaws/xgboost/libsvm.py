"""Reads LIBSVM into arrays, for training and the endpoint.

Values are float32, as in the library. A feature that a line does not name is a missing value.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from localaws.algorithm_kit.csv_rows import check_finite

_MAX_FEATURES = 2**31 - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Sparse:
    """The rows of LIBSVM lines. labels and weights are (n_rows,) float32. A missing label is NaN, a missing weight is 1."""

    features: csr_array
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]


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
