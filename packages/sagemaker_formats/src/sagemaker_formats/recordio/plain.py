"""A compiled loop for plain records, of which nearly all data consist. It is ten times as fast as reader.py, and refuses nothing.

A plain record is a short row in the layout of all known writers: fields in order, every length in one byte. The loop passes arrays to few
functions, because counting the references to an array costs more time than the reading.
"""

import numpy as np

from sagemaker_formats.jit import compiled
from sagemaker_formats.recordio.wire import Bytes, Ints, int64

# a plain record up to its values, with 0 for the five lengths (at bytes 4, 9, 19, 21 and 23); a label up to its value
PLAIN_HEAD = np.frombuffer(bytes.fromhex("0a23d7ce 00000000 0a00 0a06") + b"values" + bytes.fromhex("1200 1200 0a00"), dtype=np.uint8)
PLAIN_LABEL = np.frombuffer(bytes.fromhex("1212 0a06") + b"values" + bytes.fromhex("1208 1206 0a04"), dtype=np.uint8)


@compiled()
def plain_tail(dim: int, labelled: int) -> Bytes:
    """The bytes after the keys of a plain record: the shape and, if it has a label, the label up to its value."""
    tail = np.zeros(32, np.uint8)
    size = 2
    while dim >= 128:
        tail[size] = dim & 127 | 128
        dim >>= 7
        size += 1
    tail[size] = dim
    tail[0], tail[1] = 0x1A, size - 1
    size += 1
    if labelled == 1:
        for i in range(PLAIN_LABEL.size):
            tail[size + i] = PLAIN_LABEL[i]
        size += PLAIN_LABEL.size
    return tail[:size]


@compiled()
def plain_end(data: Bytes, at: int, tail: Bytes, label_size: int) -> int:
    """The end of the keys of the record at `at`; -1 if the record is not plain (fields in the usual order, each length in one byte)."""
    if data.size - at < 28 + tail.size + label_size:
        return -1
    for i in range(PLAIN_HEAD.size):
        if data[at + i] != PLAIN_HEAD[i] and i not in (4, 9, 19, 21, 23):
            return -1
    length, entry, n_bytes = int64(data[at + 4]), int64(data[at + 9]), int64(data[at + 23])
    keys_at = at + 26 + n_bytes
    end = at + 8 + length - label_size - tail.size
    shape_size = 2 + int64(tail[1])
    if n_bytes == 0 or n_bytes % 4 != 0 or keys_at > end or at + 8 + (length + 3) // 4 * 4 > data.size or entry >= 128:
        return -1
    if at + 10 + entry != end + shape_size or data[at + 19] != entry - 10 or data[at + 21] != entry - 12:
        return -1
    if data[keys_at - 2] != 0x12 or data[keys_at - 1] != end - keys_at or data[keys_at - 1] >= 128:
        return -1
    for i in range(tail.size):
        if data[end + i] != tail[i]:
            return -1
    return end


@compiled()
def read_plain(
    data: Bytes, at: int, row: int, dim: int, labelled: int, indptr: Ints, keys: Ints, value_bytes: Bytes, label_bytes: Bytes
) -> tuple[int, int]:
    """(position, row) after a run of plain records. The loop stops at any other record, which reader.py reads or refuses."""
    tail, label_size = plain_tail(dim, labelled), 4 * labelled
    while True:
        end = plain_end(data, at, tail, label_size)
        if end < 0:
            return at, row
        n, count = indptr[row], int64(data[at + 23]) // 4
        i, key, shift, found = at + 26 + 4 * count, int64(0), 0, 0
        while i < end and found < count and shift < 63:
            key |= (int64(data[i]) & 127) << shift
            shift += 7
            if data[i] < 128:
                if key >= dim:
                    break
                keys[n + found] = key
                found += 1
                key, shift = int64(0), 0
            i += 1
        if found != count or i != end:
            return at, row
        for i in range(4 * count):
            value_bytes[4 * n + i] = data[at + 24 + i]
        for i in range(label_size):
            label_bytes[4 * row + i] = data[end + tail.size + i]
        row += 1
        indptr[row] = n + count
        at += 8 + (int64(data[at + 4]) + 3) // 4 * 4
