"""xxHash64 and big-endian conversions over whole Arrow columns.

xxHash64 follows the algorithm's specification (xxHash fast digest algorithm, XXH64, seed 0). Values of one length are hashed together, so
the cost is a few NumPy operations per 8 bytes of the longest value rather than a loop over the rows.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from localaws.athena.trino.casts import FAILURE_MARK

_Words = NDArray[np.uint64]
_P1, _P2, _P3, _P4, _P5 = (
    np.uint64(prime) for prime in (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
)


def _rotate(words: _Words, bits: int) -> _Words:
    return (words << np.uint64(bits)) | (words >> np.uint64(64 - bits))


def _round(lane: _Words, word: _Words) -> _Words:
    return _rotate(lane + word * _P2, 31) * _P1


def _merge(accumulated: _Words, lane: _Words) -> _Words:
    return (accumulated ^ _round(np.zeros_like(lane), lane)) * _P1 + _P4


def _stripes(data: NDArray[np.uint8]) -> tuple[_Words, int]:
    """The accumulator after all whole 32-byte stripes of (n, length) bytes, and how many bytes that were."""
    count, length = data.shape
    if length < 32:
        return np.full(count, _P5), 0
    whole = length // 32 * 32
    words = np.ascontiguousarray(data[:, :whole]).view("<u8").astype(np.uint64)
    lanes = [np.full(count, start) for start in (_P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1)]
    for at in range(0, whole // 8, 4):
        lanes = [_round(lane, words[:, at + place]) for place, lane in enumerate(lanes)]
    total = sum((_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)), np.zeros(count, np.uint64))
    for lane in lanes:
        total = _merge(total, lane)
    return total, whole


def xxhash64_words(data: NDArray[np.uint8]) -> _Words:
    """XXH64 with seed 0 of each row of an (n, length) array of bytes."""
    with np.errstate(over="ignore"):
        hashed, at = _stripes(data)
        length = data.shape[1]
        hashed = hashed + np.uint64(length)
        while at + 8 <= length:
            word = np.ascontiguousarray(data[:, at : at + 8]).view("<u8")[:, 0].astype(np.uint64)
            hashed = _rotate(hashed ^ _round(np.zeros_like(word), word), 27) * _P1 + _P4
            at += 8
        if at + 4 <= length:
            half = np.ascontiguousarray(data[:, at : at + 4]).view("<u4")[:, 0].astype(np.uint64)
            hashed = _rotate(hashed ^ (half * _P1), 23) * _P2 + _P3
            at += 4
        for place in range(at, length):
            hashed = _rotate(hashed ^ (data[:, place].astype(np.uint64) * _P5), 11) * _P1
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
    lengths = np.diff(bounds)
    hashed = np.zeros(len(values), np.uint64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        hashed[rows] = xxhash64_words(data[bounds[rows, None] + np.arange(length)].reshape(len(rows), length))
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
