"""Rows of sparse features with their labels, and the conversion of arrays to rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio.wire import Floats, Ints

if TYPE_CHECKING:
    from scipy.sparse import csr_array

CURE = "Build the rows with from_csr(), which converts types, or check the arrays' types and lengths."


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """A block of rows in CSR form: row r holds `values[indptr[r]:indptr[r+1]]` in the columns `keys[...]`.

    indptr int64 (n_rows + 1,), keys int64 (nnz,), values float32 (nnz,), labels float32 (n_rows,) or None (a request has none).
    Other types are refused, not converted. The arrays become read-only views. Raises InvalidData.
    """

    indptr: Ints
    keys: Ints
    values: Floats
    labels: Floats | None
    feature_dim: int

    def __post_init__(self) -> None:
        for name, dtype in (("indptr", np.int64), ("keys", np.int64), ("values", np.float32), ("labels", np.float32)):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, _read_only(name, array, np.dtype(dtype)))
        if not 1 <= self.feature_dim < 2**63:
            raise InvalidData(f"feature_dim must be at least 1, not {self.feature_dim}", cure=CURE)
        self._check_lengths()
        if self.keys.size and not (self.keys.min() >= 0 and self.keys.max() < self.feature_dim):
            raise InvalidData(f"keys lie between {self.keys.min()} and {self.keys.max()}, feature_dim is {self.feature_dim}", cure=CURE)

    def _check_lengths(self) -> None:
        if self.indptr.size < 1 or self.indptr[0] != 0 or self.indptr[-1] != self.keys.size or np.any(np.diff(self.indptr) < 0):
            raise InvalidData("indptr must rise from 0 to the number of keys", cure=CURE)
        if self.values.size != self.keys.size:
            raise InvalidData(f"{self.values.size} values for {self.keys.size} keys", cure=CURE)
        if self.labels is not None and self.labels.size != len(self):
            raise InvalidData(f"{self.labels.size} labels for {len(self)} rows", cure=CURE)

    def __len__(self) -> int:
        return self.indptr.size - 1

    def __getitem__(self, rows: slice) -> "Rows":
        """The rows of a slice with step 1, without copying keys and values."""
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError("rows can be sliced with step 1 only")
        stop = max(start, stop)
        first, last = self.indptr[start], self.indptr[stop]
        return Rows(
            indptr=self.indptr[start : stop + 1] - first,
            keys=self.keys[first:last],
            values=self.values[first:last],
            labels=None if self.labels is None else self.labels[start:stop],
            feature_dim=self.feature_dim,
        )

    def to_csr(self) -> "csr_array":
        """The features as a SciPy array, (n_rows, feature_dim) float32."""
        from scipy.sparse import csr_array

        return csr_array((self.values, self.keys, self.indptr), shape=(len(self), self.feature_dim))


def from_csr(matrix: Any, labels: Any = None) -> Rows:
    """Rows of a SciPy sparse matrix or array and its labels, as float32.

    Float64 is rounded to the nearest float32. Integers and booleans are converted if float32 represents them exactly. Raises InvalidData
    for values that would become infinite, for other integers, and for other types.
    """
    csr = matrix.tocsr()
    return Rows(
        indptr=np.ascontiguousarray(csr.indptr, dtype=np.int64),
        keys=np.ascontiguousarray(csr.indices, dtype=np.int64),
        values=to_float32("values", csr.data),
        labels=None if labels is None else to_float32("labels", labels),
        feature_dim=csr.shape[1],
    )


def to_float32(name: str, array: Any) -> Floats:
    """The array as float32 by the rules of from_csr()."""
    source = np.asarray(array)
    if source.dtype.kind not in "fiub":
        raise InvalidData(f"{name} of type {source.dtype} cannot become float32", cure=CURE)
    with np.errstate(over="ignore"):
        result: Floats = np.ascontiguousarray(source, dtype=np.float32)
    if source.dtype.kind == "f" and np.any(np.isinf(result) & np.isfinite(source)):
        raise InvalidData(f"{name} hold a number that is too large for float32", cure=CURE)
    if source.dtype.kind in "iu" and np.any(result.astype(np.float64) != source):
        raise InvalidData(f"{name} hold an integer that float32 cannot represent exactly", cure=CURE)
    return result


def _read_only(name: str, array: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        kind = f"{array.dtype} array of {array.ndim} dimensions" if isinstance(array, np.ndarray) else type(array).__name__
        raise InvalidData(f"{name} must be a one-dimensional {dtype} array, not {kind}", cure=CURE)
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
