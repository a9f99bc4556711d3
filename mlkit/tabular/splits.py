"""The SQL that lets Athena clean, count and split a table of labelled rows.

A row's split follows from a salted hash of its key alone, so it stays where it is when the table grows. Every text here is Trino SQL
(Athena engine version 3): https://trino.io/docs/current/sql/select.html
"""

from dataclasses import dataclass

from mlkit.data.sql import PLACES, SplitShape, identifier, order_hash, place, shard, text
from mlkit.errors import UsageError
from mlkit.tabular.columns import LabelledTable


@dataclass(frozen=True, kw_only=True)
class SplitRule(SplitShape):
    """The sizes of the splits: `test_fraction` of all rows is test, `validation_fraction` of the others validation."""

    test_fraction: float = 0.3
    validation_fraction: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("test_fraction", "validation_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", cure=f"{name} is a share of rows between 0 and 1, such as 0.2.")


def _nulls(table: LabelledTable) -> str:
    """SQL condition for rows with nulls. In a text column, an empty value is an empty string."""
    words = [f"CAST({identifier(name)} AS varchar) = ''" for name in (table.key, table.label)]
    return " OR ".join([*(f"{identifier(name)} IS NULL" for name in (table.key, table.label, *table.features)), *words])


def _finite(table: LabelledTable) -> str:
    return " AND ".join(f"is_finite(CAST({identifier(name)} AS double))" for name in table.features)


def _clean(table: LabelledTable) -> str:
    """Common table expressions: valid rows (`sound`), without exact copies (`distinct_rows`), with keys that occur once (`clean`)."""
    numbers = ", ".join(f"CAST({identifier(name)} AS double) AS {identifier(name)}" for name in table.features)
    names = ", ".join(identifier(name) for name in table.features)
    return f"""sound AS (
  SELECT CAST({identifier(table.key)} AS varchar) AS row_key, CAST({identifier(table.label)} AS varchar) AS class, {numbers}
  FROM {table.name}
  WHERE NOT ({_nulls(table)}) AND {_finite(table)}),
distinct_rows AS (SELECT DISTINCT * FROM sound),
numbered AS (SELECT *, count(*) OVER (PARTITION BY row_key) AS meanings FROM distinct_rows),
clean AS (SELECT row_key, class, {names} FROM numbered WHERE meanings = 1)"""


def profile_sql(table: LabelledTable) -> str:
    """SQL for one row with the numbers of rows and of unusable rows."""
    return f"""WITH {_clean(table)},
raw AS (
  SELECT count(*) AS table_rows, count_if({_nulls(table)}) AS rows_with_nulls,
    count_if(NOT ({_nulls(table)}) AND NOT ({_finite(table)})) AS rows_not_finite
  FROM {table.name}),
known AS (SELECT count(*) AS sound_rows FROM sound),
single AS (SELECT count(*) AS single_rows FROM distinct_rows),
used AS (SELECT count(*) AS usable_rows FROM clean)
SELECT table_rows, rows_with_nulls, rows_not_finite, sound_rows - single_rows AS copies, single_rows - usable_rows AS contradictory_rows,
  usable_rows AS usable
FROM raw CROSS JOIN known CROSS JOIN single CROSS JOIN used"""


def classes_sql(table: LabelledTable) -> str:
    """SQL for rows (class, rows) with the frequency of each class among the usable rows."""
    return f"WITH {_clean(table)} SELECT class, count(*) AS rows FROM clean GROUP BY class ORDER BY class"


def features_sql(table: LabelledTable) -> str:
    """SQL for one row with lowest, mean and highest value of each feature in turn, over the usable rows."""
    names = [identifier(name) for name in table.features]
    figures = ", ".join(f"min({n}) AS low_{i}, avg({n}) AS mean_{i}, max({n}) AS high_{i}" for i, n in enumerate(names))
    return f"WITH {_clean(table)} SELECT {figures} FROM clean"


def splits_sql(table: LabelledTable, rule: SplitRule) -> str:
    """SQL for rows (row_key, label, features, order_hash, split, shard), in no order. Sorting by `order_hash` gives a fixed order."""
    names = ", ".join(identifier(name) for name in table.features)
    test = round(rule.test_fraction * PLACES)
    validation = test + round((1 - rule.test_fraction) * rule.validation_fraction * PLACES)
    return f"""WITH {_clean(table)},
hashed AS (SELECT *, {order_hash(rule.salt, "row_key")} AS order_hash FROM clean),
placed AS (SELECT *, {place("order_hash")} AS place FROM hashed)
SELECT row_key, CASE WHEN class = {text(table.positive)} THEN 1 ELSE 0 END AS label, {names}, order_hash,
  CASE WHEN place < {test} THEN 'test' WHEN place < {validation} THEN 'validation' ELSE 'train' END AS split,
  {shard("order_hash", rule.shards)} AS shard
FROM placed"""
