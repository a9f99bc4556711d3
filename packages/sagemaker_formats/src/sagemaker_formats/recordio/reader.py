"""Reads records into arrays, in blocks whose arrays fit into a processor's cache."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagemaker_formats.recordio import varints
from sagemaker_formats.recordio.framing import find_records, refusal_at
from sagemaker_formats.recordio.layouts import (
    KEYS_AT,
    KEYS_SIZE,
    LABEL_AT,
    SECOND_LABEL_AT,
    VALUES_AT,
    VALUES_SIZE,
    Layout,
    Reader,
    find_parts,
)
from sagemaker_formats.recordio.message import PredictionReader, RecordReader
from sagemaker_formats.recordio.rows import Rows
from sagemaker_formats.recordio.wire import CUT, HEADER_SIZE, Bytes, Flags, Floats, Ints, Refused

BLOCK_SIZE = 1 << 20  # bytes; a longer record is a block of its own

# (arrays of the rows, number of rows before the first bad one), of a block's bytes and its table of parts
Decode = Callable[[Bytes, Ints], tuple[tuple[NDArray[Any], ...], int]]


def read_rows(data: bytes, feature_dim: int | None) -> tuple[Rows | None, int]:
    """(the rows of the whole records or None without one, position after the last of them).

    `feature_dim` is None if it is not known. Raises Refused for the first bad record, with its position.
    """
    reader = RecordReader(feature_dim)
    found, end = _read(data, reader, lambda block, table: sparse_rows(block, table, reader.dim or 0))
    if found is None or reader.dim is None:
        return None, end
    counts, keys, values, labels = found
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return Rows(indptr=indptr, keys=keys, values=values, labels=labels if reader.labelled else None, feature_dim=reader.dim), end


def read_predictions(data: bytes) -> tuple[Floats, Floats | None]:
    """(scores, predicted labels if there are any). Raises Refused as read_rows() does, also for a record that is cut off."""

    def decode(block: Bytes, table: Ints) -> tuple[tuple[Floats, Floats], int]:
        return (floats_at(block, table[LABEL_AT]), floats_at(block, table[SECOND_LABEL_AT])), table.shape[1]

    reader = PredictionReader()
    found, end = _read(data, reader, decode)
    if end < len(data):
        raise Refused(CUT, end)
    scores, labels = found or [np.zeros(0, np.float32)] * 2
    return scores, labels if reader.labelled else None


def _read(data: bytes, reader: Reader, decode: Decode) -> tuple[list[NDArray[Any]] | None, int]:
    """(the arrays of all blocks, joined, or None without a record, position after the last whole record)."""
    starts, lengths, end = find_records(data)
    bounds = np.append(starts, end)
    layouts: list[Layout] = []
    found = []
    first = 0
    while first < starts.size:
        after = max(first + 1, int(np.searchsorted(bounds, bounds[first] + BLOCK_SIZE, side="right")) - 1)
        begin = starts[first:after] - bounds[first] + HEADER_SIZE
        stop = begin + lengths[first:after]
        part = data[bounds[first] : bounds[after]]
        block, table, refusal = find_parts(part, begin, stop, reader, layouts)
        arrays, good = decode(block, table)
        if good < table.shape[1]:
            refusal = _reason(part, int(begin[good]), int(stop[good]), reader)
        if refusal:
            raise Refused(refusal, int(bounds[first + good]))
        found.append(arrays)
        first = after
    if end < len(data) and (refusal := refusal_at(data, end)) != CUT:
        raise Refused(refusal, end)
    return [np.concatenate(arrays) for arrays in zip(*found, strict=True)] if found else None, end


def _reason(data: bytes, start: int, stop: int, reader: Reader) -> str:
    try:
        reader.read(data, start, stop)
    except Refused as refusal:
        return refusal.reason
    raise AssertionError("the two readers disagree")


def sparse_rows(block: Bytes, table: Ints, dim: int) -> tuple[tuple[Ints, Ints, Floats, Floats], int]:
    """((entries of each row, keys, values, labels), number of rows before the first bad one). Dense rows lose their zeros."""
    counts = table[VALUES_SIZE] // 4
    values = floats_at(block, varints.positions(table[VALUES_AT], counts, 4))
    keys, last, sizes = varints.unpack(block[varints.positions(table[KEYS_AT], table[KEYS_SIZE])])
    good = _good_rows(table, counts, dim, keys, last, sizes)
    is_dense = (table[KEYS_SIZE] == 0) & (counts > 0)
    if good == counts.size and is_dense.any():
        counts, keys, values = _without_zeros(counts, keys, values, is_dense)
    return (counts, keys, values, floats_at(block, table[LABEL_AT])), good


def _good_rows(table: Ints, counts: Ints, dim: int, keys: Ints, last: Ints, sizes: Ints) -> int:
    """The number of rows before the first whose keys are malformed, too large, or not as many as the values."""
    has_keys = table[KEYS_SIZE] > 0
    bad = np.where(has_keys, counts == 0, (counts > 0) & (counts != dim))
    ends = np.cumsum(table[KEYS_SIZE])  # of the packed keys of each row
    # if all rows before are good, the row's last key is this one, and it ends where the row's keys end
    final = np.cumsum(np.where(has_keys, counts, 0)) - 1
    bad |= has_keys & (np.append(last, -1)[np.minimum(final, last.size)] != ends - 1)
    wrong = (keys >= dim) | (sizes > varints.MAX_SIZE)
    if wrong.any():
        bad[np.searchsorted(ends, last[wrong.argmax()], side="right")] = True
    return int(bad.argmax()) if bad.any() else bad.size


def _without_zeros(counts: Ints, keys: Ints, values: Floats, is_dense: Flags) -> tuple[Ints, Ints, Floats]:
    """(entries of each row, keys, values) where the dense rows, which have no keys, got some and lost their zeros."""
    ends = np.cumsum(counts)
    dense = np.repeat(is_dense, counts)
    every = np.arange(values.size) - np.repeat(ends - counts, counts)
    every[~dense] = keys
    keep = ~dense | (values != 0)
    kept = np.concatenate([[0], np.cumsum(keep)])
    return kept[ends] - kept[ends - counts], every[keep], values[keep]


def floats_at(block: Bytes, at: Ints) -> Floats:
    """The four bytes at each position as float32."""
    return np.ndarray((block.size - 3,), np.float32, block, strides=(1,))[at]
