"""Statements about the catalog: CREATE, DROP, SHOW, DESCRIBE, MSCK REPAIR, ADD PARTITION. Each calls Glue as the caller."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from localaws.athena import statements as kinds
from localaws.athena.browsing import matches
from localaws.athena.caller_s3 import Lake, folder_uri, split_uri
from localaws.athena.glue_catalog import GlueCatalog, glue_errors
from localaws.athena.shown_tables import create_statement
from localaws.athena.statements import Statement
from localaws.athena.table_descriptions import JSON, PARQUET, TEXT, read_storage, serde_of
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.write_targets import add_partitions

Answer = tuple[Sequence[str], Sequence[Mapping[str, Any]]]
"""Lines of the result file, and GetQueryResults' ColumnInfo."""


def run(statement: Statement, *, catalog: GlueCatalog, lake: Lake, glue: Any) -> Answer:
    """Run the statement. Raises QueryError."""
    match statement:
        case kinds.CreateTable():
            return _create_table(statement, catalog, glue)
        case kinds.CreateDatabase():
            return _create_database(statement, glue)
        case kinds.DropTable():
            return _drop_table(statement, catalog, glue)
        case kinds.DropDatabase():
            return _drop_database(statement, glue)
        case kinds.AddPartitions():
            return _add_partitions(statement, catalog, glue)
        case kinds.RepairTable():
            return _repair(statement, catalog, lake, glue)
        case kinds.Show():
            return _show(statement, catalog, glue)
        case kinds.Describe():
            return _describe(statement, catalog)
        case _:
            raise unsupported(type(statement).__name__)


def _text_column(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": name,
            "Label": name,
            "Type": "string",
            "Precision": 0,
            "Scale": 0,
            "Nullable": "UNKNOWN",
            "CaseSensitive": False,
        }
        for name in names
    ]


def _failed(text: str) -> QueryError:
    """Athena's error for a DDL statement that Hive could not carry out."""
    return QueryError("", f"FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. {text}")


def _create_table(statement: kinds.CreateTable, catalog: GlueCatalog, glue: Any) -> Answer:
    database = catalog.database_of(statement.name.database)
    split_uri(statement.location)
    descriptor = _declared_storage(statement)
    # Refuse now a storage that no query could read.
    read_storage(descriptor, statement.table_properties, f"Table {statement.name.table}")
    table = {
        "Name": statement.name.table,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **statement.table_properties, **({"comment": statement.comment} if statement.comment else {})},
        "StorageDescriptor": descriptor,
        "PartitionKeys": _glue_columns(statement.partition_keys),
    }
    with glue_errors():
        try:
            glue.create_table(DatabaseName=database, TableInput=table)
        except glue.exceptions.AlreadyExistsException as error:
            if not statement.if_not_exists:
                raise _failed(f"AlreadyExistsException(message:Table {statement.name.table} already exists)") from error
        except glue.exceptions.EntityNotFoundException as error:
            raise _failed(f"Database does not exist: {database}") from error
    return [], []


def _declared_storage(statement: kinds.CreateTable) -> dict[str, Any]:
    """Glue's StorageDescriptor for the storage that the statement declares."""
    formats = {"TEXTFILE": TEXT, "PARQUET": PARQUET, "JSONFILE": JSON}
    if statement.stored_as not in formats:
        raise unsupported(f"STORED AS {statement.stored_as}")
    library, input_format, output_format = serde_of(formats[statement.stored_as])
    return {
        "Columns": _glue_columns(statement.columns),
        "Location": statement.location,
        "InputFormat": input_format,
        "OutputFormat": output_format,
        "SerdeInfo": {
            "SerializationLibrary": statement.serde or library,
            "Parameters": {"serialization.format": "1", **statement.serde_properties},
        },
    }


