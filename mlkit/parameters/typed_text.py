"""Reads typed text, such as that of `-p`, as the type of its parameter."""

import json
import re
from typing import Any

from mlkit.parameters.declared import SIMPLE, ParameterType

BOOL_WORDS = ("true", "yes", "on", "false", "no", "off")
_TRUE, _FALSE, _NONE = ("true", "yes", "on", "1"), ("false", "no", "off", "0"), ("none", "null")
_NEGATIONS = ("false", "no", "off")
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")


class Typed(str):
    """Text behind `-p`, in an environment variable, or without quotes in a YAML file; any other `str` is a text and nothing else."""


def read_typed(text: Typed, kind: ParameterType | None) -> Any:
    """The text as a value of the kind; raises ValueError. For any type (None), YAML's texts stay text, but `1e5` is a number.

    `true yes on 1` and `false no off 0` for a bool, JSON for a list or dict, `none` or `null` if the type allows None.
    """
    stripped = text.strip()
    word = stripped.lower()
    if kind is None:
        return float(stripped) if _EXPONENT.fullmatch(stripped) else str(text)
    if kind.optional and word in _NONE and text not in kind.choices:
        return None
    if kind.name in ("int", "float") and word in BOOL_WORDS:
        raise ValueError(f"`{word}` is for a bool")
    return str(text) if kind.name == "str" else _read(stripped, kind)


def check_means_text(text: Typed) -> None:
    """Raises ValueError for `false`, `no` and `off`, because as text they would be true in Python."""
    word = text.strip().lower()
    if word in _NEGATIONS:
        raise ValueError(f"`{word}` is for a bool; in a file for -f, in quotes, it is a text")


def _read(text: str, kind: ParameterType) -> Any:
    if kind.name == "bool":
        if text.lower() not in _TRUE + _FALSE:
            raise ValueError(f"write one of {' '.join(_TRUE + _FALSE)}")
        return text.lower() in _TRUE
    if kind.name in ("list", "dict"):
        return _json(text)
    try:
        return SIMPLE[kind.name](text)
    except ValueError:
        raise ValueError(f"it is no {'whole number' if kind.name == 'int' else 'number'}") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_each_once, parse_constant=_refuse_constant)
    except json.JSONDecodeError as problem:
        raise ValueError(f"write it as JSON ({problem})") from problem
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number that JSON has")
