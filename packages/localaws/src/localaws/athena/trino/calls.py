"""Function calls: scalar functions, aggregates with DISTINCT, ORDER BY and FILTER, and window functions."""

from collections.abc import Sequence

from sqlglot import exp

from localaws.athena.trino.aggregates import AGGREGATES, WINDOWS, decimal_average
from localaws.athena.trino.casts import Typed, fail
from localaws.athena.trino.expressions import Context, boolean, compile_expression
from localaws.athena.trino.functions import SCALARS
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.signatures import apply, choose
from localaws.athena.trino.special_functions import SPECIAL
from localaws.athena.trino.types import BIGINT, VARCHAR

_WRITTEN_OUT: tuple[type[exp.Expression], ...] = (exp.Extract, exp.Trim, exp.StrPosition, exp.Substring, exp.Bracket)


def compile_call(node: exp.Expression, context: Context) -> Typed:
    """A function call, also with OVER, FILTER or IGNORE NULLS around it."""
    if type(node) in _WRITTEN_OUT:
        return _written_out(node, context)
    over, tail, filtered = "", "", ""
    window = node if isinstance(node, exp.Window) else None
    if window is not None:
        over, node = _over(window, context), node.this
    if isinstance(node, exp.IgnoreNulls | exp.RespectNulls):
        tail, node = " IGNORE NULLS" if isinstance(node, exp.IgnoreNulls) else "", node.this
    if isinstance(node, exp.Filter):
        filtered = f" FILTER (WHERE {boolean(node.expression.this, context, what='FILTER clause')})"
        node = node.this
    if not isinstance(node, exp.Anonymous):
        raise unsupported(f"{context.where(node)}: {type(node).__name__} ({node.sql('trino')[:80]})")
    name, where = str(node.this).lower(), context.where(node)
    if name in AGGREGATES or (name in WINDOWS and window is not None):
        return _aggregate(name, node, context, over=filtered + over, tail=tail)
    if over or tail or filtered:
        raise QueryError("FUNCTION_NOT_WINDOW", f"{where}: Not a window function: {name}")
    if name in SPECIAL:
        return SPECIAL[name](node.expressions, context, where)
    if name not in SCALARS:
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"{where}: Function '{name}' not registered (the local Athena has only functions verified against Trino)"
        )
    return _scalar(name, node.expressions, context, where)


def _scalar(name: str, nodes: Sequence[exp.Expression], context: Context, where: str) -> Typed:
    arguments = [compile_expression(argument, context) for argument in nodes]
    signature, letters = choose(SCALARS[name], arguments, where=where)
    return apply(signature, letters, arguments)


def _aggregate(name: str, node: exp.Expression, context: Context, *, over: str, tail: str) -> Typed:
    nodes, where, distinct = list(node.expressions), context.where(node), False
    if name == "count" and (not nodes or isinstance(nodes[0], exp.Star)):
        return Typed(sql=f"count(*){over}", kind=BIGINT)
    if nodes and isinstance(nodes[-1], exp.Order):
        tail = f" {order_by(nodes[-1].expressions, context)}"
        nodes[-1] = nodes[-1].this
    if nodes and isinstance(nodes[0], exp.Distinct):
        distinct, nodes = True, [*nodes[0].expressions, *nodes[1:]]
    if distinct and "OVER" in over:
        raise QueryError("NOT_SUPPORTED", f"{where}: DISTINCT in window function parameters not yet supported")
    arguments = [compile_expression(argument, context) for argument in nodes]
    signature, letters = choose((AGGREGATES if name in AGGREGATES else WINDOWS)[name], arguments, where=where)
    if name == "avg" and "D" in letters:
        value = f"DISTINCT {arguments[0].sql}" if distinct else arguments[0].sql
        return Typed(sql=decimal_average(value, over, letters["D"]), kind=letters["D"])
    return apply(signature, letters, arguments, over=over, distinct=distinct, tail=tail)


