"""Varints of whole arrays, and the positions of elements in rows of different lengths.

A varint holds 7 bits a byte, the lowest first; all its bytes but the last have the upper bit set.
"""

import numpy as np

from sagemaker_formats.recordio.wire import Bytes, Ints

# nine bytes hold 63 bits, which is what an int64 holds
MAX_SIZE = 9


def sizes_of(values: Ints) -> Bytes:
    """The number of bytes of each value as a varint. The values must not be negative."""
    sizes = np.ones(values.size, np.uint8)
    for bits in range(7, 7 * MAX_SIZE, 7):
        longer = values >= 1 << bits
        if not longer.any():
            break
        sizes += longer
    return sizes


def as_words(values: Ints) -> Ints:
    """Each value below 2**49 as a varint in the lowest bytes of an int64, whose other bytes are 0."""
    words, byte = values & 127, 1
    while (rest := values >> 7 * byte).any():
        words |= (rest & 127) << 8 * byte | (rest > 0).astype(np.int64) << 8 * byte - 1
        byte += 1
    return words


def put(out: Bytes, at: Ints, values: Ints, sizes: Bytes) -> None:
    """Write each value at its position, in as many bytes as sizes_of() says."""
    for byte in range(int(sizes.max(initial=0))):
        longer = sizes > byte
        if not longer.all():
            at, values, sizes = at[longer], values[longer], sizes[longer]
        out[at + byte] = (values >> 7 * byte).astype(np.uint8) & 127 | (sizes > byte + 1).view(np.uint8) << 7


def unpack(packed: Bytes) -> tuple[Ints, Ints, Ints]:
    """(values, position of the last byte of each, size of each) of varints one after another.

    Of a varint that is longer than MAX_SIZE, only the last bytes are read.
    """
    last = np.flatnonzero(packed < 128)
    sizes = np.diff(last, prepend=-1)
    values = packed[last].astype(np.int64)
    for byte in range(1, min(int(sizes.max(initial=0)), MAX_SIZE)):
        longer = np.flatnonzero(sizes > byte)
        values[longer] = values[longer] << 7 | packed[last[longer] - byte] & 127
    return values, last, sizes


def positions(at: Ints, counts: Ints, step: int = 1) -> Ints:
    """The positions of all elements of rows that begin at `at` and have `counts` elements of `step` bytes."""
    if counts.size and counts.min() == counts.max():
        return (at[:, None] + np.arange(0, step * counts[0], step)).ravel()
    ends = np.cumsum(counts)
    first: Ints = np.repeat(at - step * (ends - counts), counts)
    return first + step * np.arange(first.size)
