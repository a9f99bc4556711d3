"""The product's own SQL over ratings, run on dirty tables by the local Athena's compiler and DuckDB; pandas says what is right."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import ratings_in_pandas as expected
from hypothesis import example, given
from hypothesis import strategies as st
from plain_xxhash import place_of, signed_hash
from trino_in_memory import MemoryAthena

from mlkit.movielens.splits import RatingsTable, SplitRule, feature_index_sql, histogram_sql, profile_sql, splits_sql

TABLE = RatingsTable(database="abc-ml-lab-movielens")
Row = Sequence[Any]


@pytest.fixture(scope="module")
def athena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryAthena]:
    made = MemoryAthena(tmp_path_factory.mktemp("scratch"), TABLE.database)
    yield made
    made.close()


def put(athena: MemoryAthena, rows: Sequence[Row], *, ids: str = "bigint", rating: str = "double") -> None:
    """The lab's table of (user, movie, rating, timestamp); ids and ratings are of these Glue types."""
    athena.put("u_data", {"userid": ids, "movieid": ids, "rating": rating, "timestamp": "bigint"}, rows)


def labels(athena: MemoryAthena, rows: Sequence[Row], rule: SplitRule, table: RatingsTable = TABLE, **kinds: str) -> dict[Any, int]:
    put(athena, rows, **kinds)
    return {(row["user_id"], row["movie_id"]): row["label"] for row in athena.rows(splits_sql(table, rule))}


def split_of(athena: MemoryAthena, rows: Sequence[Row], rule: SplitRule) -> dict[Any, str]:
    put(athena, rows)
    return {(row["user_id"], row["movie_id"]): row["split"] for row in athena.rows(splits_sql(TABLE, rule))}


# --- which rows count, and which duplicate stays


@pytest.mark.parametrize("ids", ["bigint", "string"])
def test_the_profile_counts_each_row_under_what_is_wrong_with_it(athena: MemoryAthena, ids: str) -> None:
    users, movies = ((1, 2), (10, 20)) if ids == "bigint" else (("ann", "bob"), ("Heat", "tt0113277"))
    rows = [
        *[(users[0], movies[0], 4.0, 5), (users[0], movies[0], 3.0, 6), (users[0], movies[0], 3.0, 6), (users[0], movies[1], 0.5, 1)],
        *[(users[1], movies[0], 5.0, None), (None, movies[0], 4.0, 1), (users[1], None, 4.0, 1), (users[1], movies[1], None, 1)],
        *[(users[1], movies[1], 0.0, 1), (users[1], movies[1], 5.5, 1), (users[1], movies[1], -1.0, 1), (users[1], movies[1], math.nan, 1)],
        (None, None, 9.0, None),
    ]
    put(athena, rows, ids=ids)
    (profile,) = athena.rows(profile_sql(TABLE))
    assert profile == {
        "table_rows": 13,
        "rows_with_nulls": 4,
        "ratings_out_of_range": 4,
        "duplicates": 2,
        "ratings": 3,
        "users": 2,
        "movies": 2,
    }


def test_an_empty_table_has_no_ratings_and_no_index(athena: MemoryAthena) -> None:
    put(athena, [])
    (profile,) = athena.rows(profile_sql(TABLE))
    assert set(profile.values()) == {0}
    assert (
        athena.rows(feature_index_sql(TABLE))
        == athena.rows(histogram_sql(TABLE))
        == athena.rows(splits_sql(TABLE, SplitRule(salt="s")))
        == []
    )


