"""Writes rows that are alike: as many entries each, and few combinations of key lengths, as one-hot columns have.

Rows of one combination differ only in their values, the bits of their keys and their labels. So NumPy repeats the record of one row and
overwrites these columns, which is faster than writing field by field.
"""

from collections.abc import Callable

import numpy as np

from sagemaker_formats.recordio import varints
from sagemaker_formats.recordio.rows import Rows
from sagemaker_formats.recordio.wire import HEADER_SIZE, Bytes, Floats, Ints

MOST_ENTRIES, MOST_COMBINATIONS, FEWEST_ROWS = 16, 64, 4096


Templates = dict[bytes, Bytes]  # a record by the lengths of its keys


def write_alike(rows: Rows, write: Callable[[Rows], memoryview], *, tail_size: int, templates: Templates) -> memoryview | None:
    """The records, None if the rows are not alike. `write` writes any row's record, which ends with keys and `tail_size` bytes.

    `templates` keeps records for other rows of as many features.
    """
    counts = np.diff(rows.indptr)
    n_entries = int(counts[0]) if counts.size else 0
    if len(rows) < FEWEST_ROWS or not 0 < n_entries <= MOST_ENTRIES or (counts != n_entries).any():
        return None
    sizes = varints.sizes_of(rows.keys).reshape(-1, n_entries)
    groups = _of_equal_sizes(sizes)
    for first in (int(group[0]) for group in groups):
        if (name := sizes[first].tobytes()) not in templates:
            templates[name] = np.frombuffer(write(rows[first : first + 1]), np.uint8)
    chosen = [templates[sizes[group[0]].tobytes()] for group in groups]
    if len({template.size for template in chosen}) != 1:
        return None
    keys, values = rows.keys.reshape(-1, n_entries), rows.values.reshape(-1, n_entries)
    if len(groups) == 1:
        return _repeated(chosen[0], sizes[0], keys, values, rows.labels, tail_size).reshape(-1).data
    out = np.empty((len(rows), chosen[0].size), np.uint8)
    for group, template in zip(groups, chosen, strict=True):
        labels = None if rows.labels is None else rows.labels[group]
        out[group] = _repeated(template, sizes[group[0]], keys[group], values[group], labels, tail_size)
    return out.reshape(-1).data


def _of_equal_sizes(sizes: Bytes) -> list[Ints]:
    """The rows of each combination of key lengths, none if there may be more than MOST_COMBINATIONS."""
    span = int(sizes.max()) - int(sizes.min()) + 1
    if span == 1:
        return [np.zeros(1, np.int64)]  # all rows; one stands for them
    if span ** sizes.shape[1] > MOST_COMBINATIONS:
        return []
    combination = np.zeros(len(sizes), np.int64)
    for column in sizes.T:
        combination *= span
        combination += column
    combination -= combination.min()
    return [np.flatnonzero(combination == one) for one in np.flatnonzero(np.bincount(combination))]


def _repeated(template: Bytes, sizes: Bytes, keys: Ints, values: Floats, labels: Floats | None, tail_size: int) -> Bytes:
    """One copy of the template's record per row, with the row's values, keys and label in it. `sizes`: bytes of each key."""
    n_rows, n_entries = keys.shape
    payload_size, key_bytes = int.from_bytes(template[4:8].tobytes(), "little"), int(sizes.sum(dtype=np.int64))
    end = HEADER_SIZE + payload_size
    at = end - tail_size - key_bytes
    values_at = at - 1 - int(varints.sizes_of(np.array([key_bytes]))[0]) - 4 * n_entries
    out = np.empty((n_rows, template.size), np.uint8)
    out[:] = template
    np.ndarray((n_rows, n_entries), "<f4", out, values_at, (template.size, 4))[:] = values
    for column, size in enumerate(sizes.tolist()):
        rest = keys[:, column]
        if size <= 2:
            rest = rest.astype(np.uint16)
        for byte in range(size):
            out[:, at] = rest | 128 if byte + 1 < size else rest
            rest = rest >> 7
            at += 1
    if labels is not None:
        np.ndarray((n_rows,), "<f4", out, end - 4, (template.size,))[:] = labels
    return out
