"""The SQL that lets Athena clean, index and split a table of ratings.

Rows are chosen and ordered by a salted hash of (user, movie), since tables have no order. Every text here is Trino SQL
(Athena engine version 3): https://trino.io/docs/current/sql/select.html
"""

import re
from dataclasses import dataclass

from mlkit.errors import UsageError

SPLITS = ("train", "validation", "test")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
# Athena writes at most 100 partitions in one statement; three splits leave room for 32 shards each.
MAX_SHARDS = 32


@dataclass(frozen=True, kw_only=True)
class RatingsTable:
    """A table of ratings by its column names, and the range outside which a rating is taken for a mistake."""

    database: str
    table: str = "u_data"
    user: str = "userid"
    movie: str = "movieid"
    rating: str = "rating"
    timestamp: str = "timestamp"
    lowest_rating: float = 0.5
    highest_rating: float = 5.0

    @property
    def name(self) -> str:
        return f"{identifier(self.database)}.{identifier(self.table)}"


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """Who goes where. `split` is "hashed" (by salted hash) or "latest" (a user's newest ratings are the test).

    `validation_fraction` of what is not test becomes validation. `shards` files are made of each split.
    """

    salt: str
    split: str = "hashed"
    test_ratings_per_user: int = 10
    validation_fraction: float = 0.1
    positive_rating: float = 4.0
    shards: int = 1

    def __post_init__(self) -> None:
        if self.split not in ("hashed", "latest"):
            raise UsageError(f"split is {self.split!r}", cure='Choose "hashed" or "latest".')
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", self.salt):
            raise UsageError(f"salt is {self.salt!r}", cure="Use 1 to 64 letters, digits, dots, hyphens or underscores.")
        if self.test_ratings_per_user < 1:
            raise UsageError("test_ratings_per_user must be at least 1", cure="10 is the lab's choice.")
        if not 0 < self.validation_fraction < 1:
            raise UsageError("validation_fraction must lie between 0 and 1", cure="0.1 keeps a tenth of the ratings for validation.")
        if not 1 <= self.shards <= MAX_SHARDS:
            raise UsageError(f"shards must lie between 1 and {MAX_SHARDS}", cure="Athena writes at most 100 partitions at once.")


def identifier(name: str) -> str:
    """The name in double quotes. Raises UsageError for characters that Glue names do not have."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of a database, table or column", cure="Letters, digits, hyphens and underscores only.")
    return f'"{name}"'


def _sound(table: RatingsTable) -> str:
    """Condition for rows that can be used."""
    user, movie, rating = identifier(table.user), identifier(table.movie), identifier(table.rating)
    return (
        f"{user} IS NOT NULL AND {movie} IS NOT NULL AND {rating} IS NOT NULL "
        f"AND {rating} BETWEEN {table.lowest_rating} AND {table.highest_rating}"
    )


def _clean(table: RatingsTable) -> str:
    """Common table expression `clean`: sound rows, of several ratings of one movie by one user the newest."""
    user, movie = identifier(table.user), identifier(table.movie)
    rating, timestamp = identifier(table.rating), identifier(table.timestamp)
    return f"""numbered AS (
  SELECT {user} AS user_key, {movie} AS movie_key, CAST({rating} AS double) AS rating, {timestamp} AS rated_at,
    row_number() OVER (PARTITION BY {user}, {movie} ORDER BY {timestamp} DESC NULLS LAST, {rating} DESC) AS copy
  FROM {table.name}
  WHERE {_sound(table)}),
clean AS (SELECT user_key, movie_key, rating, rated_at FROM numbered WHERE copy = 1)"""


def profile_sql(table: RatingsTable) -> str:
    """One row: how many ratings, users and movies there are, and what is wrong with how many."""
    user, movie, rating = identifier(table.user), identifier(table.movie), identifier(table.rating)
    return f"""WITH {_clean(table)},
raw AS (
  SELECT count(*) AS table_rows,
    count_if({user} IS NULL OR {movie} IS NULL OR {rating} IS NULL) AS rows_with_nulls,
    count_if({rating} < {table.lowest_rating} OR {rating} > {table.highest_rating}) AS ratings_out_of_range
  FROM {table.name}),
