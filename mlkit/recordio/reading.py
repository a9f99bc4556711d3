"""Compiled loops that read records.

Compiled code raises nothing of use, so trouble is reported as (status, byte position); `REASONS` says it in words.
They call nothing compiled from other files: numba's cache would not notice a change there.
"""

import numpy as np

from mlkit.jit import compiled
from mlkit.recordio.wire import LENGTH_LIMIT, MAGIC, PREDICTED_LABEL, SCORE, VALUES, Bytes, Floats, Ints

OK, CUT, NO_MAGIC, IN_PARTS, MALFORMED, NAME, FLOAT64, INT32, BYTES, UNEQUAL, SHAPE, DIMENSION, KEY, LABEL, MIXED, TWICE, EMPTY = range(17)

REASONS = {
    CUT: "the data end in the middle of it",
    NO_MAGIC: "it does not begin with RecordIO's magic number",
    IN_PARTS: "its length has continuation bits set; records in several parts are not supported",
    MALFORMED: "its protobuf message is malformed",
    NAME: "it holds a tensor of another name than 'values'",
    FLOAT64: "it holds a Float64 tensor; only Float32 is supported",
    INT32: "it holds an Int32 tensor; only Float32 is supported",
    BYTES: "it holds bytes; only Float32 tensors are supported",
    UNEQUAL: "its number of values does not match its keys or, for a dense row, its shape",
    SHAPE: "its shape is not one positive number; a sparse row must have it",
    DIMENSION: "its shape differs from the feature_dim of the records before, or from the one asked for",
    KEY: "it has a key outside its shape",
    LABEL: "its label is not exactly one value",
    MIXED: "some records have a label and some have none",
    TWICE: "it has two feature tensors or two labels",
    EMPTY: "it has no features",
}

# a plain record up to its values, with 0 for the five lengths (at bytes 4, 9, 19, 21 and 23); a label up to its value
PLAIN_HEAD = np.frombuffer(bytes.fromhex("0a23d7ce 00000000 0a00 0a06") + b"values" + bytes.fromhex("1200 1200 0a00"), dtype=np.uint8)
PLAIN_LABEL = np.frombuffer(bytes.fromhex("1212 0a06") + b"values" + bytes.fromhex("1208 1206 0a04"), dtype=np.uint8)


@compiled()
def copy_bytes(data: Bytes, start: int, stop: int, out: Bytes, at: int) -> None:
    for i in range(stop - start):
        out[at + i] = data[start + i]


