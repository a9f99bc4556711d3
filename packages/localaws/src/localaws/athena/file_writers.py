"""Writes the result files of SELECT and the data files of UNLOAD, CREATE TABLE AS and INSERT."""

import random
import shutil
import string
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from localaws.athena.query_processes import QueryProcess
from localaws.athena.table_descriptions import JSON, PARQUET, TEXT
from localaws.athena.trino.casts import Typed, quote, to_text
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.scope import Column, Relation
from localaws.athena.trino.types import duckdb_name

MAX_PARTITIONS = 100
_FILE_SIZE = "128MB"
_FORMATS = {"PARQUET": PARQUET, "TEXTFILE": TEXT, "JSON": JSON}
_COMPRESSIONS = {
    PARQUET: {"SNAPPY": "snappy", "GZIP": "gzip", "ZSTD": "zstd", "NONE": "uncompressed"},
    TEXT: {"GZIP": "gzip", "NONE": "none"},
    JSON: {"GZIP": "gzip", "NONE": "none"},
}
_HIVE_ESCAPED = set("\"#%'*/:=?\\\x7f{[]^") | {chr(code) for code in range(1, 32)}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Format of data files. `delimiter` separates the fields of a text file."""

    format: str
    compression: str
    partitioned_by: Sequence[str]
    delimiter: str


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A file on disk. `partition` has the values of the partition keys, `folder` is their part of the object's key: key=value/."""

    path: Path
    partition: Sequence[str]
    folder: str
    suffix: str


def layout_of(properties: Mapping[str, str | Sequence[str]], *, default_format: str, known: Sequence[str] = ()) -> Layout:
    """The layout that WITH (...) declares. Raises QueryError for formats, compressions and properties that are not honoured."""
    honoured = {"format", "compression", "write_compression", "parquet_compression", "partitioned_by", "field_delimiter", *known}
    for name in properties:
        if name not in honoured:
            raise unsupported(f"Property {name}")
    text = {name: str(value) for name, value in properties.items() if isinstance(value, str)}
    named = text.get("format", default_format).upper()
    if named not in _FORMATS:
        raise unsupported(f"format = '{named}'")
    format_ = _FORMATS[named]
    compression = (text.get("compression") or text.get("write_compression") or text.get("parquet_compression") or "GZIP").upper()
    if compression not in _COMPRESSIONS[format_]:
        raise unsupported(f"compression = '{compression}' for {named}")
    partitioned_by = properties.get("partitioned_by", ())
    if isinstance(partitioned_by, str):
        raise QueryError("INVALID_TABLE_PROPERTY", "partitioned_by must be an ARRAY")
    if "field_delimiter" in text and format_ != TEXT:
        raise QueryError("INVALID_TABLE_PROPERTY", f"field_delimiter is not a property of {named}")
    delimiter = text.get("field_delimiter", "\x01")
    if len(delimiter) != 1:
        raise unsupported(f"field_delimiter = {delimiter!r}")
    keys = [key.lower() for key in partitioned_by]
    return Layout(format=format_, compression=_COMPRESSIONS[format_][compression], partitioned_by=keys, delimiter=delimiter)


def _as_text(column: Column) -> str:
    return to_text(Typed(sql=f"q.{column.sql}", kind=column.kind))


def write_csv(query: QueryProcess, relation: Relation, path: Path) -> None:
    """Write Athena's result file: a header, every value in double quotes, NULL as an empty field without quotes."""
    # Two columns may have the same name, and DuckDB would rename one of them in the header. So the header is written here.
    body = path.with_suffix(".body")
    items = ", ".join(f"{_as_text(column)} AS c{place}" for place, column in enumerate(relation.columns))
    options = "FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR ''"
    query.execute(f"COPY (SELECT {items} FROM ({relation.sql}) AS q) TO {quote(str(body))} ({options})")
    header = ",".join('"' + column.name.replace('"', '""') + '"' for column in relation.columns)
    with path.open("wb") as out:
        out.write(f"{header}\n".encode())
        with body.open("rb") as rows:
            shutil.copyfileobj(rows, out, 1 << 20)
    body.unlink()


