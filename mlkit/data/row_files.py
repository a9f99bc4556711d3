"""Reads a file's rows as batches of text: encoding, delimiter, header, quotes, blank lines; Parquet too.

Arrow reads the rows in blocks, so memory does not grow with their number. No row is dropped: it is in a batch, blank, or causes an
error that names its line.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from mlkit.data.cell_values import Unfit
from mlkit.data.file_sources import Wanted, opened
from mlkit.errors import InvalidData

if TYPE_CHECKING:
    import pyarrow as pa

UTF8, LATIN1 = "utf-8", "latin-1"
_BLOCK_BYTES = 16 * 2**20
_PARQUET_ROWS = 200_000
_DELIMITERS = ("::", "\t", ";", ",", "|")
_LONGEST_LINE = 2**20
_SHOWN = 80  # characters of a line, in an error


class BadRow(Exception):
    """The row number `row`, from 0, does not fit the file's columns."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row, self.reason = row, reason


class NotUtf8(Exception):
    """The bytes are not UTF-8 text."""


class WrongHeader(Exception):
    """The first line does not name the required columns."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """The columns by position, under the names that the caller uses; `in_file` is False if the first line is a row."""

    names: tuple[str, ...]
    in_file: bool = True


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Batches of string columns under the header's names; `encoding` is the text's encoding."""

    name: str
    encoding: str
    batches: "Iterator[pa.RecordBatch]"


@dataclass(frozen=True, kw_only=True)
class RowsFile:
    """A file of rows. `width` is the number of columns; 0 allows any.

    `choose` makes a header from the first line's values, or raises WrongHeader. `cure` is the next step of every error.
    """

    source: Path
    wanted: Wanted
    width: int
    choose: Callable[[list[str]], Header]
    cure: str

    @contextmanager
    def read(self, encoding: str = UTF8) -> Iterator[Rows]:
        """The rows. Reading raises NotUtf8, BadRow, or InvalidData for a wrong header."""
        with opened(self.source, self.wanted) as (stream, name):
            if _start(stream).startswith(b"PAR1"):
                yield self._parquet(stream, name)
            else:
                yield self._text(stream, name, encoding)

    def place(self, row: int, encoding: str = UTF8) -> tuple[str, str]:
        """The place of the row number `row`, from 0, such as `mine.csv, line 3`, and the line's text."""
        with opened(self.source, self.wanted) as (stream, name):
            if _start(stream).startswith(b"PAR1"):
                return f"{name}, row {row + 1:,}", ""
            text, _ = _as_utf8(stream, encoding)
            first, number, rest = _first_line(text, name, self.cure)
            delimiter, header = self._layout(first, number, name)
            tail = _Tail(b"" if header.in_file else first, rest, delimiter)
            lines = io.TextIOWrapper(io.BufferedReader(tail), UTF8, errors="replace", newline="")
            start, line = _line_of(row, lines, _as_character(delimiter))
            return f"{name}, line {start + number + (0 if header.in_file else -1):,}", line.rstrip("\r\n")[:_SHOWN]

    def refusal(self, row: int, encoding: str, reason: str, *, accepted: str = "", cure: str = "") -> InvalidData:
        """The error for the row: file, line, problem, and what is accepted."""
        place, line = self.place(row, encoding)
        shown = f": {line!r}" if line else ""
        wanted = f"Accepted is {accepted}. " if accepted else ""
        return InvalidData(f"{place}: {reason}{shown}.", cure=f"{wanted}{cure or self.cure}")

    def _layout(self, first: bytes, number: int, name: str) -> tuple[str, Header]:
        text = first.decode(UTF8).strip("\r\n")
        counted = {one: len(_cut(text, one)) for one in _DELIMITERS}
        delimiter = next((one for one, count in counted.items() if count == self.width), max(counted, key=lambda one: counted[one]))
        if counted[delimiter] == 1 < self.width:
            raise InvalidData(f"{name}, line {number}: no tab, comma, semicolon or `::` between values: {text[:_SHOWN]!r}.", cure=self.cure)
        try:
            return delimiter, self.choose(_cut(text, delimiter))
        except WrongHeader as problem:
            raise InvalidData(f"{name}, line {number}: {problem}: {text[:_SHOWN]!r}.", cure=self.cure) from problem

    def _text(self, stream: IO[bytes], name: str, encoding: str) -> Rows:
        text, encoding = _as_utf8(stream, encoding)
        try:
            first, number, rest = _first_line(text, name, self.cure)
            delimiter, header = self._layout(first, number, name)
        except UnicodeDecodeError as problem:
            raise NotUtf8 from problem
        tail = _Tail(b"" if header.in_file else first, rest, delimiter)
        batches = _text_batches(tail, header.names, _as_character(delimiter), name, self.cure)
        return Rows(name=name, encoding=encoding, batches=batches)

    def _parquet(self, stream: IO[bytes], name: str) -> Rows:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            file = parquet.ParquetFile(stream if stream.seekable() else io.BytesIO(stream.read()))
        except (pa.ArrowException, OSError) as problem:
            raise InvalidData(f"{name} is not a complete Parquet file: {problem}.", cure="Write it again.") from problem
        columns = [column for column in file.schema_arrow.names if not re.fullmatch(r"__index_level_\d+__", column)]  # pandas' own
        try:
            header = self.choose([column.strip() for column in columns])
        except WrongHeader as problem:
            raise InvalidData(f"{name}: {problem}: {', '.join(columns)[:_SHOWN]!r}.", cure=self.cure) from problem
        return Rows(name=name, encoding="", batches=_parquet_batches(file, name, columns, header.names, self.cure))


