"""Converts a file of rows to the lake's table format: commas, the table's columns in order, no quotes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mlkit.data.cell_values import WHOLE, Unfit, cleaned, is_number, numbers, plain_text, whole_numbers
from mlkit.data.file_sources import Wanted
from mlkit.data.lake_text import as_lines
from mlkit.data.row_files import LATIN1, UTF8, BadRow, Header, NotUtf8, Rows, RowsFile, WrongHeader, bad_value
from mlkit.errors import InvalidData

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

WANTED = Wanted(noun="data")
_CURE = "The first line must name the table's columns, in any order, separated by comma, semicolon or tab. An empty value is a null."


@dataclass(frozen=True, kw_only=True)
class Written:
    """The number of rows of a table file, and notes on how they were read."""

    rows: int
    notes: tuple[str, ...]


def convert(source: Path, target: Path, columns: Mapping[str, str]) -> Written:
    """Writes `source` as a CSV file for the table (column -> Glue type). Raises NotFound, or InvalidData that names the line and value."""
    file = RowsFile(source=source, wanted=WANTED, width=len(columns), choose=_header_for(tuple(columns)), cure=_CURE)
    try:
        return Written(rows=_attempt(file, target, columns, UTF8), notes=())
    except NotUtf8:
        pass
    note = f"{source} is not UTF-8, so mlkit read it as Latin-1"
    try:
        return Written(rows=_attempt(file, target, columns, LATIN1), notes=(note,))
    except NotUtf8 as problem:
        raise InvalidData(f"{source} is not text in UTF-8, UTF-16 or Latin-1.", cure=_CURE) from problem


def read_frame(source: Path) -> "pd.DataFrame":
    """The rows of a file with its own column names: numbers if the whole column holds numbers, otherwise text. Raises as `convert`."""
    import pandas as pd

    file = RowsFile(source=source, wanted=WANTED, width=0, choose=_any_header, cure=_CURE)
    try:
        frames = list(_frames(file, UTF8))
    except NotUtf8:
        frames = list(_frames(file, LATIN1))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if frame.empty:
        raise InvalidData(f"{source} holds no rows.", cure=_CURE)
    return frame


def _frames(file: RowsFile, encoding: str) -> "Iterator[pd.DataFrame]":
    with file.read(encoding) as rows:
        try:
            for batch in rows.batches:
                yield batch.to_pandas()
        except BadRow as problem:
            raise file.refusal(problem.row, encoding, problem.reason) from problem


def _any_header(values: list[str]) -> Header:
    """Any names. The first may be empty: pandas writes its index so."""
    names = ["unnamed" if number == 0 and not value else value for number, value in enumerate(values)]
    if "" in names or len(set(names)) != len(names):
        raise WrongHeader("the header has an empty or repeated column name")
    return Header(names=tuple(names))


def _header_for(columns: tuple[str, ...]) -> Any:
    def choose(values: list[str]) -> Header:
        names = [value.lower() for value in values]
        if sorted(names) != sorted(columns):
            raise WrongHeader(f"the columns are {', '.join(names) or '-'}, the table has {', '.join(columns)}")
        return Header(names=tuple(names))

    return choose


def _attempt(file: RowsFile, target: Path, columns: Mapping[str, str], encoding: str) -> int:
    with file.read(encoding) as rows, target.open("wb") as output:
        try:
            count = _write(file, rows, output, columns)
        except BadRow as problem:
            raise file.refusal(problem.row, encoding, problem.reason) from problem
    if count == 0:
        raise InvalidData(f"{rows.name} holds no rows.", cure=_CURE)
    return count


def _write(file: RowsFile, rows: Rows, output: IO[bytes], columns: Mapping[str, str]) -> int:
    count = 0
    output.write(",".join(columns).encode() + b"\n")
    for batch in rows.batches:
        values = []
        for name, kind in columns.items():
            try:
                values.append(_values(batch[name], kind))
            except Unfit as unfit:
                raise bad_value(file, count, rows.encoding, name, unfit) from unfit
        output.write(as_lines(values, ","))
        count += len(batch)
    return count


def _values(texts: "pa.Array", kind: str) -> "pa.Array":
    """The values as text that Athena reads without loss; an empty value stays empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = cleaned(texts)
    empty = pc.equal(texts, "")
    filled = pc.if_else(empty, "0", texts)
    if kind in WHOLE:
        found = whole_numbers(filled, kind).cast(pa.string())
    elif is_number(kind):
        found = _doubles(filled)
    else:
        found = plain_text(filled, ",")
    return pc.if_else(empty, "", found)


def _doubles(texts: "pa.Array") -> "pa.Array":
    """The numbers as they were written, except NaN and the infinities, for which Athena has one spelling each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = numbers(texts, finite=False)
    named = pc.if_else(pc.is_nan(found), "NaN", pc.if_else(pc.greater(found, 0.0), "Infinity", "-Infinity"))
    return pc.if_else(pc.is_finite(found), texts, named).cast(pa.string())
