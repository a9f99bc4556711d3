"""What a model predicts, and what follows: metrics and their unit, figures of a split's labels, the table of errors."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkit.data.label_figures import LabelFigures
from mlkit.errors import InvalidData, UsageError
from mlkit.gate.answers import answers_of
from mlkit.gate.error_table import error_table, parts_of
from mlkit.gate.metrics import metric_of, metrics_of
from mlkit.gate.policy import gate_policy
from mlkit.gate.target import TWO_LABELS, Target
from mlkit.notebook import handoff
from mlkit.notebook.handoff import Channel, PreparedData, StoredObject

TWO = Target(task="binary", name="diagnosis", classes=("benign", "malignant"))
THREE = Target(task="multi-class", name="species", classes=("a", "b", "c"))
STARS = Target(task="regression", name="rating", unit="stars")
COUNT = Target(task="regression", name="count")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (TWO, "diagnosis: benign (label 0) or malignant (label 1)"),
        (THREE, "species: one of 3 classes"),
        (STARS, "rating: a number of stars"),
        (COUNT, "count: a number"),
    ],
)
def test_a_target_tells_what_is_predicted(target, told):
    assert str(target) == told


@pytest.mark.parametrize(("target", "title"), [(TWO, "diagnosis"), (STARS, "rating (stars)"), (Target(task="regression"), "label")])
def test_a_target_has_a_title_for_axes_and_tables(target, title):
    assert target.title == title


def test_a_task_of_several_classes_may_have_two():
    assert Target(task="multi-class", classes=("a", "b")).classes == ("a", "b")


@pytest.mark.parametrize(
    "parts",
    [
        {"task": "binary", "classes": ("a",)},
        {"task": "binary", "classes": ("a", "b", "c")},
        {"task": "binary", "classes": ("a", "a")},
        {"task": "binary", "classes": ("a", "b"), "unit": "mm"},
        {"task": "multi-class", "classes": ("a",)},
        {"task": "regression", "classes": ("a", "b")},
        {"task": "regression", "unit": "<b>"},
    ],
)
def test_classes_or_a_unit_that_do_not_fit_the_task_are_refused(parts):
    with pytest.raises(ValueError):  # noqa: PT011  each says something else
        Target(**parts)


# --- metrics


def test_a_target_has_the_metrics_of_its_task_and_errors_of_a_number_are_in_its_unit():
    assert [metric.name for metric in metrics_of(THREE)] == ["log loss", "accuracy", "macro F1"]
    assert [(metric.name, metric.unit) for metric in metrics_of(STARS)] == [("RMSE", "stars"), ("MAE", "stars")]
    assert metric_of("RMSE", COUNT).unit == "units of the label"
    assert metric_of("match rate", TWO).unit == "share"


def test_a_metric_that_the_target_does_not_have_is_refused_with_those_that_it_has():
    with pytest.raises(UsageError, match="The model predicts rating: a number of stars, and match rate is no metric of that") as caught:
        gate_policy("match rate", 0.65, target=STARS)
    assert caught.value.cure == "Choose `metric` from RMSE, MAE and what it must reach in `required`, in stars."
    with pytest.raises(UsageError, match="RMSE is no metric of that"):
        gate_policy("RMSE", 0.65, 1.0, target=TWO)
    with pytest.raises(UsageError, match="Did you mean RMSE"):
        gate_policy("RMS", 0.65, 1.0, target=STARS)


def test_the_policy_of_a_number_needs_what_the_metric_must_reach_and_that_of_classes_a_share():
    with pytest.raises(UsageError, match="decides on the RMSE, and `required` does not say"):
        gate_policy("RMSE", 0.65, target=STARS)
    with pytest.raises(UsageError) as caught:
        gate_policy("RMSE", 0.65, 0.0, target=STARS)
    assert caught.value.cure == "Give a number of stars above 0."
    assert gate_policy("RMSE", 0.65, 1.0, target=STARS).required == 1.0
    assert gate_policy("accuracy", 0.9, target=THREE).required == 0.9


# --- answers


def test_labels_follow_from_scores_by_the_task():
    assert answers_of([0.5, 0.51], TWO).labels.tolist() == [0, 1]
    assert answers_of([[0.2, 0.5, 0.3], [0.5, 0.2, 0.3]], THREE).labels.tolist() == [1, 0]
    assert answers_of([3.5], STARS).labels is None


# --- labels of a split


def added(labels, target, cut):
    return LabelFigures.of(labels[:cut], target) + LabelFigures.of(labels[cut:], target)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=50), st.integers(0, 50))
def test_figures_of_classes_add_up(labels, cut):
    found = added(labels, THREE, cut)
    assert found.by_name == {f"rows of {name}": labels.count(number) for number, name in enumerate("abc")}
    assert found.absent == [name for number, name in enumerate("abc") if number not in labels]
    assert bool(found.only_label) == (len(set(labels)) == 1)
    assert (found.rows, found.positives) == (len(labels), None)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), st.integers(0, 50))
def test_figures_of_numbers_add_up(labels, cut):
    found = added(labels, STARS, cut)
    expected = {"lowest": min(labels), "mean": pytest.approx(np.mean(labels), abs=1e-9), "highest": max(labels)}
    assert found.by_name == expected
    assert bool(found.only_label) == (min(labels) == max(labels))


def test_two_classes_have_one_figure():
    found = LabelFigures.of([1, 0, 1], TWO)
    assert (found.positives, found.by_name) == (2, {})


@pytest.mark.parametrize(
    ("target", "labels", "told"),
    [(TWO, [1, 1], "label 1"), (TWO, [0], "label 0"), (THREE, [2, 2], "the species c"), (STARS, [3.5, 3.5], "the rating 3.5")],
)
def test_what_all_rows_have_is_told(target, labels, told):
    assert LabelFigures.of(labels, target).only_label == told


@pytest.mark.parametrize(
    ("target", "label"), [(TWO, 2), (TWO, 0.5), (THREE, 3), (THREE, -1), (THREE, np.nan), (STARS, np.nan), (STARS, np.inf)]
)
def test_a_label_that_the_target_does_not_have_is_refused(target, label):
    with pytest.raises(InvalidData, match=f"1 rows have no {target.name} that the profile counted"):
        LabelFigures.of([0, label], target)


# --- the table of errors


def test_few_numbers_have_a_line_each_and_many_one_for_each_fifth_of_the_rows():
    assert [name for name, _ in parts_of([1, 5, 1, 0.5])] == ["0.5", "1", "5"]
    parts = parts_of(np.arange(100))
    assert [int(mask.sum()) for _, mask in parts] == pytest.approx([20] * 5, abs=1)
    assert (parts[0][0], parts[-1][0]) == ("0 to 19", "80 to 99")
    assert np.sum([mask for _, mask in parts], axis=0).tolist() == [1] * 100


def test_every_row_is_in_one_part_however_the_numbers_are_bunched():
    numbers = np.concatenate([np.zeros(900), np.arange(100)])
    assert np.sum([mask for _, mask in parts_of(numbers)], axis=0).tolist() == [1] * 1000


def test_the_table_of_errors_shows_where_predictions_are_far_off():
    table = error_table([1, 1, 5, 5], [2, 2, 4.5, 3.5], STARS)
    assert table.index.name == "true rating (stars)"
    assert table.loc["1"].tolist() == [2, 1, 2, 1]
    assert table.loc["5"].tolist() == [2, 5, 4, 1]
    assert table.loc["all", "rows"] == 4


# --- the hand-off


def prepared(**changes) -> PreparedData:
    item = StoredObject(s3_uri="s3://b/k", sha256="ab" * 32, size_bytes=7)
    channel = Channel(
        s3_uri="s3://b/", content_type="x", rows=3, positives=None, objects=(item,), labels={"lowest": 1, "mean": 2.5, "highest": 5}
    )
    parts = {"run_id": "r", "your_initials": "abc", "bucket": "b", "database": "d", "table": "t", "feature_dim": 3, "encoding": item}
    parts |= {"train": channel, "validation": channel, "test": channel, "query_execution_ids": {}, "details": {}}
    return PreparedData(**{**parts, "target": STARS, **changes})


@pytest.mark.parametrize("target", [TWO, THREE, STARS])
def test_a_target_travels_in_the_hand_off(tmp_path, target):
    handoff.save(prepared(target=target), tmp_path, "prepared_data")
    assert handoff.load(PreparedData, tmp_path, "prepared_data", made_by="01") == prepared(target=target)


def test_a_hand_off_with_a_target_that_cannot_be_is_damaged(tmp_path):
    path = handoff.save(prepared(), tmp_path, "prepared_data")
    document = json.loads(path.read_text())
    for wrong in ({"task": "ranking"}, {"classes": ["a"]}, {"unit": 3}):
        path.write_text(json.dumps({**document, "target": {**document["target"], **wrong}}))
        with pytest.raises(UsageError, match="is damaged"):
            handoff.load(PreparedData, tmp_path, "prepared_data", made_by="01")


def test_evidence_without_a_target_is_of_two_labels():
    assert (TWO_LABELS.task, TWO_LABELS.classes) == ("binary", ("label 0", "label 1"))
    old = {name: value for name, value in vars(prepared()).items() if name != "target"}
    assert PreparedData(**old).target == TWO_LABELS