def order_by(ordered: Sequence[exp.Expression], context: Context) -> str:
    """ORDER BY with explicit NULLS FIRST or LAST. Without them Trino puts nulls last, in both directions."""
    return "ORDER BY " + ", ".join(f"{compile_expression(one.this, context).sql}{direction(one)}" for one in ordered)


def direction(ordered: exp.Expression) -> str:
    return f"{' DESC' if ordered.args.get('desc') else ' ASC'} NULLS {'FIRST' if ordered.args.get('nulls_first') else 'LAST'}"


def _over(window: exp.Window, context: Context) -> str:
    if window.args.get("alias") is not None or window.args.get("over") not in (None, "OVER"):
        raise unsupported(f"{context.where(window)}: A named window")
    parts = []
    if window.args.get("partition_by"):
        keys = (compile_expression(key, context).sql for key in window.args["partition_by"])
        parts.append(f"PARTITION BY {', '.join(keys)}")
    if window.args.get("order") is not None:
        parts.append(order_by(window.args["order"].expressions, context))
    if window.args.get("spec") is not None:
        parts.append(_frame(window.args["spec"], context))
    return f" OVER ({' '.join(parts)})"


def _frame(spec: exp.Expression, context: Context) -> str:
    kind = str(spec.args.get("kind") or "").upper()
    if spec.args.get("exclude"):
        raise unsupported("EXCLUDE in a window frame")
    bounds = []
    for edge, default in (("start", "CURRENT ROW"), ("end", "CURRENT ROW")):
        value, side = spec.args.get(edge), str(spec.args.get(f"{edge}_side") or "").upper()
        if isinstance(value, exp.Literal):
            if kind != "ROWS":
                raise unsupported(f"A window frame of {kind} with an offset")
            bounds.append(f"{int(value.name)} {side}")
        elif isinstance(value, str) or value is None:
            bounds.append(f"{value or default} {side}".strip())
        else:
            raise unsupported("A window frame with a computed offset")
    return f"{kind} BETWEEN {bounds[0]} AND {bounds[1]}"


def _written_out(node: exp.Expression, context: Context) -> Typed:
    """Functions with words between their arguments, such as EXTRACT(x FROM y), and subscripts."""
    where = context.where(node)
    if isinstance(node, exp.Extract):
        if node.this.name.lower() not in SCALARS:
            raise unsupported(f"{where}: EXTRACT({node.this.name})")
        return _scalar(node.this.name.lower(), [node.expression], context, where)
    if isinstance(node, exp.Trim):
        side = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "BOTH"), "trim")
        return _scalar(side, _given(node, "this", "expression"), context, where)
    if isinstance(node, exp.StrPosition):
        return _scalar("strpos", [node.this, node.args["substr"]], context, where)
    if isinstance(node, exp.Substring):
        return _scalar("substr", _given(node, "this", "start", "length"), context, where)
    return _subscript(node, context, where)


def _given(node: exp.Expression, *names: str) -> list[exp.Expression]:
    return [node.args[name] for name in names if node.args.get(name) is not None]


def _subscript(node: exp.Expression, context: Context, where: str) -> Typed:
    index = node.expressions[0]
    if len(node.expressions) != 1 or not isinstance(index, exp.Literal) or not index.name.isdigit():
        raise unsupported(f"{where}: A subscript that is not a number")
    array = compile_expression(node.this, context)
    if array.kind.element is None:
        raise QueryError("TYPE_MISMATCH", f"{where}: Cannot use {array.kind} for subscript base")
    number = int(index.name) + 1  # sqlglot's tree counts from 0, Trino and DuckDB from 1
    # Beyond the end, Trino fails and DuckDB returns NULL.
    checked = f"CASE WHEN len({array.sql}) < {number} THEN {array.sql}[CAST({_outside(number)} AS BIGINT)] ELSE {array.sql}[{number}] END"
    return Typed(sql=f"({checked})", kind=array.kind.element)


def _outside(number: int) -> str:
    return fail("INVALID_FUNCTION_ARGUMENT", f"'Array subscript must be less than or equal to array length: {number}'", VARCHAR)
