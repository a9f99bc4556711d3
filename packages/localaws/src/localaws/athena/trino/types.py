"""Trino's types: their names in Glue and DuckDB, their coercions, and their description in GetQueryResults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws.athena.trino.query_errors import unsupported


@dataclass(frozen=True, kw_only=True)
class Type:
    """`precision` is the length of a varchar (None: unlimited), the digits of a decimal or the fractional digits of a timestamp."""

    name: str
    precision: int | None = None
    scale: int | None = None
    element: "Type | None" = None

    def __str__(self) -> str:
        if self.element is not None:
            return f"array({self.element})"
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name == "timestamp with time zone":
            return f"timestamp({self.precision}) with time zone"
        return self.name if self.precision is None else f"{self.name}({self.precision})"


BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, DATE, VARBINARY, UNKNOWN = (
    Type(name=name) for name in ("boolean", "tinyint", "smallint", "integer", "bigint", "real", "double", "date", "varbinary", "unknown")
)
VARCHAR = Type(name="varchar")
TIMESTAMP = Type(name="timestamp", precision=3)
TIMESTAMP_TZ = Type(name="timestamp with time zone", precision=3)

INTEGERS = (TINYINT, SMALLINT, INTEGER, BIGINT)
_INTEGER_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_RANK = {name: rank for rank, name in enumerate(("tinyint", "smallint", "integer", "bigint", "decimal", "real", "double"))}
_DUCKDB = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "varbinary": "BLOB",
    "varchar": "VARCHAR",
    "unknown": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
}
_HIVE = {
    "string": VARCHAR,
    "int": INTEGER,
    "float": REAL,
    "binary": VARBINARY,
    "timestamp": TIMESTAMP,
    **{kind.name: kind for kind in (BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT, DOUBLE, DATE)},
}
_COLUMN_PRECISION = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "real": 17, "double": 17, "timestamp": 3}
_COLUMN_PRECISION |= {"timestamp with time zone": 3, "varbinary": 1073741824}


def decimal(precision: int, scale: int) -> Type:
    return Type(name="decimal", precision=min(38, precision), scale=scale)


def array(element: Type) -> Type:
    return Type(name="array", element=element)


def varchar(length: int | None) -> Type:
    return Type(name="varchar", precision=length)


def is_numeric(kind: Type) -> bool:
    return kind.name in _RANK


def duckdb_name(kind: Type) -> str:
    if kind.element is not None:
        return f"{duckdb_name(kind.element)}[]"
    if kind.name == "decimal":
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _DUCKDB[kind.name]


def from_hive(text: str) -> Type:
    """The Trino type of a Glue column. Raises QueryError for types that the local Athena cannot read (struct, map, char and so on)."""
    spelled = re.sub(r"\s", "", text.lower())
    if spelled in _HIVE:
        return _HIVE[spelled]
    if match := re.fullmatch(r"decimal(?:\((\d+)(?:,(\d+))?\))?", spelled):
        return decimal(int(match[1] or 10), int(match[2] or 0))
    if match := re.fullmatch(r"varchar\((\d+)\)", spelled):
        return varchar(int(match[1]))
    if match := re.fullmatch(r"array<(.+)>", spelled):
        return array(from_hive(match[1]))
    raise unsupported(f"Column type {text}")


def unreadable(text: str) -> Type:
    """The type of a column that the engine cannot read. A query fails only if it uses the column."""
    return Type(name=f"unreadable {text}")


def to_hive(kind: Type) -> str:
    """The type's name in Glue, for tables that CREATE TABLE AS creates."""
    if kind.element is not None:
        return f"array<{to_hive(kind.element)}>"
    if kind.name == "unknown" or kind.name == "timestamp with time zone":
        raise unsupported(f"A table column of type {kind}")
    names = {"integer": "int", "real": "float", "varbinary": "binary", "timestamp": "timestamp"}
    if kind.name == "varchar":
        return "string" if kind.precision is None else str(kind)
    return names.get(kind.name, str(kind))


def as_decimal(kind: Type) -> Type:
    return kind if kind.name == "decimal" else decimal(_INTEGER_DIGITS[kind.name], 0)


def common_type(left: Type, right: Type) -> Type | None:
    """The type to which Trino coerces both without a CAST, or None. Trino never coerces between text and numbers."""
    if left == right or right == UNKNOWN:
        return left
    if left == UNKNOWN:
        return right
    if is_numeric(left) and is_numeric(right):
        return _common_number(left, right)
    if left.name == right.name == "varchar":
        return varchar(None if left.precision is None or right.precision is None else max(left.precision, right.precision))
    if left.element is not None and right.element is not None:
        element = common_type(left.element, right.element)
        return None if element is None else array(element)
    return _common_time(left, right)


def _common_number(left: Type, right: Type) -> Type:
    if "decimal" not in (left.name, right.name):
        return left if _RANK[left.name] >= _RANK[right.name] else right
    for kind in (left, right):
        if kind.name in ("real", "double"):
            return kind
    one, two = as_decimal(left), as_decimal(right)
    scale = max(one.scale or 0, two.scale or 0)
    return decimal(max((kind.precision or 0) - (kind.scale or 0) for kind in (one, two)) + scale, scale)


def _common_time(left: Type, right: Type) -> Type | None:
    times = ("date", "timestamp", "timestamp with time zone")
    if left.name not in times or right.name not in times:
        return None
    widest = max(left, right, key=lambda kind: times.index(kind.name))
    digits = max(left.precision or 0, right.precision or 0)
    return widest if widest == DATE else Type(name=widest.name, precision=digits)


def coerces(kind: Type, to: Type) -> bool:
    return common_type(kind, to) == to


def column_info(name: str, kind: Type) -> Mapping[str, Any]:
    """GetQueryResults' ColumnInfo of a column, with every member, because PyAthena reads them all."""
    spelled = {"real": "float"}.get(kind.name, kind.name)
    precision = _COLUMN_PRECISION.get(kind.name, 0)
    if kind.name == "varchar":
        precision = 2147483647 if kind.precision is None else kind.precision
    elif kind.name == "decimal":
        precision = kind.precision or 0
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": spelled,
        "Precision": precision,
        "Scale": (kind.scale or 0) if kind.name == "decimal" else 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind.name in ("varchar", "char"),
    }
