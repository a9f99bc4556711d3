"""Reads one protobuf message in Python: exact about what is refused and why, but slow. layouts.py reads all messages that resemble it."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sagemaker_formats.recordio import varints, wire
from sagemaker_formats.recordio.wire import PREDICTED_LABEL, SCORE, VALUES, Refused

VARINT, EIGHT_BYTES, TEXT, FOUR_BYTES = 0, 1, 2, 5
_CONTINUED = bytes(range(128, 256))
_OTHER_TENSORS = {3: wire.FLOAT64, 7: wire.INT32, 9: wire.BYTES}
_TOO_LONG = re.compile(b"[\x80-\xff]{%d}" % varints.MAX_SIZE)


class OtherName(Refused):
    """A map entry has another name than those that are looked for."""

    def __init__(self) -> None:
        super().__init__(wire.NAME)


class Field(NamedTuple):
    """A field of a message, from its tag at `at` to `stop`. The length of a text comes between `size_at` and `start`."""

    number: int
    kind: int
    at: int
    size_at: int
    start: int
    stop: int


class Entry(NamedTuple):
    """A map entry, and the Float32 tensor of the Value in it."""

    fields: list[Field]
    name: bytes
    value_fields: list[Field]
    tensor: Field


@dataclass
class Message:
    """What a message holds. Values and keys may be in pieces. A label is its name and the position of its four bytes."""

    fields: list[Field] = field(default_factory=list)
    features: Entry | None = None
    tensor_fields: list[Field] = field(default_factory=list)
    values: list[Field] = field(default_factory=list)
    keys: list[Field] = field(default_factory=list)
    labels: list[tuple[bytes, int]] = field(default_factory=list)


class RecordReader:
    """Reads training rows. All rows of a file have the same feature_dim, and all or none have a label; None is not known yet."""

    def __init__(self, dim: int | None) -> None:
        self.dim = dim
        self.labelled: bool | None = None

    def read(self, data: bytes, start: int, stop: int) -> Message:
        """The row between two positions. Raises Refused."""
        message, dim = Message(), self.dim
        for found in fields(data, start, stop, texts=2):
            message.fields.append(found)
            if (found.number == 1 and message.features) or (found.number == 2 and message.labels):
                raise Refused(wire.TWICE)
            if found.number == 1:
                dim = read_features(data, found, self.dim, message)
            elif found.number == 2:
                message.labels.append(read_label(data, found, (VALUES,)))
        if message.features is None:
            raise Refused(wire.EMPTY)
        if self.labelled not in (None, bool(message.labels)):
            raise Refused(wire.MIXED)
        self.dim, self.labelled = dim, bool(message.labels)
        return message


class PredictionReader:
    """Reads an endpoint's answers. All or none of them have a predicted label; None is not known yet."""

    def __init__(self) -> None:
        self.labelled: bool | None = None

    def read(self, data: bytes, start: int, stop: int) -> Message:
        """The answer between two positions. Raises Refused."""
        message = Message()
        for found in fields(data, start, stop):
            message.fields.append(found)
            if found.number == 2 and found.kind != TEXT:
                raise Refused(wire.MALFORMED)
            if found.number == 2:
                with suppress(OtherName):
                    message.labels.append(read_label(data, found, (SCORE, PREDICTED_LABEL)))
        names = sorted(name for name, _ in message.labels)
        if names not in ([SCORE], [PREDICTED_LABEL, SCORE]):
            raise Refused(wire.LABEL)
        if self.labelled not in (None, len(names) == 2):
            raise Refused(wire.MIXED)
        self.labelled = len(names) == 2
        return message


def read_features(data: bytes, entry_field: Field, dim: int | None, message: Message) -> int:
    """Put the row of a `features` map entry into the message. Returns its feature_dim, which must be `dim` if that is known."""
    entry = message.features = read_entry(data, entry_field)
    if entry.name != VALUES:
        raise OtherName
    n_values, shape = 0, []
    for found in fields(data, entry.tensor.start, entry.tensor.stop):
        message.tensor_fields.append(found)
        if found.number == 1:
            if found.kind not in (TEXT, FOUR_BYTES) or (found.stop - found.start) % 4:
                raise Refused(wire.MALFORMED)
            message.values.append(found)
            n_values += (found.stop - found.start) // 4
        elif found.number == 2:
            check_varints(data, found, wire.MALFORMED)
            message.keys.append(found)
        elif found.number == 3:
            check_varints(data, found, wire.SHAPE)
            shape.append(data[found.start : found.stop])
            if len(_ends(b"".join(shape))) > 1:
                raise Refused(wire.SHAPE)
    packed = joined(data, message.keys)
    return _row_dim(n_values, packed, read_varint(b"".join(shape), 0, varints.MAX_SIZE)[0] if any(shape) else None, dim)


