"""What a statement asks for. Kinds that are not here are refused before they become a query execution, as Athena does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlkit.local.athena.lexer import Reader
from mlkit.local.athena.trino.errors import InvalidStatement


@dataclass(frozen=True, kw_only=True)
class TableName:
    """`database` is None where the statement leaves it to the query's context."""

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
    """`what` is databases, tables, columns or partitions; `pattern` is Hive's, with * and |."""

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
    """What GetQueryExecution says of a statement."""

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


def parse(sql: str) -> Statement:
    """The statement. Raises InvalidStatement for what cannot be read or is not run here."""
    reader = Reader(sql)
    first = reader.peek()
    if first is None:
        raise InvalidStatement("line 1:1: mismatched input '<EOF>'")
    word = first.value.upper()
    if word in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        return Select(sql=reader.only(first.start, _end(sql)))
    if word not in _PARSERS:
        raise InvalidStatement(f"Queries of this type are not supported: {word}")
    statement = _PARSERS[word](reader)
    reader.end()
    return statement


def _end(sql: str) -> int:
    """Length of the text without the semicolon behind it."""
    return len(sql.rstrip().rstrip(";"))


def table_name(reader: Reader) -> TableName:
    parts = reader.qualified_name()
    if len(parts) == 3 and parts[0] == "awsdatacatalog":
        parts = parts[1:]
    if len(parts) > 2:
        raise InvalidStatement(f"Catalog {parts[0]} does not exist")
    return TableName(database=parts[0] if len(parts) == 2 else None, table=parts[-1])


def _unload(reader: Reader) -> Unload:
    reader.expect("UNLOAD")
    start, end = reader.bracketed()
    reader.expect("TO")
    location = reader.text()
    properties = _properties(reader) if reader.take("WITH") else {}
    return Unload(sql=reader.only(start, end), location=location, properties=properties)


def _properties(reader: Reader) -> Mapping[str, str | Sequence[str]]:
    """`(name = 'text' | word | number | ARRAY['a', 'b'], ...)`"""
    found: dict[str, str | Sequence[str]] = {}
    reader.expect("(")
    while True:
        name = reader.name().lower()
        reader.expect("=")
        if reader.take("ARRAY", "["):
            items = [reader.text()]
            while reader.take(","):
                items.append(reader.text())
            reader.expect("]")
            found[name] = items
        else:
            found[name] = reader.next().value
        if not reader.take(","):
            break
    reader.expect(")")
    return found


def _create(reader: Reader) -> Statement:
    from mlkit.local.athena.hive import create_database, create_table

    if reader.is_next("CREATE", "DATABASE") or reader.is_next("CREATE", "SCHEMA"):
        return create_database(reader)
    if reader.is_next("CREATE", "EXTERNAL", "TABLE"):
        return create_table(reader)
    reader.expect("CREATE", "TABLE")
    if_not_exists = reader.take("IF", "NOT", "EXISTS")
    name = table_name(reader)
    properties = _properties(reader) if reader.take("WITH") else {}
    if not reader.take("AS"):
        raise InvalidStatement("CREATE TABLE needs AS SELECT here, or CREATE EXTERNAL TABLE; Iceberg tables are not supported by the local Athena")
    start, end, sql = reader.rest(), _end(reader.sql), reader.sql
    tail, with_data = sql[start:end].split(), True
    if [word.upper() for word in tail[-3:]] == ["WITH", "NO", "DATA"]:
        end, with_data = sql.upper().rindex("WITH", 0, end), False
    elif [word.upper() for word in tail[-2:]] == ["WITH", "DATA"]:
        end = sql.upper().rindex("WITH", 0, end)
    return CreateTableAs(name=name, sql=reader.only(start, end), properties=properties, if_not_exists=if_not_exists, with_data=with_data)


def _insert(reader: Reader) -> Insert:
    reader.expect("INSERT", "INTO")
    name, columns = table_name(reader), []
    if reader.is_next("(") and not reader.is_next("(", "SELECT") and not reader.is_next("(", "WITH"):
        reader.expect("(")
        columns.append(reader.name().lower())
        while reader.take(","):
            columns.append(reader.name().lower())
        reader.expect(")")
    return Insert(name=name, columns=columns, sql=reader.only(reader.rest(), _end(reader.sql)))


def _drop(reader: Reader) -> Statement:
    reader.expect("DROP")
    if reader.take("TABLE"):
        if_exists = reader.take("IF", "EXISTS")
        return DropTable(name=table_name(reader), if_exists=if_exists)
    if not reader.take("DATABASE"):
        reader.expect("SCHEMA")
    if_exists = reader.take("IF", "EXISTS")
    database = reader.name().lower()
    cascade = reader.take("CASCADE")
    if not cascade:
        reader.take("RESTRICT")
    return DropDatabase(database=database, if_exists=if_exists, cascade=cascade)


def _show(reader: Reader) -> Show:
    reader.expect("SHOW")
    if reader.take("DATABASES") or reader.take("SCHEMAS"):
        pattern = reader.text() if reader.take("LIKE") else None
        return Show(what="databases", pattern=pattern)
    if reader.take("TABLES"):
        database = reader.name().lower() if reader.take("IN") or reader.take("FROM") else None
        token = reader.peek()
        reader.take("LIKE")
        return Show(what="tables", database=database, pattern=reader.text() if token is not None else None)
    if reader.take("PARTITIONS"):
        return Show(what="partitions", name=table_name(reader))
    reader.expect("COLUMNS")
    if not reader.take("IN"):
        reader.expect("FROM")
    name = table_name(reader)
    if reader.take("IN") or reader.take("FROM"):
        name = TableName(database=reader.name().lower(), table=name.table)
    return Show(what="columns", name=name)


def _describe(reader: Reader) -> Describe:
    reader.next()
    return Describe(name=table_name(reader))


def _repair(reader: Reader) -> RepairTable:
    reader.expect("MSCK", "REPAIR", "TABLE")
    return RepairTable(name=table_name(reader))


def _alter(reader: Reader) -> AddPartitions:
    reader.expect("ALTER", "TABLE")
    name = table_name(reader)
    reader.expect("ADD")
    if_not_exists, partitions = reader.take("IF", "NOT", "EXISTS"), []
    while reader.take("PARTITION"):
        reader.expect("(")
        values = {}
        while True:
            key = reader.name().lower()
            reader.expect("=")
            values[key] = reader.next().value
            if not reader.take(","):
                break
        reader.expect(")")
        partitions.append((values, reader.text() if reader.take("LOCATION") else ""))
    if not partitions:
        raise reader.mismatch("PARTITION")
    return AddPartitions(name=name, if_not_exists=if_not_exists, partitions=partitions)


_PARSERS: Mapping[str, Callable[[Reader], Statement]] = {
    "UNLOAD": _unload,
    "CREATE": _create,
    "INSERT": _insert,
    "DROP": _drop,
    "SHOW": _show,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "MSCK": _repair,
    "ALTER": _alter,
}
