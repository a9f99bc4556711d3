"""Ratings in any of MovieLens' layouts -> the canonical table: tab-separated with the header `userid movieid rating timestamp`.

A source is a file, or a folder or zip that holds exactly one of them:

    u.data        196<tab>242<tab>3<tab>881250949                                  no header
    ratings.csv   userId,movieId,rating,timestamp
    ratings.dat   1::1193::5::978300760                                            no header
    *.inter       user_id:token<tab>item_id:token<tab>rating:float<tab>timestamp:float
    a table that this module wrote

Rows are streamed, so the number of rows does not decide the memory. Duplicates and ratings out of range stay: the lake holds what
was given, and the preparation counts and treats them. Half stars are refused unless a rule is named, because the lab's table has
a bigint rating, where Athena would read 3.5 as null.
"""

import codecs
import errno
import hashlib
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from mlkit.errors import InvalidData, SaveFailed
from mlkit.movielens.sources import opened

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("userid", "movieid", "rating", "timestamp")
_NAMES = {"userId": "userid", "movieId": "movieid", "user_id:token": "userid", "item_id:token": "movieid"}
_NAMES |= {"rating:float": "rating", "timestamp:float": "timestamp"}
_BLOCK_BYTES = 16 * 2**20


class HalfStars(StrEnum):
    """What becomes of ratings such as 3.5.

    `refuse` them; `round-down` to whole stars, after which "4 or more" means what it meant before; `keep` them, for a table whose
    rating column is a double.
    """

    REFUSE = "refuse"
    ROUND_DOWN = "round-down"
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """What a canonical table holds; `rating_type` is the column type that fits it, `bigint` or `double`."""

    rows: int
    users: int
    movies: int
    half_stars: int
    rating_type: str
    sha256: str
    size_bytes: int


def convert(
    source: Path,
    target: Path,
    *,
    half_stars: HalfStars = HalfStars.REFUSE,
    on_rows: Callable[[int], None] | None = None,
) -> Ratings:
    """Writes `source` as the canonical table `target` and says what it holds; `on_rows` is told the rows so far.

    The same rows give the same bytes. Raises NotFound, InvalidData that names the line, or SaveFailed on a full disk; then there is
    no target.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with opened(source) as (stream, name), partial.open("wb") as output:
            found = _stream(stream, name, output, half_stars, on_rows)
        partial.replace(target)
    except _Unreadable as problem:
        with opened(source) as (stream, name):
            raise InvalidData(_first_bad_line(stream, name), cure=_CURE) from problem
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        raise SaveFailed(f"{target.parent} has no room for the ratings: {problem.strerror}") from problem
    finally:
        partial.unlink(missing_ok=True)
    return found


def row_digest(table: Path) -> str:
    """SHA-256 of a canonical table's rows in sorted order, so that the order of the source does not matter. Holds all rows in memory."""
    lines = table.read_bytes().splitlines()[1:]
    return hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()


class _Unreadable(Exception):
    """The fast reader met something that is no rating; a second, slow reading finds the line."""


def _layout(first_line: bytes, name: str) -> tuple[str, bool]:
    """The delimiter, and whether the first line is a header."""
    if first_line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidData(f"{name} is text in UTF-16.", cure="Save it as UTF-8; a spreadsheet program calls that `CSV UTF-8`.")
    try:
        text = first_line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as problem:
        raise InvalidData(f"{name}, line 1: it is not text in UTF-8 ({problem.reason}).", cure=_CURE) from problem
    if not text:
        raise InvalidData(f"{name} is empty, or its first line is.", cure=_CURE)
    delimiter = next((one for one in ("::", "\t", ",") if one in text), None)
    if delimiter is None:
        raise InvalidData(f"{name}, line 1: no tab, comma or `::` between values: {text[:80]!r}.", cure=_CURE)
    names = _column_names(text, delimiter)
    header = not names[0].lstrip("-").isdigit()
    if header and sorted(names) != sorted(COLUMNS):
        missing = [column for column in COLUMNS if column not in names]
        what = f"the columns {', '.join(missing)} are missing" if missing else "there are columns too many"
        raise InvalidData(f"{name}, line 1: {what} in the header {text[:80]!r}.", cure=_CURE)
    return delimiter, header


def _column_names(header: str, delimiter: str) -> list[str]:
    names = [name.strip('"') for name in header.strip().split(delimiter)]
    return [_NAMES.get(name, name) for name in names]


_CURE = (
    "Expected are the values user, movie, rating, timestamp in this order, or a header that names them; separated by tab, comma or `::`."
)


