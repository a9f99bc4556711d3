import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mlkit.errors import InvalidData
from mlkit.gate.target import Target
from mlkit.tabular.encoding import Encoding, from_csv, to_csv
from mlkit.tabular.testing import decode

ENCODING = Encoding(key="id", label="outcome", classes=("good", "bad"), columns=("b", "a"))
MIXED = Encoding(
    key="id",
    label="species",
    task="multi-class",
    classes=("a", "b", "c"),
    columns=("b", "site", "a"),
    categories={"site": ("north", "south")},
    allows_missing=True,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_an_encoding_reads_back_from_its_bytes():
    assert Encoding.from_bytes(ENCODING.to_bytes()) == ENCODING
    assert ENCODING.target == Target(task="binary", name="outcome", classes=("good", "bad"))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", ENCODING.to_bytes().replace(b"encoding/2", b"encoding/9"), ENCODING.to_bytes()[:-9]])
def test_anything_else_is_refused(data):
    with pytest.raises(InvalidData):
        Encoding.from_bytes(data)


@pytest.mark.parametrize("make", [pd.DataFrame, pa.table])
def test_columns_are_put_in_the_models_order_and_others_left_out(make):
    matrix = ENCODING.matrix(make({"a": [1, 2], "id": ["x", "y"], "b": [3.5, 4.5]}))
    assert matrix.tolist() == [[3.5, 1.0], [4.5, 2.0]]


def test_a_missing_column_is_named():
    with pytest.raises(InvalidData, match="no column b"):
        ENCODING.matrix(pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize("value", [None, "high", float("nan"), float("inf")])
def test_a_value_that_is_no_finite_number_is_refused_by_its_column(value):
    with pytest.raises(InvalidData, match="number in a"):
        ENCODING.matrix(pd.DataFrame({"a": [1.0, value], "b": [1, 2]}))


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=FINITE), st.data())
def test_csv_keeps_every_number_and_label_exactly(matrix, data):
    labels = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(matrix), max_size=len(matrix))))
    written = to_csv(matrix, labels)
    assert len(written.splitlines()) == len(matrix)
    read, read_labels = from_csv(written)
    assert np.array_equal(read, matrix)
    assert np.array_equal(read_labels, labels)


def test_csv_has_the_label_first_and_no_header():
    assert to_csv(np.array([[1.5, 2.0], [1e-7, -3.0]]), [1, 0]) == b"1,1.5,2\n0,1e-7,-3\n"
    assert to_csv(np.array([[1.5, 2.0]])) == b"1.5,2\n"


def test_a_shard_that_is_no_csv_of_numbers_is_refused():
    with pytest.raises(InvalidData):
        from_csv(b"1,a\n")


@pytest.mark.parametrize("answer", [b"0.25,0.5,0.75", b"0.25\n0.5\n0.75\n", b"0.25,0.5\n0.75"])
def test_an_answer_is_read_whether_commas_or_lines_part_it(answer):
    predictions = decode(answer, ENCODING.target)
    assert predictions.scores.tolist() == [0.25, 0.5, 0.75]
    assert predictions.labels.tolist() == [0, 0, 1]
    assert decode(answer, Target(task="regression")).scores.tolist() == [0.25, 0.5, 0.75]
    assert decode(answer, Target(task="regression")).labels is None


@pytest.mark.parametrize(
    "answer", [b"0.25,0.5,0.25\n0.0,0.125,0.875\n", b"[0.25, 0.5, 0.25],[0.0, 0.125, 0.875]", b"[0.25, 0.5, 0.25]\n[0.0, 0.125, 0.875]\n"]
)
def test_an_answer_of_several_classes_is_read_with_and_without_brackets(answer):
    predictions = decode(answer, MIXED.target)
    assert predictions.scores.tolist() == [[0.25, 0.5, 0.25], [0, 0.125, 0.875]]
    assert predictions.labels.tolist() == [1, 2]


def test_an_answer_without_a_score_for_each_class_is_refused():
    with pytest.raises(InvalidData, match="not a list of numbers for species: one of 3 classes"):
        decode(b"0.25,0.75\n", MIXED.target)