@pytest.mark.parametrize(
    ("copies", "stays"),
    [
        ([(2.0, 5), (4.0, 9)], 4.0),
        ([(4.0, 9), (2.0, 5)], 4.0),
        ([(4.0, 5), (2.0, 9)], 2.0),
        ([(2.0, None), (4.0, 9)], 4.0),
        ([(4.0, None), (2.0, 9)], 2.0),
        ([(4.0, None), (2.0, -9)], 2.0),
        ([(2.0, 7), (4.0, 7)], 4.0),
        ([(4.0, 7), (2.0, 7)], 4.0),
        ([(4.0, None), (2.0, None)], 4.0),
        ([(2.0, 5), (9.0, 9)], 2.0),
        ([(2.0, 5), (None, 9)], 2.0),
    ],
)
def test_of_duplicates_the_newest_usable_rating_stays(athena: MemoryAthena, copies: list[tuple[Any, Any]], stays: float) -> None:
    put(athena, [(1, 10, rating, at) for rating, at in copies] + [(1, 11, 1.0, 1)])
    assert athena.rows(histogram_sql(TABLE)) == [{"rating": 1.0, "ratings": 1}, {"rating": stays, "ratings": 1}]
    found = {row["movie_id"]: row["label"] for row in athena.rows(splits_sql(TABLE, SplitRule(salt="s", positive_rating=3.0)))}
    assert found == {"10": int(stays >= 3.0), "11": 0}


def test_the_histogram_lists_half_stars_and_the_ends_of_the_range(athena: MemoryAthena) -> None:
    put(athena, [(1, 1, 0.5, 1), (1, 2, 5.0, 1), (2, 1, 3.5, 1), (2, 2, 3.5, 1), (3, 1, 0.49, 1), (3, 2, 5.01, 1)])
    assert [tuple(row.values()) for row in athena.rows(histogram_sql(TABLE))] == [(0.5, 1), (3.5, 2), (5.0, 1)]


def test_the_labs_choices_are_the_defaults(athena: MemoryAthena) -> None:
    put(athena, [(1, movie, 4.0 if movie else 3.5, 1) for movie in range(200)])
    default = athena.rows(splits_sql(TABLE, SplitRule(salt="s")))
    rule = SplitRule(salt="s", split="hashed", test_ratings_per_user=10, validation_fraction=0.1, positive_rating=4.0, shards=1)
    assert sorted(map(str, default)) == sorted(map(str, athena.rows(splits_sql(TABLE, rule))))


@pytest.mark.parametrize("rating", ["int", "bigint", "float", "double", "string"])
def test_a_rating_column_of_each_type_is_read_or_refused(athena: MemoryAthena, rating: str) -> None:
    value = str if rating == "string" else float if rating in ("float", "double") else int
    put(athena, [(1, 1, value(0), 1), (1, 2, value(1), 1), (1, 3, value(5), 1), (1, 4, value(6), 1)], rating=rating)
    if rating == "string":
        with pytest.raises(Exception, match="TYPE_MISMATCH"):
            athena.rows(histogram_sql(TABLE))
    else:
        assert [tuple(row.values()) for row in athena.rows(histogram_sql(TABLE))] == [(1.0, 1), (5.0, 1)]


def test_another_range_of_ratings_is_another_choice_of_rows(athena: MemoryAthena) -> None:
    put(athena, [(1, 1, 0.0, 1), (1, 2, 10.0, 1), (1, 3, 10.5, 1), (1, 4, -0.5, 1)])
    table = RatingsTable(database=TABLE.database, lowest_rating=0.0, highest_rating=10.0)
    (profile,) = athena.rows(profile_sql(table))
    assert (profile["ratings"], profile["ratings_out_of_range"]) == (2, 2)
    assert [row["rating"] for row in athena.rows(histogram_sql(table))] == [0.0, 10.0]


def test_columns_of_other_names_are_read_by_these_names(athena: MemoryAthena) -> None:
    table = RatingsTable(database=TABLE.database, table="scores", user="who", movie="what", rating="score", timestamp="when")
    athena.put("scores", {"what": "bigint", "who": "bigint", "when": "bigint", "score": "double"}, [(7, 1, 5, 4.0), (7, 1, 6, 1.0)])
    (row,) = athena.rows(splits_sql(table, SplitRule(salt="s")))
    assert (row["user_id"], row["movie_id"], row["label"]) == ("1", "7", 0)


