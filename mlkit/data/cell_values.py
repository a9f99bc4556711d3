"""Reads text as values for the lake's columns.

Athena silently reads a value that does not fit its column as null. So each value is written in the spelling that Athena reads, or
refused with its place.
"""

import re
from typing import NoReturn

import pyarrow as pa
import pyarrow.compute as pc

WHOLE = {"tinyint": 8, "smallint": 16, "int": 32, "integer": 32, "bigint": 64}  # Glue type: bits
_NUMBER = re.compile(r"(tinyint|smallint|int|integer|bigint|float|real|double|decimal(\(\d+(,\s*\d+)?\))?)")
_TEXT = re.compile(r"string|char\(\d+\)|varchar(\(\d+\))?")
_WHOLE = re.compile(r"(0|-?[1-9][0-9]*)(\.0+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NULL = "\\N"  # null in Hive's text files


class Unfit(Exception):
    """The value at `index` does not fit because of `reason`; `accepted` says what does."""

    def __init__(self, index: int, value: str, reason: str, accepted: str) -> None:
        super().__init__(reason)
        self.index, self.value, self.reason, self.accepted = index, value, reason, accepted


def is_text(kind: str) -> bool:
    """Whether a column of this Glue type holds text."""
    return _TEXT.fullmatch(kind) is not None


def is_number(kind: str) -> bool:
    """Whether a column of this Glue type holds numbers."""
    return _NUMBER.fullmatch(kind) is not None


def cleaned(texts: pa.Array) -> pa.Array:
    """The values without surrounding white space, and without quotes that the parser kept because of a space before them."""
    trimmed = pc.utf8_trim_whitespace(texts)
    if pc.any(pc.match_substring(trimmed, '"')).as_py():
        trimmed = pc.utf8_trim_whitespace(pc.replace_substring_regex(trimmed, r'(?s)\A"([^"]*)"\z', r"\1"))
    return trimmed


def whole_numbers(texts: pa.Array, kind: str = "bigint") -> pa.Array:
    """Text such as 81 or 81.0 as int64, within what a column of type `kind` holds. Raises Unfit for the first other value."""
    numbers = _plain_integers(texts)
    if numbers is None:
        texts = cleaned(texts)
        numbers = _plain_integers(pc.replace_substring_regex(texts, r"\.0+\z", ""))
    low, high = _limits(kind)
    if numbers is not None and len(numbers):
        found = pc.min_max(numbers).as_py()
        if low <= found["min"] and found["max"] <= high:
            return numbers
    elif numbers is not None:
        return numbers
    _refuse_whole(texts, kind)


def _plain_integers(texts: pa.Array) -> pa.Array | None:
    """The numbers if each has its plain spelling; None otherwise, because Arrow also reads 0x1f and 081."""
    try:
        numbers = texts.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    return numbers if numbers.cast(pa.string()).equals(texts) else None


def _limits(kind: str) -> tuple[int, int]:
    half: int = 2 ** (WHOLE[kind] - 1)
    return -half, half - 1


def _refuse_whole(texts: pa.Array, kind: str) -> NoReturn:
    low, high = _limits(kind)
    accepted = f"a whole number from {low} to {high}, written as 81 or 81.0"
    for index, value in enumerate(texts.to_pylist()):
        if value == "":
            raise Unfit(index, value, "empty", accepted)
        if not _WHOLE.fullmatch(value):
            raise Unfit(index, value, f"not a whole number{_other_spelling(value)}", accepted)
        if not low <= int(value.partition(".")[0]) <= high:
            raise Unfit(index, value, f"more than a column of type {kind} holds", accepted)
    raise AssertionError("the array and its values were read differently")


def _other_spelling(value: str) -> str:
    """A hint with the plain spelling of the number; empty if it is no number."""
    try:
        meant = float(value.replace(" ", ""))
        return f"; write it as {int(meant)}" if meant.is_integer() and abs(meant) < 2**53 else ""
    except (ValueError, OverflowError):
        return ""


def numbers(texts: pa.Array, *, finite: bool = True) -> pa.Array:
    """Text such as 3, 3.5 or 1e-7 as float64; NaN and Infinity only without `finite`. Raises Unfit for the first other value."""
    for spelled in (texts, cleaned(texts)):
        try:
            found = spelled.cast(pa.float64())
        except pa.ArrowInvalid:
            continue
        if not finite and len(found):
            return found
        if pc.all(pc.is_finite(found)).as_py() is not False:
            return found
    accepted = "a number such as 3, 3.5 or 1e-7, with a point before the decimals"
    for index, value in enumerate(cleaned(texts).to_pylist()):
        if value == "":
            raise Unfit(index, value, "empty", accepted)
        if not _is_number(value, finite=finite):
            raise Unfit(index, value, "not a number", accepted)
    raise AssertionError("the array and its values were read differently")


def _is_number(value: str, *, finite: bool) -> bool:
    try:
        number = pa.scalar(value).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return not finite or pc.is_finite(number).as_py() is True


def plain_text(texts: pa.Array, delimiter: str) -> pa.Array:
    """Text for a table whose columns `delimiter` separates. Raises Unfit for the first value that Athena would read as another."""
    texts = cleaned(texts)
    unsafe = rf"[\x00-\x1f\x7f-\x{{9f}}{re.escape(delimiter)}]|\A\z|\A\\N\z"
    if not pc.any(pc.match_substring_regex(texts, unsafe)).as_py():
        return texts
    name = {"\t": "tab", ",": "comma"}.get(delimiter, repr(delimiter))
    accepted = f"text without control characters and without a {name}"
    for index, value in enumerate(texts.to_pylist()):
        if value == "":
            raise Unfit(index, value, "empty", accepted)
        if value == _NULL:
            raise Unfit(index, value, "what Athena reads as null", accepted)
        if _CONTROL.search(value) or delimiter in value:
            raise Unfit(index, value, f"text with a {name if delimiter in value else 'control character'}", accepted)
    raise AssertionError("the array and its values were read differently")
