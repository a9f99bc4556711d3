import pytest

from mlkit.errors import InvalidData
from mlkit.tabular.files import check_file

COLUMNS = {"id": "bigint", "outcome": "string", "a": "double"}
HEAD = "id,outcome,a\n"


def check(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return check_file(path, COLUMNS)


def test_rows_are_counted_and_an_empty_value_is_a_null(tmp_path):
    assert check(tmp_path, HEAD + "1,good,0.5\n2,bad,\n3,,-1e-7\n") == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has the columns -, the table id, outcome, a"),
        (HEAD, "holds no rows"),
        ("id,a,outcome\n1,2,good\n", "has the columns id, a, outcome"),
        (HEAD + "1,good,0.5\n2,bad\n", "line 3: 2 values instead of 3"),
        (HEAD + "1,good,much\n", "line 2: a is 'much', not a number"),
        (HEAD + '1,"good",1\n', "line 2: a value is in quotes"),
        (HEAD.encode() + b"1,\xff,1\n", "not text in UTF-8"),
    ],
)
def test_what_the_table_would_read_wrongly_is_told_with_its_line(tmp_path, text, told):
    with pytest.raises(InvalidData, match=told):
        check(tmp_path, text)
