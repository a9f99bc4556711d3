"""A table's files as a DuckDB relation, with the rules of the table's SerDe."""

from collections.abc import Sequence
from pathlib import Path

from localaws.athena.query_processes import QueryProcess
from localaws.athena.table_descriptions import CSV, PARQUET, TEXT, Storage
from localaws.athena.trino.casts import Typed, cast, fail, quote
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.scope import Column
from localaws.athena.trino.types import INTEGERS, VARCHAR, Type, coerces, duckdb_name

_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # Hive's folder name for a partition key that is NULL
# DuckDB's casts accept more than the SerDes: '1e2', ' 5', '0x10' and '1_000' are integers to it. So these patterns check the text first.
_PATTERNS = {
    **{kind.name: "[+-]?[0-9]+" for kind in INTEGERS},
    "real": r"[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)",
    "double": r"[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)",
    "decimal": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?",
    "date": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?",
    "boolean": "(?i)true|false",
}
_PARQUET_TYPES = {
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "FLOAT": "real",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "VARCHAR": "varchar",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}


def scan_sql(query: QueryProcess, storage: Storage, files: Sequence[Path], columns: Sequence[Column]) -> str:
    """A SELECT of the given columns, each with its `sql` name and its type. They are columns of the files, not partition keys."""
    if not files:
        empty = ", ".join(f"CAST(NULL AS {_stored(column)}) AS {column.sql}" for column in columns)
        return f"SELECT {empty} WHERE false"
    if storage.format == PARQUET:
        return _parquet(query, files, columns)
    lines = _lines(files, storage.skip_lines)
    if storage.format == TEXT:
        return _delimited(lines, storage, columns)
    return _csv(lines, storage, columns) if storage.format == CSV else _json(lines, storage, columns)


def _stored(column: Column) -> str:
    return "VARCHAR" if _is_unreadable(column) else duckdb_name(column.kind)


def _is_unreadable(column: Column) -> bool:
    return column.kind.name.startswith("unreadable")


def partition_value(value: str, column: Column) -> str:
    """The partition key's value as a constant column."""
    if value == _NULL_PARTITION or _is_unreadable(column):
        return f"CAST(NULL AS {_stored(column)}) AS {column.sql}"
    text = Typed(sql=quote(value), kind=VARCHAR)
    return f"{cast(text, column.kind, where='Partition').sql} AS {column.sql}"


def paths_sql(files: Sequence[Path]) -> str:
    """A list of the files for DuckDB's readers."""
    return "[" + ", ".join(quote(str(file)) for file in files) + "]"


def _lines(files: Sequence[Path], skip: int) -> str:
    """One row per line, empty lines included, as Hive reads text. DuckDB's own columns would lose empty lines and refuse short ones."""
    # A delimiter that no line holds makes each line one column. An empty line is read as NULL, hence the coalesce.
    parts = []
    for compression in ("gzip", "none"):
        chosen = [file for file in files if (file.suffix == ".gz") == (compression == "gzip")]
        if chosen:
            options = f"auto_detect=false, header=false, skip={skip}, delim='\\0', quote='', escape='', compression='{compression}'"
            parts.append(f"SELECT coalesce(line, '') AS line FROM read_csv({paths_sql(chosen)}, {options}, columns={{'line': 'VARCHAR'}})")
    return " UNION ALL ".join(parts)


def delimiter_of(storage: Storage) -> str:
    """The field delimiter: one character, or the code of one. Hive takes the first character of a longer text; that is refused here."""
    text = storage.properties.get("field.delim") or storage.properties.get("serialization.format") or "\x01"
    if text.isdigit() and int(text) < 128:
        return chr(int(text))
    if len(text) != 1:
        raise unsupported(f"field.delim = {text!r}: LazySimpleSerDe takes one character")
    return text


def _delimited(lines: str, storage: Storage, columns: Sequence[Column]) -> str:
    null_text = quote(storage.properties.get("serialization.null.format", "\\N"))
    items = (f"{_lenient(f'nullif(f[{place}], {null_text})', column)} AS {column.sql}" for place, column in enumerate(columns, 1))
    return f"SELECT {', '.join(items)} FROM (SELECT string_split(line, {quote(delimiter_of(storage))}) AS f FROM ({lines}))"


def _lenient(text: str, column: Column) -> str:
    """The text as the column's type, or NULL if it does not fit, as LazySimpleSerDe reads it."""
    kind = column.kind
    if _is_unreadable(column):
        return f"CAST(NULL AS {_stored(column)})"
    if kind.name == "varchar":
        return text if kind.precision is None else f"left({text}, {kind.precision})"
    if kind.name not in _PATTERNS:
        raise unsupported(f"Column {column.name} of type {column.kind} in this table format")
    value = _milliseconds(f"TRY_CAST({text} AS {duckdb_name(kind)})", kind)
    return f"CASE WHEN regexp_full_match({text}, {quote(_PATTERNS[kind.name])}) THEN {value} END"


