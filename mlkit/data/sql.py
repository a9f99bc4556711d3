"""The SQL that every data set needs: names in quotes, a salted hash that decides and orders, UNLOAD by split and shard.

Rows are chosen and ordered by a salted hash, since tables have no order. Every text here is Trino SQL (Athena engine version 3).
"""

import re
from dataclasses import dataclass

from mlkit.errors import UsageError

SPLITS = ("train", "validation", "test")
PLACES = 10_000  # how finely a share of the rows can be cut
# Athena writes at most 100 partitions in one statement; three splits leave room for 32 shards each. Files of more shards hold the rows
# of all splits, and each statement writes 100 shards.
MOST_PARTITIONS, SPLIT_SHARDS, MAX_SHARDS = 100, 32, 10_000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class SplitShape:
    """What every rule of splitting has: the `salt` that chooses the rows, and how many files (`shards`) each split becomes."""

    salt: str
    shards: int = 1

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", self.salt):
            raise UsageError(f"salt is {self.salt!r}", cure="Use 1 to 64 letters, digits, dots, hyphens or underscores.")
        if not 1 <= self.shards <= MAX_SHARDS:
            raise UsageError(f"shards must lie between 1 and {MAX_SHARDS}", cure="Give rows_per_shard a larger value.")


def identifier(name: str) -> str:
    """The name in double quotes. Raises UsageError for characters that Glue names do not have."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of a database, table or column", cure="Letters, digits, hyphens and underscores only.")
    return f'"{name}"'


def text(value: str) -> str:
    """The value as a literal: in single quotes, with its own doubled."""
    return "'" + value.replace("'", "''") + "'"


def order_hash(salt: str, *keys: str) -> str:
    """A bigint that follows from the salt and the columns `keys` alone; it decides about a row and gives rows an order."""
    parts = " || '|' || ".join(f"CAST({key} AS varchar)" for key in keys)
    return f"from_big_endian_64(xxhash64(to_utf8('{salt}|' || {parts})))"


def place(hashed: str) -> str:
    """0 to 9999 from the hash's higher bits: a share of the rows lies below a number of places."""
    return f"bitwise_and(bitwise_right_shift({hashed}, 8), 1048575) % {PLACES}"


def shard(hashed: str, shards: int) -> str:
    """The row's shard, from the hash's lowest bits; from 20 higher ones for so many shards that they would differ in size."""
    bits = f"bitwise_and({hashed}, 255)" if shards <= SPLIT_SHARDS else f"bitwise_and(bitwise_right_shift({hashed}, 28), 1048575)"
    return f"{bits} % {shards}"


def unload_sql(select: str, s3_uri: str, *, partitioned_by: tuple[str, ...] = ()) -> str:
    """The query's rows as Parquet below `s3_uri`, which must be empty; partition columns come last in the query."""
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+/[A-Za-z0-9/_.=-]+/", s3_uri):
        raise UsageError(f"{s3_uri!r} is not a prefix that Athena can write to", cure="Use s3://bucket/prefix/.")
    columns = ", ".join(f"'{name}'" for name in partitioned_by)
    partitions = f", partitioned_by = ARRAY[{columns}]" if partitioned_by else ""
    return f"UNLOAD (\n{select}\n) TO '{s3_uri}' WITH (format = 'PARQUET', compression = 'SNAPPY'{partitions})"
