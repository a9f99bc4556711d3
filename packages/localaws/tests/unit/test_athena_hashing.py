"""xxHash64 over Arrow columns, against the algorithm written out byte by byte."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_xxhash import plain_xxhash64

from localaws.athena import hashing


def test_the_plain_algorithm_gives_the_published_values() -> None:
    assert plain_xxhash64(b"") == 0xEF46DB3751D8E999
    assert plain_xxhash64(b"abc") == 0x44BC2CF5AD770999
    assert plain_xxhash64(b"Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1


@given(st.lists(st.none() | st.binary(max_size=100), max_size=20))
def test_a_column_is_hashed_value_by_value(values: list[bytes | None]) -> None:
    expected = [None if value is None else plain_xxhash64(value).to_bytes(8, "big") for value in values]
    assert hashing.xxhash64(pa.array(values, pa.binary())).to_pylist() == expected
    assert hashing.xxhash64(pa.chunked_array([pa.array(values, pa.binary())] * 2)).to_pylist() == expected * 2
    assert hashing.xxhash64(pa.array([b"x", *values], pa.binary()).slice(1)).to_pylist() == expected


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_big_endian_conversions_undo_each_other(numbers: list[int | None]) -> None:
    packed = hashing.to_big_endian_64(pa.array(numbers, pa.int64()))
    assert packed.to_pylist() == [None if one is None else one.to_bytes(8, "big", signed=True) for one in numbers]
    assert hashing.from_big_endian_64(packed).to_pylist() == numbers


def test_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 8-byte input, but got instead: 3"):
        hashing.from_big_endian_64(pa.array([b"12345678", b"abc"]))
