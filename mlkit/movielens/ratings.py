"""Ratings in any of MovieLens' layouts -> the canonical table: tab-separated with the header `userid movieid rating timestamp`.

    u.data        196<tab>242<tab>3<tab>881250949                                  no header
    ratings.csv   userId,movieId,rating,timestamp
    ratings.dat   1::1193::5::978300760                                            no header
    *.inter       user_id:token<tab>item_id:token<tab>rating:float<tab>timestamp:float
    a table that this module wrote

and the same data compressed, in a folder or zip, as Parquet, or with other delimiters and column names.

Rows are streamed, so memory does not grow with their number. Duplicates and ratings out of range stay: the preparation counts and
drops them. Half stars are refused unless a rule is given, because the lab's table has a bigint rating, and Athena would read 3.5
as null.
"""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mlkit.data.cell_values import WHOLE, Unfit, is_text, numbers, plain_text, whole_numbers
from mlkit.data.file_sources import Wanted
from mlkit.data.lake_text import as_lines
from mlkit.data.row_files import LATIN1, UTF8, BadRow, NotUtf8, Rows, RowsFile, bad_value
from mlkit.errors import InvalidData, SaveFailed
from mlkit.movielens.columns import ACCEPTED, COLUMNS, DELIMITER, ColumnTypes, header_of
from mlkit.movielens.scale import RANGE, HalfStars, outside, round_down

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["HalfStars", "Ratings", "convert", "row_digest"]
WANTED = Wanted(noun="ratings", patterns=("u.data", "ratings.csv", "ratings.dat", "ratings.tsv", "ratings.parquet", "*.inter"))
_IDS = {"userid": "user", "movieid": "movie"}


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """The counts of a canonical table and the SHA-256 of its file. `notes` describe how the source was read."""

    rows: int
    users: int
    movies: int
    notes: tuple[str, ...]
    sha256: str


def convert(source: Path, target: Path, *, types: ColumnTypes | None = None, half_stars: HalfStars = HalfStars.REFUSE) -> Ratings:
    """Write `source` as the canonical table `target` with these `types`. Returns its counts.

    The same rows give the same bytes. Raises NotFound, InvalidData that names the line, or SaveFailed on a full disk; then there is
    no target.
    """
    file = RowsFile(source=source, wanted=WANTED, width=len(COLUMNS), choose=header_of, cure=ACCEPTED)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    reading = _Reading(types=types or ColumnTypes(), half_stars=half_stars)
    try:
        while (found := _attempt(file, partial, reading)) is None:
            pass
        partial.replace(target)
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


@dataclass(kw_only=True)
class _Reading:
    """The assumptions about the file that an attempt may correct: its encoding, and which ids are text."""

    types: ColumnTypes
    half_stars: HalfStars
    encoding: str = UTF8
    text: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class _Counts:
    rows: int = 0
    rounded: int = 0
    raised: int = 0
    outside: int = 0


class _IsText(Exception):
    """A column of ids is text, not whole numbers as assumed."""

    def __init__(self, column: str, unfit: Unfit) -> None:
        super().__init__(column)
        self.column, self.unfit = column, unfit


def _attempt(file: RowsFile, partial: Path, reading: _Reading) -> Ratings | None:
    """The ratings, written to `partial`; None if the file must be read again with corrected assumptions."""
    counts = _Counts()
    try:
        with file.read(reading.encoding) as rows, partial.open("wb") as output:
            return _written(file, rows, output, reading, counts)
    except NotUtf8 as problem:
        if reading.encoding == LATIN1:
            raise InvalidData(f"{file.source} is not text in UTF-8, UTF-16 or Latin-1.", cure=file.cure) from problem
        reading.encoding = LATIN1
        reading.notes.append(f"{file.source} is not UTF-8, so mlkit read it as Latin-1")
    except BadRow as problem:
        raise file.refusal(problem.row, reading.encoding, problem.reason) from problem
    except _IsText as problem:
        place, _ = file.place(counts.rows + problem.unfit.index, reading.encoding)
        reading.text.add(problem.column)
        reading.notes.append(f"{_IDS[problem.column]} ids are text, because {place} has {problem.unfit.value[:80]!r}")
    return None


