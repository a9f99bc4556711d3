"""Splits lines as OpenCSVSerde does."""

import csv
from typing import Any

import pyarrow as pa


def opencsv(lines: Any, separators: Any, quotes: Any, escapes: Any) -> pa.Array:
    """Each line's fields. Separator, quote and escape character are the same in every row."""
    if len(lines) == 0:
        return pa.array([], pa.list_(pa.string()))
    rows = lines.to_pylist()
    marks = {"delimiter": separators[0].as_py(), "quotechar": quotes[0].as_py(), "escapechar": escapes[0].as_py()}
    fields = list(csv.reader(rows, **marks))
    if len(fields) != len(rows):  # csv read an open quote into the next line; Hive splits the lines first
        fields = [next(csv.reader([row], **marks), []) for row in rows]
    return pa.array([row or [""] for row in fields], pa.list_(pa.string()))
