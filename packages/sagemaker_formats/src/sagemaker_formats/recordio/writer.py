"""Compiled loops that write records. They call no compiled function of another file: numba's cache would not notice a change there."""

import numpy as np

from sagemaker_formats.jit import compiled
from sagemaker_formats.recordio.wire import MAGIC, PREDICTED_LABEL, SCORE, VALUES, Bytes, Ints


@compiled()
def varint_size(value: int) -> int:
    size = 1
    while value >= 128:
        value >>= 7
        size += 1
    return size


@compiled()
def put_varint(out: Bytes, at: int, value: int) -> int:
    while value >= 128:
        out[at] = value & 127 | 128
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@compiled()
def put_field(out: Bytes, at: int, number: int, size: int) -> int:
    """Write tag and length of a length-delimited field."""
    out[at] = number << 3 | 2
    return put_varint(out, at + 1, size)


@compiled()
def put_bytes(out: Bytes, at: int, data: Bytes, start: int, stop: int) -> int:
    for i in range(start, stop):
        out[at + i - start] = data[i]
    return at + stop - start


@compiled()
def put_uint32(out: Bytes, at: int, value: int) -> int:
    for shift in range(0, 32, 8):
        out[at] = value >> shift & 255
        at += 1
    return at


@compiled()
def field_size(size: int) -> int:
    """Bytes of a length-delimited field with `size` bytes of content."""
    return 1 + varint_size(size) + size


@compiled()
def row_layout(indptr: Ints, keys: Ints, feature_dim: int, row: int) -> tuple[int, int]:
    """(bytes of the packed keys, bytes of the tensor) of a row."""
    start, stop = indptr[row], indptr[row + 1]
    key_bytes = 0
    for i in range(start, stop):
        key_bytes += varint_size(keys[i])
    tensor = field_size(varint_size(feature_dim))
    if stop > start:
        tensor += field_size(4 * (stop - start)) + field_size(key_bytes)
    return key_bytes, tensor


@compiled()
def record_ends(indptr: Ints, keys: Ints, feature_dim: int, labelled: bool) -> Ints:
    """The end of each record, (n_rows + 1,), with a leading 0."""
    ends = np.zeros(indptr.size, np.int64)
    for row in range(indptr.size - 1):
        _, tensor = row_layout(indptr, keys, feature_dim, row)
        payload = field_size(8 + field_size(field_size(tensor)))
        if labelled:
            payload += 20
        ends[row + 1] = ends[row] + 8 + (payload + 3) // 4 * 4
    return ends


@compiled()
def put_label(out: Bytes, at: int, name: Bytes, label_bytes: Bytes, index: int) -> int:
    """Write a `label` entry of one value: 12 bytes, its name, and the four bytes of the value."""
    at = put_field(out, at, 2, name.size + 12)
    at = put_field(out, at, 1, name.size)
    at = put_bytes(out, at, name, 0, name.size)
    at = put_field(out, at, 2, 8)
    at = put_field(out, at, 2, 6)
    at = put_field(out, at, 1, 4)
    return put_bytes(out, at, label_bytes, 4 * index, 4 * index + 4)


@compiled()
def put_features(out: Bytes, at: int, indptr: Ints, keys: Ints, value_bytes: Bytes, feature_dim: int, row: int) -> int:
    start, stop = indptr[row], indptr[row + 1]
    key_bytes, tensor = row_layout(indptr, keys, feature_dim, row)
    at = put_field(out, at, 1, 8 + field_size(field_size(tensor)))
    at = put_field(out, at, 1, VALUES.size)
    at = put_bytes(out, at, VALUES, 0, VALUES.size)
    at = put_field(out, at, 2, field_size(tensor))
    at = put_field(out, at, 2, tensor)
    if stop > start:
        at = put_field(out, at, 1, 4 * (stop - start))
        at = put_bytes(out, at, value_bytes, 4 * start, 4 * stop)
        at = put_field(out, at, 2, key_bytes)
        for i in range(start, stop):
            at = put_varint(out, at, keys[i])
    at = put_field(out, at, 3, varint_size(feature_dim))
    return put_varint(out, at, feature_dim)


@compiled()
def pad_record(out: Bytes, begin: int, at: int, end: int) -> None:
    """Write the header of the record at `begin` and zeros up to its end."""
    put_uint32(out, begin, MAGIC)
    put_uint32(out, begin + 4, at - begin - 8)
    for i in range(at, end):
        out[i] = 0


@compiled()
def write_rows(out: Bytes, ends: Ints, indptr: Ints, keys: Ints, value_bytes: Bytes, label_bytes: Bytes, feature_dim: int) -> None:
    """Fill `out` with one record for each row, without labels if `label_bytes` is empty."""
    for row in range(indptr.size - 1):
        at = put_features(out, ends[row] + 8, indptr, keys, value_bytes, feature_dim, row)
        if label_bytes.size > 0:
            at = put_label(out, at, VALUES, label_bytes, row)
        pad_record(out, ends[row], at, ends[row + 1])


@compiled()
def write_predictions(out: Bytes, record_size: int, score_bytes: Bytes, label_bytes: Bytes) -> None:
    """Fill `out` with one record of `record_size` bytes for each score, without predicted labels if `label_bytes` is empty."""
    for row in range(score_bytes.size // 4):
        begin = row * record_size
        at = put_label(out, begin + 8, SCORE, score_bytes, row)
        if label_bytes.size > 0:
            at = put_label(out, at, PREDICTED_LABEL, label_bytes, row)
        pad_record(out, begin, at, begin + record_size)