def test_an_answer_that_is_no_list_of_numbers_is_refused():
    with pytest.raises(InvalidData, match="not a list of numbers"):
        decode(b'{"predictions": []}', ENCODING.target)


def test_a_category_becomes_a_column_of_0_and_1_each_and_one_that_the_model_does_not_know_is_0_in_all():
    rows = {"a": [1, 2, 3], "b": [4.0, 5.0, 6.0], "site": ["south", "west", "north"]}
    assert MIXED.model_columns == ("b", "site=north", "site=south", "a")
    for make in (pd.DataFrame, pa.table):
        assert MIXED.matrix(make(rows)).tolist() == [[4, 0, 1, 1], [5, 0, 0, 2], [6, 1, 0, 3]]


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_missing_value_is_nan_in_all_its_columns_and_an_empty_field_of_the_csv(missing):
    matrix = MIXED.matrix(pd.DataFrame({"a": [1, missing], "b": [missing, 2], "site": ["north", missing]}, dtype=object))
    assert np.isnan(matrix).tolist() == [[True, False, False, False], [False, True, True, True]]
    assert to_csv(matrix, [2, 0]) == b"2,,1,0,1\n0,2,,,\n"
    read, labels = from_csv(to_csv(matrix, [2, 0]))
    assert np.array_equal(read, matrix, equal_nan=True)
    assert labels.tolist() == [2, 0]


@pytest.mark.parametrize(("column", "value"), [("a", "high"), ("a", float("inf")), ("b", " ")])
def test_a_value_that_is_neither_a_number_nor_missing_is_refused(column, value):
    rows = pd.DataFrame({"a": [1.0, 1.0], "b": [2.0, 2.0], "site": ["north", "north"]}, dtype=object)
    rows.loc[1, column] = value
    with pytest.raises(InvalidData, match=f"number in {column}.* in row 2") as caught:
        MIXED.matrix(rows)
    assert "empty values" in caught.value.cure


def test_a_missing_category_is_refused_where_the_model_was_trained_without_gaps():
    with pytest.raises(InvalidData, match=r"Not every row has a category in site: .* in row 2"):
        replace(MIXED, allows_missing=False).matrix(pd.DataFrame({"a": [1, 1], "b": [2, 2], "site": ["north", None]}))


@pytest.mark.parametrize("values", [[7, -1, 7], [7.0, -1.0, 7.0], ["7", "-1", "7"]])
def test_categories_that_are_numbers_are_compared_as_the_lake_casts_them(values):
    encoding = Encoding(key="id", label="y", task="regression", columns=("site",), categories={"site": ("-1", "7")})
    assert encoding.matrix(pd.DataFrame({"site": values})).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_categories_that_are_true_or_false_are_compared_as_the_lake_casts_them():
    encoding = Encoding(key="id", label="y", task="regression", columns=("site",), categories={"site": ("false", "true")})
    assert encoding.matrix(pd.DataFrame({"site": [True, False]})).tolist() == [[0, 1], [1, 0]]


def test_a_regression_s_labels_are_written_as_numbers():
    written = to_csv(np.array([[1.5], [2.5]]), np.array([0.1, -3.0]))
    assert written == b"0.1,1.5\n-3,2.5\n"
    assert from_csv(written)[1].tolist() == [0.1, -3]


def test_the_encoding_of_a_model_of_an_earlier_version_is_read():
    """Production may serve it, and then it is the champion that the next model is compared with."""
    old = {"schema": "mlkit/tabular-encoding/1", "key": "id", "label": "outcome", "classes": ["good", "bad"], "columns": ["b", "a"]}
    found = Encoding.from_bytes(json.dumps(old).encode())
    assert found.target == ENCODING.target
    assert found.matrix(pd.DataFrame({"a": [1], "b": [2]})).tolist() == [[2, 1]]
    for wrong in ({"classes": ["good"]}, {"classes": ["good", "bad", "ugly"]}):
        with pytest.raises(InvalidData, match="damaged"):
            Encoding.from_bytes(json.dumps({**old, **wrong}).encode())
