"""The product's own SQL over labelled rows, run on dirty tables by the local Athena's compiler and DuckDB; pandas says what is right."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_xxhash import place_of, signed_hash
from trino_in_memory import MemoryAthena

from mlkit.tabular.columns import LabelledTable
from mlkit.tabular.splits import (
    SplitRule,
    categories_sql,
    classes_sql,
    features_sql,
    histogram_sql,
    missing_sql,
    profile_sql,
    splits_sql,
)

TABLE = LabelledTable(database="abc-ml-lab-masses", table="t", key="id", label="outcome", positive="bad", features=("a", "b"))
TARGET = TABLE.target_of({"bad": 1, "good": 1})
COUNTS = ("table_rows", "rows_with_nulls", "rows_not_finite", "copies", "contradictory_rows", "usable")
Row = Sequence[Any]


@pytest.fixture(scope="module")
def athena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryAthena]:
    made = MemoryAthena(tmp_path_factory.mktemp("scratch"), TABLE.database)
    yield made
    made.close()


def put(athena: MemoryAthena, rows: Sequence[Row], *, key: str = "bigint", label: str = "string", b: str = "int") -> None:
    """The table of (id, outcome, a, b), of these Glue types."""
    athena.put("t", {"id": key, "outcome": label, "a": "double", "b": b}, rows)


def keys_by_split(athena: MemoryAthena, rule: SplitRule) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"train": set(), "validation": set(), "test": set()}
    for row in athena.rows(splits_sql(TABLE, TARGET, rule)):
        found[row["split"]].add(row["row_key"])
    return found


# --- which rows count


def test_the_profile_counts_each_row_under_what_is_wrong_with_it(athena: MemoryAthena) -> None:
    rows = [
        *[(1, "good", 0.5, 1), (2, "bad", 1.5, 2), (2, "bad", 1.5, 2), (2, "bad", 1.5, 2)],
        *[(None, "good", 0.5, 1), (3, None, 0.5, 1), (4, "good", None, 1), (5, "good", 0.5, None), (6, "", 0.5, 1), (7, "", math.nan, 1)],
        *[(8, "good", math.nan, 1), (8, "good", math.inf, 1), (8, "good", -math.inf, 1)],
        *[(9, "good", 0.5, 1), (9, "bad", 0.5, 1), (9, "bad", 0.5, 1), (10, "good", 0.5, 1), (10, "good", 0.5, 2)],
    ]
    put(athena, rows)
    (profile,) = athena.rows(profile_sql(TABLE))
    assert profile == dict(zip(COUNTS, (18, 6, 3, 3, 4, 2), strict=True))
    assert [tuple(row.values()) for row in athena.rows(classes_sql(TABLE))] == [("bad", 1), ("good", 1)]
    assert [tuple(row.values()) for row in athena.rows(features_sql(TABLE))] == [(0.5, 1.0, 1.5, 1, 1.5, 2)]
    assert {row["row_key"] for row in athena.rows(splits_sql(TABLE, TARGET, SplitRule(salt="s")))} == {"1", "2"}


def test_a_key_of_the_empty_text_is_a_gap(athena: MemoryAthena) -> None:
    put(athena, [("", "good", 0.5, 1), ("x", "bad", 0.5, 1)], key="string")
    (profile,) = athena.rows(profile_sql(TABLE))
    assert (profile["rows_with_nulls"], profile["usable"]) == (1, 1)


def test_an_empty_table_has_no_rows_and_no_classes(athena: MemoryAthena) -> None:
    put(athena, [])
    (profile,) = athena.rows(profile_sql(TABLE))
    assert set(profile.values()) == {0}
    assert athena.rows(classes_sql(TABLE)) == athena.rows(splits_sql(TABLE, TARGET, SplitRule(salt="s"))) == []


def test_the_classes_come_in_their_order_with_the_rows_of_each(athena: MemoryAthena) -> None:
    put(athena, [(n, "zebra" if n < 3 else "ape", 0.5, n) for n in range(8)])
    assert [tuple(row.values()) for row in athena.rows(classes_sql(TABLE))] == [("ape", 5), ("zebra", 3)]


# --- labels and features


CLASSES = [
    ("string", "bad", ("bad", "good")),
    ("string", "it's", ("it's", "its")),
    ("boolean", "true", (True, False)),
    ("int", "1", (1, 0)),
]


@pytest.mark.parametrize(("kind", "positive", "values"), CLASSES)
def test_the_positive_class_is_label_1_whatever_its_type(athena: MemoryAthena, kind: str, positive: str, values: tuple[Any, Any]) -> None:
    put(athena, [(1, values[0], 0.5, 1), (2, values[1], 0.5, 1)], label=kind)
    table = LabelledTable(database=TABLE.database, table="t", key="id", label="outcome", positive=positive, features=("a", "b"))
    target = table.target_of({str(value).lower() if kind == "boolean" else str(value): 1 for value in values})
    assert {row["row_key"]: row["label"] for row in athena.rows(splits_sql(table, target, SplitRule(salt="s")))} == {"1": 1, "2": 0}


def test_of_several_classes_the_labels_are_their_places_and_a_class_that_came_later_has_none(athena: MemoryAthena) -> None:
    put(athena, [(1, "it's", 0.5, 1), (2, "ape", 0.5, 2), (3, "new", 0.5, 3), (4, "zebra", 0.5, 4)])
    table = replace(TABLE, task="multi-class", positive="")
    target = table.target_of({"zebra": 1, "ape": 1, "it's": 1})
    found = {row["row_key"]: row["label"] for row in athena.rows(splits_sql(table, target, SplitRule(salt="s")))}
    assert found == {"1": 1, "2": 0, "3": None, "4": 2}


def test_the_label_of_a_regression_is_the_number_and_a_row_without_a_finite_one_does_not_count(athena: MemoryAthena) -> None:
    put(athena, [(1, 0.1, 0.5, 1), (2, -3e10, 0.5, 2), (3, math.nan, 0.5, 3), (4, math.inf, 0.5, 4), (5, None, 0.5, 5)], label="double")
    table = replace(TABLE, task="regression", positive="")
    (profile,) = athena.rows(profile_sql(table))
    assert (profile["rows_with_nulls"], profile["rows_not_finite"], profile["usable"]) == (1, 2, 2)
    rows = athena.rows(splits_sql(table, table.target_of({}), SplitRule(salt="s")))
    assert {row["row_key"]: row["label"] for row in rows} == {"1": 0.1, "2": -3e10}


@pytest.mark.parametrize("kind", ["double", "int"])
def test_the_histogram_of_a_regression_has_twenty_bars_of_one_width_that_hold_every_row(athena: MemoryAthena, kind: str) -> None:
    values = [0, 1, 1, 99, 100, 50] if kind == "int" else [0.0, 1.0, 4.999, 5.0, 99.9, 100.0]
    put(athena, [(n, value, 0.5, n) for n, value in enumerate(values)], label=kind)
    table = replace(TABLE, task="regression", positive="")
    found = {row["bar"]: (row["rows"], row["lowest"], row["highest"]) for row in athena.rows(histogram_sql(table))}
    expected = {0: (3, 0, 1), 10: (1, 50, 50), 19: (2, 99, 100)} if kind == "int" else {0: (3, 0, 4.999), 1: (1, 5, 5), 19: (2, 99.9, 100)}
    assert found == expected


def test_the_histogram_of_equal_numbers_is_one_bar(athena: MemoryAthena) -> None:
    put(athena, [(n, 7, 0.5, n) for n in range(3)], label="int")
    assert athena.rows(histogram_sql(replace(TABLE, task="regression"))) == [{"bar": 0, "rows": 3, "lowest": 7.0, "highest": 7.0}]


# --- categories and missing values


GAPS = [
    (1, "bad", 0.5, "x"),
    (2, "good", None, "x"),
    (3, "bad", math.nan, ""),
    (4, "good", math.inf, None),
    (5, "bad", 1.5, "y"),
    (6, None, 1.0, "x"),
]


def test_rows_with_gaps_count_only_where_missing_values_are_kept(athena: MemoryAthena) -> None:
    put(athena, GAPS, b="string")
    dropped = replace(TABLE, categorical=("b",))
    kept = replace(dropped, keeps_missing=True)
    assert [(row["rows_with_nulls"], row["rows_not_finite"], row["usable"]) for row in athena.rows(profile_sql(dropped))] == [(4, 0, 2)]
    assert [(row["rows_with_nulls"], row["rows_not_finite"], row["usable"]) for row in athena.rows(profile_sql(kept))] == [(1, 1, 4)]
    rows = athena.rows(splits_sql(kept, TARGET, SplitRule(salt="s")))
    assert {row["row_key"]: (row["a"], row["b"]) for row in rows} == {"1": (0.5, "x"), "2": (None, "x"), "3": (None, None), "5": (1.5, "y")}
    assert list(athena.rows(missing_sql(kept))[0].values()) == [2, 1]


def test_two_rows_that_lack_the_same_values_are_copies(athena: MemoryAthena) -> None:
    put(athena, [(1, "bad", None, ""), (1, "bad", math.nan, None), (2, "good", 0.5, "x")], b="string")
    (profile,) = athena.rows(profile_sql(replace(TABLE, categorical=("b",), keeps_missing=True)))
    assert (profile["copies"], profile["contradictory_rows"], profile["usable"]) == (1, 0, 2)


@pytest.mark.parametrize(("kind", "values", "names"), [("string", ("x", "it's"), ("x", "it's")), ("int", (7, -1), ("7", "-1"))])
def test_categories_are_counted_as_text(athena: MemoryAthena, kind: str, values: tuple[Any, Any], names: tuple[str, str]) -> None:
    put(athena, [(1, "bad", 0.5, values[0]), (2, "bad", 0.5, values[1]), (3, "bad", 0.5, values[0])], b=kind)
    found = athena.rows(categories_sql(replace(TABLE, categorical=("b",))))
    counts = sorted((row["feature"], row["category"], row["rows"]) for row in found)
    assert counts == sorted([("b", names[0], 2), ("b", names[1], 1)])


def test_only_numbers_are_described_by_their_figures(athena: MemoryAthena) -> None:
    put(athena, [(1, "bad", 0.5, "x"), (2, "bad", 1.5, "y")], b="string")
    assert list(athena.rows(features_sql(replace(TABLE, categorical=("b",))))[0].values()) == [0.5, 1.0, 1.5]


def test_features_keep_their_values_and_their_columns(athena: MemoryAthena) -> None:
    put(athena, [(2**62 + 1, "bad", 0.1, 7), (-1, "good", -1e300, -7)])
    found = {row["row_key"]: (row["a"], row["b"]) for row in athena.rows(splits_sql(TABLE, TARGET, SplitRule(salt="s")))}
    assert found == {str(2**62 + 1): (0.1, 7.0), "-1": (-1e300, -7.0)}
    assert list(athena.rows(splits_sql(TABLE, TARGET, SplitRule(salt="s")))[0]) == [
        "row_key",
        "label",
        "a",
        "b",
        "order_hash",
        "split",
        "shard",
    ]


# --- who goes where


def test_the_shares_end_exactly_at_their_places(athena: MemoryAthena) -> None:
    put(athena, [(n, "bad", 0.5, n) for n in range(20)])
    for key in range(8):
        place = place_of(f"s|{key}")
        for test, split in ((place / 10_000, "validation"), ((place + 1) / 10_000, "test")):
            assert str(key) in keys_by_split(athena, SplitRule(salt="s", test_fraction=test, validation_fraction=0.9999))[split]
        start = 0.0001
        for validation, split in (((place - 1) / 9_999, "train"), (place / 9_999, "validation")):
            rule = SplitRule(salt="s", test_fraction=start, validation_fraction=validation)
            assert str(key) in keys_by_split(athena, rule)[split], (place, split)


def test_a_row_stays_in_its_split_and_shard_when_the_table_grows(athena: MemoryAthena) -> None:
    rule, found = SplitRule(salt="s", shards=5), []
    for count in (50, 80):
        put(athena, [(n, "bad", 0.5, n) for n in range(count)])
        found.append(
            {row["row_key"]: (row["split"], row["shard"], row["order_hash"]) for row in athena.rows(splits_sql(TABLE, TARGET, rule))}
        )
    assert found[0].items() <= found[1].items()


# --- any table


def expected_clean(rows: Sequence[Row]) -> tuple[dict[str, int], pd.DataFrame]:
    """The counts of the profile, and the usable rows."""
    frame = pd.DataFrame([tuple(row) for row in rows], columns=["key", "class", "a", "b"], dtype=object)
    gaps = frame.map(lambda value: value is None or value == "").any(axis=1) if len(frame) else pd.Series([], dtype=bool)
    whole = frame[~gaps]
    finite = whole[["a", "b"]].map(math.isfinite).all(axis=1) if len(whole) else pd.Series([], dtype=bool)
    sound = whole[finite].astype({"key": str, "class": str, "a": float, "b": float})
    single = sound.drop_duplicates()
    usable = single[~single["key"].duplicated(keep=False)]
    counts = (len(frame), gaps.sum(), len(whole) - len(sound), len(sound) - len(single), len(single) - len(usable), len(usable))
    return dict(zip(COUNTS, map(int, counts), strict=True)), usable


def expected_splits(usable: pd.DataFrame, rule: SplitRule) -> list[tuple[Any, ...]]:
    found = []
    test = round(rule.test_fraction * 10_000)
    validation = test + round((1 - rule.test_fraction) * rule.validation_fraction * 10_000)
    for key, name, a, b in usable.itertuples(index=False, name=None):
        hashed, place = signed_hash(f"{rule.salt}|{key}"), place_of(f"{rule.salt}|{key}")
        split = "test" if place < test else "validation" if place < validation else "train"
        found.append((key, int(name == "bad"), a, b, hashed, split, (hashed & 0xFF) % rule.shards))
    return sorted(found)


KEYS = {
    "bigint": st.sampled_from([None, -(2**63), -1, 0, 1, 2, 2**31, 2**53 + 1, 2**63 - 1]),
    "string": st.sampled_from([None, "", " ", "1", "a", "A", "é", "a|b"]),
}
NUMBERS = {
    "int": st.sampled_from([None, -1, 0, 1, 2**31 - 1]),
    "double": st.sampled_from([None, 0.5, 1.0, 1e300, math.nan, math.inf, -math.inf]),
}
RULES = st.builds(
    SplitRule,
    salt=st.sampled_from(["s", "2024-01-01"]),
    test_fraction=st.sampled_from([0.0001, 0.3, 0.9]),
    validation_fraction=st.sampled_from([0.0001, 0.2, 0.9]),
    shards=st.sampled_from([1, 3, 32]),
)


@st.composite
def dirty_tables(draw: st.DrawFn) -> tuple[str, str, list[Row]]:
    """Types of the key and of the second feature, and rows that share keys often."""
    key, b = draw(st.sampled_from(sorted(KEYS))), draw(st.sampled_from(sorted(NUMBERS)))
    row = st.tuples(KEYS[key], st.sampled_from([None, "", "bad", "good"]), NUMBERS["double"], NUMBERS[b])
    return key, b, draw(st.lists(row, max_size=40))


@given(table=dirty_tables(), rule=RULES)
def test_any_table_is_counted_and_split_as_pandas_does_it(athena: MemoryAthena, table: tuple[str, str, list[Row]], rule: SplitRule) -> None:
    key, b, rows = table
    put(athena, rows, key=key, b=b)
    counts, usable = expected_clean(rows)
    (profile,) = athena.rows(profile_sql(TABLE))
    assert profile == counts
    assert sum(profile[name] for name in COUNTS[1:]) == len(rows)
    assert [tuple(row.values()) for row in athena.rows(classes_sql(TABLE))] == sorted(usable["class"].value_counts().items())
    assert sorted(tuple(row.values()) for row in athena.rows(splits_sql(TABLE, TARGET, rule))) == expected_splits(usable, rule)
    (figures,) = athena.rows(features_sql(TABLE))
    if len(usable):
        shown = [value for name in ("a", "b") for value in (usable[name].min(), usable[name].mean(), usable[name].max())]
        assert list(figures.values()) == pytest.approx(shown)
