"""xxHash64 and big-endian conversions over whole Arrow columns.

xxHash64 follows the algorithm's specification (xxHash fast digest algorithm, XXH64, seed 0). Values of up to 31 bytes are hashed together,
then those of 32 to 63 bytes and so on, so the cost is a few NumPy operations per 8 bytes of the longest value rather than a loop over the
rows.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from localaws.athena.trino.casts import FAILURE_MARK

_Words = NDArray[np.uint64]
_STRIPE = 32
_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(prime) for prime in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
)


def _rotate(words: _Words, bits: int) -> _Words:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))


def _round(lane: Any, word: _Words) -> _Words:
    return _rotate(lane + word * _P2, 31) * _P1


def _merge(accumulated: _Words, lane: _Words) -> _Words:
    return (accumulated ^ _round(np.uint64(0), lane)) * _P1 + _P4


class _Bytes:
    """The bytes of many values. `word` reads eight of them anywhere."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        padded = np.concatenate([data, np.zeros(_STRIPE, np.uint8)])
        self._words: _Words = np.ndarray((len(data) + _STRIPE - 7,), "<u8", padded, strides=(1,))

    def word(self, places: NDArray[np.int64]) -> _Words:
        return self._words[places]


def _stripes(content: _Bytes, starts: NDArray[np.int64], count: int) -> _Words:
    """The accumulator after the first `count` stripes of each value."""
    if count == 0:
        return np.full(len(starts), _P5)
    lanes: list[Any] = [_P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1]
    for stripe in range(count):
        at = starts + stripe * _STRIPE
        lanes = [_round(lane, content.word(at + 8 * place)) for place, lane in enumerate(lanes)]
    total = sum((_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)), np.zeros(len(starts), np.uint64))
    for lane in lanes:
        total = _merge(total, lane)
    return total


def _tail(hashed: _Words, content: _Bytes, at: NDArray[np.int64], left: NDArray[np.int64]) -> _Words:
    """The hash after the last `left` bytes, fewer than a stripe, of each value. A value that has no more keeps its hash."""
    for place in range(3):
        mixed = _rotate(hashed ^ _round(np.uint64(0), content.word(at + 8 * place)), 27) * _P1 + _P4
        hashed = np.where(left >= 8 * (place + 1), mixed, hashed)
    at, left = at + (left & ~7), left & 7
    word = content.word(at)
    mixed = _rotate(hashed ^ ((word & np.uint64(0xFFFFFFFF)) * _P1), 23) * _P2 + _P3
    hashed, word = np.where(left >= 4, mixed, hashed), np.where(left >= 4, word >> np.uint64(32), word)
    for place in range(3):
        mixed = _rotate(hashed ^ ((word >> np.uint64(8 * place) & np.uint64(0xFF)) * _P5), 11) * _P1
        hashed = np.where((left & 3) > place, mixed, hashed)
    return hashed


def _hashed(content: _Bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64], stripes: int) -> _Words:
    """XXH64 with seed 0 of values that have this number of whole stripes."""
    with np.errstate(over="ignore"):
        hashed = _stripes(content, starts, stripes) + lengths.astype(np.uint64)
        hashed = _tail(hashed, content, starts + stripes * _STRIPE, lengths - stripes * _STRIPE)
        hashed = (hashed ^ (hashed >> np.uint64(33))) * _P2
        hashed = (hashed ^ (hashed >> np.uint64(29))) * _P3
        return hashed ^ (hashed >> np.uint64(32))


def _parts(column: Any) -> tuple[pa.Array, NDArray[np.int64], NDArray[np.uint8]]:
    """One Arrow array of binary values, its offsets (n + 1) and its bytes."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], pa.binary())
    values = values.cast(pa.large_binary())
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, np.int64, len(values) + 1, values.offset * 8)
    return values, bounds, np.frombuffer(data or b"", np.uint8)


def _fixed(words: _Words, missing: pa.Array) -> pa.Array:
    """64-bit words as 8-byte big-endian binary values, null where `missing`."""
    data = words.astype(">u8").tobytes()
    offsets = np.arange(len(words) + 1, dtype=np.int32) * 8
    values = pa.Array.from_buffers(pa.binary(), len(words), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(data)])
    return pa.compute.if_else(missing, pa.scalar(None, pa.binary()), values)


def xxhash64(column: Any) -> pa.Array:
    """Each value's XXH64 as 8 big-endian bytes, the result of Trino's xxhash64(varbinary)."""
    values, bounds, data = _parts(column)
    content, lengths = _Bytes(data), np.diff(bounds)
    hashed, stripes = np.zeros(len(values), np.uint64), lengths // _STRIPE
    for count in np.unique(stripes):
        rows = np.flatnonzero(stripes == count)
        hashed[rows] = _hashed(content, bounds[rows], lengths[rows], int(count))
    return _fixed(hashed, values.is_null())


def from_big_endian_64(column: Any) -> pa.Array:
    """The bigint of 8 big-endian bytes. Raises ValueError for any other length, as Trino does."""
    values, bounds, data = _parts(column)
    missing = values.is_null()
    lengths, present = np.diff(bounds), ~missing.to_numpy(zero_copy_only=False)
    wrong = lengths[present & (lengths != 8)]
    if len(wrong):
        text = f"INVALID_FUNCTION_ARGUMENT: expected 8-byte input, but got instead: {wrong[0]}"
        raise ValueError(f"{FAILURE_MARK}{text}{FAILURE_MARK}")
    numbers = np.zeros(len(values), np.int64)
    rows = np.flatnonzero(present)
    numbers[rows] = data[bounds[rows, None] + np.arange(8)].reshape(len(rows), 8).view(">i8")[:, 0]
    return pa.compute.if_else(missing, pa.scalar(None, pa.int64()), pa.array(numbers))


def to_big_endian_64(column: Any) -> pa.Array:
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], pa.int64())
    numbers = values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return _fixed(numbers.view(np.uint64), values.is_null())
