"""The encoding of a model: the features' order, the categories and the classes, in a small file beside the model.

With columns in another order, the model's predictions are noise.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from mlkit.errors import InvalidData
from mlkit.gate.target import Target, Task
from mlkit.typed_json import build

SCHEMA = "mlkit/tabular-encoding/2"
_OF_TWO_CLASSES = "mlkit/tabular-encoding/1"  # what production may still serve: two classes, numbers without gaps
FILE = "encoding.json"
CSV = "text/csv"
Matrix = npt.NDArray[np.float64]
Column = Any  # of a pyarrow.Table or a pandas.DataFrame


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """`columns` are the features in the model's order, and `label` is the column that the model predicts.

    `classes` holds its values for label 0, label 1 and so on; a regression has none, and a `unit`. Each category of a feature in
    `categories` becomes a column of 0 and 1. `allows_missing`: rows may lack features, which the model reads as missing.
    """

    schema: str = SCHEMA
    key: str
    label: str
    task: Task = "binary"
    classes: tuple[str, ...] = ()
    unit: str = ""
    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    allows_missing: bool = False

    @property
    def target(self) -> Target:
        return Target(task=self.task, name=self.label, classes=self.classes, unit=self.unit)

    @property
    def model_columns(self) -> tuple[str, ...]:
        """The columns of `matrix`: `bill_length`, `island=Biscoe`."""
        return tuple(
            f"{name}={category}" if category is not None else name
            for name in self.columns
            for category in self.categories.get(name, (None,))
        )

    def to_bytes(self) -> bytes:
        """Canonical bytes: equal encodings have equal digests."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> "Encoding":
        """Raises InvalidData for anything but an encoding of this schema, or of the first one."""
        try:
            encoding: Encoding = build(cls, json.loads(data))
            encoding.target  # noqa: B018  it raises ValueError for classes that do not fit the task
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidData(f"The encoding is damaged: {error}", cure="Train the model again.") from error
        if encoding.schema not in (SCHEMA, _OF_TWO_CLASSES):
            raise InvalidData(
                f"The encoding is a {encoding.schema}, not a {SCHEMA}", cure="Read it with the version of mlkit that wrote it."
            )
        return encoding

    def matrix(self, rows: "pa.Table | pd.DataFrame") -> Matrix:
        """`(rows, model_columns)` in the model's order, whatever the order of the given columns. Other columns are ignored.

        NaN is a missing value; a category that the model does not know is 0 in all its columns. Raises InvalidData with the missing
        columns, and with the first value that is neither a finite number nor missing, where values may be.
        """
        given = rows.column_names if isinstance(rows, pa.Table) else list(rows.columns)
        if absent := [name for name in self.columns if name not in given]:
            raise InvalidData(f"The rows have no column {', '.join(absent)}", cure="The model needs all columns that it was trained with.")
        parts = [
            self._categories(name, rows[name]) if name in self.categories else self._numbers(name, rows[name]) for name in self.columns
        ]
        return np.ascontiguousarray(np.column_stack(parts), dtype=np.float64)

    def _numbers(self, name: str, column: Column) -> Matrix:
        values = _series(column)
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
        fits = np.isfinite(numbers) | _is_missing(values) if self.allows_missing else np.isfinite(numbers)
        if not fits.all():
            wanted = (
                "finite numbers such as 3, 3.5 or 1e-7, and empty values"
                if self.allows_missing
                else "finite numbers such as 3, 3.5 or 1e-7, without gaps"
            )
            self._refuse(name, values, fits, f"Not every value is a number in {name}", wanted)
        return np.asarray(numbers[:, None], dtype=np.float64)

    def _categories(self, name: str, column: Column) -> Matrix:
        values, known = _series(column), self.categories[name]
        missing = _is_missing(values)
        if missing.any() and not self.allows_missing:
            self._refuse(name, values, ~missing, f"Not every row has a category in {name}", "values without gaps")
        codes, found = pd.factorize(values)
        places = {category: place for place, category in enumerate(known)}
        place_of = np.array([*(places.get(_text(value), -1) for value in found), -1])  # the last is of values without a code
        matrix: Matrix = (place_of[codes][:, None] == np.arange(len(known))).astype(np.float64)
        matrix[missing] = np.nan
        return matrix

    def _refuse(self, name: str, values: pd.Series, fits: npt.NDArray[np.bool_], problem: str, accepted: str) -> None:
        row = int(np.argmin(fits))
        raise InvalidData(f"{problem}: it is {values.tolist()[row]!r} in row {row + 1}", cure=f"Accepted are {accepted}.")


def _series(column: Column) -> pd.Series:
    return column.to_pandas() if isinstance(column, pa.ChunkedArray | pa.Array) else column


def _is_missing(values: pd.Series) -> npt.NDArray[np.bool_]:
    """Null, NaN, and the empty text with which a file writes a missing value."""
    return np.asarray(values.isna() | (values.astype(object) == ""), dtype=np.bool_)


def _text(value: Any) -> str:
    """A category as the lake casts it to text: 7 and 7.0 -> "7", True -> "true"."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def to_csv(matrix: Matrix, labels: npt.ArrayLike | None = None) -> bytes:
    """The rows in the format of SageMaker's XGBoost: commas, no header, the label first if there is one; a missing value is empty."""
    columns = [pa.array(column, from_pandas=True) for column in matrix.T]
    if labels is not None:
        columns.insert(0, pa.array(np.asarray(labels)))
    sink = io.BytesIO()
    table = pa.table(columns, names=[str(number) for number in range(len(columns))])
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue()


def from_csv(data: bytes) -> tuple[Matrix, npt.NDArray[np.float64]]:
    """Features and labels from the bytes of `to_csv`. Raises InvalidData."""
    try:
        table = csv.read_csv(io.BytesIO(data), csv.ReadOptions(autogenerate_column_names=True))
        values = np.column_stack([column.to_numpy().astype(np.float64) for column in table.columns])
    except (pa.ArrowInvalid, ValueError) as error:
        raise InvalidData(f"A shard is not CSV of numbers: {error}", cure="Run 01_prep again.") from error
    return np.ascontiguousarray(values[:, 1:]), values[:, 0]
