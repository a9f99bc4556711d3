"""Finds the records in data: each begins with a magic number and its length."""

from bisect import bisect_left

import numpy as np

from sagemaker_formats.recordio import wire
from sagemaker_formats.recordio.wire import HEADER_SIZE, LENGTH_LIMIT, MAGIC, Flags, Ints


def find_records(data: bytes) -> tuple[Ints, Ints, int]:
    """(start of each whole record, length of its payload, position after the last of them).

    The search compares all words with the magic number. A word that a record contains by chance is not at the end of another record.
    """
    words = np.frombuffer(data, "<u4", len(data) // 4)
    found = np.flatnonzero(words[:-1] == MAGIC)
    lengths = words[found + 1].astype(np.int64)
    starts = 4 * found
    stops = starts + HEADER_SIZE + (lengths + 3) // 4 * 4
    whole = (lengths < LENGTH_LIMIT) & (stops <= len(data))
    runs, end = _runs(starts, stops, whole)
    if len(runs) == 1:
        return starts[runs[0]], lengths[runs[0]], end
    chosen = np.concatenate([np.arange(run.start, run.stop) for run in runs] or [np.zeros(0, np.int64)])
    return starts[chosen], lengths[chosen], end


def _runs(starts: Ints, stops: Ints, whole: Flags) -> tuple[list[slice], int]:
    """The candidates that are records, as runs of neighbours, and the position after the last of them."""
    lasts = np.flatnonzero(np.append(~whole[:-1] | (stops[:-1] != starts[1:]), True)).tolist()
    runs, at, end = [], 0, 0
    while at < starts.size and starts[at] == end:
        final = lasts[bisect_left(lasts, at)]
        stop = final + 1 if whole[final] else final
        if stop == at:
            break
        runs.append(slice(at, stop))
        end = int(stops[stop - 1])
        at = int(np.searchsorted(starts, end))
    return runs, end


def refusal_at(data: bytes, at: int) -> str:
    """Why no whole record begins at a position before the end of the data."""
    magic, length = (int.from_bytes(data[place : place + 4], "little") for place in (at, at + 4))
    if len(data) - at < HEADER_SIZE:
        return wire.CUT
    if magic != MAGIC:
        return wire.NO_MAGIC
    return wire.IN_PARTS if length >= LENGTH_LIMIT else wire.CUT
