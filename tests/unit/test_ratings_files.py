"""Files of ratings as people have them: each is read row by row, or refused with file, line, value and what would be accepted.

The table is the case's whole input and outcome; the property below writes random ratings in a random dialect.
"""

import bz2
import contextlib
import csv
import gzip
import io
import lzma
import uuid
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from mlkit.data.cell_values import Unfit, numbers, whole_numbers
from mlkit.errors import InvalidData
from mlkit.movielens.columns import ColumnTypes
from mlkit.movielens.ratings import HalfStars, Ratings, convert

CSV = "userId,movieId,rating,timestamp\n"
ROW = "196,242,3,881250949\n"
ROWS = [("196", "242", "3", "881250949")]
ANNA = uuid.UUID(int=7)
NUMBERS, TEXT, DOUBLE = ColumnTypes(), ColumnTypes(userid="string", movieid="string"), ColumnTypes(rating="double")
WHOLE = "a whole number from -9223372036854775808 to 9223372036854775807, written as 81 or 81.0"
NUMBER = "a number such as 3, 3.5 or 1e-7"
FORM = "user, movie, rating, timestamp in this order, or a header that names them"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def parquet(**columns: list[object]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Read:
    """A file that is read: the rows as the lake's file has them, and what is said of it."""

    content: bytes
    rows: Sequence[tuple[str, ...]]
    name: str = "mine.csv"
    types: ColumnTypes = NUMBERS
    half_stars: HalfStars = HalfStars.REFUSE
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A file that is refused, what is said of it, and what would be accepted."""

    content: bytes
    told: tuple[str, ...]
    accepted: str
    name: str = "mine.csv"
    types: ColumnTypes = NUMBERS
    half_stars: HalfStars = HalfStars.REFUSE


def read(text: str | bytes, rows: Sequence[tuple[str, ...]] = ROWS, **more: Any) -> Read:
    return Read(content=text.encode() if isinstance(text, str) else text, rows=rows, **more)


def refused(text: str | bytes, *told: str, accepted: str, **more: object) -> Refused:
    return Refused(content=text.encode() if isinstance(text, str) else text, told=told, accepted=accepted, **more)  # type: ignore[arg-type]


def values(text: str) -> list[tuple[str, ...]]:
    return [tuple(line.split(" ")) for line in text.split(" / ")]


CASES = {
    # ids
    "floats that pandas wrote": read(CSV + "196.0,242.0,3.0,881250949.0\n"),
    "floats among integers": read(CSV + ROW + "81.0,7,4,1\n", values("196 242 3 881250949 / 81 7 4 1")),
    "spaces around values": read(CSV + " 196 ,242 , 3,881250949\n"),
    "quoted values": read('"userId","movieId","rating","timestamp"\n"196","242","3","881250949"\n'),
    "quotes behind spaces": read('"userId", "movieId", "rating", "timestamp"\n"196", "242", "3", "881250949"\n'),
    "negative and zero": read(CSV + "-5,0,3,-1\n", values("-5 0 3 -1")),
    "the largest bigint": read(CSV + f"{2**63 - 1},{-(2**63)},3,1\n", values(f"{2**63 - 1} {-(2**63)} 3 1")),
    "an exponent": refused(CSV + ROW + "1e3,2,3,4\n", "mine.csv, line 3: userid is '1e3'", "write it as 1000", accepted=WHOLE),
    "a plus sign": refused(CSV + "+81,2,3,4\n", "mine.csv, line 2: userid is '+81'", "write it as 81", accepted=WHOLE),
    "an underscore": refused(CSV + "1,1_000,3,4\n", "mine.csv, line 2: movieid is '1_000'", "write it as 1000", accepted=WHOLE),
    "leading zeros": refused(CSV + "1,007,3,4\n", "mine.csv, line 2: movieid is '007'", "write it as 7", accepted=WHOLE),
    "hexadecimal": refused(CSV + "0x1f,2,3,4\n", "mine.csv, line 2: userid is '0x1f', not a whole number", accepted=WHOLE),
    "a fraction": refused(CSV + "81.5,2,3,4\n", "mine.csv, line 2: userid is '81.5', not a whole number", accepted=WHOLE),
    "one too large": refused(
        CSV + f"1,{2**63},3,4\n", f"line 2: movieid is '{2**63}', more than a column of type bigint", accepted=WHOLE
    ),
    "too large for an int": refused(
        CSV + f"{2**31},2,3,4\n", f"line 2: userid is '{2**31}', more than a column of type int", accepted="from -2147483648 to 2147483647",
        types=ColumnTypes(userid="int"),
    ),
    "an id left out": refused(CSV + ROW + "1,,3,4\n", "mine.csv, line 3: movieid is '', empty", accepted=WHOLE),
    "text for numbers": refused(CSV + ROW + f"{ANNA},2,3,4\n", f"mine.csv, line 3: userid is '{ANNA}'", accepted="IdType=string"),
    # ids that are text
    "UUIDs": read(
        CSV + f"{ANNA},tt0111161,4,1\n", values(f"{ANNA} tt0111161 4 1"), types=TEXT,
        notes=("user ids are text, because FILE, line 2 has '" + str(ANNA), "movie ids are text, because FILE, line 2 has 'tt0111161'"),
    ),
    "numbers in columns of text": read(CSV + "81.0,2,3,4\n", values("81 2 3 4"), types=TEXT),
    "numbers and text are text as they stand": read(
        CSV + "81.0,7,3,4\nanna,8,3,4\n", values("81.0 7 3 4 / anna 8 3 4"),
        types=TEXT, notes=("user ids are text, because FILE, line 3 has 'anna'",),
    ),
    "leading zeros in columns of text": read(CSV + "007,1,3,4\n", values("007 1 3 4"), types=TEXT, notes=("line 2 has '007'",)),
    "text without a header": read("anna\tfilm\t4\t1\n", values("anna film 4 1"), name="u.data", types=TEXT, notes=("'anna'", "'film'")),
    "text with the delimiter, quoted": read(CSV + 'anna,"a,b",3,4\n', [("anna", "a,b", "3", "4")], types=TEXT, notes=("'anna'", "'a,b'")),
    "text with quotes": read(CSV + 'an"na,"the ""film""",3,4\n', [('an"na', 'the "film"', "3", "4")], types=TEXT, notes=("'an", "film")),
    "text with a tab": refused(
        CSV + '"an\tna",2,3,4\n', r"mine.csv, line 2: userid is 'an\tna', text with a tab", accepted="text without control characters",
        types=TEXT
    ),
    "text that means null": refused(
        CSV + "\\N,2,3,4\n", "line 2: userid is '\\\\N', what Athena reads as null", accepted="text", types=TEXT
    ),
    "empty text": refused(CSV + 'anna,2,3,4\n"",2,3,4\n', "mine.csv, line 3: userid is '', empty", accepted="text", types=TEXT),
    # ratings and timestamps
    "half stars for a double": read(
        CSV + "1,2,3.5,4\n1,3,0.5,4\n", values("1 2 3.5 4 / 1 3 0.5 4"), types=DOUBLE, half_stars=HalfStars.KEEP
    ),
    "half a star rounded down": read(
        CSV + "1,2,3.5,4\n1,3,0.5,4\n1,4,4,4\n", values("1 2 3 4 / 1 3 1 4 / 1 4 4 4"), half_stars=HalfStars.ROUND_DOWN,
        notes=("Ratings between two stars, rounded down: 2 of 3", "Ratings below one star, raised to 1: 1 of these"),
    ),
    "outside stays outside": read(
        CSV + "1,2,0.2,4\n1,3,5.5,4\n1,4,9,4\n", values("1 2 0 4 / 1 3 6 4 / 1 4 9 4"), half_stars=HalfStars.ROUND_DOWN,
        notes=("Ratings outside of 0.5 to 5, loaded and later dropped by 01_prep: 3 of 3",),
    ),
    "half stars for whole ones": refused(
        CSV + ROW + "1,2,3.5,4\n", "mine.csv, line 3: rating is 3.5, but", accepted="--half-stars round-down"
    ),
    "a decimal comma": refused("userId;movieId;rating;timestamp\n1;2;3,5;4\n", "mine.csv, line 2: rating is '3,5'", accepted=NUMBER),
    "no rating": refused(CSV + "1,2,nan,4\n", "mine.csv, line 2: rating is 'nan', not a number", accepted=NUMBER),
    "an endless rating": refused(CSV + ROW + "1,2,inf,4\n", "mine.csv, line 3: rating is 'inf', not a number", accepted=NUMBER),
    "a rating beyond bigint": refused(
        CSV + "1,2,1e300,4\n", "mine.csv, line 2: rating is '1e300', more than", accepted="a rating of 0.5 to 5"
    ),
    "a date": refused(CSV + "1,2,3,2015-03-01\n", "mine.csv, line 2: timestamp is '2015-03-01', not a whole number", accepted=WHOLE),
    # lines
    "blank lines": read(f"\n \n{CSV}\n{ROW}\n  \n\n81,7,4,1\n\n", values("196 242 3 881250949 / 81 7 4 1")),
    "a bad line behind blank ones": refused(
        f"\n{CSV}\n\n{ROW}\n \n1,x,3,4\n", "mine.csv, line 8: movieid is 'x'", "'1,x,3,4'", accepted=WHOLE
    ),
    "too few values": refused(CSV + ROW + "\n1,2\n", "mine.csv, line 4: 2 values instead of 4: '1,2'", accepted=FORM),
    "too many values": refused(CSV + "1,2,3,4,5\n", "mine.csv, line 2: 5 values instead of 4: '1,2,3,4,5'", accepted=FORM),
    "an open quote": refused(CSV + '"1,2,3,4\n5,6,3,4\n', "mine.csv, line 2: 1 values instead of 4", accepted=FORM),
    "Windows line ends": read((CSV + ROW).replace("\n", "\r\n")),
    "Macintosh line ends": read((CSV + ROW + "81,7,4,1\n").replace("\n", "\r"), values("196 242 3 881250949 / 81 7 4 1")),
    "a bad Macintosh line": refused((CSV + ROW + "1,x,3,4\n").replace("\n", "\r"), "mine.csv, line 3: movieid is 'x'", accepted=WHOLE),
    "no last line end": read((CSV + ROW).rstrip()),
    # headers and delimiters
    "spaces in the header": read("userId, movieId, rating, timestamp\n196, 242, 3, 881250949\n"),
    "user_id and item_id": read("user_id,item_id,rating,timestamp\n" + ROW),
    "capitals and others' order": read("Rating,TIMESTAMP,Movie ID,User\n3,881250949,242,196\n"),
    "recbole's header": read("user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + ROW.replace(",", "\t"), name="ml.inter"),
    "semicolons": read("userId;movieId;rating;timestamp\n" + ROW.replace(",", ";")),
    "bars": read((CSV + ROW).replace(",", "|")),
    "double colons": read(ROW.replace(",", "::") + "\n81::7::4::1\n", values("196 242 3 881250949 / 81 7 4 1"), name="ratings.dat"),
    "three colons": refused(
        "an:na::b::3::4\nanna:::b::3::4\n", "ratings.dat, line 2: 5 values instead of 4", accepted=FORM, name="ratings.dat", types=TEXT
    ),
    "spaces": refused("196 242 3 881250949\n", "mine.csv, line 1: no tab, comma, semicolon or `::`", accepted=FORM),
    "a column missing": refused("userId,movieId,rating\n1,2,3\n", "line 1: the columns timestamp are missing", "userId", accepted=FORM),
    "a column too many": refused(
        "userId,movieId,rating,timestamp,title\n1,2,3,4,x\n", "more columns than expected: title", accepted=FORM
    ),
    "a column twice": refused(
        "user,user_id,movie,rating,timestamp\n1,1,2,3,4\n", "line 1: the header names a column twice", accepted=FORM
    ),
    "three values": refused("1,2,3\n", "mine.csv, line 1: 3 values instead of 4", accepted=FORM),
    "an empty file": refused("", "mine.csv is empty", accepted=FORM),
    "blank lines alone": refused("\n \n", "mine.csv is empty", accepted=FORM),
    "a header alone": refused(CSV, "mine.csv holds a header and no ratings", accepted=FORM),
    # encodings
    "a byte order mark": read(("\ufeff" + CSV + ROW).encode()),
    "a byte order mark without a header": read(("\ufeff" + ROW).encode()),
    "UTF-16": read((CSV + ROW).encode("utf-16")),
    "Latin-1": read(
        (CSV + "ren\xe9,2,3,4\n").encode("latin-1"), values("ren\xe9 2 3 4"), types=TEXT,
        notes=("is not UTF-8, so mlkit read it as Latin-1", "line 2 has 'ren\xe9'"),
    ),
    "Latin-1 for numbers": refused(
        (CSV + ROW + "ren\xe9,2,3,4\n").encode("latin-1"), "mine.csv, line 3: userid is 'ren\xe9'", accepted=WHOLE
    ),
    "UTF-8": read(
        CSV + "ren\xe9,\u6620\u753b,3,4\n", values("ren\xe9 \u6620\u753b 3 4"), types=TEXT, notes=("'ren\xe9'", "'\u6620\u753b'")
    ),
    # archives
    "gzip": read(gzip.compress((CSV + ROW).encode()), name="mine.csv.gz"),
    "gzip under another name": read(gzip.compress((CSV + ROW).encode())),
    "bzip2": read(bz2.compress((CSV + ROW).encode()), name="mine.csv.bz2"),
    "xz": read(lzma.compress((CSV + ROW).encode()), name="mine.csv.xz"),
    "zstandard": read(pa.compress((CSV + ROW).encode(), "zstd", asbytes=True), name="mine.csv.zst"),
    "a bad line in gzip": refused(
        gzip.compress((CSV + "1,x,3,4\n").encode()), "line 2: movieid is 'x'", accepted=WHOLE, name="mine.csv.gz"
    ),
    "gzip that was cut off": refused(
        gzip.compress((CSV + ROW * 9).encode())[:-9], "mine.csv.gz is damaged", accepted="Download", name="mine.csv.gz"
    ),
    "a zip": read(zipped(README__txt=b"x", mine__csv=(CSV + ROW).encode()), name="mine.zip"),
    "a gzip in a zip": read(zipped(ratings__csv__gz=gzip.compress((CSV + ROW).encode())), name="mine.zip"),
    "a zip of several": refused(
        zipped(a__csv=b"1", b__csv=b"2"), "mine.zip holds 2 ratings files: a.csv, b.csv", accepted="ratings.csv", name="mine.zip"
    ),
    "a zip that is none": refused(b"PK\x03\x04 cut", "mine.zip is damaged", accepted="Download it again", name="mine.zip"),
    # Parquet
    "Parquet": read(parquet(user_id=[196], item_id=[242], rating=[3.0], timestamp=[881250949]), name="mine.parquet"),
    "Parquet of floats and text": read(
        parquet(userId=["anna"], movieId=[242.0], rating=[3], timestamp=[1.0]), values("anna 242 3 1"), name="m.parquet",
        types=TEXT, notes=("'anna'",)
    ),
    "Parquet with a gap": refused(
        parquet(userId=[1, 2], movieId=[3, None], rating=[3, 3], timestamp=[1, 1]), "m.parquet, row 2: movieid is '', empty",
        accepted=WHOLE, name="m.parquet"
    ),
    "Parquet of other columns": refused(
        parquet(a=[1], b=[2]), "m.parquet: the columns userid, movieid, rating, timestamp are missing", accepted=FORM, name="m.parquet"
    ),
    "Parquet that was cut off": refused(
        parquet(a=[1])[:-20], "m.parquet is not a complete Parquet file", accepted="Write it again", name="m.parquet"
    ),
}  # fmt: skip


def converted(folder: Path, case: Read | Refused) -> Ratings:
    source = folder / case.name
    source.write_bytes(case.content)
    return convert(source, folder / "out/table.tsv", types=case.types, half_stars=case.half_stars)


def table(folder: Path) -> list[tuple[str, ...]]:
    header, *lines = (folder / "out/table.tsv").read_text(encoding="utf-8").split("\n")[:-1]
    assert header == "userid\tmovieid\trating\ttimestamp"
    return [tuple(line.split("\t")) for line in lines]


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if isinstance(case, Read)])
def test_a_file_is_read_row_by_row(tmp_path: Path, case: Read) -> None:
    found = converted(tmp_path, case)
    assert table(tmp_path) == case.rows
    assert found.rows == len(case.rows)
    assert (found.users, found.movies) == (len({row[0] for row in case.rows}), len({row[1] for row in case.rows}))
    assert len(found.notes) == len(case.notes)
    for note, said in zip(found.notes, case.notes, strict=True):
        assert said.replace("FILE", str(tmp_path / case.name)) in note


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items() if isinstance(case, Refused)])
def test_a_file_is_refused_with_its_line_and_what_would_be_accepted(tmp_path: Path, case: Refused) -> None:
    with pytest.raises(InvalidData) as raised:
        converted(tmp_path, case)
    assert raised.value.exit_code == 20
    for part in case.told:
        assert part in str(raised.value)
    assert case.accepted in raised.value.cure
    assert list((tmp_path / "out").iterdir()) == []


