"""The files of UNLOAD, CREATE TABLE AS and INSERT, and the Glue tables that they create or extend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localaws.athena.caller_s3 import Lake, folder_uri
from localaws.athena.file_writers import DataFile, Layout, file_name, layout_of
from localaws.athena.glue_catalog import GlueCatalog, glue_errors
from localaws.athena.scans import delimiter_of
from localaws.athena.statements import CreateTableAs, Insert
from localaws.athena.table_descriptions import JSON, PARQUET, TEXT, read_table, serde_of
from localaws.athena.trino.casts import Typed, coerce
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.scope import Column, Relation
from localaws.athena.trino.types import coerces, duckdb_name, from_hive, to_hive
from localaws.kit.s3 import Encryption


@dataclass(frozen=True, kw_only=True)
class Target:
    """A table to write. `expected` has the columns of an existing table and `descriptor` its storage; both are None for a new table."""

    database: str
    table: str
    location: str
    layout: Layout
    with_data: bool = True
    expected: Sequence[tuple[str, str]] | None = None
    descriptor: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Loader:
    """Writes one statement's files as the caller."""

    lake: Lake
    glue: Any
    encryption: Encryption
    now: datetime

    def check_empty(self, location: str, shown: str) -> None:
        """Raises QueryError in Athena's words if the location is not empty."""
        if not self.lake.is_empty(location):
            where = location.rstrip("/")
            text = f"Target directory for table '{shown}' already exists: {where}. You may need to manually clean the data at location "
            raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"{text}'{where}' before retrying. Athena will not delete data in your account.")

    def store(self, files: Sequence[DataFile], location: str) -> list[str]:
        """Upload the files under new names. Returns their URIs."""
        placed = [(file.path, f"{location}{file.folder}{file_name(self.now, file.suffix)}") for file in files]
        self.lake.upload(placed, self.encryption)
        return [uri for _, uri in placed]

    def target(self, statement: CreateTableAs | Insert, catalog: GlueCatalog, *, default_base: str) -> Target | None:
        """The table to write, after the checks. None if it exists and the statement has IF NOT EXISTS."""
        database, name = catalog.database_of(statement.name.database), statement.name.table
        if isinstance(statement, Insert):
            return self._existing(statement, catalog, database)
        try:
            catalog.get_table(database, name)
        except QueryError as error:
            if error.code != "TABLE_NOT_FOUND":
                raise
        else:
            if statement.if_not_exists:
                return None
            raise QueryError("TABLE_ALREADY_EXISTS", f"line 1:1: Destination table 'awsdatacatalog.{database}.{name}' already exists")
        properties = dict(statement.properties)
        external = properties.get("external_location", "")
        layout = layout_of(properties, default_format="PARQUET", known=("external_location",))
        location = folder_uri(str(external)) if external else default_base
        self.check_empty(location, f"{database}.{name}")
        return Target(database=database, table=name, location=location, layout=layout, with_data=statement.with_data)

    def _existing(self, statement: Insert, catalog: GlueCatalog, database: str) -> Target:
        glue = catalog.get_table(database, statement.name.table)
        table = read_table(database, glue)
        if statement.columns:
            raise unsupported("INSERT INTO with a list of columns")
        if table.storage.format not in (TEXT, JSON, PARQUET) or table.storage.skip_lines:
            raise unsupported(f"INSERT INTO a table of format {table.storage.format}, or with header lines")
        layout = Layout(
            format=table.storage.format,
            compression="snappy" if table.storage.format == PARQUET else "gzip",
            partitioned_by=[name for name, _ in table.partition_keys],
            delimiter=delimiter_of(table.storage),
        )
        return Target(
            database=database,
            table=table.name,
            location=folder_uri(table.storage.location),
            layout=layout,
            expected=[*table.columns, *table.partition_keys],
            descriptor=glue["StorageDescriptor"],
        )

    def fitted(self, target: Target, relation: Relation) -> Relation:
        """The query's columns with the names and types of an existing table. For a new table, the columns stay as they are."""
        if target.expected is None:
            for column in relation.columns:
                if column.name.startswith("_col") or not column.name:
                    raise QueryError("MISSING_COLUMN_NAME", f"line 1:1: Column name not specified for column {column.name}")
            return relation
        types = [from_hive(kind) for _, kind in target.expected]
        given = [column.kind for column in relation.columns]
        pairs = list(zip(relation.columns, types, strict=False))
        if len(types) != len(given) or any(not coerces(have.kind, want) and have.kind.name != want.name for have, want in pairs):
            table, query = ", ".join(map(str, types)), ", ".join(map(str, given))
            text = f"line 1:1: Insert query has mismatched column types: Table: [{table}], Query: [{query}]"
            raise QueryError("TYPE_MISMATCH", text)
        named = zip(target.expected, types, strict=True)
        columns = [Column(name=name, kind=kind, sql=f"i{place}") for place, ((name, _), kind) in enumerate(named)]
        values = [f"CAST({coerce(Typed(sql=f'q.{have.sql}', kind=have.kind), want)} AS {duckdb_name(want)})" for have, want in pairs]
        items = ", ".join(f"{value} AS {column.sql}" for value, column in zip(values, columns, strict=True))
        return Relation(sql=f"SELECT {items} FROM ({relation.sql}) AS q", columns=columns)

    def register(self, target: Target, relation: Relation, files: Sequence[DataFile]) -> None:
        """Create the new table in Glue, and add the partitions that were written."""
        keys = len(target.layout.partitioned_by)
        columns = [{"Name": column.name.lower(), "Type": to_hive(column.kind)} for column in relation.columns]
        data, partition_keys = columns[: len(columns) - keys], columns[len(columns) - keys :]
        descriptor = target.descriptor or storage_descriptor(data, target.location, target.layout)
        with glue_errors():
            if target.expected is None:
                table = {
                    "Name": target.table,
                    "TableType": "EXTERNAL_TABLE",
                    "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
                    "StorageDescriptor": descriptor,
                    "PartitionKeys": partition_keys,
                }
                self.glue.create_table(DatabaseName=target.database, TableInput=table)
            add_partitions(self.glue, target.database, target.table, descriptor, {tuple(f.partition): f.folder for f in files if keys})


