"""The notation of the allow-list, `name(types) -> type = DuckDB text`, and the choice of a line for a call.

A type is Trino's, or a letter: T and U any type, N any number, F a number that is not a decimal, D a decimal, M a moment (date or
timestamp). A letter stands for one type throughout a line. `whole(D)`, `wider(D)` and `sum(D)` are Trino's result types for decimals. In
the text, {0} {1} are the arguments, {over} is the place of FILTER and OVER, and fail(CODE, 'text', type) raises an error while the query
runs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from localaws.athena.trino.casts import Typed, coerce, fail
from localaws.athena.trino.query_errors import QueryError
from localaws.athena.trino.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    REAL,
    TIMESTAMP,
    TIMESTAMP_TZ,
    UNKNOWN,
    VARBINARY,
    VARCHAR,
    Type,
    array,
    coerces,
    common_type,
    decimal,
    duckdb_name,
    is_numeric,
)

_CONCRETE = {
    **{kind.name: kind for kind in (BOOLEAN, INTEGER, BIGINT, REAL, DOUBLE, DATE, VARCHAR, VARBINARY)},
    "timestamp": TIMESTAMP,
    "timestamptz": TIMESTAMP_TZ,
}
_LINE = re.compile(r"(\w+)\((.*?)\) -> (\S+) =\s+(.+)")
_FAIL = re.compile(r"fail\((\w+), ('(?:[^']|'')*'), (\w+)\)")


@dataclass(frozen=True, kw_only=True)
class Signature:
    name: str
    takes: Sequence[str]
    gives: str
    sql: str

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.takes)})"


def read(table: str) -> Mapping[str, Sequence[Signature]]:
    """The lines of a table by function name, in the table's order. An indented line continues the line above it."""
    found: dict[str, list[Signature]] = {}
    for line in filter(None, table.replace("\n    ", " ").splitlines()):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a signature: {line}")
        takes = re.split(r",\s*(?![^(]*\))", match[2]) if match[2] else []
        sql = _FAIL.sub(lambda one: fail(one[1], one[2], _CONCRETE[one[3]]), match[4])
        found.setdefault(match[1], []).append(Signature(name=match[1], takes=takes, gives=match[3], sql=sql))
    return found


def choose(signatures: Sequence[Signature], arguments: Sequence[Typed], *, where: str) -> tuple[Signature, Mapping[str, Type]]:
    """The first signature that fits, and the types of its letters. Raises FUNCTION_NOT_FOUND with Trino's text."""
    for signature in signatures:
        letters = _bind(signature, arguments)
        if letters is not None:
            return signature, letters
    given = ", ".join(str(argument.kind) for argument in arguments)
    expected = ", ".join(map(str, signatures))
    text = f"{where}: Unexpected parameters ({given}) for function {signatures[0].name}. Expected: {expected}"
    raise QueryError("FUNCTION_NOT_FOUND", text)


def _bind(signature: Signature, arguments: Sequence[Typed]) -> Mapping[str, Type] | None:
    if len(arguments) != len(signature.takes):
        return None
    letters: dict[str, Type] = {}
    for argument, wanted in zip(arguments, signature.takes, strict=True):
        kind = argument.kind
        if wanted.startswith("array("):
            if kind.element is None:
                return None
            kind, wanted = kind.element, wanted[6:-1]
        if wanted in _CONCRETE:
            if not coerces(kind, _CONCRETE[wanted]):
                return None
            continue
        shared = common_type(letters.get(wanted, UNKNOWN), kind)
        if shared is None or not _fits(shared, wanted):
            return None
        letters[wanted] = shared
    return letters


def _fits(kind: Type, letter: str) -> bool:
    if letter == "T" or letter == "U":
        return True
    if letter == "M":
        return kind.name in ("date", "timestamp", "timestamp with time zone")
    if letter == "D":
        return kind.name == "decimal"
    return is_numeric(kind) and (letter == "N" or kind.name != "decimal")


def type_of(spelled: str, letters: Mapping[str, Type]) -> Type:
    if spelled.startswith("array("):
        return array(type_of(spelled[6:-1], letters))
    if spelled in _CONCRETE:
        return _CONCRETE[spelled]
    if "(" not in spelled:
        return letters[spelled]
    rule, kind = spelled[:-3], letters["D"]
    digits, scale = kind.precision or 0, kind.scale or 0
    if rule == "whole":
        return decimal(max(1, digits - scale + min(1, scale)), 0)
    return decimal(digits + 1, scale) if rule == "wider" else decimal(38, scale)


def apply(
    signature: Signature, letters: Mapping[str, Type], arguments: Sequence[Typed], *, over: str = "", distinct: bool = False, tail: str = ""
) -> Typed:
    """The call as DuckDB text. `tail` (ORDER BY, IGNORE NULLS) follows the last argument."""
    parts = [coerce(argument, type_of(spelled, letters)) for argument, spelled in zip(arguments, signature.takes, strict=True)]
    if distinct:
        parts[0] = f"DISTINCT {parts[0]}"
    if tail and parts:
        parts[-1] = f"{parts[-1]}{tail}"
    kind = type_of(signature.gives, letters)
    sql = re.sub(r"\{(\d|over)\}", lambda mark: over if mark[1] == "over" else parts[int(mark[1])], signature.sql)
    # DuckDB often returns a wider number (sum of integers: HUGEINT). The cast fails on overflow, as Trino does.
    return Typed(sql=f"CAST({sql} AS {duckdb_name(kind)})" if is_numeric(kind) else f"({sql})", kind=kind)
