"""Runs one statement as the caller, from its text to the result files in S3."""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.athena import columnar_copies, ddl, file_writers, grammar, scans, statements
from localaws.athena.caller_s3 import Lake, folder_uri
from localaws.athena.glue_catalog import GlueCatalog, Scan
from localaws.athena.object_cache import ObjectCache, S3Object
from localaws.athena.query_processes import QueryEnded, QueryProcess, QueryProcesses
from localaws.athena.trino.parsing import bind_parameters
from localaws.athena.trino.queries import compile_query
from localaws.athena.trino.query_errors import QueryError
from localaws.athena.trino.scope import Relation
from localaws.athena.trino.types import BIGINT, column_info
from localaws.athena.write_targets import Loader
from localaws.kit.s3 import Encryption


class Cancelled(Exception):
    """The query was stopped, or it exceeded its workgroup's limit of bytes (the text then says so)."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run. `base` is the output folder's URI, `cutoff_bytes` the workgroup's limit."""

    id: str
    sql: str
    parameters: Sequence[str]
    database: str | None
    base: str
    encryption: Encryption
    cutoff_bytes: int | None


@dataclass(kw_only=True)
class StatementResult:
    """Result and statistics. The run fills them step by step, so that a failed query has its statistics too."""

    columns: Sequence[Mapping[str, Any]] = field(default_factory=list)
    scanned_bytes: int = 0
    planning_ms: int = 0
    engine_ms: int = 0
    manifest_location: str | None = None
    update_count: int | None = None


