"""XXH64 as its specification writes it: one value, one byte at a time, independent of the product."""

import struct

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


def signed_hash(text: str) -> int:
    """The text's XXH64 as Trino's from_big_endian_64 reads it: a number with a sign."""
    return int.from_bytes(plain_xxhash64(text.encode()).to_bytes(8, "big"), "big", signed=True)


def place_of(text: str) -> int:
    """0 to 9999: where the text's hash lies among the shares of the rows."""
    return (plain_xxhash64(text.encode()) >> 8 & 0xFFFFF) % 10_000