sound AS (SELECT count(*) AS sound_rows FROM numbered),
used AS (SELECT count(*) AS ratings, count(DISTINCT user_key) AS users, count(DISTINCT movie_key) AS movies FROM clean)
SELECT table_rows, rows_with_nulls, ratings_out_of_range, sound_rows - ratings AS duplicates, ratings, users, movies
FROM raw CROSS JOIN sound CROSS JOIN used"""


def histogram_sql(table: RatingsTable) -> str:
    """Rows (rating, ratings): how often each rating was given."""
    return f"WITH {_clean(table)} SELECT rating, count(*) AS ratings FROM clean GROUP BY rating ORDER BY rating"


def feature_index_sql(table: RatingsTable) -> str:
    """Rows (field, id, column): users in the order of their ids, then movies in the order of theirs."""
    return f"""WITH {_clean(table)},
users AS (SELECT user_key, row_number() OVER (ORDER BY user_key) - 1 AS place FROM (SELECT DISTINCT user_key FROM clean)),
movies AS (SELECT movie_key, row_number() OVER (ORDER BY movie_key) - 1 AS place FROM (SELECT DISTINCT movie_key FROM clean))
SELECT 'user' AS field, CAST(user_key AS varchar) AS id, place AS "column" FROM users
UNION ALL
SELECT 'movie' AS field, CAST(movie_key AS varchar) AS id, place + (SELECT count(*) FROM users) AS "column" FROM movies"""


def splits_sql(table: RatingsTable, rule: SplitRule) -> str:
    """Rows (user_id, movie_id, user_column, movie_column, label, order_hash, split, shard), in no order.

    `shard` follows from the hash, so a (user, movie) pair can only be in one shard; sorting a shard by `order_hash` gives a fixed order.
    """
    newest = "rated_at DESC NULLS LAST, " if rule.split == "latest" else ""
    per_ten_thousand = round(rule.validation_fraction * 10_000)
    return f"""WITH {_clean(table)},
hashed AS (
  SELECT *, from_big_endian_64(xxhash64(to_utf8(
    '{rule.salt}|' || CAST(user_key AS varchar) || '|' || CAST(movie_key AS varchar)))) AS order_hash
  FROM clean),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY user_key ORDER BY {newest}order_hash, movie_key) AS place FROM hashed),
users AS (SELECT user_key AS u, row_number() OVER (ORDER BY user_key) - 1 AS user_column FROM (SELECT DISTINCT user_key FROM clean)),
movies AS (SELECT movie_key AS m, row_number() OVER (ORDER BY movie_key) - 1 + (SELECT count(*) FROM users) AS movie_column
  FROM (SELECT DISTINCT movie_key FROM clean))
SELECT CAST(user_key AS varchar) AS user_id, CAST(movie_key AS varchar) AS movie_id, user_column, movie_column,
  CASE WHEN rating >= {rule.positive_rating} THEN 1 ELSE 0 END AS label, order_hash,
  CASE WHEN place <= {rule.test_ratings_per_user} THEN 'test'
    WHEN bitwise_and(bitwise_right_shift(order_hash, 8), 1048575) % 10000 < {per_ten_thousand} THEN 'validation'
    ELSE 'train' END AS split,
  bitwise_and(order_hash, 255) % {rule.shards} AS shard
FROM ranked JOIN users ON user_key = u JOIN movies ON movie_key = m"""


def unload_sql(select: str, s3_uri: str, *, partitioned_by: tuple[str, ...] = ()) -> str:
    """The query's rows as Parquet below `s3_uri`, which must be empty; partition columns come last in the query."""
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+/[A-Za-z0-9/_.=-]+/", s3_uri):
        raise UsageError(f"{s3_uri!r} is not a prefix that Athena can write to", cure="Use s3://bucket/prefix/.")
    columns = ", ".join(f"'{name}'" for name in partitioned_by)
    partitions = f", partitioned_by = ARRAY[{columns}]" if partitioned_by else ""
    return f"UNLOAD (\n{select}\n) TO '{s3_uri}' WITH (format = 'PARQUET', compression = 'SNAPPY'{partitions})"
