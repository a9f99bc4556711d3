"""A notebook's declared parameters: name, type, default and help."""

from dataclasses import dataclass
from typing import Any

SIMPLE: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}


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