def _glue_columns(columns: Sequence[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [{"Name": name, "Type": kind, **({"Comment": comment} if comment else {})} for name, kind, comment in columns]


def _create_database(statement: kinds.CreateDatabase, glue: Any) -> Answer:
    described = {"Name": statement.database, "Description": statement.comment, "LocationUri": statement.location}
    with glue_errors():
        try:
            glue.create_database(DatabaseInput={name: value for name, value in described.items() if value})
        except glue.exceptions.AlreadyExistsException as error:
            if not statement.if_not_exists:
                raise _failed(f"Database {statement.database} already exists") from error
    return [], []


def _drop_table(statement: kinds.DropTable, catalog: GlueCatalog, glue: Any) -> Answer:
    database, name = catalog.database_of(statement.name.database), statement.name.table
    with glue_errors():
        try:
            glue.delete_table(DatabaseName=database, Name=name)
        except glue.exceptions.EntityNotFoundException as error:
            if not statement.if_exists:
                raise _failed(f"SemanticException [Error 10001]: Table not found {database}.{name}") from error
    return [], []


def _drop_database(statement: kinds.DropDatabase, glue: Any) -> Answer:
    with glue_errors():
        try:
            pages = glue.get_paginator("get_tables").paginate(DatabaseName=statement.database)
            if not statement.cascade and any(page["TableList"] for page in pages):
                text = f"InvalidOperationException(message:Database {statement.database} is not empty. One or more tables exist.)"
                raise _failed(text)
            glue.delete_database(Name=statement.database)
        except glue.exceptions.EntityNotFoundException as error:
            if not statement.if_exists:
                raise _failed(f"Database does not exist: {statement.database}") from error
    return [], []


def _partition_keys(catalog: GlueCatalog, database: str, name: str) -> tuple[Sequence[str], Mapping[str, Any]]:
    table = catalog.get_table(database, name)
    keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
    if not keys:
        raise _failed(f"Table {database}.{name} is not a partitioned table")
    return keys, table["StorageDescriptor"]


def _add_partitions(statement: kinds.AddPartitions, catalog: GlueCatalog, glue: Any) -> Answer:
    database, name = catalog.database_of(statement.name.database), statement.name.table
    keys, descriptor = _partition_keys(catalog, database, name)
    folders = {}
    for values, location in statement.partitions:
        if set(values) != set(keys):
            raise _failed(f"SemanticException: Partition spec {dict(values)} does not name {', '.join(keys)}")
        folders[tuple(values[key] for key in keys)] = location or "".join(f"{key}={values[key]}/" for key in keys)
    with glue_errors():
        added = add_partitions(glue, database, name, descriptor, folders)
    if added < len(folders) and not statement.if_not_exists:
        raise _failed("AlreadyExistsException(message:Partition already exists.)")
    return [], []


def _repair(statement: kinds.RepairTable, catalog: GlueCatalog, lake: Lake, glue: Any) -> Answer:
    """Add the partitions whose folders (key=value/) exist below the table, and which Glue does not know yet."""
    database, name = catalog.database_of(statement.name.database), statement.name.table
    keys, descriptor = _partition_keys(catalog, database, name)
    _, prefix = split_uri(folder_uri(descriptor["Location"]))
    pattern = re.compile("/".join(f"{re.escape(key)}=([^/]+)" for key in keys) + "/", re.IGNORECASE)
    folders: dict[tuple[str, ...], str] = {}
    for item in lake.list(descriptor["Location"]):
        match = pattern.match(item.key.removeprefix(prefix))
        if match:
            folders[tuple(map(unquote, match.groups()))] = match[0]
    known = {tuple(partition.values) for partition in catalog.partitions(catalog.describe(database, name))}
    missing = {values: folder for values, folder in folders.items() if values not in known}
    with glue_errors():
        add_partitions(glue, database, name, descriptor, missing)
    shown = ["\t".join(f"{name}:{folder.rstrip('/')}" for folder in sorted(missing.values()))] if missing else []
    return [f"Partitions not in metastore:\t{line}" for line in shown], []


def _show(statement: kinds.Show, catalog: GlueCatalog, glue: Any) -> Answer:
    with glue_errors():
        if statement.what == "databases":
            pages = glue.get_paginator("get_databases").paginate()
            names = sorted(one["Name"] for page in pages for one in page["DatabaseList"])
            return [name for name in names if matches(statement.pattern, name)], _text_column("database_name")
        if statement.what == "tables":
            database = catalog.database_of(statement.database)
            catalog.check_database(database)
            pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
            names = sorted(one["Name"] for page in pages for one in page["TableList"])
            return [name for name in names if matches(statement.pattern, name)], _text_column("tab_name")
    assert statement.name is not None
    database = catalog.database_of(statement.name.database)
    if statement.what == "columns":
        glue_table = catalog.get_table(database, statement.name.table)
        columns = [*glue_table["StorageDescriptor"]["Columns"], *(glue_table.get("PartitionKeys") or [])]
        return [f"{column['Name']:<20}" for column in columns], _text_column("field")
    if statement.what == "create":
        return create_statement(catalog.get_table(database, statement.name.table)), _text_column("createtab_stmt")
    table = catalog.describe(database, statement.name.table)
    keys = [name for name, _ in table.partition_keys]
    rows = ["/".join(f"{key}={value}" for key, value in zip(keys, one.values, strict=True)) for one in catalog.partitions(table)]
    return sorted(rows), _text_column("partition")


def _describe(statement: kinds.Describe, catalog: GlueCatalog) -> Answer:
    table = catalog.get_table(catalog.database_of(statement.name.database), statement.name.table)
    columns, keys = table["StorageDescriptor"]["Columns"], table.get("PartitionKeys") or []
    lines = [_described(column) for column in (*columns, *keys)]
    if keys:
        lines += ["\t \t ", "# Partition Information\t \t ", f"{'# col_name':<20}\t{'data_type':<20}\t{'comment':<20}", "\t \t "]
        lines += [_described(column) for column in keys]
    return lines, _text_column("col_name", "data_type", "comment")


def _described(column: Mapping[str, str]) -> str:
    return f"{column['Name']:<20}\t{column.get('Type', 'string'):<20}\t{column.get('Comment', ''):<20}"