def _written(file: RowsFile, rows: Rows, output: IO[bytes], reading: _Reading, counts: _Counts) -> Ratings:
    digest, known = hashlib.sha256(), dict[str, Any]()
    for batch in rows.batches:
        columns = {column: _ids(file, batch, column, reading, counts.rows) for column in _IDS}
        with _told(file, reading, counts.rows, "timestamp"):
            seconds = whole_numbers(batch["timestamp"])
        columns |= {"rating": _ratings(file, batch["rating"], reading, counts), "timestamp": seconds}
        header = b"" if counts.rows else DELIMITER.join(COLUMNS).encode() + b"\n"
        text = header + as_lines([columns[column] for column in COLUMNS], DELIMITER)
        output.write(text)
        digest.update(text)
        for column in _IDS:
            known[column] = _union(known.get(column), columns[column])
        counts.rows += len(batch)
    if counts.rows == 0:
        raise InvalidData(f"{rows.name} holds a header and no ratings.", cure=ACCEPTED)
    return Ratings(
        rows=counts.rows,
        users=len(known["userid"]),
        movies=len(known["movieid"]),
        notes=(*reading.notes, *_notes(counts, reading)),
        sha256=digest.hexdigest(),
    )


def _notes(counts: _Counts, reading: _Reading) -> Iterator[str]:
    if counts.rounded:
        yield f"Ratings between two stars, rounded down: {counts.rounded:,} of {counts.rows:,}"
    if counts.raised:
        yield f"Ratings below one star, raised to 1: {counts.raised:,} of these"
    if counts.outside:
        yield f"Ratings outside of {RANGE}, loaded and later dropped by 01_prep: {counts.outside:,} of {counts.rows:,}"


@contextmanager
def _told(file: RowsFile, reading: _Reading, before: int, column: str, cure: str = "") -> Iterator[None]:
    """Context that reports a value that does not fit its column with its line."""
    try:
        yield
    except Unfit as unfit:
        raise bad_value(file, before, reading.encoding, column, unfit, cure=cure) from unfit


def _ids(file: RowsFile, batch: "pa.RecordBatch", column: str, reading: _Reading, before: int) -> "pa.Array":
    """The ids as the table's column holds them. In a text column they are text only if they are not all whole numbers."""
    kind = getattr(reading.types, column)
    if not is_text(kind):
        with _told(file, reading, before, column, cure=reading.types.text_ids):
            return whole_numbers(batch[column], kind)
    if column in reading.text:
        with _told(file, reading, before, column):
            return plain_text(batch[column], DELIMITER)
    try:
        return whole_numbers(batch[column])
    except Unfit as unfit:
        raise _IsText(column, unfit) from unfit


def _ratings(file: RowsFile, texts: "pa.Array", reading: _Reading, counts: _Counts) -> "pa.Array":
    import pyarrow as pa

    with _told(file, reading, counts.rows, "rating"):
        found = numbers(texts).to_numpy()
        _check_size(found, texts, reading.types.rating)
    counts.outside += outside(found)
    between = found != np.floor(found)
    if not between.any():
        return pa.array(found.astype(np.int64))
    if reading.half_stars is HalfStars.KEEP:
        return pa.array(found)
    if reading.half_stars is HalfStars.REFUSE:
        raise _half_star(file, reading, counts.rows + int(np.argmax(between)), found[between][0])
    whole = round_down(found)
    counts.rounded, counts.raised = counts.rounded + whole.rounded, counts.raised + whole.raised
    return pa.array(whole.stars)


def _check_size(found: "np.ndarray[Any, Any]", texts: "pa.Array", kind: str) -> None:
    """Raises Unfit for a rating that neither a double nor the table's column holds exactly."""
    limit = 2 ** min(53, WHOLE.get(kind, 64) - 1)
    if len(found) and np.abs(found).max() >= limit:
        index = int(np.argmax(np.abs(found) >= limit))
        raise Unfit(index, texts[index].as_py(), "more than the table's column holds", f"a rating of {RANGE}")


def _half_star(file: RowsFile, reading: _Reading, row: int, rating: float) -> InvalidData:
    cure = (
        "Choose `mlkit data load --half-stars round-down` (4 or more keeps its meaning; half a star becomes 1), or "
        f"{reading.types.half_stars}, which keeps them."
    )
    reason = f"rating is {rating:g}, but the table's rating column holds whole numbers"
    return file.refusal(row, reading.encoding, reason, accepted="a whole number of stars", cure=cure)


def _union(known: "pa.Array | None", column: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    here = column.unique()
    return here if known is None else pa.concat_arrays([known, here]).unique()
