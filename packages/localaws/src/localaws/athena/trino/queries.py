"""Compiles queries: WITH, SELECT, set operations, VALUES. Every column gets a new DuckDB name, so names never clash."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from sqlglot import exp

from localaws.athena.trino import operators
from localaws.athena.trino.calls import compile_call, direction
from localaws.athena.trino.casts import Typed, coerce
from localaws.athena.trino.expressions import Context, boolean, compile_expression
from localaws.athena.trino.from_clause import Sources
from localaws.athena.trino.parsing import parse_query, position
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.scope import Catalog, Column, Relation, Scope, check_readable
from localaws.athena.trino.types import common_type

_SELECT = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "order", "limit", "offset", "with_"}
_SET = {"this", "expression", "distinct", "order", "limit", "offset", "with_"}
_WRAPPED = {"this", "alias", "order", "limit", "offset", "with_"}


def compile_query(sql: str, catalog: Catalog, *, now: datetime) -> Relation:
    """The DuckDB text of a Trino query, and the query's columns. Raises QueryError or InvalidStatement."""
    return Compiler(sql=sql, catalog=catalog, now=now).query(parse_query(sql), Scope())


class Compiler:
    """Compiles one statement. `sql` is its text; errors name positions in it."""

    def __init__(self, *, sql: str, catalog: Catalog, now: datetime) -> None:
        self.sql, self.catalog, self.now = sql, catalog, now
        self._numbers: Iterator[int] = count(1)

    def name(self, prefix: str) -> str:
        return f"{prefix}{next(self._numbers)}"

    def context(self, scope: Scope) -> Context:
        return Context(sql=self.sql, now=self.now, scope=scope, subquery=self.query, call=compile_call)

    def where(self, node: exp.Expression) -> str:
        return position(node, self.sql)

    def query(self, node: exp.Expression, scope: Scope) -> Relation:
        """Compile a query. `scope` has the names around it: outer columns for a subquery, and the names of WITH."""
        prefix, scope = self._with(node, Scope(outer=scope, relations=scope.relations))
        if isinstance(node, exp.Subquery):
            inner = self.query(node.this, scope)
            body = self._ordered(node, Relation(sql=f"({inner.sql})", columns=inner.columns)) if self._is_ordered(node) else inner
            self._only(node, _WRAPPED)
        elif isinstance(node, exp.Select):
            self._only(node, _SELECT)
            body = self._select(node, scope)
        elif isinstance(node, exp.SetOperation):
            self._only(node, _SET)
            body = self._ordered(node, self._set_operation(node, scope))
        elif isinstance(node, exp.Values):
            body = self.values(node, scope)
        else:
            raise unsupported(f"{self.where(node)}: {type(node).__name__}")
        return Relation(sql=prefix + body.sql, columns=body.columns)

    def _only(self, node: exp.Expression, known: set[str]) -> None:
        """Refuse clauses that this compiler does not know, because it would ignore them."""
        for name, value in node.args.items():
            if value and name not in known:
                raise unsupported(f"{self.where(node)}: {name.rstrip('_').upper()}")

    def _with(self, node: exp.Expression, scope: Scope) -> tuple[str, Scope]:
        with_ = node.args.get("with_")
        if with_ is None:
            return "", scope
        if with_.args.get("recursive"):
            raise unsupported("WITH RECURSIVE")
        parts = []
        for entry in with_.expressions:
            relation = self.query(entry.this, replace(scope, sources=(), outer=None))  # it may name the entries of WITH before it
            columns = self.renamed(relation.columns, entry.args["alias"].columns, where=self.where(entry))
            table = self.name("cte_")
            parts.append(f"{table} AS ({relation.sql})")
            named = {entry.alias.lower(): Relation(sql=table, columns=columns)}
            scope = replace(scope, relations={**scope.relations, **named})
        return f"WITH {', '.join(parts)} ", scope

    def renamed(self, columns: Sequence[Column], names: Sequence[exp.Expression], *, where: str) -> Sequence[Column]:
        if not names:
            return columns
        if len(names) != len(columns):
            text = f"{where}: Column alias list has {len(names)} entries but relation has {len(columns)} columns"
            raise QueryError("MISMATCHED_COLUMN_ALIASES", text)
        return [replace(column, name=name.name) for column, name in zip(columns, names, strict=True)]

    def values(self, node: exp.Expression, scope: Scope) -> Relation:
        context = self.context(scope)
        rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in node.expressions]
        if len({len(row) for row in rows}) != 1:
            raise QueryError("SYNTAX_ERROR", f"{self.where(node)}: Values rows have mismatched sizes")
        typed = [[compile_expression(value, context) for value in row] for row in rows]
        unified = [operators.unify(list(column), where=self.where(node), what="Values rows") for column in zip(*typed, strict=True)]
        columns = [Column(name=f"_col{i}", kind=kind, sql=self.name("c")) for i, (kind, _) in enumerate(unified)]
        lines = ", ".join(f"({', '.join(row)})" for row in zip(*(parts for _, parts in unified), strict=True))
        names = ", ".join(column.sql for column in columns)
        return Relation(sql=f"SELECT * FROM (VALUES {lines}) AS {self.name('v')}({names})", columns=columns)

    def _set_operation(self, node: exp.Expression, scope: Scope) -> Relation:
        sides = [self.query(side, replace(scope, sources=())) for side in (node.this, node.expression)]
        left, right = (side.columns for side in sides)
        word = type(node).__name__.upper()
        if len(left) != len(right):
            text = f"{self.where(node)}: {word} query has different number of fields: {len(left)}, {len(right)}"
            raise QueryError("TYPE_MISMATCH", text)
        columns: list[Column] = []
        for one, two in zip(left, right, strict=True):
            kind = common_type(one.kind, two.kind)
            if kind is None:
                text = f"{self.where(node)}: column {len(columns) + 1} in {word} query has incompatible types: {one.kind}, {two.kind}"
                raise QueryError("TYPE_MISMATCH", text)
            columns.append(Column(name=one.name, kind=kind, sql=self.name("c")))
        selects = [self._as_columns(side, columns) for side in sides]
        every = "" if node.args.get("distinct") else " ALL"
        return Relation(sql=f"{selects[0]} {word}{every} {selects[1]}", columns=columns)

    def _as_columns(self, relation: Relation, columns: Sequence[Column]) -> str:
        pairs = zip(relation.columns, columns, strict=True)
        items = [f"{coerce(Typed(sql=have.sql, kind=have.kind), want.kind)} AS {want.sql}" for have, want in pairs]
        return f"SELECT {', '.join(items)} FROM ({relation.sql}) AS {self.name('t')}"

    def _is_ordered(self, node: exp.Expression) -> bool:
        return any(node.args.get(name) is not None for name in ("order", "limit", "offset"))

    def _ordered(self, node: exp.Expression, relation: Relation) -> Relation:
        """ORDER BY and LIMIT of a set operation or of a query in brackets. They can name its columns only."""
        if not self._is_ordered(node):
            return relation
        names = ", ".join(column.sql for column in relation.columns)
        context = self.context(Scope(outputs=relation.columns))
        tail = self._tail(node, context, relation.columns)
        return Relation(sql=f"SELECT {names} FROM ({relation.sql}) AS {self.name('t')}{tail}", columns=relation.columns)

    def _select(self, node: exp.Expression, scope: Scope) -> Relation:
        if not node.expressions:
            raise QueryError("SYNTAX_ERROR", f"{self.where(node)}: mismatched input. Expecting: <expression>")
        from_sql, sources = Sources(self).compile(node, scope)
        inner = replace(scope, sources=sources)
        context = self.context(inner)
        projections = list(self._projections(node, context))
        where, having = node.args.get("where"), node.args.get("having")
        sql = f"SELECT {self._distinct(node)}{', '.join(f'{item.sql} AS {column.sql}' for item, column in projections)}"
        sql += f" FROM {from_sql}" if from_sql else ""
        sql += f" WHERE {boolean(where.this, context, what='WHERE clause')}" if where is not None else ""
        sql += self._group_by(node, context, [item for item, _ in projections])
        sql += f" HAVING {boolean(having.this, context, what='HAVING clause')}" if having is not None else ""
        columns = [column for _, column in projections]
        outputs = [replace(column, sql=item.sql) for item, column in projections]
        sql += self._tail(node, self.context(replace(inner, outputs=outputs)), columns)
        return Relation(sql=sql, columns=columns)

    def _distinct(self, node: exp.Expression) -> str:
        distinct = node.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            raise unsupported(f"{self.where(node)}: DISTINCT ON")
        return "DISTINCT " if distinct is not None else ""

    def _projections(self, node: exp.Expression, context: Context) -> Iterator[tuple[Typed, Column]]:
        """Each item of SELECT with its column. A star becomes one item for each column."""
        place = 0
        for item in node.expressions:
            starred = list(self._star(item, context))
            if starred:
                for column in starred:
                    yield Typed(sql=column.sql, kind=column.kind), replace(column, sql=self.name("c"))
                place += len(starred)
                continue
            value = compile_expression(item.this if isinstance(item, exp.Alias) else item, context)
            name = item.alias if isinstance(item, exp.Alias) else item.name if isinstance(item, exp.Column) else f"_col{place}"
            yield value, Column(name=name, kind=value.kind, sql=self.name("c"))
            place += 1

    def _star(self, item: exp.Expression, context: Context) -> Iterator[Column]:
        qualified = isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
        if not qualified and not isinstance(item, exp.Star):
            return
        star = item.this if qualified else item
        if any(star.args.values()):
            raise unsupported(f"{self.where(item)}: {item.sql('trino')}")
        wanted = item.args["table"].name.lower() if qualified else None
        sources = [source for source in context.scope.sources if wanted is None or (source.alias or "").lower() == wanted]
        if not sources:
            raise QueryError(
                "MISMATCHED_COLUMN_ALIASES" if wanted else "COLUMN_NOT_FOUND", f"{self.where(item)}: SELECT * not allowed here"
            )
        for source in sources:
            yield from map(check_readable, source.columns if qualified else source.visible())

    def _group_by(self, node: exp.Expression, context: Context, items: Sequence[Typed]) -> str:
        group = node.args.get("group")
        if group is None:
            return ""
        parts = [self._group_key(key, context, items) for key in group.expressions]
        for word in ("rollup", "cube", "grouping_sets", "totals", "all"):
            if group.args.get(word):
                raise unsupported(f"{self.where(node)}: GROUP BY {word.upper()}")
        return f" GROUP BY {', '.join(parts)}"

    def _group_key(self, key: exp.Expression, context: Context, items: Sequence[Typed]) -> str:
        if isinstance(key, exp.Literal) and not key.args["is_string"]:
            return self._ordinal(key, [item.sql for item in items], "GROUP BY")
        return compile_expression(key, context).sql

    def _ordinal(self, key: exp.Expression, items: Sequence[str], clause: str) -> str:
        if not key.name.isdigit() or not 1 <= int(key.name) <= len(items):
            text = f"{self.where(key)}: {clause} position {key.name} is not in select list"
            raise QueryError("INVALID_COLUMN_REFERENCE", text)
        return items[int(key.name) - 1]

    def _tail(self, node: exp.Expression, context: Context, columns: Sequence[Column]) -> str:
        sql, order = "", node.args.get("order")
        if order is not None:
            sql += " ORDER BY " + ", ".join(self._order_key(one, context, columns) + direction(one) for one in order.expressions)
        limit, offset = node.args.get("limit"), node.args.get("offset")
        if limit is not None and limit.name.upper() != "ALL":
            options = limit.args.get("limit_options")
            if options is not None and (options.args.get("with_ties") or options.args.get("percent")):
                raise unsupported(f"{self.where(node)}: FETCH FIRST ... WITH TIES")
            sql += f" LIMIT {self._rows(limit.args.get('expression') or limit.args.get('count'), 'LIMIT')}"
        return sql + (f" OFFSET {self._rows(offset.expression, 'OFFSET')}" if offset is not None else "")

    def _rows(self, number: exp.Expression | None, clause: str) -> int:
        if not isinstance(number, exp.Literal) or not number.name.isdigit():
            raise unsupported(f"{clause} with something else than a number")
        return int(number.name)

    def _order_key(self, ordered: exp.Expression, context: Context, columns: Sequence[Column]) -> str:
        key = ordered.this
        if isinstance(key, exp.Literal) and not key.args["is_string"]:
            return self._ordinal(key, [column.sql for column in columns], "ORDER BY")
        if isinstance(key, exp.Column) and not key.table:
            named = [column for column in columns if column.name.lower() == key.name.lower()]
            if len(named) == 1:
                return named[0].sql
        return compile_expression(key, context).sql
