import pytest
import sqlglot

from mlkit.errors import UsageError
from mlkit.gate.target import Target
from mlkit.movielens.splits import RatingsTable, SplitRule, feature_index_sql, histogram_sql, profile_sql, splits_sql

TABLE = RatingsTable(database="abc-ml-lab-movielens")


@pytest.mark.parametrize(
    "statement",
    [
        profile_sql(TABLE),
        histogram_sql(TABLE),
        feature_index_sql(TABLE),
        splits_sql(TABLE, SplitRule(salt="s")),
        splits_sql(TABLE, SplitRule(salt="s", split="latest", shards=32)),
        splits_sql(TABLE, SplitRule(salt="s", predict="rating")),
    ],
)
def test_every_statement_is_one_trino_select(statement: str) -> None:
    parsed = sqlglot.parse(statement, read="trino")
    assert [type(expression).__name__ for expression in parsed] == ["Select"] or [type(e).__name__ for e in parsed] == ["Union"]


@pytest.mark.parametrize(
    "rule",
    [
        {"salt": "it's"},
        {"salt": "s", "split": "random"},
        {"salt": "s", "predict": "stars"},
        {"salt": "s", "validation_fraction": 0.0},
        {"salt": "s", "validation_fraction": 1.0},
        {"salt": "s", "test_ratings_per_user": 0},
        {"salt": "s", "shards": 10_001},
    ],
)
def test_a_rule_that_cannot_be_is_refused(rule: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        SplitRule(**rule)  # type: ignore[arg-type]


@pytest.mark.parametrize(("stars", "classes"), [(4.0, ("below 4 stars", "4 or more")), (3.5, ("below 3.5 stars", "3.5 or more"))])
def test_the_rule_says_what_its_labels_mean(stars: float, classes: tuple[str, str]) -> None:
    assert SplitRule(salt="s", positive_rating=stars).target == Target(task="binary", name="rating", classes=classes)
    assert SplitRule(salt="s", predict="rating").target == Target(task="regression", name="rating", unit="stars")
