"""Checks values against botocore's shapes, with the constraints that botocore's own validator ignores."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import regex
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator

_LONGEST_MATCH_S = 0.4  # others wait meanwhile; a text that fits takes microseconds


class _Unmatched(Exception):
    """A pattern takes exponential time for this text, as a few of the models' patterns do for some that do not fit."""


def problems(shape: Shape, value: Any) -> list[str]:
    """Every violation, in AWS's words where AWS has words for it; an empty list when the value fits the shape."""
    report = ParamValidator().validate(value, shape)
    found = report.generate_report().split("\n") if report.has_errors() else []
    others = [line for line in found if not line.startswith(("Invalid length", "Invalid value"))]  # which _walk says in AWS's words
    missing = [text for line in others if (text := _missing(line))]
    if len(missing) < len(others):
        return found
    try:
        return missing + list(_walk(shape, value, ""))
    except _Unmatched as error:
        return [str(error)]


def _missing(line: str) -> str | None:
    """botocore's words for a missing member in AWS's; None if they say something else."""
    match = re.fullmatch(r'Missing required parameter in ([^:]+): "(\w+)"', line)
    if match is None:
        return None
    parts = re.sub(r"\[(\d+)\]", lambda index: f".{int(index[1]) + 1}.member", match[1]).split(".")
    where = ".".join(_lower(part) for part in [*parts, match[2]] if part != "input")  # botocore's name of the whole request
    return f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def answer_problems(shape: Shape, value: Mapping[str, Any]) -> list[str]:
    """The same for an answer. AWS returns empty lists, for example of builds, although its models demand at least one item."""
    empty = {name for name, item in value.items() if item == []}
    found = problems(shape, value)
    return [problem for problem in found if not any(_is_length_of(problem, name) for name in empty)]


def _is_length_of(problem: str, member: str) -> bool:
    """Whether the problem is that this list is too short. botocore and `_violation` use different words for it."""
    too_short = f"for parameter {member}, value: 0" in problem or f"at '{_lower(member)}'" in problem
    return too_short and ("min length" in problem or "greater than or equal" in problem)


def _walk(shape: Shape, value: Any, where: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            if name not in shape.members:
                yield f"Unknown member at '{where or 'the top'}': \"{name}\", must be one of: {', '.join(shape.members)}"
            else:
                yield from _walk(shape.members[name], item, f"{where}.{_lower(name)}" if where else _lower(name))
    elif isinstance(shape, ListShape):
        yield from _size(shape, len(value), value, where)
        for index, item in enumerate(value, start=1):
            yield from _walk(shape.member, item, f"{where}.{index}.member")
    elif isinstance(shape, MapShape):
        yield from _size(shape, len(value), value, where)
        for key, item in value.items():
            yield from _walk(shape.key, key, f"{where}.key")
            yield from _walk(shape.value, item, f"{where}.{key}.member")
    elif isinstance(value, str):
        yield from _text(shape, value, where)
    elif isinstance(value, bytes):
        yield from _size(shape, len(value), "bytes", where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _range(shape, value, where)


def _text(shape: Shape, value: str, where: str) -> Iterator[str]:
    yield from _size(shape, len(value), value, where)
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _violation(value, where, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if not pattern:
        return
    violation = _violation(value, where, f"Member must satisfy regular expression pattern: {pattern}")
    try:
        if not _compiled(pattern).fullmatch(value, timeout=_LONGEST_MATCH_S):
            yield violation
    except TimeoutError as error:
        raise _Unmatched(violation) from error


def _size(shape: Shape, size: int, value: Any, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _violation(value, where, f"Member must have length greater than or equal to {low}")
    if high is not None and size > high:
        yield _violation(value, where, f"Member must have length less than or equal to {high}")


def _range(shape: Shape, value: float, where: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield _violation(value, where, f"Member must have value greater than or equal to {low}")
    if high is not None and value > high:
        yield _violation(value, where, f"Member must have value less than or equal to {high}")


def _violation(value: Any, where: str, constraint: str) -> str:
    return f"Value '{value}' at '{where}' failed to satisfy constraint: {constraint}"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    """A model's pattern for Python. It is written for Java, where a character beyond the basic plane is a surrogate pair."""
    return regex.compile(pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(r"\z", r"\Z"))