def test_the_table_above_is_long_enough() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize(
    "files",
    [
        {"export.zip": zipped(u__data=ROW.replace(",", "\t").encode())},
        {"export.csv.gz": gzip.compress((CSV + ROW).encode())},
        {"deep/ratings.csv": (CSV + ROW).encode(), "deep/movies.csv": b"movieId,title\n1,x\n", "README.txt": b"x"},
        {".ratings.csv": b"hidden", "mine.tsv": (CSV + ROW).replace(",", "\t").encode()},
    ],
    ids=["only a zip", "only a gzip", "the ratings beside other files", "a hidden file"],
)
def test_a_folder_is_searched_for_the_one_file_that_is_meant(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    convert(tmp_path / "in", tmp_path / "out/table.tsv")
    assert table(tmp_path) == ROWS


@pytest.mark.parametrize("where", ["first", "last"])
def test_a_bad_line_is_found_in_whichever_block_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr("mlkit.data.row_files._BLOCK_BYTES", 300)
    for bad, told in (("1,x,3,4", "movieid is 'x'"), ("1,2", "2 values instead of 4")):
        lines = [ROW.strip(), "", " "] * 100
        lines[0 if where == "first" else 297] = bad
        case = read("\n".join([CSV.strip(), *lines]))
        with pytest.raises(InvalidData, match=f"line {2 if where == 'first' else 299}: {told}"):
            converted(tmp_path, case)


def test_text_that_appears_late_makes_the_whole_column_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlkit.data.row_files._BLOCK_BYTES", 300)
    rows = [(f"{number}.0", "7", "3", "1") for number in range(100)] + [("anna", "7", "3", "1")]
    case = read(CSV + "".join(",".join(row) + "\n" for row in rows), rows, types=TEXT)
    assert converted(tmp_path, case).notes == (f"user ids are text, because {tmp_path}/mine.csv, line 102 has 'anna'",)
    assert table(tmp_path) == rows


# A random dialect. Values are what the lake's file must hold: the test's own reading, not the loader's.

IDS = {
    "number": st.integers(-(2**63), 2**63 - 1).map(str),
    "uuid": st.uuids().map(str),
    "text": st.text(st.characters(codec="latin-1", categories=("L", "N", "P", "S")), min_size=1, max_size=12).filter(
        lambda text: text != "\\N"
    ),
}
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zip": lambda data: zipped(mine__csv=data),
}  # fmt: skip
HEADERS = [
    ("userId", "movieId", "rating", "timestamp"),
    ("user_id", " Item_ID", "RATING", "timestamp"),
    ("User", "movie id", "stars", "ts"),
    None,
]


