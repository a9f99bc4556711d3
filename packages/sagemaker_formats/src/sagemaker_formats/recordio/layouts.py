"""Finds values, keys and labels in many messages at once.

message.py reads one message in Python. The way to its parts becomes a layout: which bytes are the same in all such messages, where a length
stands, and what it is the length of. NumPy goes this way in all messages together. Those that differ from it wait for another layout.
"""

from typing import NamedTuple, Protocol

import numpy as np

from sagemaker_formats.recordio.message import TEXT, Entry, Field, Message, joined
from sagemaker_formats.recordio.wire import PREDICTED_LABEL, SCORE, VALUES, Bytes, Flags, Ints, Refused

# data that need more layouts are read in Python
MAX_LAYOUTS = 16
# what a table of parts holds for each message: positions, and sizes in bytes
VALUES_AT, VALUES_SIZE, KEYS_AT, KEYS_SIZE, LABEL_AT, SECOND_LABEL_AT, COLUMNS = range(7)
LABEL_COLUMNS = {VALUES: LABEL_AT, SCORE: LABEL_AT, PREDICTED_LABEL: SECOND_LABEL_AT}
# room for a position past the end, and for the eight bytes there
PADDING = 16
# lengths are below 2**29; a longer varint is left to message.py
MAX_LENGTH_SIZE = 5


class Step(NamedTuple):
    """What comes next in a message.

    same      the bytes `text`
    enter     a length, and a message of this length; `leave` is at its end
    skip      a length, and as many bytes, which are the part `column` if that is not None
    four      four bytes, which are the part `column`
    """

    kind: str
    text: bytes = b""
    column: int | None = None


Layout = list[Step]


class Reader(Protocol):
    """RecordReader or PredictionReader."""

    def read(self, data: bytes, start: int, stop: int) -> Message: ...


def find_parts(data: bytes, starts: Ints, stops: Ints, reader: Reader, layouts: list[Layout]) -> tuple[Bytes, Ints, str]:
    """(bytes, table of parts (COLUMNS, n_messages), refusal) of the messages between `starts` and `stops`.

    Positions in the table are those of the returned bytes: the data, padding, and the parts that were in pieces. If a message is refused,
    the table ends before the first one, and the refusal is not empty. New layouts are appended to `layouts`.
    """
    table, pieces = np.zeros((COLUMNS, starts.size), np.int64), bytearray()
    block = np.concatenate([np.frombuffer(data, np.uint8), np.zeros(PADDING, np.uint8)])
    rest, refusal = np.arange(starts.size), ""
    for layout in layouts:
        rest = _match(layout, block, starts, stops, rest, table)
    while rest.size and not refusal:
        row, rest = int(rest[0]), rest[1:]
        try:
            message = reader.read(data, int(starts[row]), int(stops[row]))
        except Refused as error:
            table, refusal = table[:, :row], error.reason
        else:
            table[:, row] = _parts(data, message, block.size, pieces)
            if len(layouts) < MAX_LAYOUTS and (new := layout_of(data, message)):
                layouts.append(new)
                rest = _match(new, block, starts, stops, rest, table)
    return (np.concatenate([block, np.frombuffer(pieces, np.uint8)]) if pieces else block), table, refusal


def _match(layout: Layout, block: Bytes, starts: Ints, stops: Ints, rest: Ints, table: Ints) -> Ints:
    """Fill the table for those messages of `rest` that have the layout. Returns the others."""
    if not rest.size:
        return rest
    rows: slice | Ints = slice(None) if rest.size == starts.size else rest
    walk = Walk(block, starts[rows])
    for step in layout:
        walk.go(step)
    fits: Flags = walk.fits & (walk.at == stops[rows])
    if fits.all():  # as it nearly always is, and then nothing has to be chosen
        for column, found in walk.parts.items():
            table[column, rows] = found
        return rest[:0]
    for column, found in walk.parts.items():
        table[column, rest[fits]] = found[fits]
    others: Ints = rest[~fits]
    return others


