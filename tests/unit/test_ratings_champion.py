"""Which model in production the test of ratings compares with: one whose labels mean the same as those of the rows."""

from typing import Any

import pyarrow as pa
import pytest
from test_champion_gate import planned

from mlkit.gate.answers import answers_of
from mlkit.gate.target import Target
from mlkit.movielens import testing
from mlkit.movielens.features import FeatureIndex
from mlkit.movielens.splits import SplitRule
from mlkit.movielens.testing import TestRows


def target(**rule: Any) -> Target:
    return SplitRule(salt="s", **rule).target


FOUR = target(positive_rating=4.0)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (FOUR, ""),
        (None, ""),  # an index from before targets were stored
        (
            target(positive_rating=3.5),
            "it predicts rating: below 3.5 stars (label 0) or 3.5 or more (label 1), and this model rating: below 4",
        ),
        (target(predict="rating"), "it predicts rating: a number of stars, and this model rating: below 4 stars"),
    ],
)
def test_a_model_of_other_labels_is_no_champion_to_beat(monkeypatch: pytest.MonkeyPatch, other: Target | None, problem: str) -> None:
    stored = FeatureIndex(users=pa.array(["1", "2"]), movies=pa.array(["7"]), target=other).to_parquet()
    planned(monkeypatch)
    monkeypatch.setattr(testing, "read_object", lambda aws, s3_uri: stored)
    monkeypatch.setattr(testing, "predict_rows", lambda aws, endpoint, rows, variant, target: answers_of([0.9, 0.2], target))
    rows = TestRows(users=pa.array(["1", "2"]), movies=pa.array(["7", "7"]), labels=[1, 0], target=FOUR)  # type: ignore[arg-type]
    trained: Any = type("Trained", (), {"your_initials": "ab"})
    found = testing.test_champion(None, "qa", trained, rows)  # type: ignore[arg-type]
    assert found is not None
    assert problem in found.problem
    assert (found.predictions is None) == bool(problem)
