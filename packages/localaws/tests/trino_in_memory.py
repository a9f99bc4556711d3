"""Trino SQL on tables in memory, through the local Athena's own compiler and DuckDB: no server, no Glue, no S3."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from localaws.athena import duck
from localaws.athena.trino.queries import compile_query
from localaws.athena.trino.query_errors import QueryError
from localaws.athena.trino.scope import Column, Relation
from localaws.athena.trino.types import duckdb_name, from_hive

_NOW = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
_ARROW = {
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "float": pa.float32(),
    "string": pa.string(),
    "boolean": pa.bool_(),
}


class MemoryAthena:
    """One database. `put` makes or replaces a table; `rows` runs a query on it."""

    def __init__(self, scratch: Path, database: str) -> None:
        self._connection, self._database = duck.connect(scratch), database
        self._tables: dict[str, Relation] = {}

    def put(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> None:
        """A table whose columns have these Glue types, and its rows in this order."""
        described = [Column(name=name, kind=from_hive(kind), sql=f"k{n}") for n, (name, kind) in enumerate(columns.items())]
        values = list(zip(*rows, strict=True)) or [()] * len(columns)
        arrow = {column.sql: pa.array(part, _ARROW[kind]) for column, part, kind in zip(described, values, columns.values(), strict=True)}
        items = ", ".join(f"CAST({column.sql} AS {duckdb_name(column.kind)}) AS {column.sql}" for column in described)
        self._connection.register("given", pa.table(arrow))
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {items} FROM given")
        self._connection.unregister("given")
        self._tables[name] = Relation(sql=name, columns=described)

    def table(self, database: str | None, name: str, *, where: str) -> Relation:
        """What the compiler asks of a catalog."""
        if database != self._database or name not in self._tables:
            raise QueryError("TABLE_NOT_FOUND", f"{where}: Table 'awsdatacatalog.{database}.{name}' does not exist")
        return self._tables[name]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The query's rows by their columns' names. Raises QueryError, also for what fails while it runs."""
        relation = compile_query(sql, self, now=_NOW)
        names = [column.name for column in relation.columns]
        items = ", ".join(f"q.{column.sql}" for column in relation.columns)
        try:
            found = self._connection.execute(f"SELECT {items} FROM ({relation.sql}) AS q").fetchall()
            return [dict(zip(names, row, strict=True)) for row in found]
        except duckdb.Error as error:
            raise duck.translate_error(error, {column.sql: column.name for column in relation.columns}) from error

    def close(self) -> None:
        self._connection.close()