class StatementRun:
    """One run of one order. Any thread may call `stop`."""

    def __init__(
        self, order: Order, *, clients: Callable[[str], Any], cache: ObjectCache, processes: QueryProcesses, scratch: Path
    ) -> None:
        self.order, self.outcome = order, StatementResult()
        self._clients, self._cache, self._processes, self._scratch = clients, cache, processes, scratch
        self._stopped = threading.Event()
        self._process: QueryProcess | None = None
        self._now = datetime.now(UTC)

    def stop(self) -> None:
        """End the query as soon as possible, also while DuckDB runs."""
        self._stopped.set()
        if (process := self._process) is not None:
            process.stop()

    def check(self) -> None:
        if self._stopped.is_set():
            raise Cancelled

    def execute(self) -> None:
        """Run the statement. Raises QueryError, InvalidStatement or Cancelled."""
        try:
            with self._cache.held() as hold:
                lake = Lake(self._clients("s3"), cache=self._cache, hold=hold, check=self.check)
                catalog = GlueCatalog(self._clients("glue"), database=self.order.database)
                catalog.require_default()
                self._execute(lake, catalog)
        except QueryEnded as error:
            self.check()
            raise QueryError("EXCEEDED_LOCAL_MEMORY_LIMIT", "The query's process was ended. It probably needed too much memory.") from error
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _execute(self, lake: Lake, catalog: GlueCatalog) -> None:
        started = time.monotonic()
        statement = grammar.parse(self.order.sql)
        if isinstance(statement, statements.Select):
            self._select(statement, lake, catalog)
        elif isinstance(statement, statements.Unload):
            self._unload(statement, lake, catalog)
        elif isinstance(statement, statements.CreateTableAs | statements.Insert):
            self._load(statement, lake, catalog)
        else:
            rows, self.outcome.columns = ddl.run(statement, catalog=catalog, lake=lake, glue=self._clients("glue"))
            text = "".join(f"{row}\n" for row in rows)
            lake.put(text.encode(), f"{self.order.base}{self.order.id}.txt", self.order.encryption)
            self.outcome.update_count = 0
        self.outcome.engine_ms = int((time.monotonic() - started) * 1000)

    @contextlib.contextmanager
    def _compiled(self, sql: str, lake: Lake, catalog: GlueCatalog) -> Iterator[tuple[QueryProcess, Relation]]:
        """The compiled query and a DuckDB that has only the query's tables."""
        self._scratch.mkdir(parents=True, exist_ok=True)
        process = self._processes.new(self._scratch, self._cache.folder)
        try:
            self._process = process
            self.check()
            relation = self._compile(sql, catalog)
            columns = [column for scan in catalog.scans.values() for column in scan.relation.columns] + list(relation.columns)
            process.names = {column.sql: column.name for column in columns}
            self._make_views(process, lake, catalog)
            self.check()
            yield process, relation
        except QueryError as error:
            raise _naming_objects(error, lake) from error
        finally:
            self._process = None
            process.close()
            self._processes.prepare()

    def _compile(self, sql: str, catalog: GlueCatalog) -> Relation:
        started = time.monotonic()
        if self.order.parameters:
            sql = bind_parameters(sql, self.order.parameters)
        try:
            relation = compile_query(sql, catalog, now=self._now)
        except RecursionError as error:
            raise QueryError("STACK_OVERFLOW", "statement is too large (stack overflow during analysis)") from error
        self.outcome.planning_ms = int((time.monotonic() - started) * 1000)
        return relation

    def _make_views(self, process: QueryProcess, lake: Lake, catalog: GlueCatalog) -> None:
        """Create a view for each table. List all objects and check the limit of bytes before the first transfer."""
        parts = [(scan, self._parts(scan, lake, catalog)) for scan in catalog.scans.values()]
        for _, found in parts:
            self.outcome.scanned_bytes += sum(item.size_bytes for _, objects, _ in found for item in objects)
        cutoff = self.order.cutoff_bytes
        if cutoff is not None and self.outcome.scanned_bytes > cutoff:
            raise Cancelled("Query cancelled! : Bytes scanned limit was exceeded")
        for scan, found in parts:
            selects = []
            columns = scan.relation.columns[: len(scan.table.columns)]
            for storage, objects, values in found:
                select = columnar_copies.scan_objects(process, lake, storage, objects, columns, self._scratch)
                selects.append(f"SELECT *{values} FROM ({select})" if values else select)
            if not selects:  # a partitioned table without partitions
                selects = [scans.scan_sql(process, scan.table.storage, [], scan.relation.columns)]
            process.execute(f"CREATE TEMP VIEW {scan.relation.sql} AS {' UNION ALL '.join(selects)}")

    def _parts(self, scan: Scan, lake: Lake, catalog: GlueCatalog) -> list[tuple[Any, list[S3Object], str]]:
        """(storage, objects, constant columns of the partition keys) of the table, or of each partition."""
        table = scan.table
        if not table.partition_keys:
            return [(table.storage, lake.list(table.storage.location), "")]
        keys = scan.relation.columns[len(table.columns) :]
        found = []
        for partition in catalog.partitions(table):
            constants = [scans.partition_value(value, key) for value, key in zip(partition.values, keys, strict=True)]
            found.append((partition.storage, lake.list(partition.storage.location), "".join(f", {one}" for one in constants)))
        return found

    def _select(self, statement: statements.Select, lake: Lake, catalog: GlueCatalog) -> None:
        with self._compiled(statement.sql, lake, catalog) as (process, relation):
            path = self._scratch / "result.csv"
            file_writers.write_csv(process, relation, path)
        self.outcome.columns = [column_info(column.name, column.kind) for column in relation.columns]
        lake.upload([(path, f"{self.order.base}{self.order.id}.csv")], self.order.encryption)

    def _unload(self, statement: statements.Unload, lake: Lake, catalog: GlueCatalog) -> None:
        if "format" not in statement.properties:
            raise QueryError("INVALID_TABLE_PROPERTY", "UNLOAD needs the property format")
        layout = file_writers.layout_of(statement.properties, default_format="")
        loader = self._loader(lake)
        loader.check_empty(statement.location, f"awsdatacatalog.{self.order.id}")
        with self._compiled(statement.sql, lake, catalog) as (process, relation):
            rows, files = file_writers.write_data(process, relation, layout, self._scratch / "data")
        self._stored(rows, loader.store(files, folder_uri(statement.location)), lake)

    def _load(self, statement: statements.CreateTableAs | statements.Insert, lake: Lake, catalog: GlueCatalog) -> None:
        loader = self._loader(lake)
        target = loader.target(statement, catalog, default_base=f"{self.order.base}tables/{self.order.id}/")
        if target is None:
            self.outcome.columns = []
            return
        with self._compiled(statement.sql, lake, catalog) as (process, relation):
            relation = loader.fitted(target, relation)
            rows, files = file_writers.write_data(process, relation, target.layout, self._scratch / "data")
        uris = loader.store(files if target.with_data else [], target.location)
        loader.register(target, relation, files if target.with_data else [])
        self._stored(rows if target.with_data else 0, uris, lake)

    def _loader(self, lake: Lake) -> Loader:
        return Loader(lake=lake, glue=self._clients("glue"), encryption=self.order.encryption, now=self._now)

    def _stored(self, rows: int, uris: Sequence[str], lake: Lake) -> None:
        """Write the manifest, and set the answer of a statement that writes: the number of rows."""
        self.outcome.manifest_location = f"{self.order.base}{self.order.id}-manifest.csv"
        lake.put("".join(f"{uri}\n" for uri in uris).encode(), self.outcome.manifest_location, self.order.encryption)
        self.outcome.update_count = rows
        self.outcome.columns = [column_info("rows", BIGINT)]


def _naming_objects(error: QueryError, lake: Lake) -> QueryError:
    """The error with the objects' addresses in place of the names of their files."""
    for path, uri in lake.uris.items():
        error = QueryError(error.code, error.message.replace(str(path), uri))
    return error
