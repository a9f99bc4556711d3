import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlkit.errors import InvalidData, UsageError
from mlkit.gate.target import Target
from mlkit.movielens.features import MOVIE, USER, FeatureIndex


def index(users: tuple[str, ...] = ("3", "7", "x9"), movies: tuple[str, ...] = ("3", "50")) -> FeatureIndex:
    return FeatureIndex(users=pa.array(users), movies=pa.array(movies))


def test_a_known_pair_becomes_two_ones_with_the_movie_behind_the_users() -> None:
    rows = index().encode([7], [3]).rows
    assert (rows.keys.tolist(), rows.values.tolist(), rows.feature_dim) == ([1, 3], [1.0, 1.0], 5)


def test_numbers_and_text_are_the_same_id() -> None:
    assert index().encode([7], [50]).rows.keys.tolist() == index().encode(["7"], ["50"]).rows.keys.tolist()


def test_unknown_ids_are_left_out_and_counted() -> None:
    encoded = index().encode(["7", "8", "8"], ["51", "3", "51"])
    assert encoded.rows.indptr.tolist() == [0, 1, 2, 2]
    assert encoded.rows.keys.tolist() == [1, 3]
    assert (encoded.unseen_users, encoded.unseen_movies) == (2, 2)


def test_unknown_ids_can_be_refused() -> None:
    with pytest.raises(InvalidData, match="1 users and 0 movies"):
        index().encode(["8"], ["3"], unseen="refuse")


def test_another_rule_for_unknown_ids_is_refused() -> None:
    with pytest.raises(UsageError):
        index().encode(["7"], ["3"], unseen="guess")


def test_ids_near_two_to_the_62_keep_every_digit() -> None:
    large = 2**62 + 1
    assert index(users=(str(large), str(large - 1))).encode([large], [50]).rows.keys.tolist() == [0, 3]


def test_the_index_survives_parquet_and_equal_indexes_have_equal_bytes() -> None:
    data = index().to_parquet()
    again = FeatureIndex.from_parquet(data)
    assert again.users.equals(index().users)
    assert again.movies.equals(index().movies)
    assert again.to_parquet() == data


def test_the_index_tells_what_its_model_predicts() -> None:
    target = Target(task="regression", name="rating", unit="stars")
    made = replace(index(), target=target)
    assert FeatureIndex.from_parquet(made.to_parquet()).target == target
    assert FeatureIndex.from_parquet(index().to_parquet()).target is None
    assert made.to_parquet() != index().to_parquet()


def test_an_index_with_a_target_that_is_none_is_refused() -> None:
    table = pq.read_table(io.BytesIO(index().to_parquet())).replace_schema_metadata({"mlkit.target": '{"task": "guess"}'})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    with pytest.raises(InvalidData, match="damaged"):
        FeatureIndex.from_parquet(sink.getvalue())


def test_rows_in_any_order_make_the_same_index() -> None:
    table = pa.table({"field": ["movie", "user", "user"], "id": ["50", "b", "a"], "column": [2, 1, 0]})
    made = FeatureIndex.from_table(table)
    assert (made.users.to_pylist(), made.movies.to_pylist()) == (["a", "b"], ["50"])


@pytest.mark.parametrize(
    "rows",
    [
        [("user", "a", 0), ("movie", "b", 2)],
        [("user", "a", 0), ("movie", "b", 0)],
        [("movie", "a", 0), ("user", "b", 1)],
        [("user", "a", 0), ("genre", "b", 1)],
    ],
    ids=["gap", "repeat", "movies first", "another field"],
)
def test_an_index_that_is_not_users_then_movies_without_gaps_is_refused(rows: list[tuple[str, str, int]]) -> None:
    fields, ids, columns = zip(*rows, strict=True)
    with pytest.raises(InvalidData):
        FeatureIndex.from_table(pa.table({"field": fields, "id": ids, "column": columns}))


def test_bytes_that_are_not_parquet_are_refused() -> None:
    with pytest.raises(InvalidData, match="damaged"):
        FeatureIndex.from_parquet(b"not parquet")


def test_columns_that_do_not_belong_to_their_ids_are_found() -> None:
    index().check_columns(pa.array(["3", "50"]), np.array([3, 4]), field=MOVIE)
    with pytest.raises(InvalidData, match="do not match"):
        index().check_columns(pa.array(["50", "3"]), np.array([3, 4]), field=MOVIE)
    with pytest.raises(InvalidData, match="outside"):
        index().check_columns(pa.array(["3"]), np.array([3]), field=USER)


def test_a_user_in_front_moves_columns_but_an_old_index_still_encodes_as_before() -> None:
    old, new = index(), index(users=("1", "3", "7", "x9"))
    assert old.encode(["7"], ["3"]).rows.keys.tolist() == [1, 3]
    assert new.encode(["7"], ["3"]).rows.keys.tolist() == [2, 4]