class Walk:
    """A way through many messages. `at` is the position in each, `fits` whether it was right so far, `parts` holds columns of the table."""

    def __init__(self, block: Bytes, at: Ints) -> None:
        self.block, self.at = block, at
        self.fits: Flags = np.ones(at.size, bool)
        self.parts: dict[int, Ints] = {}
        self.ends: list[Ints] = []
        # eight bytes from any position on
        self.words = np.ndarray((block.size - 7,), "<u8", block, strides=(1,))

    def go(self, step: Step) -> None:
        """Take a step in all messages."""
        match step.kind:
            case "same":
                self._compare(step.text)
            case "enter":
                self.ends.append(self._length() + self.at)
            case "leave":
                self.fits &= self.at == self.ends.pop()
            case "skip":
                size = self._length()
                if step.column is not None:
                    self.parts |= {step.column: self.at, step.column + 1: size}
                if step.column == VALUES_AT:
                    self.fits &= size % 4 == 0
                self._move(size)
            case "four":
                self.parts[step.column or 0] = self.at
                self._move(4)

    def _move(self, size: int | Ints) -> None:
        """Move on, at most to one position past the end of the data, where no message ends."""
        self.at = np.minimum(self.at + size, self.block.size - PADDING + 1)

    def _compare(self, text: bytes) -> None:
        for start in range(0, len(text), 8):
            part = text[start : start + 8]
            if len(part) == 1:
                self.fits &= self.block[self.at] == part[0]
            else:
                mask, number = (1 << 8 * len(part)) - 1, int.from_bytes(part, "little")
                words = self.words[self.at]
                self.fits &= (words if len(part) == 8 else words & np.uint64(mask)) == np.uint64(number)
            self._move(len(part))

    def _length(self) -> Ints:
        """The varint at each position, and the position moves behind it."""
        byte = self.block[self.at]
        length = (byte & 127).astype(np.int64)
        size = np.ones_like(length)
        longer = np.flatnonzero(byte > 127)
        for place in range(1, MAX_LENGTH_SIZE):
            if longer.size:
                byte = self.block[self.at[longer] + place]
                length[longer] |= (byte & 127).astype(np.int64) << 7 * place
                size[longer] += 1
                longer = longer[byte > 127]
        self.fits[longer] = False
        self._move(size)
        return length


def _parts(data: bytes, message: Message, end: int, pieces: bytearray) -> list[int]:
    """The message's row of the table. Parts in pieces are joined and appended to `pieces`, which will follow the position `end`."""
    row = [0] * COLUMNS
    for column, found in ((VALUES_AT, message.values), (KEYS_AT, message.keys)):
        if len(found) == 1:
            row[column : column + 2] = found[0].start, found[0].stop - found[0].start
        elif found:
            whole = joined(data, found)
            row[column : column + 2] = end + len(pieces), len(whole)
            pieces += whole
    for name, at in message.labels:
        row[LABEL_COLUMNS[name]] = at
    return row


def layout_of(data: bytes, message: Message) -> Layout | None:
    """The layout of a message, or None if its values or keys are not in one length-delimited field each."""
    for found in (message.values, message.keys):
        if len(found) > 1 or any(piece.kind != TEXT for piece in found):
            return None
    way = Way(data)
    for part in message.fields:
        if message.features and part.number == 1:
            way.enter(part)
            way.features(message.features, message.tensor_fields)
            way.leave()
        elif part.number == 2:
            way.label(part, message.labels)
        else:
            way.other(part)
    return way.steps


class Way:
    """The steps through one message."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.steps: Layout = []

    def same(self, start: int, stop: int) -> None:
        text = self.data[start:stop]
        if self.steps and self.steps[-1].kind == "same":
            text = self.steps.pop().text + text
        self.steps.append(Step("same", text))

    def enter(self, part: Field) -> None:
        self.same(part.at, part.size_at)
        self.steps.append(Step("enter"))

    def leave(self) -> None:
        self.steps.append(Step("leave"))

    def other(self, part: Field, column: int | None = None) -> None:
        """A field whose content may be any, if it has a length."""
        self.same(part.at, part.size_at if part.kind == TEXT else part.stop)
        if part.kind == TEXT:
            self.steps.append(Step("skip", column=column))

    def label(self, part: Field, labels: list[tuple[bytes, int]]) -> None:
        """A label entry, whose lengths are the same for all messages."""
        at = part.at
        for name, value in labels:
            if part.start <= value < part.stop:
                self.same(at, value)
                self.steps.append(Step("four", column=LABEL_COLUMNS[name]))
                at = value + 4
        self.same(at, part.stop)

    def features(self, entry: Entry, tensor_fields: list[Field]) -> None:
        for part in entry.fields:
            if part.number == 1:
                self.same(part.at, part.stop)
            elif part.number == 2:
                self.enter(part)
                self._value(entry.value_fields, tensor_fields)
                self.leave()
            else:
                self.other(part)

    def _value(self, value_fields: list[Field], tensor_fields: list[Field]) -> None:
        for part in value_fields:
            if part.number != 2:
                self.other(part)
                continue
            self.enter(part)
            for piece in tensor_fields:
                if piece.number == 3:
                    self.same(piece.at, piece.stop)
                else:
                    self.other(piece, {1: VALUES_AT, 2: KEYS_AT}.get(piece.number))
            self.leave()
