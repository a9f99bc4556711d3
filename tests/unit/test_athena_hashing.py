"""xxHash64 over Arrow columns, against the algorithm written out byte by byte."""

import struct

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkit.local.athena import hashing

_P1, _P2, _P3, _P4, _P5 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_MASK = 2**64 - 1


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(lane: int, word: int) -> int:
    return _rotate((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def plain_xxhash64(data: bytes) -> int:
    """XXH64 with seed 0, one value, one step at a time."""
    at = 0
    if len(data) >= 32:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while at + 32 <= len(data):
            lanes = [_round(lane, word) for lane, word in zip(lanes, struct.unpack_from("<4Q", data, at), strict=True)]
            at += 32
        total = sum(_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            total = ((total ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        total = _P5
    total = (total + len(data)) & _MASK
    for size, form in ((8, "<Q"), (4, "<I"), (1, "<B")):
        while at + size <= len(data):
            (word,) = struct.unpack_from(form, data, at)
            if size == 8:
                total = (_rotate(total ^ _round(0, word), 27) * _P1 + _P4) & _MASK
            elif size == 4:
                total = (_rotate(total ^ word * _P1 & _MASK, 23) * _P2 + _P3) & _MASK
            else:
                total = _rotate(total ^ word * _P5 & _MASK, 11) * _P1 & _MASK
            at += size
    for bits, prime in ((33, _P2), (29, _P3), (32, 1)):
        total = (total ^ total >> bits) * prime & _MASK
    return total


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
