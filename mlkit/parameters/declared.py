"""A notebook's declared parameters: name, type, default and help; and how a parameters cell writes their types."""

import ast
from dataclasses import dataclass, replace
from typing import Any

from mlkit.errors import InvalidNotebook

SIMPLE: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
_CURE = "Use bool, int, float, str, Literal['a', 'b'], list[...], dict[str, ...], each also with `| None`."


@dataclass(frozen=True, kw_only=True)
class ParameterType:
    """`bool`, `int`, `float`, `str`, `list` or `dict`; `item` is the type of a list's items or a dict's values, None for any.

    `choices` are the values of `Literal[...]`; empty if any `int` or `str` is allowed.
    """

    name: str
    item: "ParameterType | None" = None
    optional: bool = False
    choices: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        inside = "" if self.item is None else f"[str, {self.item}]" if self.name == "dict" else f"[{self.item}]"
        whole = f"Literal[{', '.join(map(repr, self.choices))}]" if self.choices else f"{self.name}{inside}"
        return f"{whole}{' | None' if self.optional else ''}"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One line of the parameters cell; `help` is its comment. If it is `required`, it has no default, and `default` is None."""

    name: str
    type: ParameterType
    default: Any = None
    help: str = ""
    required: bool = False


def annotated(node: ast.expr, place: str) -> ParameterType:
    """The annotation's type; the annotation may be in quotes. Raises InvalidNotebook that begins with `place`."""
    match node:
        case ast.Constant(value=str(text)) if _is_expression(text):
            return annotated(ast.parse(text, mode="eval").body, place)
        case ast.Name(id=name) if name in (*SIMPLE, "list", "dict"):
            return ParameterType(name=name)
        case (
            ast.BinOp(left=kind, op=ast.BitOr(), right=ast.Constant(value=None))
            | ast.BinOp(left=ast.Constant(value=None), op=ast.BitOr(), right=kind)
        ):
            return replace(annotated(kind, place), optional=True)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=kind):
            return replace(annotated(kind, place), optional=True)
        case ast.Subscript(value=ast.Name(id="Literal") | ast.Attribute(attr="Literal"), slice=listed):
            return _choices(listed.elts if isinstance(listed, ast.Tuple) else [listed], place)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return ParameterType(name="list", item=annotated(item, place))
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), item])):
            return ParameterType(name="dict", item=annotated(item, place))
    raise InvalidNotebook(f"{place}: the type `{ast.unparse(node)}` is not a parameter type.", cure=_CURE)


def _choices(listed: list[ast.expr], place: str) -> ParameterType:
    values = [_literal(one) for one in listed]
    chosen = tuple(value for value in values if type(value) in (int, str))
    kinds = {type(value) for value in values if value is not None}
    if kinds not in ({int}, {str}) or len(set(chosen)) < len(chosen):
        message = f"{place}: the choices of a Literal are whole numbers or texts, all of one kind, each once."
        raise InvalidNotebook(message, cure="Write for example `split: Literal['hashed', 'latest'] = 'hashed'`.")
    return ParameterType(name=kinds.pop().__name__, choices=chosen, optional=None in values)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return NotImplemented  # neither number nor text


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True
