"""Reads Glue's description of a table and refuses settings that the local Athena does not honour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localaws.athena.trino.query_errors import unsupported

TEXT, CSV, JSON, PARQUET = "text", "csv", "json", "parquet"

_SERDES = {
    "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe": TEXT,
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": CSV,
    "org.openx.data.jsonserde.JsonSerDe": JSON,
    "org.apache.hive.hcatalog.data.JsonSerDe": JSON,
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": PARQUET,
}
_PROPERTIES = {
    TEXT: {"field.delim", "serialization.format", "line.delim", "serialization.null.format", "serialization.encoding"},
    CSV: {"separatorChar", "quoteChar", "escapeChar", "serialization.format"},
    JSON: {"paths", "ignore.malformed.json", "case.insensitive", "serialization.format"},
    PARQUET: {"serialization.format", "parquet.ignore.statistics"},
}
_STORAGE = {
    TEXT: ("org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"),
    PARQUET: (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Location and format of rows. Each partition has its own."""

    location: str
    format: str
    properties: Mapping[str, str]
    skip_lines: int = 0


@dataclass(frozen=True, kw_only=True)
class Table:
    """`columns` and `partition_keys` are (name, Hive type)."""

    database: str
    name: str
    columns: Sequence[tuple[str, str]]
    partition_keys: Sequence[tuple[str, str]]
    storage: Storage


def read_table(database: str, glue: Mapping[str, Any]) -> Table:
    """The table in the answer of Glue's GetTable. Raises QueryError for views, Iceberg, partition projection and unknown SerDes."""
    parameters = glue.get("Parameters") or {}
    shown = f"Table {database}.{glue['Name']}"
    if glue.get("TableType") == "VIRTUAL_VIEW":
        raise unsupported(f"{shown}: a view")
    if parameters.get("table_type"):
        raise unsupported(f"{shown}: table type {parameters['table_type']}")
    if str(parameters.get("projection.enabled", "")).lower() == "true":
        raise unsupported(f"{shown}: partition projection")
    descriptor = glue.get("StorageDescriptor") or {}
    return Table(
        database=database,
        name=glue["Name"],
        columns=_columns(descriptor.get("Columns")),
        partition_keys=_columns(glue.get("PartitionKeys")),
        storage=read_storage(descriptor, parameters, shown),
    )


def _columns(described: Sequence[Mapping[str, Any]] | None) -> Sequence[tuple[str, str]]:
    return [(column["Name"].lower(), column.get("Type") or "string") for column in described or []]


def read_storage(descriptor: Mapping[str, Any], parameters: Mapping[str, str], shown: str) -> Storage:
    serde = descriptor.get("SerdeInfo") or {}
    library = serde.get("SerializationLibrary") or ""
    if library not in _SERDES:
        raise unsupported(f"{shown}: SerDe {library or '(none)'}")
    format_, properties = _SERDES[library], dict(serde.get("Parameters") or {})
    skip = properties.pop("skip.header.line.count", parameters.get("skip.header.line.count", "0"))
    for name, value in properties.items():
        if name not in _PROPERTIES[format_]:
            raise unsupported(f"{shown}: SerDe property {name} = {value!r}")
    for name, honoured in (("line.delim", "\n"), ("serialization.encoding", "UTF-8"), ("case.insensitive", "true")):
        if properties.get(name, honoured).lower() != honoured.lower():
            raise unsupported(f"{shown}: {name} = {properties[name]!r}")
    location = descriptor.get("Location") or ""
    return Storage(location=location, format=format_, properties=properties, skip_lines=int(skip))


def serde_of(format_: str) -> tuple[str, str, str]:
    """SerDe, input format and output format for Glue's description of a new table."""
    library = next(name for name, kind in _SERDES.items() if kind == format_)
    return library, *_STORAGE[PARQUET if format_ == PARQUET else TEXT]
