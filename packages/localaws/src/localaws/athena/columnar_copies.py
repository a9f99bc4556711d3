"""Parquet copies of large text objects. A copy is made by the first query, and stays as long as the object and the table's columns do.

DuckDB knows how many rows a Parquet file has, and reads only the columns that a query needs. Of text it knows neither, so it would join in
the wrong order and split each line again for every condition.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from localaws.athena import scans
from localaws.athena.caller_s3 import Lake
from localaws.athena.object_cache import S3Object
from localaws.athena.query_processes import QueryProcess
from localaws.athena.table_descriptions import TEXT, Storage
from localaws.athena.trino.casts import quote
from localaws.athena.trino.scope import Column

_SMALL_BYTES = 4 << 20
"""A smaller object is not worth a copy."""


def scan_objects(
    query: QueryProcess, lake: Lake, storage: Storage, objects: Sequence[S3Object], columns: Sequence[Column], scratch: Path
) -> str:
    """A SELECT of the columns from these objects, as `scans.scan_sql` gives it. The text of a copy is in `scratch` while it is made."""
    # LazySimpleSerDe reads what does not fit as NULL. With other SerDes a copy could fail for a column that the query does not read.
    is_large = [storage.format == TEXT and item.size_bytes > _SMALL_BYTES for item in objects]
    small = [item for item, large in zip(objects, is_large, strict=True) if not large]
    selects = [scans.scan_sql(query, storage, lake.fetch(small), columns)] if small or not objects else []
    if any(is_large):
        columnar = [_copy(query, lake, storage, item, columns, scratch) for item, large in zip(objects, is_large, strict=True) if large]
        items = ", ".join(f"c{place} AS {column.sql}" for place, column in enumerate(columns))
        selects.append(f"SELECT {items} FROM read_parquet({scans.paths_sql(columnar)}, hive_partitioning=false)")
    return " UNION ALL ".join(selects)


def _copy(query: QueryProcess, lake: Lake, storage: Storage, item: S3Object, columns: Sequence[Column], scratch: Path) -> Path:
    """The Parquet copy of one object. Its columns are c0, c1 and so on."""
    numbered = [Column(name=column.name, kind=column.kind, sql=f"c{place}") for place, column in enumerate(columns)]
    text = scratch / f"text{Path(item.key).suffix}"  # the ending decides about the compression

    def convert(copy: Path) -> None:
        select = scans.scan_sql(query, storage, [text], numbered)
        query.execute(f"COPY ({select}) TO {quote(str(copy))} (FORMAT parquet, COMPRESSION snappy)")

    layout = repr((storage.properties, storage.skip_lines, [str(column.kind) for column in columns]))
    return lake.fetch_converted(item, hashlib.sha256(layout.encode()).hexdigest()[:16], text, convert)
