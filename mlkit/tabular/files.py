"""A CSV file as the lake's table reads it: by position, without quotes."""

import csv
from collections.abc import Mapping
from pathlib import Path

from mlkit.errors import InvalidData
from mlkit.tabular.columns import is_number

_CURE = "The table reads values by their position: the first line names its columns in their order, and values hold no comma."


def check_file(path: Path, columns: Mapping[str, str]) -> int:
    """The number of rows. Raises InvalidData naming the first line that the table (column -> Glue type) would read wrongly.

    An empty value is none (null); the preparation counts those.
    """
    numbers = [position for position, kind in enumerate(columns.values()) if is_number(kind)]
    names, rows = list(columns), 0
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file, quoting=csv.QUOTE_NONE)
            header = next(reader, [])
            if header != names:
                raise InvalidData(f"{path.name} has the columns {', '.join(header) or '-'}, the table {', '.join(names)}", cure=_CURE)
            for row in reader:
                if problem := _problem(row, names, numbers):
                    raise InvalidData(f"{path.name}, line {reader.line_num:,}: {problem}", cure=_CURE)
                rows += 1
    except UnicodeDecodeError as error:
        raise InvalidData(f"{path.name} is not text in UTF-8: {error.reason}", cure=_CURE) from error
    if rows == 0:
        raise InvalidData(f"{path.name} holds no rows", cure=_CURE)
    return rows


def _problem(row: list[str], names: list[str], numbers: list[int]) -> str:
    if len(row) != len(names):
        return f"{len(row)} values instead of {len(names)}"
    for position in numbers:
        if row[position] and not _parses(row[position]):
            return f"{names[position]} is {row[position][:30]!r}, not a number"
    return "a value is in quotes" if any('"' in value for value in row) else ""


def _parses(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
