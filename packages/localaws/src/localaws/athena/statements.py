"""The kinds of statements that the local Athena runs, one class each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TableName:
    """`database` is None if the statement does not name it; the query's context then decides."""

    database: str | None
    table: str


@dataclass(frozen=True, kw_only=True)
class Select:
    sql: str


@dataclass(frozen=True, kw_only=True)
class Unload:
    sql: str
    location: str
    properties: Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class CreateTableAs:
    name: TableName
    sql: str
    properties: Mapping[str, str | Sequence[str]]
    if_not_exists: bool
    with_data: bool


@dataclass(frozen=True, kw_only=True)
class Insert:
    name: TableName
    columns: Sequence[str]
    sql: str


@dataclass(frozen=True, kw_only=True)
class CreateTable:
    """CREATE EXTERNAL TABLE; `columns` and `partition_keys` are (name, Hive type, comment)."""

    name: TableName
    if_not_exists: bool
    columns: Sequence[tuple[str, str, str]]
    partition_keys: Sequence[tuple[str, str, str]]
    location: str
    serde: str | None
    serde_properties: Mapping[str, str]
    stored_as: str
    table_properties: Mapping[str, str]
    comment: str


@dataclass(frozen=True, kw_only=True)
class CreateDatabase:
    database: str
    if_not_exists: bool
    comment: str
    location: str


@dataclass(frozen=True, kw_only=True)
class DropDatabase:
    database: str
    if_exists: bool
    cascade: bool


@dataclass(frozen=True, kw_only=True)
class DropTable:
    name: TableName
    if_exists: bool


@dataclass(frozen=True, kw_only=True)
class AddPartitions:
    """`partitions` are (values by key, location or empty)."""

    name: TableName
    if_not_exists: bool
    partitions: Sequence[tuple[Mapping[str, str], str]]


@dataclass(frozen=True, kw_only=True)
class RepairTable:
    name: TableName


@dataclass(frozen=True, kw_only=True)
class Show:
    """`what` is databases, tables, columns, partitions or create; `pattern` is Hive's, with * and |."""

    what: str
    name: TableName | None = None
    database: str | None = None
    pattern: str | None = None


@dataclass(frozen=True, kw_only=True)
class Describe:
    name: TableName


Statement = (
    Select
    | Unload
    | CreateTableAs
    | Insert
    | CreateTable
    | CreateDatabase
    | DropDatabase
    | DropTable
    | AddPartitions
    | RepairTable
    | Show
    | Describe
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The statement's types in GetQueryExecution."""

    statement_type: str
    substatement_type: str


KINDS: Mapping[type, Kind] = {
    Select: Kind(statement_type="DML", substatement_type="SELECT"),
    Unload: Kind(statement_type="DML", substatement_type="UNLOAD"),
    CreateTableAs: Kind(statement_type="DDL", substatement_type="CREATE_TABLE_AS_SELECT"),
    Insert: Kind(statement_type="DML", substatement_type="INSERT"),
    CreateTable: Kind(statement_type="DDL", substatement_type="CREATE_TABLE"),
    CreateDatabase: Kind(statement_type="DDL", substatement_type="CREATE_DATABASE"),
    DropDatabase: Kind(statement_type="DDL", substatement_type="DROP_DATABASE"),
    DropTable: Kind(statement_type="DDL", substatement_type="DROP_TABLE"),
    AddPartitions: Kind(statement_type="DDL", substatement_type="ALTER_TABLE_ADD_PARTITION"),
    RepairTable: Kind(statement_type="DDL", substatement_type="MSCK_REPAIR_TABLE"),
    Show: Kind(statement_type="UTILITY", substatement_type="SHOW"),
    Describe: Kind(statement_type="UTILITY", substatement_type="DESCRIBE_TABLE"),
}
