"""What a notebook declares: each parameter's name, type, default and purpose."""

from dataclasses import dataclass
from typing import Any

SIMPLE: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}


@dataclass(frozen=True, kw_only=True)
class ParameterType:
    """`bool`, `int`, `float`, `str`, `list` or `dict`; `item` is the type of a list's items or a dict's values, None for any.

    `choices` are the only values of an `int` or `str` that names them with `Literal[...]`; empty: any.
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
    """One line of the parameters cell; `help` is the comment behind it. A `required` one has no default, and `default` is None."""

    name: str
    type: ParameterType
    default: Any = None
    help: str = ""
    required: bool = False
