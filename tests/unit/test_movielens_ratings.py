import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from mlkit.data.lake_text import as_lines
from mlkit.errors import InvalidData, NotFound
from mlkit.movielens.columns import DELIMITER
from mlkit.movielens.ratings import HalfStars, convert, row_digest
from mlkit.naming import DATALAKE_TEMPLATE

ROWS = [(196, 242, 3, 881250949), (186, 302, 3, 891717742), (196, 377, 1, 878887116)]
CANONICAL = "userid\tmovieid\trating\ttimestamp\n196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t377\t1\t878887116\n"
CSV = "userId,movieId,rating,timestamp"
INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float"


def lines(delimiter, header=None, rows=ROWS):
    text = [delimiter.join(map(str, row)) for row in rows]
    return "\n".join([header, *text] if header else text) + "\n"


LAYOUTS = {
    "u.data": lines("\t"),
    "ratings.csv": lines(",", CSV),
    "ratings.dat": lines("::"),
    "ml-100k.inter": lines("\t", INTER),
    "ratings.tsv": CANONICAL,
}


def converted(folder, name, text, **options):
    source = folder / name
    source.write_bytes(text if isinstance(text, bytes) else text.encode())
    return convert(source, folder / "out/table.tsv", **options)


def table(folder):
    return (folder / "out/table.tsv").read_text()


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_becomes_the_same_table(tmp_path, name):
    found = converted(tmp_path, name, LAYOUTS[name])
    assert table(tmp_path) == CANONICAL
    assert (found.rows, found.users, found.movies, found.notes) == (3, 2, 3, ())
    assert found.sha256 == hashlib.sha256(CANONICAL.encode()).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        lines(",", CSV).replace("\n", "\r\n"),
        "\ufeff" + lines(",", CSV),
        lines(",", CSV).rstrip("\n"),
        lines(",", '"userId","movieId","rating","timestamp"').replace("196,", '"196",'),
        lines(",", CSV).replace(",3,", ",3.0,"),
    ],
    ids=["windows line ends", "byte order mark", "no last line end", "quotes", "whole stars as decimals"],
)
def test_files_in_the_dialects_of_other_programs_are_read(tmp_path, text):
    converted(tmp_path, "mine.csv", text)
    assert table(tmp_path) == CANONICAL


def test_columns_are_found_by_their_names(tmp_path):
    converted(tmp_path, "mine.csv", "timestamp,rating,movieId,userId\n881250949,3,242,196\n")
    assert table(tmp_path).splitlines()[1] == "196\t242\t3\t881250949"


def test_a_folder_is_searched_for_its_ratings(tmp_path):
    (tmp_path / "ml-100k").mkdir()
    (tmp_path / "ml-100k/u.item").write_text("1|Toy Story\n")
    (tmp_path / "ml-100k/u.data").write_text(LAYOUTS["u.data"])
    convert(tmp_path / "ml-100k", tmp_path / "out/table.tsv")
    assert table(tmp_path) == CANONICAL


def test_a_zip_is_read_where_it_lies(tmp_path):
    with zipfile.ZipFile(tmp_path / "ml-1m.zip", "w") as archive:
        archive.writestr("ml-1m/README", "read me")
        archive.writestr("ml-1m/ratings.dat", LAYOUTS["ratings.dat"])
    convert(tmp_path / "ml-1m.zip", tmp_path / "out/table.tsv")
    assert table(tmp_path) == CANONICAL


@pytest.mark.parametrize(
    ("names", "complaint"), [([], "holds no ratings file"), (["u.data", "ratings.csv"], "holds 2 ratings files: .*ratings.csv")]
)
def test_a_folder_without_exactly_one_ratings_file_is_refused(tmp_path, names, complaint):
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / name).write_text(LAYOUTS[name])
    with pytest.raises(InvalidData, match=complaint):
        convert(tmp_path / "in", tmp_path / "out/table.tsv")


