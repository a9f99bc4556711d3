"""Compiles FROM: tables, joins, subqueries, VALUES and UNNEST."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from localaws.athena.trino import operators
from localaws.athena.trino.casts import Typed
from localaws.athena.trino.expressions import boolean, compile_expression
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.scope import Column, Relation, Scope, Source

if TYPE_CHECKING:
    from localaws.athena.trino.queries import Compiler

_SIDES = {"": "", "LEFT": "LEFT ", "RIGHT": "RIGHT ", "FULL": "FULL "}


class Sources:
    """Compiles the FROM clause of one SELECT."""

    def __init__(self, compiler: "Compiler") -> None:
        self.compiler = compiler

    def compile(self, select: exp.Expression, scope: Scope) -> tuple[str, Sequence[Source]]:
        """DuckDB's text behind FROM (empty if there is no FROM), and the sources that the SELECT can name."""
        from_ = select.args.get("from_")
        if from_ is None:
            return "", ()
        sql, sources = self._source(from_.this, scope, ())
        for join in select.args.get("joins") or []:
            sql, sources = self._join(sql, sources, join, scope)
        return sql, sources

    def _source(self, node: exp.Expression, scope: Scope, left: Sequence[Source]) -> tuple[str, Sequence[Source]]:
        joins = node.args.get("joins") or []
        if isinstance(node, exp.Table):
            sql, source = self._table(node, scope)
        elif isinstance(node, exp.Unnest):
            sql, source = self._unnest(node, scope, left)
        elif isinstance(node, exp.Subquery | exp.Values):
            sql, source = self._subquery(node, scope)
        else:
            raise unsupported(f"{self.compiler.where(node)}: {type(node).__name__} in FROM")
        sources: Sequence[Source] = (source,)
        for join in joins:
            sql, sources = self._join(sql, sources, join, scope)
        return sql, sources

    def _aliased(self, relation: Relation, sql: str, alias: exp.Expression | None, name: str | None, where: str) -> tuple[str, Source]:
        """The relation under a new DuckDB alias. The query finds it under its own name or alias."""
        compiler = self.compiler
        names = [] if alias is None else alias.args.get("columns") or []
        table = compiler.name("t")
        columns = [replace(column, sql=f"{table}.{column.sql}") for column in compiler.renamed(relation.columns, names, where=where)]
        shown = alias.name if alias is not None and alias.name else name
        return f"{sql} AS {table}", Source(alias=shown, columns=columns)

    def _table(self, node: exp.Table, scope: Scope) -> tuple[str, Source]:
        where = self.compiler.where(node)
        for name, value in node.args.items():
            if value and name not in ("this", "db", "catalog", "alias", "joins"):
                raise unsupported(f"{where}: {name.upper()} after a table")
        if not isinstance(node.this, exp.Identifier):
            raise unsupported(f"{where}: {node.this.sql('trino')} in FROM")
        catalog, database, alias = node.catalog, node.db, node.args.get("alias")
        if catalog and catalog.lower() != "awsdatacatalog":
            raise QueryError("CATALOG_NOT_FOUND", f"{where}: Catalog '{catalog}' does not exist")
        named = None if database else scope.relations.get(node.name.lower())
        relation = named or self.compiler.catalog.table(database.lower() or None, node.name.lower(), where=where)
        sql, source = self._aliased(relation, relation.sql, alias, node.name, where)
        return sql, replace(source, database=database or None)

    def _subquery(self, node: exp.Expression, scope: Scope) -> tuple[str, Source]:
        where, alias = self.compiler.where(node), node.args.get("alias")
        surroundings = Scope(relations=scope.relations)  # a subquery in FROM cannot name columns of the query around it
        if isinstance(node, exp.Values):
            relation = self.compiler.values(node, surroundings)
        else:
            if node.args.get("pivots") or node.args.get("sample"):
                raise unsupported(f"{where}: TABLESAMPLE or PIVOT")
            bare = node.copy()  # alias and joins belong to the FROM clause, not to the subquery
            bare.set("alias", None)
            bare.set("joins", None)
            relation = self.compiler.query(bare, surroundings)
        return self._aliased(relation, f"({relation.sql})", alias, None, where)

    def _unnest(self, node: exp.Unnest, scope: Scope, left: Sequence[Source]) -> tuple[str, Source]:
        where, compiler = self.compiler.where(node), self.compiler
        if node.args.get("offset"):
            raise unsupported(f"{where}: UNNEST WITH ORDINALITY")
        context = compiler.context(replace(scope, sources=left))  # UNNEST may name columns of the relations to its left
        columns: list[Column] = []
        items = []
        for expression in node.expressions:
            value = compile_expression(expression, context)
            if value.kind.element is None:
                raise QueryError("TYPE_MISMATCH", f"{where}: Cannot unnest type: {value.kind}")
            columns.append(Column(name=f"_col{len(columns)}", kind=value.kind.element, sql=compiler.name("c")))
            items.append(f"unnest({value.sql}) AS {columns[-1].sql}")
        relation = Relation(sql="", columns=columns)
        return self._aliased(relation, f"(SELECT {', '.join(items)})", node.args.get("alias"), None, where)

    def _join(self, sql: str, sources: Sequence[Source], join: exp.Join, scope: Scope) -> tuple[str, Sequence[Source]]:
        where, kind, side = self.compiler.where(join), str(join.kind or "").upper(), str(join.side or "").upper()
        if join.method or kind not in ("", "INNER", "OUTER", "CROSS") or side not in _SIDES:
            raise unsupported(f"{where}: {join.method or kind or side} JOIN")
        if isinstance(join.this, exp.Unnest) and (side or (join.args.get("on") is not None)):
            raise unsupported(f"{where}: UNNEST in a join that is not a CROSS JOIN")
        right_sql, right = self._source(join.this, scope, sources)
        if "(" in right_sql and len(right) > 1:
            right_sql = f"({right_sql})"
        using, condition = join.args.get("using"), join.args.get("on")
        if using:
            on, joined = self._using(sources, right, [name.name for name in using], side, where)
            return f"{sql} {_SIDES[side]}JOIN {right_sql} ON {on}", joined
        together = (*sources, *right)
        if condition is None:
            if side or kind == "INNER":
                raise QueryError("SYNTAX_ERROR", f"{where}: JOIN without a condition")
            return f"{sql} CROSS JOIN {right_sql}", together
        context = self.compiler.context(replace(scope, sources=together))
        return f"{sql} {_SIDES[side]}JOIN {right_sql} ON {boolean(condition, context, what='JOIN ON clause')}", together

    def _using(
        self, left: Sequence[Source], right: Sequence[Source], names: Sequence[str], side: str, where: str
    ) -> tuple[str, Sequence[Source]]:
        """The condition, and the sources. The first source has the merged columns; the others hide theirs."""
        conditions, merged = [], []
        for name in names:
            one, two = (Scope(sources=sources).resolve(name, (), where=where) for sources in (left, right))
            ends = [Typed(sql=column.sql, kind=column.kind) for column in (one, two)]
            conditions.append(operators.compare("=", *ends, where=where).sql)
            kind, parts = operators.unify(ends, where=where, what="Columns of USING")
            # The merged column comes from the side whose rows are all kept; in a FULL JOIN either side may be NULL.
            value = {"": parts[0], "LEFT": parts[0], "RIGHT": parts[1]}.get(side, f"coalesce({parts[0]}, {parts[1]})")
            merged.append(Column(name=one.name, kind=kind, sql=value))
        hidden = frozenset(name.lower() for name in names)
        rest = [replace(source, hidden=source.hidden | hidden) for source in (*left, *right)]
        return " AND ".join(conditions), (Source(alias=None, columns=merged), *rest)
