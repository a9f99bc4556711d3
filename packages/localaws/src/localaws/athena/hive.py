"""Parses the Hive DDL that Athena accepts: names, CREATE EXTERNAL TABLE and CREATE DATABASE."""

from collections.abc import Mapping

from localaws.athena.lexer import Reader
from localaws.athena.statements import CreateDatabase, CreateTable, TableName
from localaws.athena.trino.query_errors import InvalidStatement

_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\", "\\001": "\x01", "\\u0001": "\x01", "\\'": "'"}


def table_name(reader: Reader) -> TableName:
    parts = reader.qualified_name()
    if len(parts) == 3 and parts[0] == "awsdatacatalog":
        parts = parts[1:]
    if len(parts) > 2:
        raise InvalidStatement(f"Catalog {parts[0]} does not exist")
    return TableName(database=parts[0] if len(parts) == 2 else None, table=parts[-1])


def create_database(reader: Reader) -> CreateDatabase:
    reader.expect("CREATE")
    reader.next()
    if_not_exists = reader.take("IF", "NOT", "EXISTS")
    database = reader.name().lower()
    comment = reader.text() if reader.take("COMMENT") else ""
    location = reader.text() if reader.take("LOCATION") else ""
    return CreateDatabase(database=database, if_not_exists=if_not_exists, comment=comment, location=location)


def create_table(reader: Reader) -> CreateTable:
    reader.expect("CREATE", "EXTERNAL", "TABLE")
    if_not_exists = reader.take("IF", "NOT", "EXISTS")
    name, columns = table_name(reader), _columns(reader)
    comment = reader.text() if reader.take("COMMENT") else ""
    partition_keys = _columns(reader) if reader.take("PARTITIONED", "BY") else []
    serde: str | None = None
    serde_properties: Mapping[str, str] = {}
    if reader.take("ROW", "FORMAT", "SERDE"):
        serde = reader.text()
        serde_properties = _pairs(reader) if reader.take("WITH", "SERDEPROPERTIES") else {}
    elif reader.take("ROW", "FORMAT", "DELIMITED"):
        serde_properties = _delimited(reader)
    stored_as = _stored_as(reader)
    reader.expect("LOCATION")
    location = reader.text()
    table_properties = _pairs(reader) if reader.take("TBLPROPERTIES") else {}
    return CreateTable(
        name=name,
        if_not_exists=if_not_exists,
        columns=columns,
        partition_keys=partition_keys,
        location=location,
        serde=serde,
        serde_properties=serde_properties,
        stored_as=stored_as,
        table_properties=table_properties,
        comment=comment,
    )


def _columns(reader: Reader) -> list[tuple[str, str, str]]:
    found = []
    reader.expect("(")
    while True:
        name, kind, depth = reader.name().lower(), "", 0
        while (token := reader.peek()) is not None:
            if depth == 0 and (token.value in (",", ")") or token.value.upper() == "COMMENT"):
                break
            depth += {"(": 1, "<": 1, ")": -1, ">": -1}.get(token.value, 0)
            kind += reader.next().value
        found.append((name, kind.lower(), reader.text() if reader.take("COMMENT") else ""))
        if not reader.take(","):
            break
    reader.expect(")")
    return found


def _pairs(reader: Reader) -> dict[str, str]:
    found = {}
    reader.expect("(")
    while True:
        key = reader.text()
        reader.expect("=")
        found[key] = _unescaped(reader.text())
        if not reader.take(","):
            break
    reader.expect(")")
    return found


def _unescaped(text: str) -> str:
    return _ESCAPES.get(text, text)


def _delimited(reader: Reader) -> dict[str, str]:
    found: dict[str, str] = {}
    while True:
        if reader.take("FIELDS", "TERMINATED", "BY"):
            delimiter = _unescaped(reader.text())
            found |= {"field.delim": delimiter, "serialization.format": delimiter}
        elif reader.take("LINES", "TERMINATED", "BY"):
            found["line.delim"] = _unescaped(reader.text())
        elif reader.take("NULL", "DEFINED", "AS"):
            found["serialization.null.format"] = reader.text()
        elif reader.take("ESCAPED", "BY"):
            found["escape.delim"] = _unescaped(reader.text())
        else:
            return found


def _stored_as(reader: Reader) -> str:
    """The format: PARQUET, TEXTFILE, ORC and so on. For an INPUTFORMAT, the format that its class name contains."""
    if not reader.take("STORED", "AS"):
        return "TEXTFILE"
    if not reader.take("INPUTFORMAT"):
        return reader.word().upper()
    input_format = reader.text()
    reader.expect("OUTPUTFORMAT")
    reader.text()
    for word, kind in (("parquet", "PARQUET"), ("textinput", "TEXTFILE"), ("orc", "ORC"), ("avro", "AVRO")):
        if word in input_format.lower():
            return kind
    raise InvalidStatement(f"INPUTFORMAT {input_format} is not supported by the local Athena")