def _stream(stream: IO[bytes], name: str, output: IO[bytes], half_stars: HalfStars, on_rows: Callable[[int], None] | None) -> Ratings:
    import pyarrow as pa
    import pyarrow.csv

    digest, size, rows, halves = hashlib.sha256(), 0, 0, 0
    users, movies = np.array([], dtype=np.int64), np.array([], dtype=np.int64)
    for batch in _batches(stream, name):
        rating = batch["rating"].to_numpy()
        if not np.isfinite(rating).all():
            raise _Unreadable("a rating is not a number")
        whole = np.floor(rating)
        here = int((rating != whole).sum())
        if here and half_stars is HalfStars.REFUSE:
            raise _half_star(name, rows + int(np.argmax(rating != whole)), rating[rating != whole][0])
        halves += here
        kept = rating if half_stars is HalfStars.KEEP and here else whole.astype(np.int64)
        table = pa.table([batch["userid"], batch["movieid"], pa.array(kept), batch["timestamp"]], names=COLUMNS)
        text = _as_text(table, header=rows == 0)
        output.write(text)
        digest.update(text)
        size, rows = size + len(text), rows + len(table)
        users, movies = _union(users, batch["userid"]), _union(movies, batch["movieid"])
        if on_rows is not None:
            on_rows(rows)
    if rows == 0:
        raise InvalidData(f"{name} holds no ratings.", cure=_CURE)
    kind = "double" if halves and half_stars is HalfStars.KEEP else "bigint"
    found = {"rows": rows, "users": len(users), "movies": len(movies), "half_stars": halves, "size_bytes": size}
    return Ratings(**found, rating_type=kind, sha256=digest.hexdigest())


def _batches(stream: IO[bytes], name: str) -> "Iterator[pa.RecordBatch]":
    """Batches with int64 userid, movieid and timestamp and float64 rating."""
    import pyarrow as pa
    from pyarrow import csv

    first = stream.readline()
    delimiter, header = _layout(first, name)
    stream = cast("IO[bytes]", _Rest(b"" if header else first.removeprefix(b"\xef\xbb\xbf"), stream, delimiter))
    names = list(COLUMNS)
    if header:
        names = _column_names(first.decode("utf-8-sig"), delimiter)
    types = {column: pa.float64() if column in ("rating", "timestamp") else pa.int64() for column in COLUMNS}
    try:
        reader = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(column_names=names, block_size=_BLOCK_BYTES, use_threads=False),
            parse_options=csv.ParseOptions(delimiter="\t" if delimiter == "::" else delimiter),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[]),
        )
        for batch in reader:
            columns = {column: batch.column(column) for column in COLUMNS}
            seconds = columns["timestamp"].cast(pa.int64())
            yield pa.record_batch({**columns, "timestamp": seconds})
    except (pa.ArrowInvalid, pa.ArrowKeyError) as problem:
        raise _Unreadable(str(problem)) from problem


class _Rest(io.RawIOBase):
    """What is left of a stream behind a first line, with `::` as tabs; a pair cut by a block's end is not missed."""

    def __init__(self, start: bytes, stream: IO[bytes], delimiter: str) -> None:
        self._held, self._stream, self._double = start, stream, delimiter == "::"

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._held:
            block, self._held = self._held, b""
        else:
            block = self._stream.read(size)
        if not self._double:
            return block
        while block.endswith(b":") and (more := self._stream.read(1)):
            block += more
        return block.replace(b"::", b"\t")


def _as_text(table: "pa.Table", *, header: bool) -> bytes:
    import pyarrow as pa
    from pyarrow import csv

    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=header, delimiter="\t", quoting_style="none", quoting_header="none"))
    return cast(bytes, sink.getvalue().to_pybytes())


def _union(known: npt.NDArray[np.int64], column: Any) -> npt.NDArray[np.int64]:
    return np.union1d(known, column.unique().to_numpy())


def _half_star(name: str, row: int, rating: float) -> InvalidData:
    cure = (
        "Choose `mlkit data load --half-stars round-down` (4 or more keeps its meaning), or deploy the lake with RatingType=double, "
        "which keeps them."
    )
    return InvalidData(f"{name}: rating number {row + 1:,} is {rating:g}, but the table's rating column holds whole numbers.", cure=cure)


def _first_bad_line(stream: IO[bytes], name: str) -> str:
    """Which line is wrong, and how; when every one looks right, there is none."""
    first = stream.readline()
    delimiter, header = _layout(first, name)
    columns = [_NAMES.get(one, one) for one in first.decode("utf-8-sig").strip().split(delimiter)] if header else list(COLUMNS)
    lines = enumerate(stream, 2) if header else _from_first(first.removeprefix(b"\xef\xbb\xbf"), stream)
    for number, line in lines:
        problem = _line_problem(line, delimiter, columns)
        if problem:
            return f"{name}, line {number:,}: {problem}: {line[:80].decode('utf-8', 'replace').rstrip()!r}."
    return f"{name} holds no ratings."


def _from_first(first: bytes, stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    yield 1, first
    yield from enumerate(stream, 2)


def _line_problem(line: bytes, delimiter: str, columns: list[str]) -> str:
    try:
        values = line.decode("utf-8").rstrip("\r\n").split(delimiter)
    except UnicodeDecodeError as problem:
        return f"it is not text in UTF-8 ({problem.reason})"
    if values == [""]:
        return ""
    if len(values) != len(columns):
        return f"{len(values)} values instead of {len(columns)}"
    for column, value in zip(columns, values, strict=True):
        try:
            number = float(value.strip('"'))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            return f"{column} is {value!r}, not a number"
        if column != "rating" and number != int(number):
            return f"{column} is {value!r}, not a whole number"
        if abs(number) >= 2**63:
            return f"{column} is {value!r}, more than a bigint column holds"
    return ""
