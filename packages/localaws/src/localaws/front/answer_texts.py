"""Cuts the prose of answers to AWS's lengths: reasons of failures, messages and summaries hold what a build or a job has printed."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

_PROSE = ("reason", "message", "summary", "details")


def cut(shape: Shape, value: Any, name: str = "") -> Any:
    """The answer, or a part of it, with no text of a member of such a `name` longer than the model allows."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return {key: cut(shape.members[key], item, key) if key in shape.members else item for key, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [cut(shape.member, item, name) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: cut(shape.value, item, name) for key, item in value.items()}
    most = shape.metadata.get("max")
    if isinstance(value, str) and most is not None and len(value) > most and name.lower().endswith(_PROSE):
        return value[:most]
    return value
