"""What does not fit is refused with an error that callers catch, whatever JSON has in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from mlkit.typed_json import build


@dataclass(frozen=True, kw_only=True)
class Point:
    x: int
    y: float = 0.0


WRONG = [None, 1, True, "text", [], [1], {"x": "1"}, {"x": True}, {"x": 1, "z": 2}, {}]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Point, {"x": 1, "y": 2}, Point(x=1, y=2.0)),
        (tuple[Point, ...], [{"x": 1}, {"x": 2}], (Point(x=1), Point(x=2))),
        (Sequence[int], [1, 2], [1, 2]),
        (Mapping[str, Point], {"a": {"x": 1}, "b": {"x": 2}}, {"a": Point(x=1), "b": Point(x=2)}),
        (Point | None, None, None),
        (Point | None, {"x": 1}, Point(x=1)),
    ],
)
def test_a_fitting_value_becomes_the_annotated_type(kind: Any, value: Any, expected: Any) -> None:
    assert build(kind, value) == expected


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_an_object_is_refused_unless_its_members_fit(value: Any) -> None:
    for kind, whole in ((Point, value), (tuple[Point, ...], [{"x": 1}, value]), (Mapping[str, Point], {"a": {"x": 1}, "b": value})):
        with pytest.raises((ValueError, TypeError, KeyError)):
            build(kind, whole)


@pytest.mark.parametrize("kind", [tuple[str, ...], Sequence[str]])
@pytest.mark.parametrize("value", ["text", {"a": "b"}, None, 1])
def test_only_a_list_is_a_list(kind: Any, value: Any) -> None:
    with pytest.raises(TypeError, match="is not a list"):
        build(kind, value)


@pytest.mark.parametrize("value", ["text", ["a"], None, 1])
def test_only_an_object_is_a_mapping(value: Any) -> None:
    with pytest.raises(TypeError, match="is not an object"):
        build(Mapping[str, str], value)