@settings(max_examples=300)
@given(data=st.data(), kind=st.sampled_from(sorted(IDS)))
def test_ratings_in_any_dialect_are_read_back_exactly_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: DataObject, kind: str
) -> None:
    folder = tmp_path_factory.mktemp("dialect")
    row = st.tuples(IDS[kind], IDS[kind], st.integers(1, 5).map(str), st.integers(0, 2**40).map(str))
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    content, name = in_a_dialect(data, rows, floats=kind == "number")
    case = Read(content=content, rows=rows, name=name, types=NUMBERS if kind == "number" else TEXT)
    if kind == "text":
        with contextlib.suppress(InvalidData):
            assert converted(folder, case).rows == len(rows)
            assert table(folder) == rows
    else:  # numbers and UUIDs can be told in every dialect
        assert converted(folder, case).rows == len(rows)
        assert table(folder) == rows


def in_a_dialect(data: DataObject, rows: Sequence[tuple[str, ...]], *, floats: bool) -> tuple[bytes, str]:
    """The rows as some program would write them, and the file's name."""
    delimiter = data.draw(st.sampled_from([",", ";", "\t", "|", "::"]), label="delimiter")
    header = data.draw(st.sampled_from(HEADERS), label="header")
    end = data.draw(st.sampled_from(["\n", "\r\n"]), label="line end")
    blank = data.draw(st.sampled_from(["", end, f" {end}{end}"]), label="blank lines")
    spelled = [[f"{value}.0" if floats and data.draw(st.booleans()) else value for value in row] for row in rows]
    lines = [written(row, delimiter, data) for row in ([[*header], *spelled] if header else spelled)]
    text = blank + "".join(line + end + blank for line in lines)
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]), label="encoding")
    suffix = data.draw(st.sampled_from(sorted(COMPRESS)), label="compression")
    return COMPRESS[suffix](text.encode(encoding)), f"mine.csv{suffix}" if suffix != ".zip" else "mine.zip"


def written(row: list[str], delimiter: str, data: DataObject) -> str:
    """One line; quoted as the csv module does it, or everywhere. No program quotes for `::`."""
    if delimiter == "::":
        return "::".join(row)
    quoting: Literal[0, 1] = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator="").writerow(row)
    return buffer.getvalue()


@given(st.lists(st.one_of(st.text("0123456789.-+ex_ ", max_size=6), st.integers().map(str), st.floats().map(str)), max_size=4))
def test_an_array_and_its_values_are_judged_alike(texts: list[str]) -> None:
    """Whether all of a column is taken follows from each value alone; a refusal always finds the value."""
    for judge in (whole_numbers, numbers):
        alone = [fits(judge, [text]) for text in texts]
        assert fits(judge, texts) == all(alone)


def fits(judge: Callable[[pa.Array], pa.Array], texts: list[str]) -> bool:
    try:
        judge(pa.array(texts, pa.string()))
    except Unfit:
        return False
    return True
