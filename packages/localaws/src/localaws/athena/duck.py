"""DuckDB for one query: an isolated connection, the functions of Trino that DuckDB lacks, and its errors in Trino's words."""

import hashlib
import math
import os
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from localaws.athena import csv_lines, hashing
from localaws.athena.trino.casts import FAILURE_MARK, quote
from localaws.athena.trino.query_errors import QueryError

THREADS = 2
_MEMORY_BYTES, _MEMORY_SHARE = 512 << 20, 0.2
"""Memory of each running query, and its largest share of the machine's. DuckDB spills the rest to the scratch folder."""


def _java_number(value: float, shortest: str) -> str:
    """A double as Java prints it outside of 0.001 ... 10,000,000: 1.0E7, Infinity. `shortest` is Python's text for it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    mantissa, _, exponent = shortest.partition("e")
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    power = int(exponent or 0) + len(whole) - 1
    figures = (whole + fraction).lstrip("0")
    power -= len(whole + fraction) - len(figures)
    figures = figures.rstrip("0") or "0"
    return f"{sign}{figures[0]}.{figures[1:] or '0'}E{power}"


def _cast_number(value: float, shortest: str, places: int) -> str:
    """A double as Trino casts it to varchar: 1.0E-1, 0E0, Infinity. It has at most so many digits behind the point."""
    if value == 0:
        return "-0E0" if math.copysign(1, value) < 0 else "0E0"
    if not math.isfinite(value):
        return _java_number(value, shortest)
    mantissa, _, power = f"{Decimal(shortest):.{places}E}".partition("E")
    whole, _, fraction = mantissa.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}E{int(power)}"


def _texts(column: Any, shortest: Callable[[float], str], text: Callable[[float, str], str]) -> pa.Array:
    return pa.array([None if value is None else text(value, shortest(value)) for value in column.to_pylist()], pa.string())


def _real_text(value: float) -> str:
    """The digits of a real. Its repr, as Python's float, has those of a double: 0.1 would become 0.10000000149011612."""
    return str(np.float32(value))


def _java_double(column: Any) -> pa.Array:
    return _texts(column, repr, _java_number)


def _java_real(column: Any) -> pa.Array:
    return _texts(column, _real_text, _java_number)


def _cast_double(column: Any) -> pa.Array:
    return _texts(column, repr, partial(_cast_number, places=20))


def _cast_real(column: Any) -> pa.Array:
    return _texts(column, _real_text, partial(_cast_number, places=6))


def _crc32(column: Any) -> pa.Array:
    return pa.array([None if value is None else zlib.crc32(value) for value in column.to_pylist()], pa.int64())


def _sha512(column: Any) -> pa.Array:
    return pa.array([None if value is None else hashlib.sha512(value).digest() for value in column.to_pylist()], pa.binary())


def _from_base(texts: Any, bases: Any) -> pa.Array:
    return pa.array([_one_from_base(*pair) for pair in zip(texts.to_pylist(), bases.to_pylist(), strict=True)], pa.int64())


def _one_from_base(text: str | None, base: int | None) -> int | None:
    if text is None or base is None:
        return None
    number = None
    if 2 <= base <= 36 and re.fullmatch("[+-]?[0-9a-zA-Z]+", text):
        try:
            number = int(text, base)
        except ValueError:
            number = None
    if number is None or not -(2**63) <= number < 2**63:
        message = f"INVALID_FUNCTION_ARGUMENT: Not a valid base-{base} number: {text}"
        raise ValueError(f"{FAILURE_MARK}{message}{FAILURE_MARK}")
    return number


