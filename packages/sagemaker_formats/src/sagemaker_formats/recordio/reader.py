"""Compiled loops that read any record. They call no compiled function of another file: numba's cache would not notice a change there."""

import numpy as np

from sagemaker_formats.jit import compiled
from sagemaker_formats.recordio import wire
from sagemaker_formats.recordio.wire import PREDICTED_LABEL, SCORE, VALUES, Bytes, Floats, Ints, int64


@compiled()
def copy_bytes(data: Bytes, start: int, stop: int, out: Bytes, at: int) -> None:
    for i in range(stop - start):
        out[at + i] = data[start + i]


@compiled()
def get_varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(value, position after it). The position is -1 if the varint is cut off or does not fit into 63 bits."""
    value = int64(0)
    for shift in range(0, 63, 7):
        if at >= end:
            return 0, -1
        byte = int64(data[at])
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    return 0, -1


@compiled()
def get_field(data: Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """(number, wire type, start, stop) of the field at `at`. The number is -1 if the field is malformed."""
    tag, at = get_varint(data, at, end)
    if at < 0:
        return -1, 0, 0, 0
    kind = tag & 7
    if kind == 0:
        _, stop = get_varint(data, at, end)
        return (-1 if stop < 0 else tag >> 3), kind, at, stop
    size = 8 if kind == 1 else 4
    if kind == 2:
        size, at = get_varint(data, at, end)
    if at < 0 or size > end - at or kind not in (1, 2, 5):
        return -1, 0, 0, 0
    return tag >> 3, kind, at, at + size


@compiled()
def get_varints(data: Bytes, kind: int, start: int, stop: int, out: Ints, count: int) -> int:
    """Append a packed or single varint field to `out`. Returns the new count, or -1 if the field is malformed or too long for `out`."""
    while start < stop and (kind == 0 or kind == 2):
        value, start = get_varint(data, start, stop)
        if start < 0 or count >= out.size:
            return -1
        out[count] = value
        count += 1
    return -1 if start < stop else count


@compiled()
def get_tensor(data: Bytes, at: int, end: int, value_bytes: Bytes, keys: Ints, shape: Ints, n: int) -> tuple[int, int, int, int]:
    """(status, values, keys, dimensions): the tensor's content, appended to `value_bytes` and `keys` from element `n` on."""
    n_values, n_keys, n_shape = n, n, 0
    while at < end:
        number, kind, start, stop = get_field(data, at, end)
        if number == 1 and (kind == 2 or kind == 5) and (stop - start) % 4 == 0:
            copy_bytes(data, start, stop, value_bytes, 4 * n_values)
            n_values += (stop - start) // 4
        elif number == 2:
            n_keys = get_varints(data, kind, start, stop, keys, n_keys)
        elif number == 3:
            n_shape = get_varints(data, kind, start, stop, shape, n_shape)
        elif number < 4:
            return wire.MALFORMED, 0, 0, 0
        if n_keys < 0 or n_shape < 0:
            return (wire.MALFORMED if n_keys < 0 else wire.SHAPE), 0, 0, 0
        at = stop
    return wire.OK, n_values - n, n_keys - n, n_shape