# --- labels


def test_a_rating_that_is_predicted_is_the_label_itself(athena: MemoryAthena) -> None:
    rows = [(1, 1, 3.5, 1), (1, 2, 5.0, 1), (2, 1, 0.5, 1)]
    assert labels(athena, rows, SplitRule(salt="s", predict="rating")) == {("1", "1"): 3.5, ("1", "2"): 5.0, ("2", "1"): 0.5}


def test_what_is_predicted_does_not_move_a_rating_to_another_split(athena: MemoryAthena) -> None:
    rows = [(user, movie, 1.0 + (user + movie) % 5, 1) for user in range(5) for movie in range(40)]
    assert split_of(athena, rows, SplitRule(salt="s")) == split_of(athena, rows, SplitRule(salt="s", predict="rating"))


THRESHOLDS = [(4.0, 4.0, 1), (3.5, 4.0, 0), (4.5, 4.0, 1), (5.0, 4.0, 1), (0.5, 4.0, 0), (3.5, 3.5, 1), (3.0, 3.5, 0), (0.5, 0.5, 1)]


@pytest.mark.parametrize(("rating", "positive", "label"), THRESHOLDS)
def test_a_rating_of_at_least_the_positive_one_is_label_1(athena: MemoryAthena, rating: float, positive: float, label: int) -> None:
    assert labels(athena, [(1, 1, rating, 1)], SplitRule(salt="s", positive_rating=positive)) == {("1", "1"): label}


def test_whole_stars_have_the_same_labels_as_numbers_with_a_point(athena: MemoryAthena) -> None:
    rows = [(1, rating, rating, 1) for rating in (1, 2, 3, 4, 5)]
    rule = SplitRule(salt="s", positive_rating=3.5)
    assert labels(athena, rows, rule, rating="bigint") == labels(athena, rows, rule, rating="double")


# --- columns


@pytest.mark.parametrize(
    ("ids", "users", "movies"),
    [
        ("bigint", [-3, 0, 2, 10, 2**31, 2**31 + 1, 2**53 + 1, 2**62 + 1], [1, 2, 3]),
        ("string", ["10", "9", "B", "a", "a|b", "é", "😀"], ["10", "x"]),
    ],
)
def test_users_take_the_first_columns_in_the_order_of_their_ids_and_movies_the_next(
    athena: MemoryAthena, ids: str, users: list[Any], movies: list[Any]
) -> None:
    put(athena, [(user, movie, 4.0, 1) for user in reversed(users) for movie in reversed(movies)], ids=ids)
    found = sorted(athena.rows(feature_index_sql(TABLE)), key=lambda row: row["column"])
    assert [row["column"] for row in found] == list(range(len(users) + len(movies)))
    assert [(row["field"], row["id"]) for row in found] == [("user", str(one)) for one in users] + [("movie", str(one)) for one in movies]
    columns = {(row["field"], row["id"]): row["column"] for row in found}
    for row in athena.rows(splits_sql(TABLE, SplitRule(salt="s"))):
        assert (row["user_column"], row["movie_column"]) == (columns["user", row["user_id"]], columns["movie", row["movie_id"]])


def test_an_id_that_is_only_in_bad_rows_has_no_column(athena: MemoryAthena) -> None:
    put(athena, [(1, 10, 4.0, 1), (2, 10, 0.0, 1), (1, 11, None, 1), (None, 12, 4.0, 1)])
    assert sorted((row["field"], row["id"], row["column"]) for row in athena.rows(feature_index_sql(TABLE))) == [
        ("movie", "10", 1),
        ("user", "1", 0),
    ]


# --- who goes where


def test_each_users_test_rows_are_as_many_as_asked_or_all_that_there_are(athena: MemoryAthena) -> None:
    rows = [(user, movie, 4.0, movie) for user in (1, 2, 3, 4) for movie in range(user * user)]
    found = split_of(athena, rows, SplitRule(salt="s", test_ratings_per_user=3))
    tests = Counter(user for (user, _), split in found.items() if split == "test")
    assert tests == {"1": 1, "2": 3, "3": 3, "4": 3}
    assert len(found) == len(rows)