def test_a_source_that_does_not_exist_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        convert(tmp_path / "nowhere", tmp_path / "out/table.tsv")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        (CSV, "holds a header and no ratings"),
        ("1 2 3 4\n", "line 1: no tab, comma, semicolon or `::`"),
        ("userId,movieId,rating\n1,2,3\n", "line 1: the columns timestamp are missing"),
        (f"{CSV},extra\n1,2,3,4,5\n", "line 1: the header has more columns than expected: extra"),
        (f"{CSV}\n1,2,3,4\n1,2,3\n", "line 3: 3 values instead of 4: '1,2,3'"),
        (f"{CSV}\n1,2,3,4\n1,x,3,4\n", "line 3: movieid is 'x', not a whole number"),
        (f"{CSV}\n1,2,,4\n", "line 2: rating is '', empty"),
        (f"{CSV}\n1,2,nan,4\n", "line 2: rating is 'nan', not a number"),
        (f"{CSV}\n1.5,2,3,4\n", "line 2: userid is '1.5', not a whole number"),
        (f"{CSV}\n1,2,3,4.5\n", "line 2: timestamp is '4.5', not a whole number"),
        (f"{CSV}\n1,2,3,4\n1,\xe9,3,4\n".encode("latin-1"), "line 3: movieid is '\xe9', not a whole number"),
        ("1\t2\t3\t4\n1\t2\t3\n", "line 2: 3 values instead of 4"),
        ("1::2::3::4\n1:2::3::4\n", "line 2: 3 values instead of 4"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(tmp_path, text, complaint):
    with pytest.raises(InvalidData, match=complaint):
        converted(tmp_path, "bad", text)
    assert list((tmp_path / "out").iterdir()) == []


HALF = lines(",", CSV, [(1, 10, 4.5, 100), (1, 11, 3.5, 101), (2, 10, 4.0, 102)])


def test_half_stars_are_refused_unless_a_rule_is_named(tmp_path):
    with pytest.raises(InvalidData, match=r"line 2: rating is 4\.5.*whole numbers") as raised:
        converted(tmp_path, "ratings.csv", HALF)
    assert "round-down" in raised.value.cure


def test_half_stars_rounded_down_keep_the_meaning_of_four_or_more(tmp_path):
    found = converted(tmp_path, "ratings.csv", HALF, half_stars=HalfStars.ROUND_DOWN)
    assert [line.split("\t")[2] for line in table(tmp_path).splitlines()[1:]] == ["4", "3", "4"]
    assert found.notes == ("Ratings between two stars, rounded down: 2 of 3",)


def test_half_stars_that_are_kept_need_a_double_column(tmp_path):
    found = converted(tmp_path, "ratings.csv", HALF, half_stars=HalfStars.KEEP)
    assert [line.split("\t")[2] for line in table(tmp_path).splitlines()[1:]] == ["4.5", "3.5", "4"]
    assert found.notes == ()


@pytest.mark.parametrize("delimiter", ["\t", "::"])
def test_rows_are_streamed_in_blocks_that_cut_lines_anywhere(tmp_path, monkeypatch, delimiter):
    monkeypatch.setattr("mlkit.data.row_files._BLOCK_BYTES", 100)
    rows = [(n % 7, n, n % 5 + 1, 10**8 + n) for n in range(1, 500)]
    blocks = []

    def counting(columns, separator):
        blocks.append(len(columns[0]))
        return as_lines(columns, separator)

    monkeypatch.setattr("mlkit.movielens.ratings.as_lines", counting)
    found = converted(tmp_path, "u.data", lines(delimiter, rows=rows))
    assert table(tmp_path) == CANONICAL.splitlines(keepends=True)[0] + lines("\t", rows=rows)
    assert (found.rows, found.users, found.movies) == (499, 7, 499)
    assert len(blocks) > 10
    assert sum(blocks) == 499


def test_the_row_digest_does_not_depend_on_the_order_of_rows(tmp_path):
    converted(tmp_path, "u.data", lines("\t"))
    first = row_digest(tmp_path / "out/table.tsv")
    converted(tmp_path, "u.data", lines("\t", rows=ROWS[::-1]))
    assert row_digest(tmp_path / "out/table.tsv") == first
    converted(tmp_path, "u.data", lines("\t", rows=ROWS[:2]))
    assert row_digest(tmp_path / "out/table.tsv") != first


def test_athena_reads_the_delimiter_that_the_file_is_written_with():
    template = (Path(__file__).parents[2] / DATALAKE_TEMPLATE).read_text()
    (told,) = re.findall(r'field\.delim: "(.+?)"', template)
    assert told.encode().decode("unicode_escape") == DELIMITER
