"""Parses Trino SQL into sqlglot's tree. Functions keep the names that the query gives them."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import TokenType

from localaws.athena import reserved_words
from localaws.athena.trino.query_errors import InvalidStatement, QueryError

_SYNTAX = ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "POSITION", "SUBSTRING")


class _PlainTrino(Trino):
    """sqlglot's Trino without its function table, which would rename functions before the allow-list sees them."""

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parse for name, parse in TrinoParser.FUNCTION_PARSERS.items() if name in _SYNTAX
        }


def parse_query(sql: str) -> exp.Expression:
    """The tree of one query. Raises InvalidStatement, worded like Trino's message, if the text is not a query."""
    try:
        trees = [tree for tree in _PlainTrino().parse(sql) if tree is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        at = f"line {first.get('line', 1)}:{first.get('col', 1)}"
        raise InvalidStatement(f"{at}: mismatched input '{first.get('highlight', '')}'. {first.get('description', error)}") from error
    except TokenError as error:
        raise InvalidStatement(f"line 1:1: {error}") from error
    if len(trees) != 1:
        raise InvalidStatement(f"Only one sql statement is allowed. Got: {sql}")
    tree = cast(exp.Expression, trees[0])
    if not isinstance(tree, exp.Query | exp.Values):
        raise InvalidStatement("Queries of this type are not supported")
    if isinstance(tree, exp.Select) and not tree.expressions:
        raise InvalidStatement("line 1:1: mismatched input. Expecting: <expression>")
    for name in tree.find_all(exp.Identifier):
        if not name.quoted and name.name.upper() in reserved_words.SELECT:
            raise InvalidStatement(f"{position(name, sql)}: mismatched input '{name.name}'. Expecting: <identifier>")
    return cast(exp.Expression, tree)


def parse_value(sql: str) -> None:
    """Check that an execution parameter is one literal in SQL: 1, 'text', DATE '2024-01-01'. Raises InvalidStatement."""
    values = parse_query(f"SELECT {sql}").args
    literals = values.get("expressions") or []
    if len(literals) != 1 or {name for name, value in values.items() if value} != {"expressions"}:
        raise InvalidStatement(f"line 1:1: Execution parameter is not a value: {sql}")
    literal = literals[0].this if isinstance(literals[0], exp.Neg | exp.Cast) else literals[0]
    if not isinstance(literal, exp.Literal | exp.Boolean | exp.Null):
        raise InvalidStatement(f"line 1:1: Execution parameter is not a value: {sql}")


def bind_parameters(sql: str, parameters: Sequence[str]) -> str:
    """The text with each `?` replaced by its execution parameter. Raises QueryError if their numbers differ."""
    marks = [token for token in _PlainTrino().tokenize(sql) if token.token_type == TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        message = f"line 1:1: Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}"
        raise QueryError("INVALID_PARAMETER_USAGE", message)
    for mark, parameter in reversed(list(zip(marks, parameters, strict=True))):  # from the end, so that earlier offsets stay valid
        parse_value(parameter)
        sql = f"{sql[: mark.start]} {parameter} {sql[mark.end + 1 :]}"
    return sql


def position(node: exp.Expression, sql: str) -> str:
    """The node's start as `line 1:8`, or the statement's start if sqlglot did not record it."""
    starts = [inner.meta["start"] for inner in node.walk() if "start" in inner.meta]
    if not starts:
        return "line 1:1"
    before = sql[: min(starts)]
    return f"line {before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1) + 1}"