def _milliseconds(value: str, kind: Type) -> str:
    """The value with three fractional digits, as timestamps of tables have in Athena."""
    return f"date_trunc('millisecond', {value})" if kind.name == "timestamp" else value


def _strict(text: str, column: Column) -> str:
    """The text as the column's type. Text that does not fit fails the query, as with OpenCSVSerde and the JSON SerDes."""
    kind = column.kind
    if kind.name in ("varchar",) or _is_unreadable(column):
        return _lenient(text, column)
    if kind.name not in _PATTERNS or kind.name in ("date", "timestamp"):
        raise unsupported(f"Column {column.name} of type {column.kind} in this table format")
    suffix = quote(f"' for field {column.name}")
    wrong = fail("HIVE_BAD_DATA", f"'Error parsing field value ''', {text}, {suffix}", kind)
    matched = f"regexp_full_match({text}, {quote(_PATTERNS[kind.name])})"
    return f"CASE WHEN {text} IS NULL THEN NULL WHEN {matched} THEN CAST({text} AS {duckdb_name(kind)}) ELSE {wrong} END"


def _csv(lines: str, storage: Storage, columns: Sequence[Column]) -> str:
    marks = [storage.properties.get(name, default) for name, default in (("separatorChar", ","), ("quoteChar", '"'), ("escapeChar", "\\"))]
    if any(len(mark) != 1 for mark in marks):
        raise unsupported(f"OpenCSVSerde with {marks}")
    items = (f"{_strict(f'f[{place}]', column)} AS {column.sql}" for place, column in enumerate(columns, 1))
    return f"SELECT {', '.join(items)} FROM (SELECT opencsv(line, {', '.join(map(quote, marks))}) AS f FROM ({lines}))"


def _json(lines: str, storage: Storage, columns: Sequence[Column]) -> str:
    """One JSON object per line. Keys match column names in any case."""
    lenient = storage.properties.get("ignore.malformed.json", "false").lower() == "true"
    wrong = fail("HIVE_CURSOR_ERROR", "'Row is not a valid JSON Object: ', line", VARCHAR)
    parsed = "CASE WHEN json_valid(line) THEN line" + (" END" if lenient else f" ELSE {wrong} END")
    items = []
    for column in columns:
        key = f"list_filter(json_keys(j), lambda one: lower(one) = {quote(column.name)})[1]"
        path = f"""'$."' || {key} || '"'"""
        items.append(f"{_strict(f'json_extract_string(j, {path})', column)} AS {column.sql}")
    return f"SELECT {', '.join(items)} FROM (SELECT CAST({parsed} AS JSON) AS j FROM ({lines}))"


def _parquet(query: QueryProcess, files: Sequence[Path], columns: Sequence[Column]) -> str:
    """Columns by name, in any case. A column that the files lack is NULL. A column of another type fails the query, as in Athena."""
    # hive_partitioning would add columns from folder names like key=value; the partition keys come from Glue.
    source = f"read_parquet({paths_sql(files)}, union_by_name=true, hive_partitioning=false)"
    described = query.execute(f"DESCRIBE SELECT * FROM {source}")
    stored = {str(row[0]).lower(): (str(row[0]), str(row[1])) for row in described}
    items = []
    for column in columns:
        name, kind = stored.get(column.name, ("", ""))
        if not name or _is_unreadable(column):
            items.append(f"CAST(NULL AS {_stored(column)}) AS {column.sql}")
            continue
        _check_parquet_type(column, kind)
        quoted = '"' + name.replace('"', '""') + '"'
        value = _milliseconds(f"CAST({quoted} AS {duckdb_name(column.kind)})", column.kind)
        items.append(f"{value} AS {column.sql}")
    return f"SELECT {', '.join(items)} FROM {source}"


def _check_parquet_type(column: Column, stored: str) -> None:
    kind = column.kind
    if kind.element is not None:
        return
    base = stored.partition("(")[0]
    name = _PARQUET_TYPES.get(stored, "decimal" if base == "DECIMAL" else stored)
    widens = name in _PARQUET_TYPES.values() and name not in ("timestamp", "decimal") and coerces(Type(name=name), kind)
    if name != kind.name and not (widens and kind.name in ("smallint", "integer", "bigint", "double")):
        text = f"Field {column.name}'s type {stored} in parquet is incompatible with type {kind} defined in table schema"
        raise QueryError("HIVE_BAD_DATA", text)
