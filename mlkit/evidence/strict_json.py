"""JSON of files that anybody may have written. A problem is told in words: which file, what is wrong, and where."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from mlkit.errors import SealBroken
from mlkit.evidence.foreign_text import shown
from mlkit.typed_json import build

T = TypeVar("T")
_MISFIT = (KeyError, TypeError, ValueError)
_WORDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    type(None): "null",
    int: "a whole number",
    float: "a decimal number",
}


class _Twice(ValueError):
    """An object has a member twice; two programs may take different ones."""


def read_json(data: bytes, name: str) -> Any:
    """The document. `name` is the file's, fit for a message. Raises SealBroken, also for an object that has a member twice."""
    try:
        return json.loads(data.decode(), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise SealBroken(f"{name} is not UTF-8 text: its byte {error.start + 1} is of no character") from error
    except json.JSONDecodeError as error:
        raise SealBroken(f"{name} is not JSON: line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise SealBroken(f"{name} cannot be read: it is nested too deeply") from error
    except _Twice as error:
        raise SealBroken(f"{name} has the member {error} twice") from error
    except ValueError as error:
        raise SealBroken(f"{name} holds a number of too many digits") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in pairs:
        if name in document:
            raise _Twice(shown(name))
        document[name] = value
    return document


def read_as(kind: type[T], data: bytes, name: str) -> T:
    """The document as a dataclass. Raises SealBroken; if the dataclass has a `schema`, also for a document of another one."""
    document = read_json(data, name)
    schema = next((field.default for field in _fields(kind) if field.name == "schema"), None)
    if schema is not None and isinstance(document, dict) and document.get("schema") != schema:
        cure = "Read it with the version of mlkit that wrote it."
        raise SealBroken(f"{name} has the schema {shown(document.get('schema'))}, not {schema}", cure=cure)
    try:
        return typing.cast(T, build(kind, document))
    except _MISFIT as error:
        raise SealBroken(f"{name} does not fit: {_misfit(kind, document, 'the document')}") from error


def _fields(kind: Any) -> tuple[Any, ...]:
    return dataclasses.fields(kind)


def _misfit(kind: Any, value: Any, place: str) -> str:
    """The first thing in the value that does not fit, with its place."""
    if typing.get_origin(kind) is types.UnionType:
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = typing.get_type_hints(kind)
        if unknown := sorted(value.keys() - hints.keys()):
            return f"{place} has the unknown member {shown(unknown[0])}"
        for field in _fields(kind):
            if field.name not in value and field.default is field.default_factory is dataclasses.MISSING:
                return f"{place} has no member {field.name}"
        parts = [(hints[name], item, name) for name, item in value.items()]
    else:
        parts = _parts(kind, value)
    for inner, item, name in parts:
        if not _fits(inner, item):
            return _misfit(inner, item, f"{place}, {name}" if place != "the document" else name)
    return f"{place} is {_WORDS[type(value)]} where {_expected(kind)} is expected"


def _parts(kind: Any, value: Any) -> list[tuple[Any, Any, str]]:
    """The kind, the value and the name of each part of a list or a mapping."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list):
        return [(arguments[0], item, f"entry {number}") for number, item in enumerate(value, start=1)]
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, dict):
        return [(arguments[1], item, shown(name)) for name, item in value.items()]
    return []


def _fits(kind: Any, value: Any) -> bool:
    try:
        build(kind, value)
    except _MISFIT:
        return False
    return True


def _expected(kind: Any) -> str:
    """What a value must be, in words."""
    if dataclasses.is_dataclass(kind):
        return "an object"
    origin = typing.get_origin(kind) or kind
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "an object"
    return _WORDS.get(origin, "a list" if origin is tuple else "another value")
