"""The query protocol of IAM, STS, SNS and CloudFormation: reads a request's members from its form."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from dateutil.parser import isoparse

_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


def members_of(shape: StructureShape, form: Mapping[str, str]) -> dict[str, Any]:
    """The members that the form gives. A number that is none stays text. Raises ValueError for a date that is none."""
    return _structure(shape, form, "")


def _read(shape: Shape, form: Mapping[str, str], name: str) -> Any:
    """The value below the name, None if the form has none."""
    if isinstance(shape, StructureShape):
        return _structure(shape, form, f"{name}.") or None
    if isinstance(shape, ListShape):
        return _list(shape, form, name)
    if isinstance(shape, MapShape):
        return _map(shape, form, name)
    return _scalar(shape, form[name]) if name in form else None


def _structure(shape: StructureShape, form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    read = {name: _read(member, form, prefix + member.serialization.get("name", name)) for name, member in shape.members.items()}
    return {name: value for name, value in read.items() if value is not None}


def _list(shape: ListShape, form: Mapping[str, str], name: str) -> list[Any] | None:
    if form.get(name) == "":  # an empty list
        return []
    base = name if shape.serialization.get("flattened") else f"{name}.{shape.member.serialization.get('name', 'member')}"
    found, number = [], 1
    while (item := _read(shape.member, form, f"{base}.{number}")) is not None:
        found.append(item)
        number += 1
    return found or None


def _map(shape: MapShape, form: Mapping[str, str], name: str) -> dict[str, Any] | None:
    base = name if shape.serialization.get("flattened") else f"{name}.entry"
    key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
    found, number = {}, 1
    while (word := form.get(f"{base}.{number}.{key}")) is not None:
        found[word] = _read(shape.value, form, f"{base}.{number}.{value}")
        number += 1
    return found or None


def _scalar(shape: Shape, text: str) -> Any:
    if shape.type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if shape.type_name == "timestamp":
        return isoparse(text)
    try:
        return _NUMBERS[shape.type_name](text) if shape.type_name in _NUMBERS else text
    except ValueError:
        return text
