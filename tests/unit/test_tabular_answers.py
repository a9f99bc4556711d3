"""What the test of a table shows of its answers, whom it compares them with, and which model in production cannot be compared."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_champion_gate import planned

from mlkit.aws.champion_test import compare_with_champion
from mlkit.aws.endpoint_test import chart_answers, confusion, describe_answers
from mlkit.aws.endpoints import Served
from mlkit.errors import UsageError
from mlkit.gate.answers import answers_of
from mlkit.gate.policy import Policy
from mlkit.gate.target import Target
from mlkit.tabular import testing
from mlkit.tabular.encoding import Encoding
from mlkit.tabular.testing import TestedTable, TestRows

SERVED = Served(
    endpoint="e",
    status="InService",
    endpoint_config="c",
    variant="v",
    model_name="m",
    image_uri="i",
    model_data_url="s3://b/m/model.tar.gz",
)
TARGETS = {
    "binary": Target(task="binary", name="kind", classes=("no", "yes")),
    "multi-class": Target(task="multi-class", name="kind", classes=("a", "b", "c")),
    "regression": Target(task="regression", name="size", unit="mm"),
}
SCORES: dict[str, Any] = {"binary": [0.9, 0.2], "multi-class": [[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]], "regression": [3.25, 7.5]}
LABELS = {"binary": [1, 0], "multi-class": [1, 2], "regression": [3.0, 8.0]}


def answered(task: str) -> TestedTable:
    rows = TestRows(
        keys=np.array(["x", "y"], object), labels=np.array(LABELS[task]), target=TARGETS[task], features=pa.table({"f": [1, 2]})
    )
    return TestedTable(rows=rows, matrix=np.ones((2, 1)), predictions=answers_of(SCORES[task], TARGETS[task]), served=SERVED)


@pytest.mark.parametrize(
    ("task", "columns", "first"),
    [
        ("binary", ["row", "true class", "predicted class", "score of yes"], ["x", "yes", "yes", 0.9]),
        ("multi-class", ["row", "true class", "predicted class", "its score"], ["x", "b", "b", 0.7]),
        ("regression", ["row", "true size", "predicted size"], ["x", 3, 3.25]),
    ],
)
def test_a_sample_shows_classes_by_name_and_numbers_as_they_are(task: str, columns: list[str], first: list[Any]) -> None:
    shown = answered(task).sample()
    assert list(shown.columns) == columns
    assert shown.iloc[0].tolist() == first


@pytest.mark.parametrize(
    ("task", "title", "alt"),
    [
        ("binary", "true", "Histograms of scores"),
        ("multi-class", "true", "Grid of true by predicted kind"),
        ("regression", "true size (mm)", "Predicted size"),
    ],
)
def test_each_task_has_its_table_and_its_chart(task: str, title: str, alt: str) -> None:
    assert describe_answers(answered(task)).index.name == title
    assert chart_answers(answered(task)).alt.startswith(alt)


def test_a_predicted_number_has_no_confusion_table() -> None:
    with pytest.raises(UsageError, match="size: a number of mm, which has no confusion table"):
        confusion(answered("regression"))


def test_columns_are_standardised_over_their_known_values_and_a_missing_one_is_the_mean() -> None:
    train = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, np.nan], [np.nan, 5.0, np.nan]])
    centre, spread = testing._spread(train)
    assert testing._standardised(train, centre, spread).tolist() == [[-1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert testing._standardised(np.array([[4.0, 6.0, 2.0]]), centre, spread).tolist() == [[2, 1, 2]]


@pytest.mark.parametrize(
    ("task", "column", "values"),
    [
        ("binary", "predicted kind", ["yes", "no"]),
        ("multi-class", "predicted kind", ["b", "a"]),
        ("regression", "predicted size (mm)", [3.25, 7.5]),
    ],
)
def test_an_application_gets_the_class_or_the_number(monkeypatch: pytest.MonkeyPatch, task: str, column: str, values: list[Any]) -> None:
    target = TARGETS[task]
    encoding = Encoding(key="id", label=target.name, task=target.task, classes=target.classes, unit=target.unit, columns=("f",))
    monkeypatch.setattr(testing, "describe_endpoint", lambda aws, name: SERVED)
    monkeypatch.setattr(testing, "_encoding_beside", lambda aws, served: encoding)
    monkeypatch.setattr(testing, "_ask", lambda aws, endpoint, matrix, asked: answers_of(SCORES[task], asked))
    shown = testing.predict(None, "e", pd.DataFrame({"id": ["x", "y"], "f": [1, 2]}))  # type: ignore[arg-type]
    assert shown["id"].tolist() == ["x", "y"]
    assert shown[column].tolist() == values
    assert ("score" in shown) == (task != "regression")
    if task == "multi-class":
        assert shown["score"].tolist() == [0.7, 0.6]


@pytest.mark.parametrize(
    ("label", "classes", "problem"),
    [
        ("kind", ("no", "yes"), ""),
        ("kind", ("yes", "no"), "it predicts kind: yes (label 0) or no (label 1), and this model kind: no (label 0) or yes (label 1)"),
        ("sort", ("no", "yes"), "it predicts sort: no (label 0) or yes (label 1), and this model kind: no (label 0) or yes (label 1)"),
    ],
)
def test_a_model_in_production_is_compared_if_its_labels_mean_the_same(
    monkeypatch: pytest.MonkeyPatch, label: str, classes: tuple[str, str], problem: str
) -> None:
    encoding = Encoding(key="id", label=label, classes=classes, columns=("f",))
    planned(monkeypatch)
    monkeypatch.setattr(testing, "_encoding_beside", lambda aws, served: encoding)
    monkeypatch.setattr(testing, "_ask", lambda aws, endpoint, matrix, target, variant: answers_of(SCORES["binary"], target))
    trained: Any = type("Trained", (), {"your_initials": "ab"})
    found = testing.test_champion(None, "qa", trained, answered("binary").rows)  # type: ignore[arg-type]
    assert found is not None
    assert problem in found.problem
    assert (found.predictions is None) == bool(problem)
    comparison = compare_with_champion(answered("binary"), found, Policy(metric="match rate", required=0.5))
    assert comparison is not None
    assert bool(comparison.problem) == bool(problem)