@compiled()
def find_tensor(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """(status, start, stop) of the Float32 tensor in a Value. Other kinds are refused."""
    first, last = -1, -1
    while at < end:
        number, kind, start, stop = get_field(data, at, end)
        if number < 1 or (number <= 9 and kind != 2) or (number == 2 and first >= 0):
            return wire.MALFORMED, 0, 0
        if number == 2:
            first, last = start, stop
        elif number == 3:
            return wire.FLOAT64, 0, 0
        elif number == 7:
            return wire.INT32, 0, 0
        elif number == 9:
            return wire.BYTES, 0, 0
        at = stop
    return (wire.MALFORMED if first < 0 else wire.OK), first, last


@compiled()
def split_entry(data: Bytes, at: int, end: int) -> tuple[int, int, int, int, int]:
    """(status, name start, name stop, tensor start, tensor stop) of a map entry."""
    name, name_end, value, value_end = at, at, -1, -1
    while at < end:
        number, kind, start, stop = get_field(data, at, end)
        if number < 1 or (number <= 2 and kind != 2) or (number == 2 and value >= 0):
            return wire.MALFORMED, 0, 0, 0, 0
        if number == 1:
            name, name_end = start, stop
        elif number == 2:
            value, value_end = start, stop
        at = stop
    if value < 0:
        return wire.MALFORMED, 0, 0, 0, 0
    status, start, stop = find_tensor(data, value, value_end)
    return status, name, name_end, start, stop


@compiled()
def is_name(data: Bytes, start: int, stop: int, name: Bytes) -> bool:
    return stop - start == name.size and np.array_equal(data[start:stop], name)


@compiled()
def get_header(data: Bytes, at: int) -> tuple[int, int]:
    """(status, payload length) of the record at `at`. The status is CUT also if payload or padding is incomplete."""
    if data.size - at < 8:
        return wire.CUT, 0
    magic, length = 0, 0
    for i in range(4):
        magic |= int64(data[at + i]) << (8 * i)
        length |= int64(data[at + 4 + i]) << (8 * i)
    if magic != wire.MAGIC:
        return wire.NO_MAGIC, 0
    if length >= wire.LENGTH_LIMIT:
        return wire.IN_PARTS, 0
    return (wire.CUT if data.size - at - 8 < (length + 3) // 4 * 4 else wire.OK), length


@compiled()
def get_label(data: Bytes, at: int, end: int, name: Bytes, out: Bytes, row: int) -> int:
    """Read a `label` map entry of one value into float32 element `row` of `out`. Returns the status: NAME for another name."""
    status, name_start, name_stop, at, end = split_entry(data, at, end)
    if status != wire.OK or not is_name(data, name_start, name_stop, name):
        return status if status != wire.OK else wire.NAME
    size, first = 0, at
    while at < end:
        number, kind, start, stop = get_field(data, at, end)
        if number < 1 or (number == 1 and kind != 2 and kind != 5):
            return wire.MALFORMED
        if number == 1:
            size += stop - start
            first = start
        at = stop
    if size != 4:
        return wire.LABEL
    copy_bytes(data, first, first + 4, out, 4 * row)
    return wire.OK


@compiled()
def drop_zeros(n: int, dim: int, values: Floats, keys: Ints) -> int:
    """Turn the dense row at `values[n : n + dim]` into a sparse one in place. Returns its number of entries."""
    kept = n
    for key in range(dim):
        if values[n + key] != 0:
            values[kept], keys[kept] = values[n + key], key
            kept += 1
    return kept - n


@compiled()
def get_features(
    data: Bytes, at: int, end: int, dim: int, n: int, values: Floats, value_bytes: Bytes, keys: Ints, shape: Ints
) -> tuple[int, int, int]:
    """(status, entries, feature_dim) of a `features` map entry, whose row is appended from element `n` on. `dim` is -1 if not yet known."""
    status, name, name_end, start, stop = split_entry(data, at, end)
    if status != wire.OK:
        return status, 0, dim
    if not is_name(data, name, name_end, VALUES):
        return wire.NAME, 0, dim
    status, n_values, n_keys, n_shape = get_tensor(data, start, stop, value_bytes, keys, shape, n)
    if status != wire.OK:
        return status, 0, dim
    is_dense = n_keys == 0 and n_values > 0
    row_dim = shape[0] if n_shape == 1 else n_values if is_dense else dim
    if n_shape > 1 or row_dim < 1:
        return wire.SHAPE, 0, dim
    if n_values != (row_dim if is_dense else n_keys):
        return wire.UNEQUAL, 0, dim
    if dim >= 0 and row_dim != dim:
        return wire.DIMENSION, 0, dim
    if is_dense:
        return wire.OK, drop_zeros(n, row_dim, values, keys), row_dim
    for i in range(n, n + n_keys):
        if keys[i] >= row_dim:
            return wire.KEY, 0, dim
    return wire.OK, n_keys, row_dim


@compiled()
def get_row(
    data: Bytes,
    at: int,
    end: int,
    dim: int,
    n: int,
    row: int,
    values: Floats,
    value_bytes: Bytes,
    keys: Ints,
    label_bytes: Bytes,
    shape: Ints,
) -> tuple[int, int, int, int]:
    """(status, entries, feature_dim, 1 if it has a label else 0) of the message between `at` and `end`."""
    entries, n_labels = -1, 0
    while at < end:
        number, kind, start, stop = get_field(data, at, end)
        status = wire.OK
        if number < 1 or (number <= 2 and kind != 2):
            return wire.MALFORMED, 0, dim, 0
        if (number == 1 and entries >= 0) or (number == 2 and n_labels > 0):
            return wire.TWICE, 0, dim, 0
        if number == 1:
            status, entries, dim = get_features(data, start, stop, dim, n, values, value_bytes, keys, shape)
        elif number == 2:
            n_labels = 1
            status = get_label(data, start, stop, VALUES, label_bytes, row)
        if status != wire.OK:
            return status, 0, dim, 0
        at = stop
    return (wire.EMPTY if entries < 0 else wire.OK), entries, dim, n_labels


@compiled()
def read_rows(
    data: Bytes, at: int, row: int, limit: int, dim: int, labelled: int, indptr: Ints, keys: Ints, values: Floats, labels: Floats
) -> tuple[int, int, int, int, int]:
    """(status, position, row, feature_dim, 1 labelled, 0 not) before row `limit`, after the last whole record or at the first bad one.

    `dim` and `labelled` are -1 while unknown.
    """
    shape = np.zeros(1, np.int64)
    value_bytes, label_bytes = values.view(np.uint8), labels.view(np.uint8)
    while at < data.size and row < limit:
        status, length = get_header(data, at)
        if status != wire.OK:
            return status, at, row, dim, labelled
        status, entries, dim, n_labels = get_row(
            data, at + 8, at + 8 + length, dim, indptr[row], row, values, value_bytes, keys, label_bytes, shape
        )
        if status == wire.OK and labelled >= 0 and labelled != n_labels:
            status = wire.MIXED
        if status != wire.OK:
            return status, at, row, dim, labelled
        labelled = n_labels
        indptr[row + 1] = indptr[row] + entries
        row += 1
        at += 8 + (length + 3) // 4 * 4
    return wire.OK, at, row, dim, labelled


@compiled()
def get_prediction(data: Bytes, at: int, end: int, score_bytes: Bytes, label_bytes: Bytes, row: int) -> tuple[int, int]:
    """(status, 1 if there is a predicted label else 0) of the message between `at` and `end`."""
    n_scores, n_labels = 0, 0
    while at < end:
        number, kind, start, stop = get_field(data, at, end)
        if number < 1 or (number == 2 and kind != 2):
            return wire.MALFORMED, 0
        if number == 2:
            status = get_label(data, start, stop, SCORE, score_bytes, row)
            n_scores += status == wire.OK
            if status == wire.NAME:
                status = get_label(data, start, stop, PREDICTED_LABEL, label_bytes, row)
                n_labels += status == wire.OK
            if status not in (wire.OK, wire.NAME):
                return status, 0
        at = stop
    return (wire.LABEL if n_scores != 1 or n_labels > 1 else wire.OK), n_labels


@compiled()
def read_predictions(data: Bytes, scores: Floats, labels: Floats) -> tuple[int, int, int, int]:
    """(status, position, rows, 1 if they have predicted labels else 0) of an endpoint's answer."""
    at, row, labelled = 0, 0, -1
    while at < data.size:
        status, length = get_header(data, at)
        if status != wire.OK:
            return status, at, row, labelled
        status, n_labels = get_prediction(data, at + 8, at + 8 + length, scores.view(np.uint8), labels.view(np.uint8), row)
        if status == wire.OK and labelled >= 0 and labelled != n_labels:
            status = wire.MIXED
        if status != wire.OK:
            return status, at, row, labelled
        labelled = n_labels
        row += 1
        at += 8 + (length + 3) // 4 * 4
    return wire.OK, at, row, labelled
