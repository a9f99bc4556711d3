"""The SQL that lets Athena clean, count and split a table of labelled rows.

A row's split follows from a salted hash of its key alone, so it stays where it is when the table grows. Every text here is Trino SQL
(Athena engine version 3): https://trino.io/docs/current/sql/select.html
"""

from dataclasses import dataclass

from mlkit.data.sql import PLACES, SplitShape, identifier, order_hash, place, shard, text
from mlkit.errors import UsageError
from mlkit.gate.target import Target
from mlkit.tabular.columns import LabelledTable

BARS = 20  # of a histogram of a regression's labels


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
    columns, words = [table.key, table.label], [table.key, *([table.label] if table.has_classes else [])]
    if not table.keeps_missing:
        columns, words = [*columns, *table.features], [*words, *table.categorical]
    empty = [f"CAST({identifier(name)} AS varchar) = ''" for name in words]
    return " OR ".join([*(f"{identifier(name)} IS NULL" for name in columns), *empty])


def _finite(table: LabelledTable) -> str:
    """SQL condition for rows whose numbers are finite. Where values may be missing, NaN is one of them."""
    numbers = [f"CAST({identifier(name)} AS double)" for name in table.numeric]
    found = [f"coalesce(NOT is_infinite({one}), true)" if table.keeps_missing else f"is_finite({one})" for one in numbers]
    found += [] if table.has_classes else [f"is_finite(CAST({identifier(table.label)} AS double))"]
    return " AND ".join(found) or "true"


def _feature(table: LabelledTable, name: str) -> str:
    """A feature as double or text; null if it is missing."""
    column = identifier(name)
    if name in table.categorical:
        return f"nullif(CAST({column} AS varchar), '') AS {column}"
    number = f"CAST({column} AS double)"
    return f"CASE WHEN is_nan({number}) THEN NULL ELSE {number} END AS {column}" if table.keeps_missing else f"{number} AS {column}"


def _clean(table: LabelledTable) -> str:
    """Common table expressions: valid rows (`sound`), without exact copies (`distinct_rows`), with keys that occur once (`clean`).

    `answer` is what a model is to predict: the class as text, or the number as double.
    """
    features = ", ".join(_feature(table, name) for name in table.features)
    names = ", ".join(identifier(name) for name in table.features)
    kind = "varchar" if table.has_classes else "double"
    return f"""sound AS (
  SELECT CAST({identifier(table.key)} AS varchar) AS row_key, CAST({identifier(table.label)} AS {kind}) AS answer, {features}
  FROM {table.name}
  WHERE NOT ({_nulls(table)}) AND {_finite(table)}),
distinct_rows AS (SELECT DISTINCT * FROM sound),
numbered AS (SELECT *, count(*) OVER (PARTITION BY row_key) AS meanings FROM distinct_rows),
clean AS (SELECT row_key, answer, {names} FROM numbered WHERE meanings = 1)"""


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
    return f"WITH {_clean(table)} SELECT answer AS class, count(*) AS rows FROM clean GROUP BY answer ORDER BY class"


def histogram_sql(table: LabelledTable) -> str:
    """SQL for rows (bar, rows, lowest, highest) of a regression's labels: at most 20 bars of equal width, without the empty ones."""
    bar = f"CAST(floor((answer - low) / (high - low) * {BARS}) AS bigint)"
    return f"""WITH {_clean(table)},
ends AS (SELECT min(answer) AS low, max(answer) AS high FROM clean),
placed AS (SELECT answer, CASE WHEN high > low THEN least({BARS - 1}, {bar}) ELSE 0 END AS bar FROM clean CROSS JOIN ends)
SELECT bar, count(*) AS rows, min(answer) AS lowest, max(answer) AS highest FROM placed GROUP BY bar ORDER BY bar"""


def categories_sql(table: LabelledTable) -> str:
    """SQL for rows (feature, category, rows), in no order: how often each category of each categorical feature is among the usable rows."""
    parts = (
        f"SELECT {text(name)} AS feature, {identifier(name)} AS category, count(*) AS rows FROM clean\n"
        f"WHERE {identifier(name)} IS NOT NULL GROUP BY {identifier(name)}"
        for name in table.categorical
    )
    return f"WITH {_clean(table)}\n" + "\nUNION ALL\n".join(parts)


def features_sql(table: LabelledTable) -> str:
    """SQL for one row with lowest, mean and highest value of each number among the features in turn, over the usable rows."""
    names = [identifier(name) for name in table.numeric]
    figures = ", ".join(f"min({n}) AS low_{i}, avg({n}) AS mean_{i}, max({n}) AS high_{i}" for i, n in enumerate(names))
    return f"WITH {_clean(table)} SELECT {figures} FROM clean"


def missing_sql(table: LabelledTable) -> str:
    """SQL for one row with the number of usable rows without each feature in turn."""
    counts = ", ".join(f"count(*) - count({identifier(name)}) AS missing_{i}" for i, name in enumerate(table.features))
    return f"WITH {_clean(table)} SELECT {counts} FROM clean"


def _label(target: Target) -> str:
    """A class's number by its name; null for a class that the target does not have."""
    if target.is_number:
        return "answer"
    cases = " ".join(f"WHEN answer = {text(name)} THEN {number}" for number, name in enumerate(target.classes))
    return f"CASE {cases} END"


def splits_sql(table: LabelledTable, target: Target, rule: SplitRule) -> str:
    """SQL for rows (row_key, label, features, order_hash, split, shard), in no order. Sorting by `order_hash` gives a fixed order."""
    names = ", ".join(identifier(name) for name in table.features)
    test = round(rule.test_fraction * PLACES)
    validation = test + round((1 - rule.test_fraction) * rule.validation_fraction * PLACES)
    return f"""WITH {_clean(table)},
hashed AS (SELECT *, {order_hash(rule.salt, "row_key")} AS order_hash FROM clean),
placed AS (SELECT *, {place("order_hash")} AS place FROM hashed)
SELECT row_key, {_label(target)} AS label, {names}, order_hash,
  CASE WHEN place < {test} THEN 'test' WHEN place < {validation} THEN 'validation' ELSE 'train' END AS split,
  {shard("order_hash", rule.shards)} AS shard
FROM placed"""
