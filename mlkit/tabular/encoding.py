"""The encoding of a model: the features' order and the two classes, in a small file beside the model.

With columns in another order, the model's predictions are noise.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from mlkit.errors import InvalidData
from mlkit.typed_json import build

SCHEMA = "mlkit/tabular-encoding/1"
FILE = "encoding.json"
CSV = "text/csv"
_BATCH_BYTES = 4_000_000  # InvokeEndpoint takes about 6 MB
_VALUE_BYTES = 25  # a double as text, with its comma, at most
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """`columns` are the features in the model's order; `classes` holds the values of the column `label` for label 0 and label 1."""

    schema: str = SCHEMA
    key: str
    label: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, str]:
        """The names of label 0 and label 1."""
        return self.classes[0], self.classes[1]

    def to_bytes(self) -> bytes:
        """Canonical bytes: equal encodings have equal digests."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> "Encoding":
        """Raises InvalidData for anything but an encoding of this schema."""
        try:
            encoding: Encoding = build(cls, json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidData(f"The encoding is damaged: {error}", cure="Train the model again.") from error
        if encoding.schema != SCHEMA or len(encoding.classes) != 2:
            raise InvalidData(
                f"The encoding is a {encoding.schema}, not a {SCHEMA}", cure="Read it with the version of mlkit that wrote it."
            )
        return encoding

    def matrix(self, rows: "pa.Table | pd.DataFrame") -> Matrix:
        """`(rows, features)` in the model's order, whatever the order of the given columns. Other columns are ignored.

        Raises InvalidData with the missing columns, and with those that hold other values than finite numbers.
        """
        given = rows.column_names if isinstance(rows, pa.Table) else list(rows.columns)
        if missing := [name for name in self.columns if name not in given]:
            raise InvalidData(f"The rows have no column {', '.join(missing)}", cure="The model needs all columns that it was trained with.")
        frame = pd.DataFrame({name: _numbers(rows[name]) for name in self.columns})
        for name in self.columns:
            if not (fits := np.isfinite(frame[name])).all():
                row = int(np.argmin(fits))
                value = rows[name].to_pylist()[row] if isinstance(rows, pa.Table) else rows[name].tolist()[row]
                raise InvalidData(
                    f"Not every value is a number in {name}: it is {value!r} in row {row + 1}",
                    cure="Accepted are finite numbers such as 3, 3.5 or 1e-7, without gaps.",
                )
        return np.ascontiguousarray(frame.to_numpy(dtype=np.float64))


def _numbers(column: Any) -> Any:
    values = column.to_pandas() if isinstance(column, pa.ChunkedArray | pa.Array) else column
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)


def to_csv(matrix: Matrix, labels: npt.ArrayLike | None = None) -> bytes:
    """The rows in the format of SageMaker's XGBoost: commas, no header, the label first if there is one."""
    columns = [pa.array(column) for column in matrix.T]
    if labels is not None:
        columns.insert(0, pa.array(np.asarray(labels, dtype=np.int64)))
    sink = io.BytesIO()
    table = pa.table(columns, names=[str(number) for number in range(len(columns))])
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue()


def from_csv(data: bytes) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Features and labels from the bytes of `to_csv`. Raises InvalidData."""
    try:
        table = csv.read_csv(io.BytesIO(data), csv.ReadOptions(autogenerate_column_names=True))
        values = np.column_stack([column.to_numpy().astype(np.float64) for column in table.columns])
    except (pa.ArrowInvalid, ValueError) as error:
        raise InvalidData(f"A shard is not CSV of numbers: {error}", cure="Run 01_prep again.") from error
    return np.ascontiguousarray(values[:, 1:]), values[:, 0].astype(np.int64)


def batches(matrix: Matrix, limit_bytes: int = _BATCH_BYTES) -> Iterator[bytes]:
    """The rows as request bodies of at most about `limit_bytes` each."""
    step = max(1, limit_bytes // (_VALUE_BYTES * matrix.shape[1]))
    for start in range(0, len(matrix), step):
        yield to_csv(matrix[start : start + step])
