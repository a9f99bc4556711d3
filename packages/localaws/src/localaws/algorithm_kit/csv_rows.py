"""Reads CSV without a header into arrays, for training and the endpoint. Values are float32; an empty cell and NaN are missing values."""

import io
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

DELIMITERS = ",;\t|"
_MISSING = ["", "nan", "NaN"]


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
