"""Cells below a header like `password`, in the ways in which notebooks print tables; and what only looks like one."""

import pandas
import pytest

from mlkit.screening import Screener
from mlkit.screening.table_cells import find, find_html
from mlkit.screening.word_search import lower

VALUE = "blue.horse7"
FRAME = pandas.DataFrame({"user": ["ann", "bob"], "password": [VALUE, "x"], "age": [41, 7]})


def cells(text):
    return [text[start:end] for start, end, _ in find(text, lower(text))]


def html_cells(text):
    return [text[start:end] for start, end, _ in find_html(text)]


@pytest.mark.parametrize(
    "text",
    [
        repr(FRAME),
        FRAME.to_string(index=False),
        repr(FRAME[["password"]]),
        repr(FRAME.set_index("user")),
        FRAME.to_csv(),
        FRAME.to_csv(sep="\t"),
        FRAME.to_csv(sep=";"),
        repr(FRAME.loc[0]),
        f"password  user\n{VALUE}  ann",
        f"user | password\nann | {VALUE}",
        f"| API key |\n|---|\n| {VALUE} |",
        f"before\n\n| a | Password |\n|---|---|\n| b | `{VALUE}` |",
        f"+---+----------+\n| a | password |\n+---+----------+\n| b | {VALUE} |\n+---+----------+",
        f'"user","password"\n"ann","{VALUE}"',
        f"date  user     password\n1  ann  {VALUE.rjust(13)}",
    ],
)
def test_a_cell_below_a_telling_header_is_found(text):
    assert cells(text) == [VALUE]


def test_every_row_of_a_table_is_read():
    text = "user,password\n" + "".join(f"ann,blue.horse{number}\n" for number in range(5))
    assert cells(text) == [f"blue.horse{number}" for number in range(5)]


def test_every_telling_column_is_read():
    assert cells("password,user,api_key\nblue.horse1,ann,blue.horse2\n") == ["blue.horse1", "blue.horse2"]


def test_a_table_ends_with_a_line_that_is_divided_otherwise():
    assert cells(f"user,password\nann,{VALUE}\nThe end\nbob,blue.horse8\n") == [VALUE]
    assert cells(f"  password\n0  {VALUE}\n\n   other\n0  blue.horse8") == [VALUE]


@pytest.mark.parametrize("name", ["token", "password_length", "access_key"])
def test_a_weak_header_needs_cells_that_look_random(name):
    assert cells(f"user,{name}\nann,blue.horse7\n") == []
    assert cells(f"user,{name}\nann,k9Xw2LmQ8vRt4Zp1\n") == ["k9Xw2LmQ8vRt4Zp1"]


@pytest.mark.parametrize(
    "text",
    [
        repr(FRAME.dtypes),
        repr(FRAME.isnull().sum()),
        repr(FRAME[["password"]].describe(include="all").loc[["count", "unique"]]),
        repr(pandas.DataFrame({"password": [True, None, 12]})),
        "The password, the user and the host\nare read from it, never typed, ever.",
        "| Parameter | Type |\n|---|---|\n| password | str |\n| epochs | integer8 |",
        "| Field | Meaning |\n|---|---|\n| password | of the database |\n| tokens7 | from.the.console |",
        "f(user, password, host)\ng(ann, blue.horse7, db)",
        "  password\nThe next line7 is prose.",
        f"{'x' * 5000},password\n{'x' * 5000},{VALUE}",
    ],
)
def test_tables_without_secret_columns_pass(text):
    assert cells(text) == []


@pytest.mark.parametrize(
    "text",
    [
        FRAME.to_html(),
        FRAME[["password"]].to_html(index=False),
        f"<table><tr><th>db password</th><td>{VALUE}</td></tr></table>",
        f"<table><tr><td>user<td>password<tr><td>ann<td>{VALUE}</table>",
        f"<table><tr><th colspan='2'>who</th><th>password</th></tr><tr><td>a</td><td>b</td><td>{VALUE}</td></tr></table>",
        f"<TABLE><TR><TH>a</TH><TH><b>Password</b></TH></TR><TR><TD>b</TD><TD>{VALUE}</TD></TR></TABLE>",
    ],
)
def test_a_cell_of_an_html_table_is_found(text):
    assert html_cells(text) == [VALUE]


@pytest.mark.parametrize(
    "text",
    [
        FRAME[["user", "age"]].to_html(),
        f"<table><tr><th>password</th></tr></table><table><tr><td>{VALUE}</td></tr></table>",
        "<table><tr><th>password</th><th>n</th></tr><tr><td>object</td><td>12</td></tr></table>",
        f"<table><tr><th>a</th><th>password</th><th>b</th></tr><tr><td>{VALUE}</td></tr></table>",
        f"<p>password</p><p>{VALUE}</p>",
    ],
)
def test_other_html_passes(text):
    assert html_cells(text) == []


def test_an_escaped_cell_goes_as_a_whole():
    text = "<table><tr><th>password</th></tr><tr><td>blue&lt;horse</td></tr></table>"
    assert html_cells(text) == ["blue&lt;horse"]


def test_source_has_no_tables():
    """In code a line of names and the line below are no table."""
    from nbformat.v4 import new_code_cell, new_notebook

    assert Screener().notebook(new_notebook(cells=[new_code_cell("user, password\nann, blue7horse")]))[1] == ()
