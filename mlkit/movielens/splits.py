"""The SQL that lets Athena clean, index and split a table of ratings.

Rows are chosen and ordered by a salted hash of (user, movie), since tables have no order. Every text here is Trino SQL
(Athena engine version 3): https://trino.io/docs/current/sql/select.html
"""

from dataclasses import dataclass

from mlkit.data.sql import PLACES, SplitShape, identifier, order_hash, place, shard
from mlkit.errors import UsageError
from mlkit.gate.target import Target
from mlkit.movielens.scale import HIGHEST, LOWEST


@dataclass(frozen=True, kw_only=True)
class RatingsTable:
    """A table of ratings: its column names, and the range of valid ratings.

    `text_ids` are the id columns of text, in which an empty value is not null.
    """

    database: str
    table: str = "u_data"
    user: str = "userid"
    movie: str = "movieid"
    rating: str = "rating"
    timestamp: str = "timestamp"
    lowest_rating: float = LOWEST
    highest_rating: float = HIGHEST
    text_ids: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{identifier(self.database)}.{identifier(self.table)}"

    @property
    def columns(self) -> tuple[str, ...]:
        return self.user, self.movie, self.rating, self.timestamp


@dataclass(frozen=True, kw_only=True)
class SplitRule(SplitShape):
    """The rule of labels and splits. `split` is "hashed" (by salted hash) or "latest" (a user's newest ratings are the test).

    `validation_fraction` of what is not test becomes validation. `predict` is "positive" (label 1 from `positive_rating` stars on, else
    label 0) or "rating" (the label is the number of stars).
    """

    split: str = "hashed"
    test_ratings_per_user: int = 10
    validation_fraction: float = 0.1
    positive_rating: float = 4.0
    predict: str = "positive"

    @property
    def target(self) -> Target:
        """What a model of these labels predicts."""
        if self.predict == "rating":
            return Target(task="regression", name="rating", unit="stars")
        stars = f"{self.positive_rating:g}"
        return Target(task="binary", name="rating", classes=(f"below {stars} stars", f"{stars} or more"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.predict not in ("positive", "rating"):
            raise UsageError(f"target is {self.predict!r}", cure='Choose "positive" or "rating".')
        if self.split not in ("hashed", "latest"):
            raise UsageError(f"split is {self.split!r}", cure='Choose "hashed" or "latest".')
        if self.test_ratings_per_user < 1:
            raise UsageError("test_ratings_per_user must be at least 1", cure="10 is the lab's choice.")
        if not 0 < self.validation_fraction < 1:
            raise UsageError("validation_fraction must lie between 0 and 1", cure="0.1 keeps a tenth of the ratings for validation.")


def _nulls(table: RatingsTable) -> str:
    """SQL condition for rows with nulls. In a text column, an empty value is an empty string."""
    missing = [f"{identifier(name)} IS NULL" for name in (table.user, table.movie, table.rating)]
    return " OR ".join([*missing, *(f"{identifier(name)} = ''" for name in table.text_ids)])


def _in_range(table: RatingsTable) -> str:
    """SQL condition for ratings in range; NaN is out of range."""
    return f"{identifier(table.rating)} BETWEEN {table.lowest_rating} AND {table.highest_rating}"


def _rows(table: RatingsTable, *names: str) -> str:
    """SELECT of the table's columns `names` of valid rows, duplicates among them. "*" stands for all four."""
    items = {
        "user_key": identifier(table.user),
        "movie_key": identifier(table.movie),
        "rating": f"CAST({identifier(table.rating)} AS double)",
        "rated_at": identifier(table.timestamp),
    }
    chosen = ", ".join(f"{items[name]} AS {name}" for name in names or items)
    return f"SELECT {chosen} FROM {table.name} WHERE NOT ({_nulls(table)}) AND {_in_range(table)}"


def _numbered(table: RatingsTable) -> str:
    """Common table expressions `users` (u, user_column) and `movies` (m, movie_column): users in the order of their ids, then movies.

    A duplicate is by a user and of a movie that have another row, so duplicates do not matter.
    """
    return f"""users AS (
  SELECT user_key AS u, row_number() OVER (ORDER BY user_key) - 1 AS user_column
  FROM (SELECT DISTINCT user_key FROM ({_rows(table, "user_key")}))),
movies AS (
  SELECT movie_key AS m, row_number() OVER (ORDER BY movie_key) - 1 + (SELECT count(*) FROM users) AS movie_column
  FROM (SELECT DISTINCT movie_key FROM ({_rows(table, "movie_key")})))"""


_NEWEST = "ORDER BY rated_at DESC NULLS LAST, rating DESC"
"""The order of the ratings of one movie by one user: the first stays."""


def profile_sql(table: RatingsTable) -> str:
    """SQL for one row with the numbers of ratings, users, movies and unusable rows. Each row counts once."""
    return f"""WITH raw AS (
  SELECT count(*) AS table_rows, count_if({_nulls(table)}) AS rows_with_nulls,
    count_if(NOT ({_nulls(table)}) AND NOT ({_in_range(table)})) AS ratings_out_of_range
  FROM {table.name}),
pairs AS (SELECT user_key, movie_key, count(*) AS copies FROM ({_rows(table, "user_key", "movie_key")}) GROUP BY user_key, movie_key),
used AS (
  SELECT count(*) AS ratings, coalesce(sum(copies), 0) AS sound_rows, count(DISTINCT user_key) AS users, count(DISTINCT movie_key) AS movies
  FROM pairs)
SELECT table_rows, rows_with_nulls, ratings_out_of_range, sound_rows - ratings AS duplicates, ratings, users, movies
FROM raw CROSS JOIN used"""


def histogram_sql(table: RatingsTable) -> str:
    """SQL for rows (rating, ratings) with the frequency of each rating."""
    return f"""WITH numbered AS (
  SELECT rating, row_number() OVER (PARTITION BY user_key, movie_key {_NEWEST}) AS copy FROM ({_rows(table)}))
SELECT rating, count(*) AS ratings FROM numbered WHERE copy = 1 GROUP BY rating ORDER BY rating"""


def feature_index_sql(table: RatingsTable) -> str:
    """SQL for rows (field, id, column): users in the order of their ids, then movies in the order of theirs."""
    return f"""WITH {_numbered(table)}
SELECT 'user' AS field, CAST(u AS varchar) AS id, user_column AS "column" FROM users
UNION ALL
SELECT 'movie' AS field, CAST(m AS varchar) AS id, movie_column AS "column" FROM movies"""


def splits_sql(table: RatingsTable, rule: SplitRule) -> str:
    """SQL for rows (user_id, movie_id, user_column, movie_column, label, order_hash, split, shard), in no order.

    `shard` follows from the hash, so a (user, movie) pair can only be in one shard; sorting a shard by `order_hash` gives a fixed order.
    Rows are numbered and compared by their columns, which are smaller than ids and have the same order.
    """
    newest = "rated_at DESC NULLS LAST, " if rule.split == "latest" else ""
    label = "rating" if rule.predict == "rating" else f"CASE WHEN rating >= {rule.positive_rating} THEN 1 ELSE 0 END"
    per_ten_thousand = round(rule.validation_fraction * PLACES)
    return f"""WITH {_numbered(table)},
numbered AS (
  SELECT user_column, movie_column, rating, rated_at,
    row_number() OVER (PARTITION BY user_column, movie_column {_NEWEST}) AS copy
  FROM ({_rows(table)}) JOIN users ON user_key = u JOIN movies ON movie_key = m),
hashed AS (
  SELECT user_column, movie_column, rating, rated_at, {order_hash(rule.salt, "u", "m")} AS order_hash
  FROM numbered JOIN users USING (user_column) JOIN movies USING (movie_column) WHERE copy = 1),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY user_column ORDER BY {newest}order_hash, movie_column) AS place FROM hashed)
SELECT CAST(u AS varchar) AS user_id, CAST(m AS varchar) AS movie_id, user_column, movie_column,
  {label} AS label, order_hash,
  CASE WHEN place <= {rule.test_ratings_per_user} THEN 'test'
    WHEN {place("order_hash")} < {per_ten_thousand} THEN 'validation'
    ELSE 'train' END AS split,
  {shard("order_hash", rule.shards)} AS shard
FROM ranked JOIN users USING (user_column) JOIN movies USING (movie_column)"""
