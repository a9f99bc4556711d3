"""Functions that the notation of `signatures` cannot express: variable arguments, or arguments that must be literals."""

import re
from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from localaws.athena.trino import moments, operators
from localaws.athena.trino.casts import Typed, cast, quote
from localaws.athena.trino.expressions import Context, compile_expression
from localaws.athena.trino.query_errors import QueryError, unsupported
from localaws.athena.trino.types import DATE, VARCHAR, varchar

Nodes = Sequence[exp.Expression]


def _compiled(nodes: Nodes, context: Context, where: str, name: str, *counts: int) -> list[Typed]:
    if (counts and len(nodes) not in counts) or (not nodes and not counts):
        raise QueryError("FUNCTION_NOT_FOUND", f"{where}: Unexpected parameters for function {name}")
    return [compile_expression(node, context) for node in nodes]


def _text(nodes: Nodes, index: int, where: str, name: str) -> str:
    """The argument's text. Raises QueryError if it is not a text literal."""
    if len(nodes) <= index or not isinstance(nodes[index], exp.Literal) or not nodes[index].args["is_string"]:
        raise unsupported(f"{where}: {name} with an argument that is not a text literal")
    return nodes[index].name


def _coalesce(nodes: Nodes, context: Context, where: str) -> Typed:
    kind, parts = operators.unify(_compiled(nodes, context, where, "coalesce"), where=where, what="All COALESCE operands")
    return Typed(sql=f"coalesce({', '.join(parts)})", kind=kind)


def _nullif(nodes: Nodes, context: Context, where: str) -> Typed:
    first, second = _compiled(nodes, context, where, "nullif", 2)
    same = operators.compare("=", first, second, where=where)
    return Typed(sql=f"(CASE WHEN {same.sql} THEN NULL ELSE {first.sql} END)", kind=first.kind)


def _try(nodes: Nodes, context: Context, where: str) -> Typed:
    (value,) = _compiled(nodes, context, where, "try", 1)
    return Typed(sql=f"TRY({value.sql})", kind=value.kind)


def _extreme(name: str) -> Callable[[Nodes, Context, str], Typed]:
    def compiled(nodes: Nodes, context: Context, where: str) -> Typed:
        kind, parts = operators.unify(_compiled(nodes, context, where, name), where=where, what=f"All {name} arguments")
        missing = " OR ".join(f"{part} IS NULL" for part in parts)  # DuckDB ignores nulls; in Trino the result is null
        return Typed(sql=f"(CASE WHEN {missing} THEN NULL ELSE {name}({', '.join(parts)}) END)", kind=kind)

    return compiled


def _mod(nodes: Nodes, context: Context, where: str) -> Typed:
    left, right = _compiled(nodes, context, where, "mod", 2)
    return operators.arithmetic("%", left, right, where=where)


def _concat(nodes: Nodes, context: Context, where: str) -> Typed:
    first, *rest = _compiled(nodes, context, where, "concat")
    for value in rest:
        first = operators.concat(first, value, where=where)
    return first


def _concat_ws(nodes: Nodes, context: Context, where: str) -> Typed:
    values = _compiled(nodes, context, where, "concat_ws")
    if len(values) < 2 or any(value.kind.name not in ("varchar", "unknown") for value in values):
        raise QueryError("FUNCTION_NOT_FOUND", f"{where}: Unexpected parameters for function concat_ws")
    return Typed(sql=f"concat_ws({', '.join(value.sql for value in values)})", kind=VARCHAR)


def _typeof(nodes: Nodes, context: Context, where: str) -> Typed:
    (value,) = _compiled(nodes, context, where, "typeof", 1)
    return Typed(sql=quote(str(value.kind)), kind=varchar(len(str(value.kind))))


def _date(nodes: Nodes, context: Context, where: str) -> Typed:
    (value,) = _compiled(nodes, context, where, "date", 1)
    return cast(value, DATE, where=where)


def _now(nodes: Nodes, context: Context, where: str) -> Typed:
    _compiled(nodes, context, where, "now", 0)
    return compile_expression(exp.CurrentTimestamp(), context)