def test_the_newest_ratings_are_the_test_of_a_split_by_time_and_one_without_a_time_comes_last(athena: MemoryAthena) -> None:
    rows = [(1, 1, 4.0, 100), (1, 2, 4.0, 300), (1, 3, 4.0, None), (1, 4, 4.0, 200), (2, 1, 4.0, None), (2, 2, 4.0, -5)]
    found = split_of(athena, rows, SplitRule(salt="s", split="latest", test_ratings_per_user=2))
    assert {pair for pair, split in found.items() if split == "test"} == {("1", "2"), ("1", "4"), ("2", "1"), ("2", "2")}
    found = split_of(athena, rows, SplitRule(salt="s", split="latest", test_ratings_per_user=1))
    assert {pair for pair, split in found.items() if split == "test"} == {("1", "2"), ("2", "2")}


def test_a_split_by_hash_does_not_follow_the_time(athena: MemoryAthena) -> None:
    early = [(1, movie, 4.0, movie) for movie in range(30)]
    late = [(1, movie, 4.0, -movie) for movie in range(30)]
    rule = SplitRule(salt="s", test_ratings_per_user=5)
    assert split_of(athena, early, rule) == split_of(athena, late, rule)


def test_ratings_of_the_same_moment_are_taken_in_the_order_of_their_hash(athena: MemoryAthena) -> None:
    rows = [(1, movie, 4.0, 100) for movie in range(30)]
    found = split_of(athena, rows, SplitRule(salt="s", split="latest", test_ratings_per_user=5))
    tests = {movie for (_, movie), split in found.items() if split == "test"}
    assert tests == set(sorted((str(movie) for movie in range(30)), key=lambda movie: signed_hash(f"s|1|{movie}"))[:5])


def test_the_share_of_validation_ends_exactly_at_its_place(athena: MemoryAthena) -> None:
    rows = [(1, movie, 4.0, 1) for movie in range(30)]
    first, *others = sorted(range(30), key=lambda movie: signed_hash(f"s|1|{movie}"))
    for movie in others[:8]:
        place = place_of(f"s|1|{movie}")
        below = split_of(athena, rows, SplitRule(salt="s", test_ratings_per_user=1, validation_fraction=place / 10_000))
        above = split_of(athena, rows, SplitRule(salt="s", test_ratings_per_user=1, validation_fraction=(place + 1) / 10_000))
        assert (below["1", str(movie)], above["1", str(movie)]) == ("train", "validation")
    assert below["1", str(first)] == "test"


def test_a_share_that_binary_fractions_do_not_hold_ends_where_it_is_written(athena: MemoryAthena) -> None:
    share, last = 0.57, 5699  # 0.57 * 10,000 is 5,699.999...
    movie = next(movie for movie in range(10**6) if place_of(f"s|1|{movie}") == last)
    before = next(other for other in range(10**6) if signed_hash(f"s|1|{other}") < signed_hash(f"s|1|{movie}"))  # the test's row
    rows = [(1, movie, 4.0, 1), (1, before, 4.0, 1)]
    found = split_of(athena, rows, SplitRule(salt="s", test_ratings_per_user=1, validation_fraction=share))
    assert found == {("1", str(movie)): "validation", ("1", str(before)): "test"}


def test_another_salt_is_another_choice(athena: MemoryAthena) -> None:
    rows = [(user, movie, 4.0, 1) for user in range(5) for movie in range(20)]
    found = [split_of(athena, rows, SplitRule(salt=salt, test_ratings_per_user=5)) for salt in ("one", "one", "two")]
    assert found[0] == found[1] != found[2]