_FUNCTIONS: Mapping[str, tuple[Callable[..., pa.Array], Sequence[str], str]] = {
    "xxhash64": (hashing.xxhash64, ["BLOB"], "BLOB"),
    "from_big_endian_64": (hashing.from_big_endian_64, ["BLOB"], "BIGINT"),
    "to_big_endian_64": (hashing.to_big_endian_64, ["BIGINT"], "BLOB"),
    "crc32": (_crc32, ["BLOB"], "BIGINT"),
    "sha512": (_sha512, ["BLOB"], "BLOB"),
    "from_base": (_from_base, ["VARCHAR", "BIGINT"], "BIGINT"),
    "opencsv": (csv_lines.opencsv, ["VARCHAR"] * 4, "VARCHAR[]"),
    "java_double": (_java_double, ["DOUBLE"], "VARCHAR"),
    "java_real": (_java_real, ["FLOAT"], "VARCHAR"),
    "cast_double": (_cast_double, ["DOUBLE"], "VARCHAR"),
    "cast_real": (_cast_real, ["FLOAT"], "VARCHAR"),
}


def memory_limit_bytes() -> int:
    """What a query may take of this machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(_MEMORY_BYTES, int(machine * _MEMORY_SHARE))


def connect(scratch: Path, readable: Iterable[Path] = ()) -> duckdb.DuckDBPyConnection:
    """A DuckDB that can access only `scratch` and the `readable` folders, and whose settings cannot be changed."""
    connection = unconfined()
    confine(connection, [scratch, *readable])
    return connection


def unconfined() -> duckdb.DuckDBPyConnection:
    """A DuckDB with Trino's functions and a limit of memory. It must be confined before it runs a query."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": f"{memory_limit_bytes() >> 20}MB",
    }
    connection = duckdb.connect(":memory:", config=config)
    for setting in ("TimeZone = 'UTC'", "default_null_order = 'nulls_last'"):
        connection.execute(f"SET {setting}")
    for name, (function, takes, gives) in _FUNCTIONS.items():
        connection.create_function(name, function, list(takes), gives, type=PythonUDFType.ARROW, null_handling=FunctionNullHandling.SPECIAL)
    return connection


def confine(connection: duckdb.DuckDBPyConnection, folders: Sequence[Path]) -> None:
    """Let DuckDB open files only in these folders, and spill to the first. Afterwards no setting can be changed."""
    allowed = ", ".join(quote(str(folder)) for folder in folders)
    connection.execute(f"SET temp_directory = {quote(str(folders[0] / 'spill'))}")
    connection.execute(f"SET allowed_directories = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


_CODES = (
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.OutOfMemoryException, "EXCEEDED_LOCAL_MEMORY_LIMIT"),
    (duckdb.BinderException, "SYNTAX_ERROR"),
    (duckdb.ParserException, "SYNTAX_ERROR"),
)


def translate_error(error: duckdb.Error, names: Mapping[str, str]) -> QueryError:
    """DuckDB's error in Athena's words. `names` maps a column's DuckDB name to its name in the query."""
    text = str(error)
    # The compiler's own failures (casts.fail) arrive inside of DuckDB's text.
    marked = re.search(f"{FAILURE_MARK}(\\w+): (.*?){FAILURE_MARK}", text, re.DOTALL)
    if marked:
        return QueryError(marked[1], marked[2])
    if "Division by zero" in text:
        return QueryError("DIVISION_BY_ZERO", "Division by zero")
    if "More than one row returned by a subquery" in text:
        return QueryError("SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows")
    if "Invalid unicode" in text and (place := re.search(r"on Line: (\d+)", text)) and (file := re.search(r"file = (\S+)", text)):
        return QueryError("HIVE_BAD_DATA", f"The local Athena reads text as UTF-8: line {place[1]} of {file[1]} is not UTF-8.")
    ungrouped = re.search(r'column "?(?:t\d+\.)?"?([ck]\d+)"? must appear in the GROUP BY clause', text)
    if ungrouped:
        name = names.get(ungrouped[1], ungrouped[1])
        return QueryError("EXPRESSION_NOT_AGGREGATE", f"'{name}' must be an aggregate expression or appear in GROUP BY clause")
    plain = re.sub(r"\b(?:t\d+\.)?([ck]\d+)\b", lambda one: names.get(one[1], one[1]), text.split("\n")[0])
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "GENERIC_INTERNAL_ERROR")
    if code == "INVALID_CAST_ARGUMENT" and "out of range" in plain:
        code = "NUMERIC_VALUE_OUT_OF_RANGE"
    return QueryError(code, plain)