def check_columns(columns: Sequence[Column], partitioned_by: Sequence[str]) -> None:
    """Raises QueryError unless the names differ and the partition keys are the last columns, in the order of the property."""
    names = [column.name.lower() for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise QueryError("DUPLICATE_COLUMN_NAME", f"Column name '{name}' specified more than once")
    keys = list(partitioned_by)
    if keys and names[-len(keys) :] != keys:
        text = "Partition keys must be the last columns in the table and in the same order as the table properties"
        raise QueryError("HIVE_COLUMN_ORDER_MISMATCH", f"{text}: [{', '.join(keys)}]")
    if keys and len(keys) == len(names):
        raise QueryError("INVALID_TABLE_PROPERTY", "Table contains only partition columns")
    for column in columns[len(columns) - len(keys) :]:
        if column.kind.name not in ("varchar", "boolean", "date", "tinyint", "smallint", "integer", "bigint"):
            raise unsupported(f"Partition key {column.name} of type {column.kind}")


def write_data(query: QueryProcess, relation: Relation, layout: Layout, folder: Path) -> tuple[int, Sequence[DataFile]]:
    """Write the rows. Returns their number and the files; without rows there are no files."""
    check_columns(relation.columns, layout.partitioned_by)
    folder.mkdir(parents=True)
    columns = relation.columns[: len(relation.columns) - len(layout.partitioned_by)]
    keys = relation.columns[len(columns) :]
    items = _data_items(columns, layout) + [f"q.{key.sql} AS {_name(key)}" for key in keys]
    options = [_format_options(layout)]
    target = folder / f"data{_extension(layout)}"
    if keys:
        options.append(f"PARTITION_BY ({', '.join(map(_name, keys))})")
        target = folder
    elif layout.format == PARQUET:
        options.append(f"FILE_SIZE_BYTES '{_FILE_SIZE}'")
        target = folder / "data"
    command = f"COPY (SELECT {', '.join(items)} FROM ({relation.sql}) AS q) TO {quote(str(target))} ({', '.join(options)})"
    rows = int(query.execute(command)[0][0])
    # DuckDB writes a file also for no rows.
    files = [_data_file(path, folder, layout) for path in sorted(folder.rglob("*")) if path.is_file()] if rows else []
    if len({file.folder for file in files}) > MAX_PARTITIONS:
        raise QueryError("HIVE_TOO_MANY_OPEN_PARTITIONS", f"Exceeded limit of {MAX_PARTITIONS} open writers for partitions/buckets")
    return rows, files


def _name(column: Column) -> str:
    return '"' + column.name.lower().replace('"', '""') + '"'


def _data_items(columns: Sequence[Column], layout: Layout) -> list[str]:
    if layout.format != TEXT:
        return [f"CAST(q.{column.sql} AS {duckdb_name(column.kind)}) AS {_name(column)}" for column in columns]
    # \N is LazySimpleSerDe's default text for NULL.
    fields = (f"coalesce({_as_text(column)}, '\\N')" for column in columns)
    return [f" || {quote(layout.delimiter)} || ".join(fields) + " AS line"]


def _format_options(layout: Layout) -> str:
    if layout.format == PARQUET:
        return f"FORMAT parquet, COMPRESSION {layout.compression}"
    if layout.format == JSON:
        return f"FORMAT json, COMPRESSION {layout.compression}"
    return f"FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\\x02', COMPRESSION {layout.compression}"


def _extension(layout: Layout) -> str:
    return ".gz" if layout.format != PARQUET and layout.compression == "gzip" else ""


def _data_file(path: Path, folder: Path, layout: Layout) -> DataFile:
    parts = path.relative_to(folder).parts[:-1] if layout.partitioned_by else ()
    # DuckDB's folders are URL-encoded (x%2Fy%20z). Hive escapes other characters, and Glue gets the plain values.
    values = [unquote(part.partition("=")[2]) for part in parts]
    keys = zip(layout.partitioned_by, values, strict=True) if layout.partitioned_by else []
    shown = "".join(f"{key}={_hive_escaped(value)}/" for key, value in keys)
    return DataFile(path=path, partition=values, folder=shown, suffix=_extension(layout))


def _hive_escaped(value: str) -> str:
    return "".join(f"%{ord(letter):02X}" if letter in _HIVE_ESCAPED else letter for letter in value)


def file_name(now: datetime, suffix: str) -> str:
    """A new name in the form of Trino's data files."""
    mark = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
    return f"{now:%Y%m%d_%H%M%S}_{random.randrange(100000):05d}_{mark}_{uuid.uuid4()}{suffix}"
