"""Converts rows to RecordIO-protobuf and back, at once or in blocks."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import wire
from sagemaker_formats.recordio.rows import Rows

# the general reader reads this many records before the fast one is tried again
ROWS_AT_A_TIME = 256
CURE = "The data are damaged, or they are not RecordIO-protobuf with Float32 tensors."


def encode(rows: Rows) -> bytes:
    """One record for each row, in order, with `label` if the rows have labels.

    An empty row has no values and keys, only its shape. Raises InvalidData for a record of 512 MB or more.
    """
    from sagemaker_formats.recordio import writer

    label_bytes = np.zeros(0, np.uint8) if rows.labels is None else rows.labels.view(np.uint8)
    label_bytes.flags.writeable = False
    ends = writer.record_ends(rows.indptr, rows.keys, rows.feature_dim, rows.labels is not None)
    if len(rows) and np.diff(ends).max() >= wire.LENGTH_LIMIT:
        raise InvalidData(
            f"row {np.diff(ends).argmax()} does not fit into a record of {wire.LENGTH_LIMIT} bytes", cure="Use fewer features a row."
        )
    out = np.empty(ends[-1], np.uint8)
    writer.write_rows(out, ends, rows.indptr, rows.keys, rows.values.view(np.uint8), label_bytes, rows.feature_dim)
    return out.tobytes()


def decode(data: bytes, *, feature_dim: int | None = None) -> Rows:
    """The rows of complete records, sparse or dense. The zeros of a dense record are dropped.

    Without `feature_dim`, all records must have the same shape. Raises InvalidData, which names the byte offset of the record.
    """
    rows, end = _decode_whole(bytes(data), feature_dim, 0)
    if end != len(data):
        raise _invalid(end, "the data end in the middle of it")
    if rows is None:
        raise InvalidData("there is no record", cure=CURE)
    return rows


def write_shard(file: BinaryIO, blocks: Iterable[Rows], *, block_rows: int = 1 << 18) -> int:
    """Write the blocks to a file. Returns the number of records. Blocks above `block_rows` rows are encoded in parts, to limit memory."""
    written = 0
    for rows in blocks:
        for start in range(0, len(rows), block_rows):
            file.write(encode(rows[start : start + block_rows]))
        written += len(rows)
    return written


def read(file: BinaryIO, *, feature_dim: int | None = None, block_bytes: int = 1 << 24) -> Iterator[Rows]:
    """The rows of a file in blocks of about `block_bytes`. A larger record is one block. Raises InvalidData as decode() does.

    All blocks have one feature_dim, and all or none have labels. A file without records yields nothing.
    """
    rest, offset, labelled = b"", 0, None
    while chunk := file.read(max(block_bytes, len(rest))):
        data = rest + chunk
        rows, end = _decode_whole(data, feature_dim, offset)
        if rows is not None:
            if labelled not in (None, rows.labels is not None):
                raise _invalid(offset, "some records have a label and some have none")
            feature_dim, labelled = rows.feature_dim, rows.labels is not None
            yield rows
        rest, offset = data[end:], offset + end
    if rest:
        raise _invalid(offset, "the data end in the middle of it")


def _decode_whole(data: bytes, feature_dim: int | None, offset: int) -> tuple[Rows | None, int]:
    """The rows of the complete records (None if there is none), and the position after them. `offset` is the position of the data."""
    from sagemaker_formats.recordio import plain, reader

    # a record has at least 12 bytes, an entry at least 4
    indptr, labels = np.zeros(len(data) // 12 + 2, np.int64), np.empty(len(data) // 12 + 2, np.float32)
    keys, values = np.empty(len(data) // 4 + 1, np.int64), np.empty(len(data) // 4 + 1, np.float32)
    source, value_bytes, label_bytes = np.frombuffer(data, np.uint8), values.view(np.uint8), labels.view(np.uint8)
    status, at, row, dim, labelled = wire.OK, 0, 0, -1 if feature_dim is None else feature_dim, -1
    while status == wire.OK and at < len(data):
        limit = row + (1 if row == 0 else ROWS_AT_A_TIME)  # the fast reader needs the layout of one record
        status, at, row, dim, labelled = reader.read_rows(source, at, row, limit, dim, labelled, indptr, keys, values, labels)
        if status == wire.OK:
            at, row = plain.read_plain(source, at, row, dim, labelled, indptr, keys, value_bytes, label_bytes)
    if status not in (wire.OK, wire.CUT):
        raise _invalid(offset + at, wire.REASONS[status])
    if row == 0:
        return None, at
    nnz = indptr[row]
    rows = Rows(
        indptr=indptr[: row + 1].copy(),
        keys=keys[:nnz].copy(),
        values=values[:nnz].copy(),
        labels=labels[:row].copy() if labelled == 1 else None,
        feature_dim=dim,
    )
    return rows, at


def _invalid(offset: int, reason: str) -> InvalidData:
    return InvalidData(f"record at byte {offset}: {reason}", cure=CURE)
