from dataclasses import replace

import pytest
import sqlglot

from mlkit.data.sql import unload_sql
from mlkit.errors import UsageError
from mlkit.evidence.run_record import Activity, InputRecord, QueryRecord
from mlkit.reuse.finished_steps import untold_tables
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

TABLE = LabelledTable(database="abc-ml-lab-masses", table="t", key="id", label="outcome", positive="it's bad", features=("a", "b"))
TARGET = TABLE.target_of({"it's bad": 3, "it's good": 4})
MIXED = replace(TABLE, features=("a", "b", "c"), categorical=("b", "c"), keeps_missing=True)
NUMBER = replace(TABLE, task="regression", positive="")
STATEMENTS = [
    profile_sql(TABLE),
    classes_sql(TABLE),
    features_sql(TABLE),
    profile_sql(MIXED),
    categories_sql(MIXED),
    features_sql(MIXED),
    missing_sql(MIXED),
    histogram_sql(NUMBER),
    splits_sql(NUMBER, NUMBER.target_of({}), SplitRule(salt="s")),
    splits_sql(TABLE, TARGET, SplitRule(salt="s", shards=32)),
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_is_one_trino_select(statement):
    assert [type(expression).__name__ for expression in sqlglot.parse(statement, read="trino")] in (["Select"], ["Union"])


@pytest.mark.parametrize("statement", [*STATEMENTS, unload_sql(STATEMENTS[-1], "s3://bucket/x/")])
def test_every_statement_reads_the_one_table_that_a_run_tells(statement):
    query = QueryRecord(query_execution_id="q", sql=statement)
    assert untold_tables(Activity(queries=(query,))) == ["abc-ml-lab-masses.t"]
    told = InputRecord(name="glue table abc-ml-lab-masses.t", sha256="0")
    assert untold_tables(Activity(queries=(query,), inputs=(told,))) == []


def test_a_class_with_a_quote_in_its_name_stays_a_literal():
    assert "answer = 'it''s bad'" in STATEMENTS[-1]


@pytest.mark.parametrize("name", ["test_fraction", "validation_fraction"])
@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(name, share):
    with pytest.raises(UsageError, match=f"^{name} is {share}") as raised:
        SplitRule(salt="s", **{name: share})
    assert raised.value.cure == f"{name} is a share of rows between 0 and 1, such as 0.2."


@pytest.mark.parametrize(
    ("rule", "told"), [({"salt": "it's"}, "salt is"), ({"salt": "s", "shards": 0}, "shards must lie between 1 and 10000")]
)
def test_a_salt_or_a_number_of_shards_that_cannot_be_is_refused(rule, told):
    with pytest.raises(UsageError, match=told):
        SplitRule(**rule)


def test_a_rule_keeps_three_tenths_for_the_test_and_a_fifth_of_the_rest_for_validation():
    assert "place < 3000 THEN 'test' WHEN place < 4400 THEN 'validation' ELSE 'train'" in splits_sql(TABLE, TARGET, SplitRule(salt="s"))