def _moment(nodes: Nodes, index: int, context: Context, where: str, name: str) -> Typed:
    value = compile_expression(nodes[index], context) if len(nodes) > index else None
    if value is None or not moments.is_moment(value.kind):
        raise QueryError("FUNCTION_NOT_FOUND", f"{where}: Unexpected parameters for function {name}")
    return value


def _date_trunc(nodes: Nodes, context: Context, where: str) -> Typed:
    return moments.date_trunc(_text(nodes, 0, where, "date_trunc"), _moment(nodes, 1, context, where, "date_trunc"), where=where)


def _date_add(nodes: Nodes, context: Context, where: str) -> Typed:
    unit, value = _text(nodes, 0, where, "date_add"), _moment(nodes, 2, context, where, "date_add")
    return moments.date_add(unit, compile_expression(nodes[1], context), value, where=where)


def _date_diff(nodes: Nodes, context: Context, where: str) -> Typed:
    unit = _text(nodes, 0, where, "date_diff")
    start, end = (_moment(nodes, index, context, where, "date_diff") for index in (1, 2))
    return moments.date_diff(unit, start, end, where=where)


def _date_format(nodes: Nodes, context: Context, where: str) -> Typed:
    return moments.date_format(_moment(nodes, 0, context, where, "date_format"), _text(nodes, 1, where, "date_format"), where=where)


def _date_parse(nodes: Nodes, context: Context, where: str) -> Typed:
    text = _text(nodes, 1, where, "date_parse")
    return moments.date_parse(compile_expression(nodes[0], context), text, where=where)


def _regexp_extract(nodes: Nodes, context: Context, where: str) -> Typed:
    """Without a match, Trino returns null and DuckDB ''. The same holds for a group that did not match.

    DuckDB cannot tell such a group from an empty one, so a group of a pattern with optional groups or alternatives is refused.
    """
    text, pattern = _compiled(nodes[:2], context, where, "regexp_extract", 2)
    group = nodes[2].name if len(nodes) > 2 and isinstance(nodes[2], exp.Literal) else "0"
    if len(nodes) > 3 or not group.isdigit() or (len(nodes) == 3 and not isinstance(nodes[2], exp.Literal)):
        raise unsupported(f"{where}: regexp_extract with a computed group")
    if group != "0" and re.search(r"\||\)[?*]|\)\{0", _text(nodes, 1, where, "regexp_extract with a group")):
        raise unsupported(f"{where}: regexp_extract of a group in a pattern with alternatives or optional groups")
    matched = f"regexp_extract({text.sql}, {pattern.sql}, {group})"
    return Typed(sql=f"(CASE WHEN regexp_matches({text.sql}, {pattern.sql}) THEN {matched} END)", kind=VARCHAR)


def _regexp_replace(nodes: Nodes, context: Context, where: str) -> Typed:
    text, pattern = _compiled(nodes[:2], context, where, "regexp_replace", 2)
    replacement = _text(nodes, 2, where, "regexp_replace") if len(nodes) == 3 else ""
    if len(nodes) > 3 or "\\" in replacement or "${" in replacement:
        raise unsupported(f"{where}: regexp_replace with this replacement")
    groups = re.sub(r"\$(\d)", r"\\\1", replacement)  # a group is $1 in Trino and \1 in DuckDB
    return Typed(sql=f"regexp_replace({text.sql}, {pattern.sql}, {quote(groups)}, 'g')", kind=VARCHAR)


SPECIAL: Mapping[str, Callable[[Nodes, Context, str], Typed]] = {
    "coalesce": _coalesce,
    "nullif": _nullif,
    "try": _try,
    "greatest": _extreme("greatest"),
    "least": _extreme("least"),
    "mod": _mod,
    "concat": _concat,
    "concat_ws": _concat_ws,
    "typeof": _typeof,
    "date": _date,
    "now": _now,
    "date_trunc": _date_trunc,
    "date_add": _date_add,
    "date_diff": _date_diff,
    "date_format": _date_format,
    "date_parse": _date_parse,
    "regexp_extract": _regexp_extract,
    "regexp_replace": _regexp_replace,
}
