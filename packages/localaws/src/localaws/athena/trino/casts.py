"""Trino's casts in DuckDB's SQL, and values as Trino prints them.

DuckDB casts '1.5' to the bigint 2, where Trino fails. It rounds a double half to even when it casts it to an integer, where Trino rounds
half up. It prints doubles in another form.
"""

from dataclasses import dataclass

from localaws.athena.trino.query_errors import QueryError
from localaws.athena.trino.types import INTEGERS, Type, coerces, duckdb_name, is_numeric

FAILURE_MARK = "\x1e"
"""This character encloses code and message of an error that compiled SQL raises while it runs."""

_INTEGER_TEXT = "[+-]?[0-9]+"
_NUMBER_TEXT = r"\s*([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?Infinity|NaN)\s*"
_DECIMAL_TEXT = r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
_DATE_TEXT = r"\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\s*"
_TIMESTAMP_TEXT = r"\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?)?\s*"
_BOOLEAN_TEXT = "(?i)t|true|1|f|false|0"


@dataclass(frozen=True, kw_only=True)
class Typed:
    """An expression: its DuckDB text and its Trino type."""

    sql: str
    kind: Type


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def fail(code: str, message_sql: str, kind: Type) -> str:
    """An expression of the given type that fails when it is evaluated.

    The failure is a cast of the message to INTEGER, because DuckDB allows no error() inside of TRY. The casts after it only give the
    expression its type.
    """
    message = f"concat({quote(FAILURE_MARK + code + ': ')}, {message_sql}, {quote(FAILURE_MARK)})"
    return f"CAST(CAST(CAST({message} AS INTEGER) AS VARCHAR) AS {duckdb_name(kind)})"


def coerce(value: Typed, to: Type) -> str:
    """The value as the type `to`, for types that Trino coerces without a CAST."""
    if value.kind == to or (value.kind.name == to.name == "varchar"):
        return value.sql
    return f"CAST({value.sql} AS {duckdb_name(to)})"


def cast(value: Typed, to: Type, *, where: str) -> Typed:
    """CAST(value AS to). Raises TYPE_MISMATCH if Trino or the local Athena has no such cast."""
    if value.kind == to:
        return value
    if value.kind.name == "unknown":
        return Typed(sql=f"CAST({value.sql} AS {duckdb_name(to)})", kind=to)
    sql = _cast_sql(value, to)
    if sql is None:
        raise QueryError("TYPE_MISMATCH", f"{where}: Cannot cast {value.kind} to {to}")
    return Typed(sql=sql, kind=to)


def _cast_sql(value: Typed, to: Type) -> str | None:
    source, sql, target = value.kind, value.sql, duckdb_name(to)
    if to.name == "varchar":
        return _to_varchar(value, to)
    if source.name == "varchar":
        return _from_varchar(sql, to)
    if is_numeric(source) and to in INTEGERS and source.name in ("real", "double"):  # DuckDB's cast rounds half to even, round() does not
        return f"CAST(round({sql}) AS {target})"
    plain = is_numeric(source) or source.name == "boolean"
    if plain and (is_numeric(to) or to.name == "boolean"):
        return f"CAST({sql} AS {target})"
    times = ("date", "timestamp", "timestamp with time zone")
    if source.name in times and to.name in times:
        return f"date_trunc('second', CAST({sql} AS {target}))" if to.precision == 0 else f"CAST({sql} AS {target})"
    if source.element is not None and to.element is not None and coerces(source.element, to.element):
        return f"CAST({sql} AS {target})"
    return None


def _from_varchar(sql: str, to: Type) -> str | None:
    patterns = {"real": _NUMBER_TEXT, "double": _NUMBER_TEXT, "decimal": _DECIMAL_TEXT, "date": _DATE_TEXT}
    patterns |= {"timestamp": _TIMESTAMP_TEXT, "boolean": _BOOLEAN_TEXT, **{kind.name: _INTEGER_TEXT for kind in INTEGERS}}
    if to.name not in patterns:
        return None
    spelled = f"CASE lower({sql}) WHEN 't' THEN 'true' WHEN 'f' THEN 'false' ELSE {sql} END" if to.name == "boolean" else sql
    name = {"decimal": str(to).upper()}.get(to.name, to.name.upper() if to.name != "boolean" else "BOOLEAN")
    wrong = fail("INVALID_CAST_ARGUMENT", f"'Cannot cast ''', {sql}, ''' to {name}'", to)
    return f"CASE WHEN NOT regexp_full_match({sql}, {quote(patterns[to.name])}) THEN {wrong} ELSE CAST({spelled} AS {duckdb_name(to)}) END"


def _to_varchar(value: Typed, to: Type) -> str | None:
    if value.kind.name in ("varbinary",) or value.kind.element is not None:
        return None
    # A cast writes each double with an exponent, as the SQL standard says; a result has it as Java prints it.
    text = f"cast_{value.kind.name}({value.sql})" if value.kind.name in ("real", "double") else to_text(value)
    if to.precision is None:
        return text
    if value.kind.name == "varchar":
        return f"left({text}, {to.precision})"
    wrong = fail("INVALID_CAST_ARGUMENT", f"'Value ', {text}, ' cannot be represented as {to}'", to)
    return f"CASE WHEN length({text}) > {to.precision} THEN {wrong} ELSE {text} END"


def to_text(value: Typed) -> str:
    """The value as Trino prints it: numbers as in Java, fixed fractional digits, hexadecimal bytes, [a, b] for arrays."""
    sql, kind = value.sql, value.kind
    if kind.name in ("varchar", "unknown"):
        return sql
    if kind.name in ("real", "double"):  # DuckDB and Java print the same between 0.001 and 10,000,000
        return f"CASE WHEN abs({sql}) >= 1e-3 AND abs({sql}) < 1e7 THEN CAST({sql} AS VARCHAR) ELSE java_{kind.name}({sql}) END"
    if kind.name == "timestamp":
        shown = 19 if not kind.precision else 20 + kind.precision
        return f"left(strftime({sql}, '%Y-%m-%d %H:%M:%S.%g'), {shown})"
    if kind.name == "timestamp with time zone":
        return f"(strftime(CAST({sql} AS TIMESTAMP), '%Y-%m-%d %H:%M:%S.%g') || ' UTC')"
    if kind.name == "varbinary":
        return rf"rtrim(regexp_replace(lower(hex({sql})), '(..)', '\1 ', 'g'))"
    if kind.element is not None:
        item = to_text(Typed(sql="item", kind=kind.element))  # array_to_string would leave out NULL items
        return f"('[' || array_to_string(list_transform({sql}, lambda item: coalesce({item}, 'null')), ', ') || ']')"
    return f"CAST({sql} AS VARCHAR)"
