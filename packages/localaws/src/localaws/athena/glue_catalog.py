"""The tables and partitions of one query, read from Glue with the caller's credentials."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localaws.athena.table_descriptions import Storage, Table, read_storage, read_table
from localaws.athena.trino import types
from localaws.athena.trino.query_errors import QueryError
from localaws.athena.trino.scope import Column, Relation
from localaws.kit.open_questions import assumed

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient


_DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Partition:
    """`values` in the order of the table's partition keys."""

    values: Sequence[str]
    storage: Storage


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A table that the query reads. `relation` has its name and column names in DuckDB."""

    relation: Relation
    table: Table


class GlueCatalog:
    """The tables of one query. `scans` collects the tables that the query names."""

    def __init__(self, client: "GlueClient", *, database: str | None) -> None:
        self._client, self._database = client, database
        self.scans: dict[tuple[str, str], Scan] = {}
        self._databases: set[str] = set()
        self._columns = 0

    def database_of(self, database: str | None) -> str:
        return (database or self._database or _DEFAULT).lower()

    def table(self, database: str | None, name: str, *, where: str) -> Relation:
        """The table as a relation, for the compiler. Raises QueryError: SCHEMA_NOT_FOUND, TABLE_NOT_FOUND, or Glue's refusal."""
        key = (self.database_of(database), name)
        if key not in self.scans:
            table = self.describe(*key, where=f"{where}: ")
            columns = [self._column(column, kind) for column, kind in (*table.columns, *table.partition_keys)]
            self.scans[key] = Scan(relation=Relation(sql=f"table_{len(self.scans)}", columns=columns), table=table)
        return self.scans[key].relation

    def _column(self, name: str, kind: str) -> Column:
        self._columns += 1
        try:
            resolved = types.from_hive(kind)
        except QueryError:  # a query may read the table's other columns
            resolved = types.unreadable(kind)
        return Column(name=name, kind=resolved, sql=f"k{self._columns}")

    def describe(self, database: str, name: str, *, where: str = "") -> Table:
        return read_table(database, self.get_table(database, name, where=where))

    def get_table(self, database: str, name: str, *, where: str = "") -> Mapping[str, Any]:
        """The table in the answer of Glue's GetTable. A missing database has its own error.

        Whether Athena asks for the database of every table, or only to explain a missing one, is an open question about AWS.
        """
        if assumed("athena-get-database") == "asked":
            self.check_database(database, where=where)
        with glue_errors():
            try:
                table: Mapping[str, Any] = self._client.get_table(DatabaseName=database, Name=name)["Table"]
            except self._client.exceptions.EntityNotFoundException as error:
                self.check_database(database, where=where)
                text = f"{where}Table 'awsdatacatalog.{database}.{name}' does not exist"
                raise QueryError("TABLE_NOT_FOUND", text) from error
        return table

    def require_default(self) -> None:
        """Look for the database `default`, and make it if it is missing: Athena lists three permissions as mandatory for every query."""
        if assumed("athena-create-default") == "not-asked":
            return
        missing = self._client.exceptions.EntityNotFoundException
        with glue_errors(), contextlib.suppress(self._client.exceptions.AlreadyExistsException):  # another query was quicker
            self._client.get_databases(MaxResults=1)
            try:
                self._client.get_database(Name=_DEFAULT)
            except missing:
                self._client.create_database(DatabaseInput={"Name": _DEFAULT})
        self._databases.add(_DEFAULT)

    def check_database(self, database: str, *, where: str = "") -> None:
        if database in self._databases:
            return
        with glue_errors():
            try:
                self._client.get_database(Name=database)
            except self._client.exceptions.EntityNotFoundException as error:
                raise QueryError("SCHEMA_NOT_FOUND", f"{where}Schema '{database}' does not exist") from error
        self._databases.add(database)

    def partitions(self, table: Table) -> Sequence[Partition]:
        with glue_errors():
            pages = self._client.get_paginator("get_partitions").paginate(DatabaseName=table.database, TableName=table.name)
            found = [partition for page in pages for partition in page["Partitions"]]
        shown = f"A partition of {table.database}.{table.name}"
        return [
            Partition(
                values=one["Values"],
                storage=read_storage(one["StorageDescriptor"], {"skip.header.line.count": str(table.storage.skip_lines)}, shown),
            )
            for one in found
        ]


@contextlib.contextmanager
def glue_errors() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if code == "AccessDeniedException":
            raise QueryError("", f"Insufficient permissions to execute the query. {text}") from error
        raise QueryError("HIVE_METASTORE_ERROR", f"{text} (Service: AWSGlue; Error Code: {code})") from error