def bad_value(file: RowsFile, rows_before: int, encoding: str, column: str, unfit: Unfit, *, cure: str = "") -> InvalidData:
    """The error for a value of a batch that begins after `rows_before` rows."""
    reason = f"{column} is {unfit.value[:_SHOWN]!r}, {unfit.reason}"
    return file.refusal(rows_before + unfit.index, encoding, reason, accepted=unfit.accepted, cure=cure)


def _start(stream: Any) -> bytes:
    return bytes(stream.peek(4)[:4])


def _as_utf8(stream: IO[bytes], encoding: str) -> tuple[IO[bytes], str]:
    """The stream's text as UTF-8, and its original encoding: by its byte order mark, otherwise the caller's."""
    start = _start(stream)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif start.startswith(codecs.BOM_UTF8):
        stream.read(len(codecs.BOM_UTF8))
    return (stream if encoding == UTF8 else cast("IO[bytes]", codecs.EncodedFile(stream, UTF8, encoding))), encoding


def _first_line(stream: IO[bytes], name: str, cure: str) -> tuple[bytes, int, IO[bytes]]:
    """The first line that is not blank, with its number, and what follows it. A line may end as on an old Macintosh."""
    for number, block in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), 1):
        if not block.strip():
            continue
        line, end, more = block.partition(b"\r")
        if end and more not in (b"", b"\n"):
            return line + end, number, cast("IO[bytes]", io.BufferedReader(_Tail(more, stream, "")))
        return block, number, stream
    raise InvalidData(f"{name} is empty.", cure=cure)


def _cut(line: str, delimiter: str) -> list[str]:
    character = _as_character(delimiter)
    try:
        values = next(csv.reader([line.replace(delimiter, character)], delimiter=character, skipinitialspace=True), [])
    except csv.Error:
        return [line]
    return [value.strip() for value in values]


def _as_character(delimiter: str) -> str:
    return "\t" if delimiter == "::" else delimiter


def _as_tabs(colons: re.Match[bytes]) -> bytes:
    """A tab for each `::`. A third colon could belong to either value, so it gives an extra tab, and the row is refused."""
    return b"\t" * ((len(colons[0]) + 1) // 2)


class _Tail(io.RawIOBase):
    """Some bytes and the stream after them, with `::` replaced by tabs, also across the end of a block."""

    def __init__(self, start: bytes, stream: IO[bytes], delimiter: str) -> None:
        self._held, self._stream, self._double = start, stream, delimiter == "::"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def read(self, size: int = -1) -> bytes:
        block, self._held = self._held or self._stream.read(size), b""
        if self._double:
            while block.endswith(b":") and (more := self._stream.read(1)):
                block += more
            block = re.sub(rb":{2,}", _as_tabs, block)
        if 0 <= size < len(block):
            block, self._held = block[:size], block[size:]
        return block


def _text_batches(stream: Any, names: tuple[str, ...], delimiter: str, name: str, cure: str) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    blank, wrong = 0, list[Any]()

    def judge(row: Any) -> str:
        nonlocal blank
        if row.actual_columns == 1 and not row.text.strip():
            blank += 1
            return "skip"
        wrong.append(row)
        return "error"

    options = {"null_values": [], "strings_can_be_null": False, "column_types": dict.fromkeys(names, pa.string())}
    try:
        yield from arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=judge),
            convert_options=arrow_csv.ConvertOptions(**options),
        )
    except UnicodeDecodeError as problem:
        raise NotUtf8 from problem
    except (pa.ArrowInvalid, pa.ArrowKeyError) as problem:
        if wrong:
            row = wrong[0]
            raise BadRow(row.number - 1 - blank, f"{row.actual_columns} values instead of {row.expected_columns}") from problem
        if "UTF8" in str(problem):
            raise NotUtf8 from problem
        if "Empty CSV file" not in str(problem):
            raise InvalidData(f"{name} cannot be read: {problem}.", cure=cure) from problem


def _parquet_batches(file: Any, name: str, columns: list[str], names: tuple[str, ...], cure: str) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        for batch in file.iter_batches(_PARQUET_ROWS, columns=columns):
            texts = [pc.fill_null(batch.column(column).cast(pa.string()), "") for column in columns]
            yield pa.record_batch(texts, names=list(names))
    except pa.ArrowException as problem:
        raise InvalidData(f"{name} cannot be read as text and numbers: {problem}.", cure=cure) from problem


def _line_of(row: int, lines: Iterator[str], delimiter: str) -> tuple[int, str]:
    """The number, from 1, of the line with which the row number `row` begins, and its text. Blank lines are no rows."""
    texts = list[str]()

    def kept() -> Iterator[str]:
        for line in lines:
            texts.append(line)
            yield line

    reader = csv.reader(kept(), delimiter=delimiter)
    found = -1
    while True:
        before = reader.line_num
        texts.clear()
        record = next(reader, None)
        if record is None:
            return before, ""
        found += not (len(record) < 2 and not "".join(record).strip())
        if found == row:
            return before + 1, texts[0]