def storage_descriptor(columns: Sequence[Mapping[str, str]], location: str, layout: Layout) -> dict[str, Any]:
    library, input_format, output_format = serde_of(layout.format)
    properties = {"serialization.format": layout.delimiter if layout.format == TEXT else "1"}
    if layout.format == TEXT:
        properties["field.delim"] = layout.delimiter
    return {
        "Columns": list(columns),
        "Location": location,
        "InputFormat": input_format,
        "OutputFormat": output_format,
        "SerdeInfo": {"SerializationLibrary": library, "Parameters": properties},
    }


def add_partitions(glue: Any, database: str, table: str, descriptor: Mapping[str, Any], folders: Mapping[tuple[str, ...], str]) -> int:
    """Add partitions, given by their values and folders below the table (or URIs). Existing ones stay. Returns the number added."""
    inputs = []
    for values, folder in sorted(folders.items()):
        location = folder if "://" in folder else f"{folder_uri(descriptor['Location'])}{folder}"
        inputs.append({"Values": list(values), "StorageDescriptor": {**descriptor, "Location": location}})
    added = 0
    for start in range(0, len(inputs), 100):
        batch = inputs[start : start + 100]
        errors = glue.batch_create_partition(DatabaseName=database, TableName=table, PartitionInputList=batch).get("Errors", [])
        wrong = [one for one in errors if one.get("ErrorDetail", {}).get("ErrorCode") != "AlreadyExistsException"]
        if wrong:
            raise QueryError("HIVE_METASTORE_ERROR", str(wrong[0].get("ErrorDetail")))
        added += len(batch) - len(errors)
    return added
