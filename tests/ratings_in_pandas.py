"""What the SQL of mlkit.movielens.splits asks for, computed with pandas: slow, plain, independent of the product.

A row of a table is (user, movie, rating, timestamp); each may be None.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from plain_xxhash import signed_hash

from mlkit.movielens.splits import RatingsTable, SplitRule

Row = Sequence[Any]


def sound(rows: Sequence[Row], table: RatingsTable) -> pd.DataFrame:
    """The rows that can be used, duplicates among them: user, movie, rating (float), at."""
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["user", "movie", "rating", "at"], dtype=object)
    frame = frame[frame["user"].notna() & frame["movie"].notna() & frame["rating"].notna()]
    frame = frame.assign(rating=frame["rating"].astype(float))
    return frame[(frame["rating"] >= table.lowest_rating) & (frame["rating"] <= table.highest_rating)]


def clean(rows: Sequence[Row], table: RatingsTable) -> pd.DataFrame:
    """Of several ratings of one movie by one user the newest; one without a time is the oldest; at the same time the highest."""
    frame = sound(rows, table)
    ages = {row: (at is not None, at or 0, rating) for row, at, rating in frame[["at", "rating"]].itertuples(name=None)}
    oldest_first = frame.loc[sorted(frame.index, key=ages.__getitem__)]
    return oldest_first.drop_duplicates(["user", "movie"], keep="last").reset_index(drop=True)


def index(rows: Sequence[Row], table: RatingsTable) -> list[tuple[str, str, int]]:
    """(field, id, column): users in the order of their ids, then movies."""
    frame = clean(rows, table)
    named = [("user", one) for one in sorted(set(frame["user"]))] + [("movie", one) for one in sorted(set(frame["movie"]))]
    return [(field, str(one), column) for column, (field, one) in enumerate(named)]


def splits(rows: Sequence[Row], table: RatingsTable, rule: SplitRule) -> pd.DataFrame:
    """One row per clean rating."""
    frame = clean(rows, table)
    columns = {(field, one): column for field, one, column in index(rows, table)}
    frame["user_id"], frame["movie_id"] = frame["user"].map(str), frame["movie"].map(str)
    frame["user_column"] = [columns["user", one] for one in frame["user_id"]]
    frame["movie_column"] = [columns["movie", one] for one in frame["movie_id"]]
    frame["label"] = (frame["rating"] >= rule.positive_rating).astype(int)
    keys = zip(frame["user_id"], frame["movie_id"], strict=True)
    frame["order_hash"] = [signed_hash(f"{rule.salt}|{user}|{movie}") for user, movie in keys]
    frame["split"] = _split(frame, rule)
    bits = [one & 0xFF if rule.shards <= 32 else one >> 28 & 0xFFFFF for one in frame["order_hash"]]
    frame["shard"] = [one % rule.shards for one in bits]
    return frame[["user_id", "movie_id", "user_column", "movie_column", "label", "order_hash", "split", "shard"]]


def _split(frame: pd.DataFrame, rule: SplitRule) -> list[str]:
    """Each user's first rows are the test; of the others a share by the hash is the validation."""
    turns: dict[Any, list[tuple[Any, ...]]] = {}
    for row, user, movie, at, hashed in frame[["user", "movie", "at", "order_hash"]].itertuples(name=None):
        age = (at is None, -(at or 0)) if rule.split == "latest" else ()
        turns.setdefault(user, []).append((*age, hashed, movie, row))
    tests = {turn[-1] for rows in turns.values() for turn in sorted(rows)[: rule.test_ratings_per_user]}
    validation = round(rule.validation_fraction * 10_000)
    places = [((one & (2**64 - 1)) >> 8 & 0xFFFFF) % 10_000 for one in frame["order_hash"]]
    others = ["validation" if place < validation else "train" for place in places]
    return ["test" if row in tests else other for row, other in zip(frame.index, others, strict=True)]
