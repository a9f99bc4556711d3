"""Compiles expressions, node by node. A kind of node that is not in the table is refused by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp

from localaws.athena.trino import operators
from localaws.athena.trino.casts import Typed, cast, coerce
from localaws.athena.trino.literals import LITERALS, type_named
from localaws.athena.trino.moments import add_interval
from localaws.athena.trino.parsing import position
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.scope import Relation, Scope
from localaws.athena.trino.types import BIGINT, BOOLEAN, UNKNOWN, array, is_numeric

_COMPARISONS: Mapping[type[exp.Expression], str] = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_ARITHMETIC: Mapping[type[exp.Expression], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}


@dataclass(frozen=True, kw_only=True)
class Context:
    """The surroundings of an expression. `subquery` compiles a query inside of it, `call` a function call."""

    sql: str
    now: datetime
    scope: Scope
    subquery: Callable[[exp.Expression, Scope], Relation]
    call: Callable[[exp.Expression, "Context"], Typed]

    def where(self, node: exp.Expression) -> str:
        return position(node, self.sql)


def compile_expression(node: exp.Expression, context: Context) -> Typed:
    """DuckDB text and Trino type of one expression. Raises QueryError."""
    if type(node) in _COMPARISONS:
        return _comparison(node, context)
    if type(node) in _ARITHMETIC:
        return _arithmetic(node, context)
    if type(node) in LITERALS:
        return LITERALS[type(node)](node, context.now, context.where(node))
    handler = _HANDLERS.get(type(node))
    return context.call(node, context) if handler is None else handler(node, context)


def boolean(node: exp.Expression, context: Context, *, what: str) -> str:
    value = compile_expression(node, context)
    if value.kind not in (BOOLEAN, UNKNOWN):
        raise QueryError("TYPE_MISMATCH", f"{context.where(node)}: {what} must evaluate to a boolean: actual type {value.kind}")
    return coerce(value, BOOLEAN)


def _comparison(node: exp.Expression, context: Context) -> Typed:
    left, right = compile_expression(node.this, context), compile_expression(node.expression, context)
    return operators.compare(_COMPARISONS[type(node)], left, right, where=context.where(node))


def _arithmetic(node: exp.Expression, context: Context) -> Typed:
    operator = _ARITHMETIC[type(node)]
    if isinstance(node.expression, exp.Interval) and operator in "+-":
        return add_interval(compile_expression(node.this, context), operator, node.expression, where=context.where(node))
    left, right = compile_expression(node.this, context), compile_expression(node.expression, context)
    return operators.arithmetic(operator, left, right, where=context.where(node))


def _column(node: exp.Expression, context: Context) -> Typed:
    if isinstance(node.this, exp.Star):
        raise unsupported(f"{context.where(node)}: {node.sql('trino')} outside of the SELECT list")
    qualifier = [part.name for part in (node.args.get("catalog"), node.args.get("db"), node.args.get("table")) if part is not None]
    column = context.scope.resolve(node.name, qualifier, where=context.where(node))
    return Typed(sql=column.sql, kind=column.kind)


def _paren(node: exp.Expression, context: Context) -> Typed:
    inner = compile_expression(node.this, context)
    return Typed(sql=f"({inner.sql})", kind=inner.kind)


def _negative(node: exp.Expression, context: Context) -> Typed:
    if isinstance(node.this, exp.Literal) and node.this.name == str(2**63):  # the smallest bigint; 2**63 itself is none
        return Typed(sql=f"CAST('-{2**63}' AS BIGINT)", kind=BIGINT)
    value = compile_expression(node.this, context)
    if not is_numeric(value.kind):
        raise QueryError("TYPE_MISMATCH", f"{context.where(node)}: Cannot negate {value.kind}")
    return Typed(sql=f"(-{value.sql})", kind=value.kind)


def _not(node: exp.Expression, context: Context) -> Typed:
    return Typed(sql=f"(NOT {boolean(node.this, context, what='Value of logical NOT expression')})", kind=BOOLEAN)


def _logical(node: exp.Expression, context: Context) -> Typed:
    word = "AND" if isinstance(node, exp.And) else "OR"
    left, right = (boolean(side, context, what="Logical expression term") for side in (node.this, node.expression))
    return Typed(sql=f"({left} {word} {right})", kind=BOOLEAN)


def _between(node: exp.Expression, context: Context) -> Typed:
    value, low, high = (compile_expression(node.args[name], context) for name in ("this", "low", "high"))
    _, parts = operators.unify([value, low, high], where=context.where(node), what="All BETWEEN operands")
    return Typed(sql=f"({parts[0]} BETWEEN {parts[1]} AND {parts[2]})", kind=BOOLEAN)


def _in(node: exp.Expression, context: Context) -> Typed:
    value = compile_expression(node.this, context)
    query = node.args.get("query")
    if query is None:
        items = [compile_expression(item, context) for item in node.expressions]
        _, parts = operators.unify([value, *items], where=context.where(node), what="IN value and list items")
        return Typed(sql=f"({parts[0]} IN ({', '.join(parts[1:])}))", kind=BOOLEAN)
    relation = _one_column(query, context)
    column = Typed(sql=relation.columns[0].sql, kind=relation.columns[0].kind)
    _, parts = operators.unify([value, column], where=context.where(node), what="value and result of subquery")
    return Typed(sql=f"({parts[0]} IN (SELECT {parts[1]} FROM ({relation.sql})))", kind=BOOLEAN)


def _like(node: exp.Expression, context: Context) -> Typed:
    escape = None
    if isinstance(node, exp.Escape):
        if not isinstance(node.this, exp.Like):
            raise unsupported(f"{context.where(node)}: ESCAPE without LIKE")
        node, escape = node.this, compile_expression(node.expression, context)
    value, pattern = compile_expression(node.this, context), compile_expression(node.expression, context)
    for side in (value, pattern):
        if side.kind.name not in ("varchar", "unknown"):
            raise QueryError("TYPE_MISMATCH", f"{context.where(node)}: LIKE expression must evaluate to a varchar (actual: {side.kind})")
    suffix = "" if escape is None else f" ESCAPE {escape.sql}"
    return Typed(sql=f"({value.sql} LIKE {pattern.sql}{suffix})", kind=BOOLEAN)


def _is_null(node: exp.Expression, context: Context) -> Typed:
    if not isinstance(node.expression, exp.Null):
        raise unsupported(f"{context.where(node)}: IS {node.expression.sql('trino')}")
    return Typed(sql=f"({compile_expression(node.this, context).sql} IS NULL)", kind=BOOLEAN)


def _distinct_from(node: exp.Expression, context: Context) -> Typed:
    word = "IS DISTINCT FROM" if isinstance(node, exp.NullSafeNEQ) else "IS NOT DISTINCT FROM"
    left, right = compile_expression(node.this, context), compile_expression(node.expression, context)
    return operators.compare(word, left, right, where=context.where(node))


def _concat(node: exp.Expression, context: Context) -> Typed:
    left, right = compile_expression(node.this, context), compile_expression(node.expression, context)
    return operators.concat(left, right, where=context.where(node))


def _case(node: exp.Expression, context: Context) -> Typed:
    subject = None if node.this is None else compile_expression(node.this, context)
    conditions = []
    for branch in node.args["ifs"]:
        if subject is None:
            conditions.append(boolean(branch.this, context, what="CASE WHEN clause"))
        else:
            conditions.append(operators.compare("=", subject, compile_expression(branch.this, context), where=context.where(node)).sql)
    values = [compile_expression(branch.args["true"], context) for branch in node.args["ifs"]]
    default = node.args.get("default")
    values.append(Typed(sql="NULL", kind=UNKNOWN) if default is None else compile_expression(default, context))
    kind, parts = operators.unify(values, where=context.where(node), what="All CASE results")
    branches = " ".join(f"WHEN {condition} THEN {part}" for condition, part in zip(conditions, parts[:-1], strict=True))
    return Typed(sql=f"(CASE {branches} ELSE {parts[-1]} END)", kind=kind)


def _if(node: exp.Expression, context: Context) -> Typed:
    condition = boolean(node.this, context, what="IF condition")
    false = node.args.get("false")
    values = [compile_expression(node.args["true"], context)]
    values.append(Typed(sql="NULL", kind=UNKNOWN) if false is None else compile_expression(false, context))
    kind, parts = operators.unify(values, where=context.where(node), what="Result types for IF")
    return Typed(sql=f"(CASE WHEN {condition} THEN {parts[0]} ELSE {parts[1]} END)", kind=kind)


def _cast(node: exp.Expression, context: Context) -> Typed:
    to, value = node.args["to"], node.this
    if to.this.name == "DECIMAL" and not to.expressions and isinstance(value, exp.Literal) and value.args["is_string"]:
        raise unsupported(f"{context.where(node)}: DECIMAL of a text without precision and scale")
    result = cast(compile_expression(value, context), type_named(to), where=context.where(node))
    return Typed(sql=f"TRY({result.sql})", kind=result.kind) if isinstance(node, exp.TryCast) else result


def _one_column(query: exp.Expression, context: Context) -> Relation:
    relation = context.subquery(query, context.scope)
    if len(relation.columns) != 1:
        text = f"{context.where(query)}: Multiple columns returned by subquery are not yet supported. Found {len(relation.columns)}"
        raise QueryError("TYPE_MISMATCH", text)
    return relation


def _scalar_subquery(node: exp.Expression, context: Context) -> Typed:
    relation = _one_column(node, context)
    return Typed(sql=f"({relation.sql})", kind=relation.columns[0].kind)


def _exists(node: exp.Expression, context: Context) -> Typed:
    return Typed(sql=f"EXISTS ({context.subquery(node.this, context.scope).sql})", kind=BOOLEAN)


def _array(node: exp.Expression, context: Context) -> Typed:
    values = [compile_expression(item, context) for item in node.expressions]
    kind, parts = operators.unify(values, where=context.where(node), what="All ARRAY elements")
    return Typed(sql=f"[{', '.join(parts)}]", kind=array(kind))


_HANDLERS: Mapping[type[exp.Expression], Callable[[exp.Expression, Context], Typed]] = {
    exp.Column: _column,
    exp.Paren: _paren,
    exp.Neg: _negative,
    exp.Not: _not,
    exp.And: _logical,
    exp.Or: _logical,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Escape: _like,
    exp.Is: _is_null,
    exp.NullSafeEQ: _distinct_from,
    exp.NullSafeNEQ: _distinct_from,
    exp.DPipe: _concat,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Subquery: _scalar_subquery,
    exp.Exists: _exists,
    exp.Array: _array,
}