def _row_dim(n_values: int, packed: bytes, shape: int | None, dim: int | None) -> int:
    """The feature_dim of a row. Raises Refused if values, keys and shape disagree."""
    n_keys = len(_ends(packed))
    is_dense = n_keys == 0 and n_values > 0
    row_dim = shape if shape is not None else n_values if is_dense else dim
    if not row_dim:
        raise Refused(wire.SHAPE)
    if n_values != (row_dim if is_dense else n_keys):
        raise Refused(wire.UNEQUAL)
    if dim is not None and row_dim != dim:
        raise Refused(wire.DIMENSION)
    if n_keys and varints.unpack(np.frombuffer(packed, np.uint8))[0].max() >= row_dim:
        raise Refused(wire.KEY)
    return row_dim


def read_label(data: bytes, entry_field: Field, names: tuple[bytes, ...]) -> tuple[bytes, int]:
    """The name of a `label` map entry and the position of its one value. Raises OtherName if it is none of the names, or Refused."""
    entry = read_entry(data, entry_field)
    if entry.name not in names:
        raise OtherName
    pieces = []
    for found in fields(data, entry.tensor.start, entry.tensor.stop):
        if found.number == 1 and found.kind not in (TEXT, FOUR_BYTES):
            raise Refused(wire.MALFORMED)
        if found.number == 1 and found.stop > found.start:
            pieces.append(found)
    if len(pieces) != 1 or pieces[0].stop - pieces[0].start != 4:
        raise Refused(wire.LABEL)
    return entry.name, pieces[0].start


def read_entry(data: bytes, entry_field: Field) -> Entry:
    """A map entry. Raises Refused unless its Value is one Float32 tensor."""
    found = list(fields(data, entry_field.start, entry_field.stop, texts=2))
    names, values = ([part for part in found if part.number == number] for number in (1, 2))
    if len(values) != 1:
        raise Refused(wire.MALFORMED)
    value_fields: list[Field] = []
    tensor = None
    for part in fields(data, values[0].start, values[0].stop, texts=9):
        value_fields.append(part)
        if part.number in _OTHER_TENSORS:
            raise Refused(_OTHER_TENSORS[part.number])
        if part.number == 2 and tensor:
            raise Refused(wire.MALFORMED)
        if part.number == 2:
            tensor = part
    if tensor is None:
        raise Refused(wire.MALFORMED)
    return Entry(found, data[names[-1].start : names[-1].stop] if names else b"", value_fields, tensor)


def fields(data: bytes, at: int, end: int, *, texts: int = 0) -> Iterator[Field]:
    """The fields of the message between two positions. Raises Refused for a malformed one; fields 1 to `texts` must be length-delimited."""
    while at < end:
        tag, size_at = read_varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        start, size = size_at, {EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(kind, 0)
        if kind == TEXT:
            size, start = read_varint(data, size_at, end)
        stop = read_varint(data, start, end)[1] if kind == VARINT else start + size
        if number < 1 or stop > end or kind not in (VARINT, EIGHT_BYTES, TEXT, FOUR_BYTES) or (number <= texts and kind != TEXT):
            raise Refused(wire.MALFORMED)
        yield Field(number, kind, at, size_at, start, stop)
        at = stop


def read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(value, position after it). Raises Refused if the varint is cut off or does not fit into 63 bits."""
    value = 0
    for place in range(at, min(end, at + varints.MAX_SIZE)):
        value |= (data[place] & 127) << 7 * (place - at)
        if data[place] < 128:
            return value, place + 1
    raise Refused(wire.MALFORMED)


def check_varints(data: bytes, found: Field, reason: str) -> None:
    """Raise Refused with the reason unless the field is one varint or packed varints."""
    packed = data[found.start : found.stop]
    if found.kind not in (VARINT, TEXT) or _TOO_LONG.search(packed) or packed[-1:] >= b"\x80":
        raise Refused(reason)


def joined(data: bytes, pieces: list[Field]) -> bytes:
    return b"".join(data[piece.start : piece.stop] for piece in pieces)


def _ends(packed: bytes) -> bytes:
    """The last bytes of packed varints, one for each."""
    return packed.translate(None, _CONTINUED)
