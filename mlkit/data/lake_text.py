"""Writes rows for the lake's text tables. Hive's LazySimpleSerDe has a delimiter and line ends, but no quotes."""

from collections.abc import Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc


def as_lines(columns: Sequence[pa.Array], delimiter: str) -> bytes:
    """The rows as lines of UTF-8. `values` has refused values with the delimiter or a line end."""
    if not len(columns[0]):
        return b""
    rows = pc.binary_join_element_wise(*(column.cast(pa.large_string()) for column in columns), pa.scalar(delimiter, pa.large_string()))
    text = pc.binary_join(pa.ListArray.from_arrays([0, len(rows)], rows), pa.scalar("\n", pa.large_string()))
    return cast(bytes, text.cast(pa.large_binary())[0].as_py()) + b"\n"
