"""JSON that anybody may have written: a problem names the file, what is wrong, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from mlkit.errors import SealBroken
from mlkit.evidence.strict_json import read_as, read_json


@dataclass(frozen=True, kw_only=True)
class Inner:
    number: int
    maybe: float | None = None
    flag: bool = False


@dataclass(frozen=True, kw_only=True)
class Outer:
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    schema: str = "outer/1"


def told(data: bytes) -> str:
    with pytest.raises(SealBroken) as raised:
        read_as(Outer, data, "a.json")
    return str(raised.value)


def test_a_document_becomes_the_dataclass() -> None:
    data = b'{"schema": "outer/1", "inner": {"number": 1, "maybe": 2}, "many": [{"number": 3}], "named": {"x": {"number": 4}}}'
    inner = Inner(number=1, maybe=2.0)
    assert read_as(Outer, data, "a") == Outer(inner=inner, many=(Inner(number=3),), named={"x": Inner(number=4)})
    assert read_json(b'[1, "\xc3\xa9", {"a": {"a": 1}, "b": {"a": 1}}]', "a") == [1, "\xe9", {"a": {"a": 1}, "b": {"a": 1}}]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (b'"inner": 1', "inner is a whole number where an object is expected"),
        (b'"inner": [1]', "inner is a list where an object is expected"),
        (b'"texts": [[1]]', "texts, entry 1 is a list where a text is expected"),
        (b'"named": [1]', "named is a list where an object is expected"),
        (b'"inner": {}', "inner has no member number"),
        (b'"inner": {"number": 1, "more": 1}', "inner has the unknown member more"),
        (b'"inner": {"number": 1.5}', "inner, number is a decimal number where a whole number is expected"),
        (b'"inner": {"number": true}', "inner, number is true or false where a whole number is expected"),
        (b'"inner": {"number": 1, "maybe": "x"}', "inner, maybe is a text where a decimal number is expected"),
        (b'"inner": {"number": 1, "flag": null}', "inner, flag is null where true or false is expected"),
        (b'"many": {}', "many is an object where a list is expected"),
        (b'"many": [{"number": 1}, {"number": []}]', "many, entry 2, number is a list where a whole number is expected"),
        (b'"named": []', "named is a list where an object is expected"),
        (b'"named": {"\xd0\xb5": {"number": "1"}}', "named, \\u0435, number is a text where a whole number is expected"),
        (b'"texts": [1]', "texts, entry 1 is a whole number where a text is expected"),
        (b'"b": 1, "a": 1', "the document has the unknown member a"),
    ],
)
def test_what_does_not_fit_is_told_by_its_place(members: bytes, message: str) -> None:
    assert told(b'{"schema": "outer/1", ' + members + b"}") == f"a.json does not fit: {message}"


def test_another_schema_is_told() -> None:
    assert told(b'{"schema": "outer/2"}') == "a.json has the schema outer/2, not outer/1"
    with pytest.raises(SealBroken) as raised:
        read_as(Outer, b"{}", "a.json")
    assert raised.value.cure == "Read it with the version of mlkit that wrote it."
    assert told(b"{") == "a.json is not JSON: line 1, column 2"
    assert told(b'{"inner": null}') == "a.json has the schema None, not outer/1"
    assert told(b"[]") == "a.json does not fit: the document is a list where an object is expected"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not JSON: line 1, column 1"),
        (b"{\n'a': 1}", "is not JSON: line 2, column 1"),
        (b"\xef\xbb\xbf{}", "is not JSON: line 1, column 1"),
        (b'"\xff"', "is not UTF-8 text: its byte 2 is of no character"),
        (b"[" * 100_000, "cannot be read: it is nested too deeply"),
        (b"1" * 4301, "holds a number of too many digits"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', "has the member b twice"),
    ],
)
def test_what_is_no_json_is_told_in_words(data: bytes, message: str) -> None:
    with pytest.raises(SealBroken) as raised:
        read_json(data, "a.json")
    assert str(raised.value) == f"a.json {message}"
