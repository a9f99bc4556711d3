"""Builds dataclasses from parsed JSON. Every member is checked against its annotation; unknown and missing members are refused."""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import Any


def build(kind: Any, value: Any) -> Any:
    """`value` (parsed JSON) as the annotated type: dataclasses, enums, literals, tuples, mappings and optionals, also nested.

    Raises KeyError, TypeError or ValueError if it does not fit.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        unknown = set(_checked(dict, value)) - set(hints)
        if unknown:
            raise ValueError(f"unknown member {sorted(unknown)[0]}")
        return kind(**{name: build(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if origin is typing.Literal:
        return _choice(arguments, value)
    if origin is tuple:
        return tuple(build(arguments[0], item) for item in _checked(list, value))
    if origin is types.UnionType:
        return None if value is None else build(next(a for a in arguments if a is not type(None)), value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {name: build(arguments[1], item) for name, item in _checked(dict, value).items()}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [build(arguments[0], item) for item in _checked(list, value)]
    return _plain(kind, value)


def _checked(kind: type, value: Any) -> Any:
    """The value, if it is a `kind`. Raises TypeError otherwise."""
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {'an object' if kind is dict else 'a list'}")
    return value


def _choice(choices: tuple[Any, ...], value: Any) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is not {' or '.join(map(repr, choices))}")
    return value


def _plain(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"{value!r} is not {kind.__name__}")
    return value
