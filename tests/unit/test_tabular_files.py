import gzip
import zipfile

import pandas as pd
import pytest

from mlkit.errors import InvalidData, NotFound
from mlkit.tabular.lake_files import convert, read_frame

COLUMNS = {"id": "bigint", "outcome": "string", "a": "double"}
HEAD = "id,outcome,a\n"
GOOD = HEAD + "1,good,0.5\n2,bad,\n3,,-1e-7\n"


def converted(tmp_path, text, name="mine.csv", columns=COLUMNS):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return convert(path, tmp_path / "table.csv", columns)


def table(tmp_path):
    return (tmp_path / "table.csv").read_text()


def test_rows_are_counted_and_an_empty_value_is_a_null(tmp_path):
    assert converted(tmp_path, GOOD).rows == 3
    assert table(tmp_path) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.encode("utf-16"),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\n\n"),
        "\n \n" + GOOD,
        GOOD.replace(",", ", "),
        GOOD.replace("id,outcome,a", "ID, Outcome , A"),
        GOOD.replace("good", '"good"'),
        "outcome,a,id\ngood,0.5,1\nbad,,2\n,-1e-7,3\n",
        GOOD.replace("1,good", "1.0,good").replace("2,bad", "2.00,bad"),
        gzip.compress(GOOD.encode()),
    ],
    ids=[
        "windows line ends", "byte order mark", "UTF-16", "semicolons", "tabs", "blank lines", "blank lines first", "spaces",
        "header in other letters", "quotes", "columns in another order", "whole numbers as decimals", "gzip",
    ],
)  # fmt: skip
def test_files_in_the_dialects_of_other_programs_become_the_same_table(tmp_path, text):
    found = converted(tmp_path, text)
    assert (found.rows, found.notes) == (3, ())
    assert table(tmp_path) == GOOD


def test_parquet_is_a_table_too(tmp_path):
    frame = pd.DataFrame({"a": [0.5, None], "id": [1, 2], "outcome": ["good", None]})
    frame.to_parquet(tmp_path / "mine.parquet")
    assert convert(tmp_path / "mine.parquet", tmp_path / "table.csv", COLUMNS).rows == 2
    assert table(tmp_path) == HEAD + "1,good,0.5\n2,,\n"


def test_a_folder_that_holds_only_a_zip_is_its_file(tmp_path):
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in/export.zip", "w") as archive:
        archive.writestr("__MACOSX/._export.csv", "nothing")
        archive.writestr("export.csv", GOOD)
    assert convert(tmp_path / "in", tmp_path / "table.csv", COLUMNS).rows == 3


def test_a_quote_inside_of_text_stays(tmp_path):
    converted(tmp_path, HEAD + '1,5" wide,0.5\n')
    assert table(tmp_path) == HEAD + '1,5" wide,0.5\n'


def test_latin_1_is_read_and_said(tmp_path):
    found = converted(tmp_path, (HEAD + "1,caf\xe9,0.5\n").encode("latin-1"))
    assert table(tmp_path) == HEAD + "1,caf\xe9,0.5\n"
    assert found.notes == (f"{tmp_path}/mine.csv is not UTF-8, so mlkit read it as Latin-1",)


def test_nan_and_infinity_have_athenas_spelling(tmp_path):
    converted(tmp_path, HEAD + "1,good,nan\n2,good,inf\n3,bad,-INF\n4,bad,+1.5\n")
    assert [line.split(",")[2] for line in table(tmp_path).splitlines()[1:]] == ["NaN", "Infinity", "-Infinity", "+1.5"]


@pytest.mark.parametrize(
    ("text", "told", "accepted"),
    [
        ("", "mine.csv is empty", "must name the table's columns"),
        (HEAD, "mine.csv holds no rows", "must name the table's columns"),
        ("id,outcome\n1,good\n", "line 1: the columns are id, outcome, the table has id, outcome, a", "must name the table's columns"),
        ("id,outcome,a,b\n1,good,1,1\n", "line 1: the columns are id, outcome, a, b, the table has", "must name the table's columns"),
        (HEAD + "1,good,0.5\n2,bad\n", "line 3: 2 values instead of 3: '2,bad'", "must name the table's columns"),
        (HEAD + "\n1,good,much\n", "line 3: a is 'much', not a number", "a number such as 3, 3.5 or 1e-7"),
        (HEAD + "1,good,1_000\n", "line 2: a is '1_000', not a number", "a number such as 3, 3.5 or 1e-7"),
        (HEAD + "1,good,0.5\n1_000,good,1\n", "line 3: id is '1_000', not a whole number; write it as 1000", "written as 81 or 81.0"),
        (HEAD + "1.5,good,1\n", "line 2: id is '1.5', not a whole number", "written as 81 or 81.0"),
        (
            HEAD + "9223372036854775808,good,1\n",
            "line 2: id is '9223372036854775808', more than",
            "a whole number from -9223372036854775808",
        ),
        (HEAD + '1,"good, or bad",1\n', "line 2: outcome is 'good, or bad', text with a comma", "without a comma"),
    ],
)
def test_a_value_that_the_table_would_misread_is_refused_with_its_line_and_the_accepted_form(tmp_path, text, told, accepted):
    with pytest.raises(InvalidData) as raised:
        converted(tmp_path, text)
    assert told in str(raised.value)
    assert accepted in raised.value.cure


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"no\.csv"):
        convert(tmp_path / "no.csv", tmp_path / "table.csv", COLUMNS)


def test_the_index_that_pandas_writes_without_a_name_is_a_column_like_others(tmp_path):
    (tmp_path / "rows.csv").write_text(",a\n0,1.5\n")
    assert list(read_frame(tmp_path / "rows.csv").columns) == ["unnamed", "a"]


def test_rows_to_predict_are_read_from_any_such_file(tmp_path):
    (tmp_path / "rows.csv").write_bytes(gzip.compress(b"b; a\n\n1;0.5\n"))
    assert read_frame(tmp_path / "rows.csv").to_dict("records") == [{"b": "1", "a": "0.5"}]


@pytest.mark.parametrize(
    ("text", "told"), [("a,a\n1,2\n", "empty or repeated column name"), ("a,b\n", "holds no rows"), ("a,b\n1\n", "line 2: 1 values")]
)
def test_rows_to_predict_that_cannot_be_read_are_refused(tmp_path, text, told):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(InvalidData, match=told):
        read_frame(tmp_path / "rows.csv")
