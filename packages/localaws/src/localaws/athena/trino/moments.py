"""Dates and timestamps: intervals, and functions with a unit or a format that is a text in the query."""

from collections.abc import Mapping

from sqlglot import exp

from localaws.athena.trino.casts import Typed, coerce, quote
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.types import BIGINT, DATE, TIMESTAMP, VARCHAR, Type, coerces, common_type, duckdb_name

_CLOCK = ("millisecond", "second", "minute", "hour")
_CALENDAR = ("day", "week", "month", "quarter", "year")
_FORMATS: Mapping[str, str] = {
    **{letter: f"%{letter}" for letter in "YymdHSMbaWpjf%"},
    "M": "%B",
    "W": "%A",
    "c": "%-m",
    "e": "%-d",
    "k": "%-H",
    "h": "%I",
    "I": "%I",
    "l": "%-I",
    "i": "%M",
    "s": "%S",
    "T": "%H:%M:%S",
    "r": "%I:%M:%S %p",
}
"""The format letters of Trino's date_format, which are MySQL's, as those of DuckDB's strftime. Others are refused."""


def is_moment(kind: Type) -> bool:
    return kind.name in ("date", "timestamp", "timestamp with time zone")


def add_interval(value: Typed, operator: str, interval: exp.Interval, *, where: str) -> Typed:
    """`moment + INTERVAL '1' DAY`."""
    unit = (interval.args.get("unit") or exp.Var(this="")).name.lower()
    amount = interval.this.name if isinstance(interval.this, exp.Literal) else ""
    if not amount.lstrip("-").isdigit() or unit not in (*_CLOCK[1:], "day", "month", "year"):
        raise unsupported(f"{where}: {interval.sql('trino')}")
    if not is_moment(value.kind) or (value.kind == DATE and unit in _CLOCK):
        raise QueryError("TYPE_MISMATCH", f"{where}: Cannot apply operator: {value.kind} {operator} interval {unit}")
    # DuckDB makes a timestamp of date + interval; Trino keeps the date.
    return Typed(sql=f"CAST({value.sql} {operator} INTERVAL ({amount}) {unit} AS {duckdb_name(value.kind)})", kind=value.kind)


def _unit(text: str, kind: Type, *, where: str) -> str:
    unit = text.lower()
    if unit not in _CALENDAR and (unit not in _CLOCK or kind == DATE):
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"{where}: '{unit}' is not a valid {kind.name.upper()} field")
    return unit


def date_trunc(unit: str, value: Typed, *, where: str) -> Typed:
    name = _unit(unit, value.kind, where=where)
    return Typed(sql=f"CAST(date_trunc('{name}', {value.sql}) AS {duckdb_name(value.kind)})", kind=value.kind)


def date_add(unit: str, amount: Typed, value: Typed, *, where: str) -> Typed:
    name = _unit(unit, value.kind, where=where)
    if not coerces(amount.kind, BIGINT):
        raise QueryError("FUNCTION_NOT_FOUND", f"{where}: Unexpected parameters for function date_add")
    number = f"(3 * {amount.sql})" if name == "quarter" else amount.sql
    step = "month" if name == "quarter" else name
    moved = f"{value.sql} + to_{step}s(CAST({number} AS {'INTEGER' if step in ('day', 'week', 'month', 'year') else 'BIGINT'}))"
    return Typed(sql=f"CAST({moved} AS {duckdb_name(value.kind)})", kind=value.kind)


def date_diff(unit: str, start: Typed, end: Typed, *, where: str) -> Typed:
    """The number of whole units between two moments, as in Trino. DuckDB's date_diff counts the unit boundaries between them."""
    kind = common_type(start.kind, end.kind)
    if kind is None:
        raise QueryError("FUNCTION_NOT_FOUND", f"{where}: Unexpected parameters for function date_diff")
    name = _unit(unit, kind, where=where)
    return Typed(sql=f"datesub('{name}', {coerce(start, kind)}, {coerce(end, kind)})", kind=BIGINT)


def _strftime(text: str, *, where: str) -> str:
    out, letters = "", iter(text)
    for letter in letters:
        if letter != "%":
            out += letter
            continue
        code = next(letters, "")
        if code not in _FORMATS:
            raise unsupported(f"{where}: %{code} in a date format")
        out += _FORMATS[code]
    return out


def date_format(value: Typed, text: str, *, where: str) -> Typed:
    moment = f"CAST({value.sql} AS TIMESTAMP)"
    return Typed(sql=f"strftime({moment}, {quote(_strftime(text, where=where))})", kind=VARCHAR)


def date_parse(value: Typed, text: str, *, where: str) -> Typed:
    return Typed(sql=f"strptime({value.sql}, {quote(_strftime(text, where=where))})", kind=TIMESTAMP)
