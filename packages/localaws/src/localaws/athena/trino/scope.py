"""The names that a part of the query can use, and what they refer to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.types import Type


@dataclass(frozen=True, kw_only=True)
class Column:
    """`name` is the column's name in the query, `sql` its name or expression in DuckDB."""

    name: str
    kind: Type
    sql: str


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A query or table: its DuckDB text and its columns. Their `sql` names are unique in the statement."""

    sql: str
    columns: Sequence[Column]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entry of FROM. `hidden` has the names that a JOIN ... USING merged; they need a qualifier."""

    alias: str | None
    columns: Sequence[Column]
    database: str | None = None
    hidden: frozenset[str] = frozenset()

    def visible(self) -> list[Column]:
        return [column for column in self.columns if column.name.lower() not in self.hidden]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The sources of a SELECT. `outer` is the query around it, whose columns a correlated subquery may name.

    `outputs` are the SELECT's own columns; ORDER BY looks there first. `relations` are the names of WITH.
    """

    sources: Sequence[Source] = ()
    outer: "Scope | None" = None
    outputs: Sequence[Column] = ()
    relations: Mapping[str, Relation] = field(default_factory=dict)

    def resolve(self, name: str, qualifier: Sequence[str], *, where: str) -> Column:
        wanted = name.lower()
        if not qualifier:
            # By DuckDB text: a column that is selected twice under one name is not ambiguous.
            shown = {column.sql: column for column in self.outputs if column.name.lower() == wanted}
            if shown:
                return _only(shown.values(), name, where)
        found = [column for source in self.sources if _qualifies(source, qualifier) for column in _named(source, wanted, qualifier)]
        if found:
            return _only(found, name, where)
        if self.outer is not None:
            return self.outer.resolve(name, qualifier, where=where)
        if wanted in _HIDDEN_COLUMNS:
            raise unsupported(f"{where}: Column '{name}'")
        shown_name = ".".join((*qualifier, name))
        text = f"{where}: Column '{shown_name}' cannot be resolved or requester is not authorized to access requested resources"
        raise QueryError("COLUMN_NOT_FOUND", text)


def _qualifies(source: Source, qualifier: Sequence[str]) -> bool:
    if not qualifier:
        return True
    known = [source.alias, source.database, "awsdatacatalog"]
    return all(part.lower() == (have or "").lower() for part, have in zip(reversed(qualifier), known, strict=False))


def _named(source: Source, wanted: str, qualifier: Sequence[str]) -> list[Column]:
    columns = source.columns if qualifier else source.visible()
    return [column for column in columns if column.name.lower() == wanted]


def check_readable(column: Column) -> Column:
    """The column. Raises QueryError if the engine cannot read its type."""
    if column.kind.name.startswith("unreadable"):
        raise unsupported(f"Column {column.name} of type {column.kind.name.removeprefix('unreadable ')}")
    return column


def _only(columns: Iterable[Column], name: str, where: str) -> Column:
    found = list(columns)
    if len(found) > 1:
        raise QueryError("AMBIGUOUS_NAME", f"{where}: Column '{name}' is ambiguous")
    return check_readable(found[0])


_HIDDEN_COLUMNS = ("$path", "$bucket", "$file_size", "$file_modified_time", "$partition")  # of every table, on Athena


class Catalog(Protocol):
    """The source of tables. The relation's `sql` is the table's name in DuckDB."""

    def table(self, database: str | None, name: str, *, where: str) -> Relation: ...
