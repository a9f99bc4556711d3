"""Writes records with NumPy, field by field: each step writes one field of all rows of a block. Rows that are alike: alike.py.

Most steps write eight bytes where a field is shorter. The bytes after it belong to later fields, which later steps write. The header of a
record comes last, because the end of the record before it may have spilled into it.
"""

from collections.abc import Iterator

import numpy as np

from sagemaker_formats.errors import InvalidData
from sagemaker_formats.recordio import varints
from sagemaker_formats.recordio.alike import Templates, write_alike
from sagemaker_formats.recordio.rows import Rows
from sagemaker_formats.recordio.wire import HEADER_SIZE, LENGTH_LIMIT, MAGIC, PREDICTED_LABEL, SCORE, VALUES, Floats, Ints

# the arrays of a block of this size fit into a processor's cache; a row counts as its entries and ROW_COST more
BLOCK_COST, ROW_COST = 1 << 17, 8
NAME = b"\x0a\x06" + VALUES


def write_rows(rows: Rows) -> bytes:
    """One record for each row. Raises InvalidData for a record of LENGTH_LIMIT bytes or more."""
    templates: Templates = {}
    return b"".join([write_block(rows[start:stop], start, templates) for start, stop in blocks(rows.indptr)])


def blocks(indptr: Ints) -> Iterator[tuple[int, int]]:
    """(first row, row after the last) of each block."""
    cost = indptr + ROW_COST * np.arange(indptr.size)
    start = 0
    while start < indptr.size - 1:
        stop = max(start + 1, int(np.searchsorted(cost, cost[start] + BLOCK_COST, side="right")) - 1)
        yield start, stop
        start = stop


def write_block(rows: Rows, first_row: int, templates: Templates) -> memoryview:
    """The records of a few rows, of which the first is row `first_row` for the caller."""
    tail_size = len(field(3, varint(rows.feature_dim))) + (0 if rows.labels is None else len(label_entry(VALUES)))
    found = write_alike(rows, lambda row: write_fields(row, first_row), tail_size=tail_size, templates=templates)
    return write_fields(rows, first_row) if found is None else found


def write_fields(rows: Rows, first_row: int) -> memoryview:
    """The records of write_block(), of any rows."""
    key_sizes, counts = varints.sizes_of(rows.keys), np.diff(rows.indptr)
    key_ends = np.concatenate([[0], np.cumsum(key_sizes, dtype=np.int64)])
    key_bytes = np.diff(key_ends[rows.indptr])
    shape = field(3, varint(rows.feature_dim))
    tensor = len(shape) + np.where(counts > 0, field_sizes(4 * counts) + field_sizes(key_bytes), 0)
    value = field_sizes(tensor)
    entry = len(NAME) + field_sizes(value)
    payload = field_sizes(entry) + (0 if rows.labels is None else len(label_entry(VALUES)))
    records = Records(payload, first_row)
    records.put_field(1, entry)
    records.put_text(NAME)
    records.put_field(2, value)
    records.put_field(2, tensor)
    filled = slice(None) if counts.all() else np.flatnonzero(counts)
    records.put_field(1, 4 * counts[filled], filled)
    records.put_floats(rows.values, counts)
    records.put_field(2, key_bytes[filled], filled)
    at = np.repeat(records.at - key_ends[rows.indptr[:-1]], counts) + key_ends[:-1]
    varints.put(records.out, at, rows.keys, key_sizes)
    records.at += key_bytes
    records.put_text(shape)
    if rows.labels is not None:
        records.put_text(label_entry(VALUES)[:-4])
        records.put_floats(rows.labels, np.ones_like(counts))
    return records.end()


class Records:
    """The bytes of records with payloads of these sizes. `at` is the position after the last field of each record, (n_rows,)."""

    def __init__(self, payload: Ints, first_row: int) -> None:
        sizes = HEADER_SIZE + (payload + 3) // 4 * 4
        if sizes.max() >= LENGTH_LIMIT:
            row = first_row + sizes.argmax()
            raise InvalidData(f"row {row} does not fit into a record of {LENGTH_LIMIT} bytes", cure="Use fewer features a row.")
        self.payload, ends = payload, np.cumsum(sizes)
        self.size, self.starts = int(ends[-1]), ends - sizes
        self.at = self.starts + HEADER_SIZE
        self.out = np.empty(self.size + 8, np.uint8)
        # eight and four bytes from any position on
        self.words = np.ndarray((self.size + 1,), "<i8", self.out, strides=(1,))
        self.floats = np.ndarray((self.size + 5,), np.float32, self.out, strides=(1,))

    def put_field(self, number: int, sizes: Ints, rows: slice | Ints = slice(None)) -> None:
        """Write tag and length of a length-delimited field into some rows."""
        self.words[self.at[rows]] = number << 3 | 2 | varints.as_words(sizes) << 8
        self.at[rows] += 1 + varints.sizes_of(sizes)

    def put_text(self, text: bytes) -> None:
        """Write the same bytes into all rows."""
        for start in range(0, len(text), 8):
            self.words[self.at + start] = int.from_bytes(text[start : start + 8], "little", signed=True)
        self.at += len(text)

    def put_floats(self, values: Floats, counts: Ints) -> None:
        """Write the next `counts` values into each row."""
        self.floats[varints.positions(self.at, counts, 4)] = values
        self.at += 4 * counts

    def end(self) -> memoryview:
        """The whole records, after their padding and headers were written."""
        self.words[self.at] = 0
        self.words[self.starts] = MAGIC | self.payload << 32
        return self.out[: self.size].data


def write_predictions(scores: Floats, labels: Floats | None) -> bytes:
    """One record for each score, with the predicted label if there are labels."""
    entries = label_entry(SCORE) + (b"" if labels is None else label_entry(PREDICTED_LABEL))
    header = MAGIC.to_bytes(4, "little") + len(entries).to_bytes(4, "little")
    template = np.frombuffer(header + entries + bytes(-len(entries) % 4), np.uint8)
    out = np.tile(template, (scores.size, 1))
    ends = [HEADER_SIZE + len(label_entry(SCORE)), HEADER_SIZE + len(entries)]
    for end, column in zip(ends, (scores, labels), strict=True):
        if column is not None:
            out[:, end - 4 : end] = np.ascontiguousarray(column, np.float32).view(np.uint8).reshape(-1, 4)
    return out.tobytes()


def field_sizes(sizes: Ints) -> Ints:
    """Bytes of length-delimited fields with contents of these sizes."""
    return 1 + varints.sizes_of(sizes) + sizes


def label_entry(name: bytes) -> bytes:
    """A `label` map entry of the value 0.0, which is its last four bytes."""
    tensor = field(1, bytes(4))
    return field(2, field(1, name) + field(2, field(2, tensor)))


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field with at most 127 bytes of content."""
    return bytes([number << 3 | 2, len(content)]) + content


def varint(value: int) -> bytes:
    low = bytes([value & 127])
    return low if value < 128 else bytes([low[0] | 128]) + varint(value >> 7)