def test_a_new_row_moves_no_other_row_to_another_shard(athena: MemoryAthena) -> None:
    rows = [(user, movie, 4.0, 1) for user in range(5) for movie in range(20)]
    rule = SplitRule(salt="s", shards=7)
    found = []
    for more in ([], [(-1, -1, 1.0, 1)]):
        put(athena, rows + more)
        found.append({(row["user_id"], row["movie_id"]): row["shard"] for row in athena.rows(splits_sql(TABLE, rule))})
    assert found[0].items() <= found[1].items()
    assert set(found[0].values()) == set(range(7))


# --- any table

NUMBERS = st.sampled_from([None, -(2**63), -1, 0, 1, 2, 9, 10, 2**31, 2**53 + 1, 2**63 - 1])
TEXTS = st.sampled_from([None, "1", "10", "2", "B", "a", "a|b", "é", "3f2b8a54-0c1d-4e6f-9a7b-5c8d9e0f1a2b"])
RATINGS = {
    "bigint": st.sampled_from([None, -1, 0, 1, 2, 3, 4, 5, 6]),
    "double": st.sampled_from([None, -0.5, 0.0, 0.49, 0.5, 1.0, 3.5, 4.0, 4.5, 5.0, 5.01, math.inf, -math.inf, math.nan]),
}
TIMES = st.sampled_from([None, -5, 0, 7, 8, 2**40])
RULES = st.builds(
    SplitRule,
    salt=st.sampled_from(["s", "mlkit", "2024-01-01"]),
    split=st.sampled_from(["hashed", "latest"]),
    test_ratings_per_user=st.sampled_from([1, 2, 10]),
    validation_fraction=st.sampled_from([0.0001, 0.1, 0.5, 0.9999]),
    positive_rating=st.sampled_from([0.5, 3.5, 4, 5.0]),
    shards=st.sampled_from([1, 2, 3, 32, 33, 1000]),
)


@st.composite
def dirty_tables(draw: st.DrawFn) -> tuple[str, str, list[Row]]:
    """Types of the ids and of the ratings, and rows that share ids often."""
    ids, rating = draw(st.sampled_from(["bigint", "string"])), draw(st.sampled_from(["bigint", "double"]))
    one = NUMBERS if ids == "bigint" else TEXTS
    return ids, rating, draw(st.lists(st.tuples(one, one, RATINGS[rating], TIMES), max_size=40))


@given(table=dirty_tables(), rule=RULES)
@example(table=("bigint", "double", [(1, 1, 4.0, 1), (1, 1, 4.0, 1)]), rule=SplitRule(salt="s"))
def test_any_table_is_counted_indexed_and_split_as_pandas_does_it(
    athena: MemoryAthena, table: tuple[str, str, list[Row]], rule: SplitRule
) -> None:
    ids, rating, rows = table
    put(athena, rows, ids=ids, rating=rating)
    sound, clean = expected.sound(rows, TABLE), expected.clean(rows, TABLE)

    (profile,) = athena.rows(profile_sql(TABLE))
    assert profile["table_rows"] == len(rows)
    assert profile["rows_with_nulls"] == sum(None in row[:3] for row in rows)
    assert profile["duplicates"] == len(sound) - len(clean)
    assert (profile["ratings"], profile["users"], profile["movies"]) == (len(clean), clean["user"].nunique(), clean["movie"].nunique())
    told = (profile[name] for name in ("rows_with_nulls", "ratings_out_of_range", "duplicates", "ratings"))
    assert sum(told) == len(rows)

    histogram = [tuple(row.values()) for row in athena.rows(histogram_sql(TABLE))]
    assert histogram == sorted(Counter(clean["rating"]).items())
    found = sorted((row["column"], row["field"], row["id"]) for row in athena.rows(feature_index_sql(TABLE)))
    assert [(field, one, column) for column, field, one in found] == expected.index(rows, TABLE)
    split = expected.splits(rows, TABLE, rule)
    assert sorted(tuple(row.values()) for row in athena.rows(splits_sql(TABLE, rule))) == sorted(split.itertuples(index=False, name=None))
