"""Literals of the query, and the types that a CAST names."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from sqlglot import exp

from localaws.athena.trino.casts import Typed, quote
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    REAL,
    SMALLINT,
    TIMESTAMP,
    TIMESTAMP_TZ,
    TINYINT,
    UNKNOWN,
    VARBINARY,
    Type,
    array,
    decimal,
    varchar,
)

_CAST_TYPES = {
    "BOOLEAN": BOOLEAN,
    "TINYINT": TINYINT,
    "SMALLINT": SMALLINT,
    "INT": INTEGER,
    "BIGINT": BIGINT,
    "FLOAT": REAL,
    "DOUBLE": DOUBLE,
    "DATE": DATE,
    "VARBINARY": VARBINARY,
}


def type_named(node: exp.DataType) -> Type:
    """The type that a CAST names. Raises QueryError for types that the local Athena does not know."""
    name = node.this.name
    numbers = [int(parameter.name) for parameter in node.expressions if isinstance(parameter, exp.DataTypeParam)]
    if name in _CAST_TYPES and not numbers:
        return _CAST_TYPES[name]
    if name == "DECIMAL":
        return decimal(numbers[0] if numbers else 38, numbers[1] if len(numbers) > 1 else 0)
    if name == "VARCHAR":
        return varchar(numbers[0] if numbers else None)
    if name in ("TIMESTAMP", "TIMESTAMPTZ") and (not numbers or numbers[0] <= 3):
        kind = TIMESTAMP if name == "TIMESTAMP" else TIMESTAMP_TZ
        return kind if not numbers or name == "TIMESTAMPTZ" else Type(name="timestamp", precision=numbers[0])
    if name == "ARRAY" and isinstance(node.expressions[0], exp.DataType):
        return array(type_named(node.expressions[0]))
    raise unsupported(f"Type {node.sql('trino').lower()}")


def _literal(node: exp.Expression, moment: datetime, where: str) -> Typed:
    # In Trino, a number with an exponent is a double, one with a point a decimal, and a whole number an integer or bigint by its size.
    text = node.name
    if node.args["is_string"]:
        return Typed(sql=quote(text), kind=varchar(len(text)))
    if "e" in text.lower():
        return Typed(sql=f"CAST({quote(text)} AS DOUBLE)", kind=DOUBLE)
    if "." in text:
        digits = Decimal(text).as_tuple()
        scale = len(text.partition(".")[2])
        precision = max(len(digits.digits), scale, len(text.replace(".", "").lstrip("0")) or 1)
        return Typed(sql=f"CAST({quote(text)} AS DECIMAL({precision},{scale}))", kind=decimal(precision, scale))
    kind = INTEGER if int(text) < 2**31 else BIGINT
    if int(text) >= 2**63:
        raise QueryError("SYNTAX_ERROR", f"{where}: Invalid numeric literal: {text}")
    return Typed(sql=f"CAST({text} AS {kind.name.upper()})", kind=kind)


def _boolean_literal(node: exp.Expression, moment: datetime, where: str) -> Typed:
    return Typed(sql="true" if node.this else "false", kind=BOOLEAN)


def _null(node: exp.Expression, moment: datetime, where: str) -> Typed:
    return Typed(sql="NULL", kind=UNKNOWN)


def _bytes(node: exp.Expression, moment: datetime, where: str) -> Typed:
    return Typed(sql=f"unhex({quote(node.name)})", kind=VARBINARY)


def _today(node: exp.Expression, moment: datetime, where: str) -> Typed:
    return Typed(sql=f"DATE '{moment:%Y-%m-%d}'", kind=DATE)


def _now(node: exp.Expression, moment: datetime, where: str) -> Typed:
    shown = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
    if isinstance(node, exp.Localtimestamp):
        return Typed(sql=f"TIMESTAMP '{shown}'", kind=TIMESTAMP)
    return Typed(sql=f"CAST(TIMESTAMP '{shown}' AS TIMESTAMP WITH TIME ZONE)", kind=TIMESTAMP_TZ)


LITERALS: Mapping[type[exp.Expression], Callable[[exp.Expression, datetime, str], Typed]] = {
    exp.Literal: _literal,
    exp.Boolean: _boolean_literal,
    exp.Null: _null,
    exp.HexString: _bytes,
    exp.CurrentDate: _today,
    exp.CurrentTimestamp: _now,
    exp.Localtimestamp: _now,
}
