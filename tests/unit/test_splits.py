import pytest
import sqlglot

from mlkit.errors import UsageError
from mlkit.splits import RatingsTable, SplitRule, feature_index_sql, histogram_sql, identifier, profile_sql, splits_sql, unload_sql

TABLE = RatingsTable(database="abc-ml-lab-movielens")


@pytest.mark.parametrize(
    "statement",
    [
        profile_sql(TABLE),
        histogram_sql(TABLE),
        feature_index_sql(TABLE),
        splits_sql(TABLE, SplitRule(salt="s")),
        splits_sql(TABLE, SplitRule(salt="s", split="latest", shards=32)),
    ],
)
def test_every_statement_is_one_trino_select(statement: str) -> None:
    parsed = sqlglot.parse(statement, read="trino")
    assert [type(expression).__name__ for expression in parsed] == ["Select"] or [type(e).__name__ for e in parsed] == ["Union"]


@pytest.mark.parametrize("name", ['u"; DROP TABLE x', "", "a b", "a.b"])
def test_a_name_that_could_break_out_of_its_quotes_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        identifier(name)


@pytest.mark.parametrize(
    "rule",
    [
        {"salt": "it's"},
        {"salt": "s", "split": "random"},
        {"salt": "s", "validation_fraction": 0.0},
        {"salt": "s", "validation_fraction": 1.0},
        {"salt": "s", "test_ratings_per_user": 0},
        {"salt": "s", "shards": 33},
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        SplitRule(**rule)  # type: ignore[arg-type]


def test_unload_writes_only_below_a_prefix() -> None:
    with pytest.raises(UsageError):
        unload_sql("SELECT 1", "s3://bucket")
    assert "partitioned_by = ARRAY['split', 'shard']" in unload_sql("SELECT 1", "s3://bucket/p/", partitioned_by=("split", "shard"))
