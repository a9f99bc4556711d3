"""Checks that a value has a type, and is the same after JSON, in the record and in the kernel."""

import difflib
import math
from datetime import date
from typing import Any

from mlkit.parameters.declared import ParameterType
from mlkit.parameters.typed_text import Typed, read_typed

DEEPEST = 50  # levels of lists and dicts; Python reads at most 200 brackets
LARGEST = 1_000_000  # characters of one parameter, about as in JSON; a YAML alias can expand to any number
_MOST_BITS = 3_300  # of a whole number: about a thousand digits; Python prints no more than 4,300


def checked(value: Any, kind: ParameterType, name: str) -> Any:
    """A new value of the kind, with Typed text converted. Raises ValueError that names the place inside, such as `name.key[0]`.

    The value may hold what JSON has: bools, numbers, strings, lists, and dicts with strings as keys. A float may be given as an int; a
    bool must be a bool.
    """
    return _Checking(name).value(value, kind, "")


class Meter:
    """Limits the size of a value, so that a few YAML aliases cannot fill the memory."""

    def __init__(self) -> None:
        self._left = LARGEST

    def count(self, value: Any) -> None:
        """Add the value. Raises ValueError above the limit."""
        self._left -= 2 + (len(value) if isinstance(value, str) else 0)
        if self._left < 0:
            raise ValueError(f"it holds more than {LARGEST:,} characters; pass large data as a file")


class _Checking:
    """The check of one value: its depth, size and the place inside it, which is "" at the top."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._meter = Meter()
        self._above: list[Any] = []

    def value(self, value: Any, kind: ParameterType | None, place: str) -> Any:
        if isinstance(value, str):
            self._meter.count(value)
            value = self._told(place, read_typed, value, kind) if isinstance(value, Typed) else str(value)
        else:
            self._meter.count(value)
        if value is None and (kind is None or kind.optional):
            return None
        if kind is not None:
            value = self._of_kind(value, kind, place)
        return self._plain(value, kind.item if kind else None, place)

    def _told(self, place: str, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ValueError as problem:
            raise ValueError(f"{self._subject(place)}: {problem}" if place else str(problem)) from problem

    def _subject(self, place: str) -> str:
        return f"`{self._name}{place}`" if place else "it"

    def _of_kind(self, value: Any, kind: ParameterType, place: str) -> Any:
        if value is None:
            raise ValueError(f"{self._subject(place)} cannot be None")
        if kind.name == "float" and type(value) is int:
            value = self._as_float(value, place)
        if type(value).__name__ != kind.name:
            raise ValueError(f"{self._subject(place)} is {_a(value)}{_hint(value, kind)}")
        if kind.choices and value not in kind.choices:
            raise ValueError(f"{self._subject(place)} is not one of the choices{_nearest(value, kind)}")
        return value

    def _as_float(self, value: int, place: str) -> float:
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{self._subject(place)} is not a finite number") from None

    def _plain(self, value: Any, item: ParameterType | None, place: str) -> Any:
        """The value if JSON has its type; `item` is the kind of its members."""
        if type(value) is bool or value is None:
            return value
        if type(value) is int and value.bit_length() <= _MOST_BITS:
            return value
        if type(value) is float and math.isfinite(value):
            return value
        if type(value) is str:
            return self._encodable(value, place)
        if type(value) is list or type(value) is dict:
            return self._inside(value, item, place)
        if type(value) in (int, float):
            raise ValueError(f"{self._subject(place)} is {'too large a' if type(value) is int else 'not a finite'} number")
        raise ValueError(f"{self._subject(place)} is {_a(value)}{_hint(value, None)}")

    def _encodable(self, text: str, place: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            half = ascii(text[problem.start])[1:-1]
            raise ValueError(f"{self._subject(place)} holds what is not a whole character in UTF-8 (`{half}`)") from None
        return text

    def _inside(self, value: Any, item: ParameterType | None, place: str) -> Any:
        if any(value is one for one in self._above):
            raise ValueError(f"{self._subject(place)} holds itself")
        if len(self._above) >= DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        self._above.append(value)
        try:
            if isinstance(value, list):
                return [self.value(one, item, f"{place}[{index}]") for index, one in enumerate(value)]
            return {self._key(key, place): self.value(one, item, place + _member(key)) for key, one in value.items()}
        finally:
            self._above.pop()

    def _key(self, key: Any, place: str) -> str:
        if not isinstance(key, str):
            raise ValueError(f"a key of {self._subject(place)} is {_a(key)}, not a text")  # noqa: TRY004  every misfit is a ValueError here
        self._meter.count(key)
        return self._encodable(str(key), place)


def _member(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r:.60}]"


def _a(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _hint(value: Any, kind: ParameterType | None) -> str:
    if isinstance(value, str) and kind is not None:
        return "; leave out the quotes"
    if isinstance(value, date) or (kind is not None and kind.name == "str" and not isinstance(value, list | dict)):
        return "; in quotes it is a text"
    return "; write a list" if isinstance(value, tuple | set | frozenset) else ""


def _nearest(value: Any, kind: ParameterType) -> str:
    names = {str(choice).lower(): choice for choice in kind.choices}
    near = difflib.get_close_matches(str(value).lower(), names, n=1, cutoff=0.5)
    return f"; did you mean {names[near[0]]!r}?" if near else ""