@compiled()
def get_varint(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """(value, position behind it); the position is -1 if the varint is cut or does not fit into 63 bits."""
    value = np.int64(0)
    for shift in range(0, 63, 7):
        if at >= end:
            return 0, -1
        byte = np.int64(data[at])
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    return 0, -1


@compiled()
def get_field(data: Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """(number, wire type, start, stop) of the field at `at`; number -1 if it is malformed."""
    tag, at = get_varint(data, at, end)
    if at < 0:
        return -1, 0, 0, 0
    wire = tag & 7
    size = 0
    if wire == 0:
        _, stop = get_varint(data, at, end)
        return (-1 if stop < 0 else tag >> 3), wire, at, stop
    if wire == 1:
        size = 8
    elif wire == 2:
        size, at = get_varint(data, at, end)
        if at < 0:
            return -1, 0, 0, 0
    elif wire == 5:
        size = 4
    else:
        return -1, 0, 0, 0
    return (-1 if size > end - at else tag >> 3), wire, at, at + size


@compiled()
def get_varints(data: Bytes, wire: int, start: int, stop: int, out: Ints, count: int) -> int:
    """Append a packed or single varint field to `out`; the new count, or -1 if it is malformed or too long for `out`."""
    if wire != 0 and wire != 2:
        return -1
    while start < stop:
        value, start = get_varint(data, start, stop)
        if start < 0 or count >= out.size:
            return -1
        out[count] = value
        count += 1
    return count


@compiled()
def get_tensor(data: Bytes, at: int, end: int, value_bytes: Bytes, keys: Ints, shape: Ints, n: int) -> tuple[int, int, int, int]:
    """(status, values, keys, dimensions): the tensor's content, appended to `value_bytes` and `keys` from element `n` on."""
    n_values, n_keys, n_shape = n, n, 0
    while at < end:
        number, wire, start, stop = get_field(data, at, end)
        if number == 1 and (wire == 2 or wire == 5) and (stop - start) % 4 == 0:
            copy_bytes(data, start, stop, value_bytes, 4 * n_values)
            n_values += (stop - start) // 4
        elif number == 2:
            n_keys = get_varints(data, wire, start, stop, keys, n_keys)
        elif number == 3:
            n_shape = get_varints(data, wire, start, stop, shape, n_shape)
        elif number < 4:
            return MALFORMED, 0, 0, 0
        if n_keys < 0 or n_shape < 0:
            return (MALFORMED if n_keys < 0 else SHAPE), 0, 0, 0
        at = stop
    return OK, n_values - n, n_keys - n, n_shape


@compiled()
def find_tensor(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """(status, start, stop) of the Float32 tensor in a Value; any other kind is refused."""
    first, last = -1, -1
    while at < end:
        number, wire, start, stop = get_field(data, at, end)
        if number < 1 or (number <= 9 and wire != 2) or (number == 2 and first >= 0):
            return MALFORMED, 0, 0
        if number == 2:
            first, last = start, stop
        elif number == 3:
            return FLOAT64, 0, 0
        elif number == 7:
            return INT32, 0, 0
        elif number == 9:
            return BYTES, 0, 0
        at = stop
    return (MALFORMED if first < 0 else OK), first, last


@compiled()
def split_entry(data: Bytes, at: int, end: int) -> tuple[int, int, int, int, int]:
    """(status, name start, name stop, tensor start, tensor stop) of a map entry."""
    name, name_end, value, value_end = at, at, -1, -1
    while at < end:
        number, wire, start, stop = get_field(data, at, end)
        if number < 1 or (number <= 2 and wire != 2) or (number == 2 and value >= 0):
            return MALFORMED, 0, 0, 0, 0
        if number == 1:
            name, name_end = start, stop
        elif number == 2:
            value, value_end = start, stop
        at = stop
    if value < 0:
        return MALFORMED, 0, 0, 0, 0
    status, start, stop = find_tensor(data, value, value_end)
    return status, name, name_end, start, stop


@compiled()
def is_name(data: Bytes, start: int, stop: int, name: Bytes) -> bool:
    if stop - start != name.size:
        return False
    for i in range(name.size):  # noqa: SIM110  (compiled code has no generator expressions)
        if data[start + i] != name[i]:
            return False
    return True


@compiled()
def get_header(data: Bytes, at: int) -> tuple[int, int]:
    """(status, payload length) of the record at `at`; CUT also if its payload or padding is not all there."""
    if data.size - at < 8:
        return CUT, 0
    magic, length = 0, 0
    for i in range(4):
        magic |= np.int64(data[at + i]) << (8 * i)
        length |= np.int64(data[at + 4 + i]) << (8 * i)
    if magic != MAGIC:
        return NO_MAGIC, 0
    if length >= LENGTH_LIMIT:
        return IN_PARTS, 0
    return (CUT if data.size - at - 8 < (length + 3) // 4 * 4 else OK), length


@compiled()
def get_scalar(data: Bytes, at: int, end: int, out: Bytes, index: int) -> int:
    """Status of reading a tensor of exactly one value into float32 element `index` of `out`."""
    size, first = 0, at
    while at < end:
        number, wire, start, stop = get_field(data, at, end)
        if number < 1 or (number == 1 and wire != 2 and wire != 5):
            return MALFORMED
        if number == 1:
            size += stop - start
            first = start
        at = stop
    if size != 4:
        return LABEL
    copy_bytes(data, first, first + 4, out, 4 * index)
    return OK


@compiled()
def drop_zeros(n: int, dim: int, values: Floats, keys: Ints) -> int:
    """Turn the dense row at `values[n : n + dim]` into a sparse one in place; its number of entries."""
    kept = n
    for key in range(dim):
        if values[n + key] != 0:
            values[kept], keys[kept] = values[n + key], key
            kept += 1
    return kept - n


@compiled()
def get_features(data: Bytes, at: int, end: int, dim: int, n: int, values: Floats, value_bytes: Bytes, keys: Ints, shape: Ints) -> tuple[int, int, int]:
    """(status, entries, feature_dim) of a `features` map entry, whose row is appended from element `n` on. `dim` is -1 if not yet known."""
    status, name, name_end, start, stop = split_entry(data, at, end)
    if status != OK:
        return status, 0, dim
    if not is_name(data, name, name_end, VALUES):
        return NAME, 0, dim
    status, n_values, n_keys, n_shape = get_tensor(data, start, stop, value_bytes, keys, shape, n)
    if status != OK:
        return status, 0, dim
    is_dense = n_keys == 0 and n_values > 0
    row_dim = shape[0] if n_shape == 1 else n_values if is_dense else dim
    if n_shape > 1 or row_dim < 1:
        return SHAPE, 0, dim
    if n_values != (row_dim if is_dense else n_keys):
        return UNEQUAL, 0, dim
    if dim >= 0 and row_dim != dim:
        return DIMENSION, 0, dim
    if is_dense:
        return OK, drop_zeros(n, row_dim, values, keys), row_dim
    for i in range(n, n + n_keys):
        if keys[i] >= row_dim:
            return KEY, 0, dim
    return OK, n_keys, row_dim


@compiled()
def get_label(data: Bytes, at: int, end: int, label_bytes: Bytes, row: int) -> int:
    status, name, name_end, start, stop = split_entry(data, at, end)
    if status != OK:
        return status
    if not is_name(data, name, name_end, VALUES):
        return NAME
    return get_scalar(data, start, stop, label_bytes, row)


@compiled()
def get_row(
    data: Bytes, at: int, end: int, dim: int, n: int, row: int, values: Floats, value_bytes: Bytes, keys: Ints, label_bytes: Bytes, shape: Ints
) -> tuple[int, int, int, int]:
    """(status, entries, feature_dim, 1 if it has a label else 0) of the message between `at` and `end`."""
    entries, n_labels = -1, 0
    while at < end:
        number, wire, start, stop = get_field(data, at, end)
        status = OK
        if number < 1 or (number <= 2 and wire != 2):
            return MALFORMED, 0, dim, 0
        if (number == 1 and entries >= 0) or (number == 2 and n_labels > 0):
            return TWICE, 0, dim, 0
        if number == 1:
            status, entries, dim = get_features(data, start, stop, dim, n, values, value_bytes, keys, shape)
        elif number == 2:
            n_labels = 1
            status = get_label(data, start, stop, label_bytes, row)
        if status != OK:
            return status, 0, dim, 0
        at = stop
    return (EMPTY if entries < 0 else OK), entries, dim, n_labels


@compiled()
def plain_tail(dim: int, labelled: int) -> Bytes:
    """The bytes that follow the keys in a plain record: the shape and, if it is labelled, the label up to its value."""
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
    """Where the keys of the record at `at` end if it is plain, else -1: fields in the usual order, each length in one byte."""
    if data.size - at < 28 + tail.size + label_size:
        return -1
    for i in range(PLAIN_HEAD.size):
        if data[at + i] != PLAIN_HEAD[i] and i not in (4, 9, 19, 21, 23):
            return -1
    length, entry, n_bytes = np.int64(data[at + 4]), np.int64(data[at + 9]), np.int64(data[at + 23])
    keys_at = at + 26 + n_bytes
    end = at + 8 + length - label_size - tail.size
    shape_size = 2 + np.int64(tail[1])
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
    data: Bytes, at: int, row: int, dim: int, tail: Bytes, label_size: int, indptr: Ints, keys: Ints, value_bytes: Bytes, label_bytes: Bytes
) -> tuple[int, int]:
    """(position, row) behind a run of plain records. Nothing is refused here: what is not plain is left to get_row()."""
    while True:
        end = plain_end(data, at, tail, label_size)
        if end < 0:
            return at, row
        n, count = indptr[row], np.int64(data[at + 23]) // 4
        i, key, shift, found = at + 26 + 4 * count, np.int64(0), 0, 0
        while i < end and found < count and shift < 63:
            key |= (np.int64(data[i]) & 127) << shift
            shift += 7
            if data[i] < 128:
                if key >= dim:
                    break
                keys[n + found] = key
                found += 1
                key, shift = np.int64(0), 0
            i += 1
        if found != count or i != end:
            return at, row
        for i in range(4 * count):
            value_bytes[4 * n + i] = data[at + 24 + i]
        for i in range(label_size):
            label_bytes[4 * row + i] = data[end + tail.size + i]
        row += 1
        indptr[row] = n + count
        at += 8 + (np.int64(data[at + 4]) + 3) // 4 * 4


@compiled()
def read_rows(
    data: Bytes, dim: int, indptr: Ints, keys: Ints, values: Floats, labels: Floats
) -> tuple[int, int, int, int, int]:
    """(status, position, rows, feature_dim, 1 labelled, 0 not, -1 unknown) after the last whole record or at the first bad one.

    `values` and `keys` have room for a quarter of the data's bytes and one entry more, `indptr` and `labels` for a twelfth and two.
    """
    at, row, labelled = 0, 0, -1
    shape = np.zeros(1, np.int64)
    value_bytes, label_bytes = values.view(np.uint8), labels.view(np.uint8)
    indptr[0] = 0
    while at < data.size:
        if labelled >= 0:
            at, row = read_plain(data, at, row, dim, plain_tail(dim, labelled), 4 * labelled, indptr, keys, value_bytes, label_bytes)
        status, length = get_header(data, at)
        if status != OK:
            return (OK if at == data.size else status), at, row, dim, labelled
        status, entries, dim, n_labels = get_row(
            data, at + 8, at + 8 + length, dim, indptr[row], row, values, value_bytes, keys, label_bytes, shape
        )
        if status == OK and labelled >= 0 and labelled != n_labels:
            status = MIXED
        if status != OK:
            return status, at, row, dim, labelled
        labelled = n_labels
        indptr[row + 1] = indptr[row] + entries
        row += 1
        at += 8 + (length + 3) // 4 * 4
    return OK, at, row, dim, labelled


@compiled()
def get_prediction(data: Bytes, at: int, end: int, scores: Floats, labels: Floats, row: int) -> tuple[int, int]:
    """(status, 1 if there is a predicted label else 0) of the message between `at` and `end`."""
    n_scores, n_labels = 0, 0
    while at < end:
        number, wire, start, stop = get_field(data, at, end)
        if number < 1 or (number == 2 and wire != 2):
            return MALFORMED, 0
        if number == 2:
            status, name, name_end, first, last = split_entry(data, start, stop)
            if status == OK and is_name(data, name, name_end, SCORE):
                n_scores += 1
                status = get_scalar(data, first, last, scores.view(np.uint8), row)
            elif status == OK and is_name(data, name, name_end, PREDICTED_LABEL):
                n_labels += 1
                status = get_scalar(data, first, last, labels.view(np.uint8), row)
            if status != OK:
                return status, 0
        at = stop
    return (LABEL if n_scores != 1 or n_labels > 1 else OK), n_labels


@compiled()
def read_predictions(data: Bytes, scores: Floats, labels: Floats) -> tuple[int, int, int, int]:
    """(status, position, rows, 1 if they have predicted labels else 0) of an endpoint's RecordIO answer."""
    at, row, labelled = 0, 0, -1
    while at < data.size:
        status, length = get_header(data, at)
        if status != OK:
            return status, at, row, labelled
        status, n_labels = get_prediction(data, at + 8, at + 8 + length, scores, labels, row)
        if status == OK and labelled >= 0 and labelled != n_labels:
            status = MIXED
        if status != OK:
            return status, at, row, labelled
        labelled = n_labels
        row += 1
        at += 8 + (length + 3) // 4 * 4
    return OK, at, row, labelled
