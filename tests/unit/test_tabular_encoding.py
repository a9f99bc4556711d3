import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mlkit.errors import InvalidData
from mlkit.tabular.encoding import Encoding, batches, from_csv, to_csv
from mlkit.tabular.testing import decode

ENCODING = Encoding(key="id", label="outcome", classes=("good", "bad"), columns=("b", "a"))
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_an_encoding_reads_back_from_its_bytes():
    assert Encoding.from_bytes(ENCODING.to_bytes()) == ENCODING
    assert ENCODING.class_names == ("good", "bad")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", ENCODING.to_bytes().replace(b"encoding/1", b"encoding/9"), ENCODING.to_bytes()[:-9]])
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


def test_batches_stay_below_the_limit_and_lose_no_row():
    matrix = np.random.default_rng(1).normal(size=(1000, 7))
    bodies = list(batches(matrix, limit_bytes=9_000))
    assert max(map(len, bodies)) <= 9_000
    assert len(bodies) > 5
    assert b"".join(bodies) == to_csv(matrix)


@pytest.mark.parametrize("answer", [b"0.25,0.5,0.75", b"0.25\n0.5\n0.75\n", b"0.25,0.5\n0.75"])
def test_an_answer_is_read_whether_commas_or_lines_part_it(answer):
    predictions = decode(answer)
    assert predictions.scores.tolist() == [0.25, 0.5, 0.75]
    assert predictions.labels.tolist() == [0, 0, 1]


def test_an_answer_that_is_no_list_of_numbers_is_refused():
    with pytest.raises(InvalidData, match="not a list of numbers"):
        decode(b'{"predictions": []}')
