"""Names in sight at a place of the query, and what they mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.types import Type


@dataclass(frozen=True, kw_only=True)
class Column:
    """`name` as the query sees it, `sql` as DuckDB is told."""

    name: str
    kind: Type
    sql: str


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A query or table: DuckDB's text and its columns, whose `sql` are names that no other relation has."""

    sql: str
    columns: Sequence[Column]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entry of FROM. `hidden` names are those that a JOIN ... USING merged: only a qualifier reaches them."""

    alias: str | None
    columns: Sequence[Column]
    database: str | None = None
    hidden: frozenset[str] = frozenset()

    def visible(self) -> list[Column]:
        return [column for column in self.columns if column.name.lower() not in self.hidden]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The sources of a SELECT; `outer` is the query around it, which a correlated subquery may look into.

    `outputs` are the SELECT's own columns, which ORDER BY sees first. `relations` are the names that WITH made.
    """

    sources: Sequence[Source] = ()
    outer: "Scope | None" = None
    outputs: Sequence[Column] = ()
    relations: Mapping[str, Relation] = field(default_factory=dict)

    def resolve(self, name: str, qualifier: Sequence[str], *, where: str) -> Column:
        wanted = name.lower()
        if not qualifier:
            shown = {column.sql: column for column in self.outputs if column.name.lower() == wanted}
            if shown:
                return _only(shown.values(), name, where)
        found = [column for source in self.sources if _qualifies(source, qualifier) for column in _named(source, wanted, qualifier)]
        if found:
            return _only(found, name, where)
        if self.outer is not None:
            return self.outer.resolve(name, qualifier, where=where)
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
    """Raises QueryError for a column of a type that the engine cannot read."""
    if column.kind.name.startswith("unreadable"):
        raise unsupported(f"Column {column.name} of type {column.kind.name.removeprefix('unreadable ')}")
    return column


def _only(columns: Iterable[Column], name: str, where: str) -> Column:
    found = list(columns)
    if len(found) > 1:
        raise QueryError("AMBIGUOUS_NAME", f"{where}: Column '{name}' is ambiguous")
    return check_readable(found[0])


class Catalog(Protocol):
    """Where tables come from. The relation's `sql` is what DuckDB finds the table under."""

    def table(self, database: str | None, name: str, *, where: str) -> Relation: ...
