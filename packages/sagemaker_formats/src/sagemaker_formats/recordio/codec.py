"""Converts rows to RecordIO-protobuf and back, at once or in blocks."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import wire
from sagemaker_formats.recordio.reader import read_rows
from sagemaker_formats.recordio.rows import Rows
from sagemaker_formats.recordio.wire import Refused
from sagemaker_formats.recordio.writer import write_rows

CURE = "The data are damaged, or they are not RecordIO-protobuf with Float32 tensors."


def encode(rows: Rows) -> bytes:
    """One record for each row, in order, with `label` if the rows have labels.

    An empty row has no values and keys, only its shape. Raises InvalidData for a record of 512 MB or more.
    """
    return write_rows(rows)


def decode(data: bytes, *, feature_dim: int | None = None) -> Rows:
    """The rows of complete records, sparse or dense. The zeros of a dense record are dropped.

    Without `feature_dim`, all records must have the same shape. Raises InvalidData, which names the byte offset of the record.
    """
    rows, end = _decode_whole(bytes(data), feature_dim, 0)
    if end != len(data):
        raise _invalid(end, wire.CUT)
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
        raise _invalid(offset, wire.CUT)


def _decode_whole(data: bytes, feature_dim: int | None, offset: int) -> tuple[Rows | None, int]:
    """The rows of the complete records (None if there is none), and the position after them. `offset` is the position of the data."""
    try:
        return read_rows(data, feature_dim)
    except Refused as refusal:
        raise _invalid(offset + refusal.at, refusal.reason) from None


def _invalid(offset: int, reason: str) -> InvalidData:
    return InvalidData(f"record at byte {offset}: {reason}", cure=CURE)
