"""Parses a statement into its kind. An unknown statement is refused before it becomes a query execution, as Athena does."""

from collections.abc import Callable, Mapping, Sequence

from localaws.athena import reserved_words
from localaws.athena.hive import create_database, create_table, table_name
from localaws.athena.lexer import Reader, tokens
from localaws.athena.statements import (
    AddPartitions,
    CreateTableAs,
    Describe,
    DropDatabase,
    DropTable,
    Insert,
    RepairTable,
    Select,
    Show,
    Statement,
    TableName,
    Unload,
)
from localaws.athena.trino.query_errors import InvalidStatement


def parse(sql: str) -> Statement:
    """The statement. Raises InvalidStatement for text that is no statement, and for statements that the local Athena does not run."""
    reader = Reader(sql, reserved=_reserved(sql))
    first = reader.peek()
    if first is None:
        raise InvalidStatement("line 1:1: mismatched input '<EOF>'")
    word = first.value.upper()
    if word in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        return Select(sql=reader.only(first.start, _end(sql)))
    if word in _NOT_RUN:
        raise InvalidStatement(f"The local Athena does not run {word} statements.")
    if word not in _PARSERS:
        raise InvalidStatement(
            f"line 1:1: mismatched input '{first.value}'. Expecting: {', '.join(sorted(_PARSERS))}, SELECT, VALUES, WITH"
        )
    statement = _PARSERS[word](reader)
    reader.end()
    return statement


def _reserved(sql: str) -> frozenset[str]:
    """The words that need quotes: Trino reads SELECT, UNLOAD, INSERT and CREATE TABLE AS, Hive the rest."""
    start = [token.value.upper() for token in tokens(sql)[:2]]
    return reserved_words.SELECT if start[:1] in (["INSERT"], ["UNLOAD"]) or start == ["CREATE", "TABLE"] else reserved_words.DDL


def _end(sql: str) -> int:
    """Length of the text without semicolons at its end."""
    return len(sql.rstrip().rstrip(";"))


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
        name = reader.word().lower()
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
    if reader.is_next("CREATE", "DATABASE") or reader.is_next("CREATE", "SCHEMA"):
        return create_database(reader)
    if reader.is_next("CREATE", "EXTERNAL", "TABLE"):
        return create_table(reader)
    if reader.is_next("CREATE", "VIEW") or reader.is_next("CREATE", "OR"):
        raise InvalidStatement("The local Athena does not run CREATE VIEW statements.")
    reader.expect("CREATE", "TABLE")
    if_not_exists = reader.take("IF", "NOT", "EXISTS")
    name = table_name(reader)
    properties = _properties(reader) if reader.take("WITH") else {}
    if not reader.take("AS"):
        raise InvalidStatement(
            "The local Athena runs CREATE TABLE ... AS SELECT and CREATE EXTERNAL TABLE; Iceberg tables are not supported by it"
        )
    # WITH [NO] DATA comes after the query but belongs to CREATE TABLE, so it is cut from the query's text.
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
    if reader.take("CREATE", "TABLE"):
        return Show(what="create", name=table_name(reader))
    for words in (("CREATE", "VIEW"), ("TBLPROPERTIES",), ("VIEWS",)):
        if reader.is_next(*words):
            raise InvalidStatement(f"The local Athena does not run SHOW {' '.join(words)} statements.")
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
    if not reader.is_next("ADD", "IF") and not reader.is_next("ADD", "PARTITION"):
        token = reader.peek()
        raise InvalidStatement(f"The local Athena does not run ALTER TABLE {token.value.upper() if token else ''}: only ADD PARTITION.")
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


_NOT_RUN = ("DEALLOCATE", "DELETE", "EXECUTE", "EXPLAIN", "MERGE", "OPTIMIZE", "PREPARE", "UPDATE", "VACUUM")  # which Athena runs
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
