"""The metrics against scikit-learn, and their intervals against a bootstrap in plain Python."""

import random
import statistics

import numpy as np
import pytest
from sklearn import metrics as sklearn

from mlkit.errors import InvalidData, UsageError
from mlkit.gate import bootstrap
from mlkit.gate.bootstrap import estimate, paired_difference
from mlkit.gate.metrics import METRICS, Metric, metric_named, metrics_for

RANDOM = np.random.default_rng(6)
USERS, EACH = 40, 10
USER = np.repeat(np.arange(USERS), EACH)
ROWS = len(USER)


def of_two_labels():
    labels = RANDOM.integers(0, 2, ROWS)
    scores = (0.3 * labels + 0.3 * RANDOM.random(USERS)[USER] + 0.4 * RANDOM.random(ROWS)).round(2)  # ties, as real scores have
    return labels, {"scores": scores, "labels": (scores > 0.5).astype(int)}


def of_classes():
    labels = RANDOM.choice(4, ROWS, p=[0.5, 0.3, 0.15, 0.05])
    scores = RANDOM.random((ROWS, 4)) + 2 * np.eye(4)[labels] * RANDOM.random(USERS)[USER][:, None]
    scores /= scores.sum(axis=1, keepdims=True)
    return labels, {"scores": scores, "labels": scores.argmax(axis=1)}


def of_numbers():
    labels = RANDOM.normal(size=ROWS)
    return labels, {"scores": 0.8 * labels + 0.5 * RANDOM.normal(size=USERS)[USER] + RANDOM.normal(size=ROWS)}


DATA = {"binary": of_two_labels(), "multi-class": of_classes(), "regression": of_numbers()}
ORACLES = {
    "match rate": sklearn.accuracy_score,
    "log loss": sklearn.log_loss,
    "AUC": sklearn.roc_auc_score,
    "F1": sklearn.f1_score,
    "accuracy": sklearn.accuracy_score,
    "macro F1": lambda labels, predicted: sklearn.f1_score(labels, predicted, average="macro"),
    "RMSE": sklearn.root_mean_squared_error,
    "MAE": sklearn.mean_absolute_error,
}
EACH_TASK = [pytest.param(metric, task, id=f"{metric.name} {task}") for metric in METRICS.values() for task in sorted(metric.tasks)]
EACH_METRIC = pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))


def rows_of(metric: Metric, task: str = ""):
    labels, predictions = DATA[task or min(metric.tasks)]
    return labels, predictions[metric.needs]


def test_every_metric_has_an_oracle() -> None:
    assert list(ORACLES) == list(METRICS)


@pytest.mark.parametrize(("metric", "task"), EACH_TASK)
def test_the_value_is_scikit_learns(metric: Metric, task: str) -> None:
    labels, predictions = rows_of(metric, task)
    expected = ORACLES[metric.name](labels, predictions)
    assert metric.of(labels, predictions) == pytest.approx(expected, rel=1e-12)
    assert estimate(metric, labels, predictions, USER).value == pytest.approx(expected, rel=1e-12)


def plain_draws(metric: Metric, labels, predictions, clusters, replicates: int) -> list[float]:
    """The metric of whole clusters, which are drawn one by one."""
    chance = random.Random(3)
    rows = {name: [row for row, one in enumerate(clusters) if one == name] for name in dict.fromkeys(clusters)}
    names = list(rows)
    draws = []
    for _ in range(replicates):
        drawn = [row for _ in names for row in rows[chance.choice(names)]]
        draws.append(ORACLES[metric.name]([labels[row] for row in drawn], [predictions[row] for row in drawn]))
    return sorted(draws)


@EACH_METRIC
def test_the_interval_is_that_of_drawing_users_one_by_one(metric: Metric) -> None:
    labels, predictions = rows_of(metric)
    draws = plain_draws(metric, labels, predictions, USER.tolist(), 400)
    # 400 draws know a percentile of 2.5 % to about 0.13 standard deviations; few users widen by t/z
    low, high = draws[9], draws[389]
    found = estimate(metric, labels, predictions, USER)
    spread = statistics.stdev(draws)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.4 * spread)
    assert found.high - found.low >= 0.9 * (high - low)


@EACH_METRIC
def test_rows_in_another_order_and_users_of_other_names_give_the_same_figures(metric: Metric) -> None:
    labels, predictions = rows_of(metric)
    order = np.random.default_rng(0).permutation(ROWS)
    names = np.array([f"user {(7 * one) % USERS}" for one in USER])
    whole = estimate(metric, labels, predictions, USER)
    again = estimate(metric, labels[order], predictions[order], names[order])
    if metric.name == "AUC":  # its placements are centred by a mean, whose last digit depends on the order
        assert (again.value, again.low, again.high) == pytest.approx((whole.value, whole.low, whole.high), rel=1e-9)
    else:
        assert again == whole


@EACH_METRIC
def test_better_predictions_are_better_in_the_metrics_direction(metric: Metric) -> None:
    labels, predictions = rows_of(metric)
    worse = np.roll(predictions, 1, axis=0)
    values = [metric.of(labels, one) for one in (predictions, worse)]
    assert (values[0] > values[1]) is metric.higher_is_better
    assert metric.error(values[0]) < metric.error(values[1])
    gain = paired_difference(metric, labels, predictions, worse, USER)
    assert gain.value == pytest.approx(values[0] - values[1])
    assert gain.worst_gain > 0
    assert gain.best_gain > gain.worst_gain


@EACH_METRIC
def test_both_models_are_resampled_with_the_same_draws(metric: Metric) -> None:
    labels, predictions = rows_of(metric)
    same = paired_difference(metric, labels, predictions, predictions, USER)
    assert same.value == 0
    if not metric.counts_right_rows:  # those are as wide as the adjusted Wald interval
        assert (same.low, same.high) == pytest.approx((0, 0), abs=1e-12)
    found = paired_difference(metric, labels, predictions, np.roll(predictions, 1, axis=0), USER)
    turned = paired_difference(metric, labels, np.roll(predictions, 1, axis=0), predictions, USER)
    noise = 0.1 * (found.high - found.low)  # of 2,000 draws
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low), abs=noise)


@EACH_METRIC
def test_draws_in_several_parts_are_those_of_one(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, predictions = rows_of(metric)
    whole = estimate(metric, labels, predictions, USER, replicates=105)
    monkeypatch.setattr(bootstrap, "_DRAWS_AT_ONCE", 200)
    parts = estimate(metric, labels, predictions, USER, replicates=105)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), rel=1e-12)


def test_few_clusters_are_given_students_width() -> None:
    """Hesterberg 2015: with 5 clusters the level of 95 % is 99.8 % of the percentile interval."""
    values = np.array([0.1, 0.2, 0.3, 0.5, 0.9])
    found = estimate(METRICS["MAE"], values, np.zeros(5), range(5), replicates=20_000)
    by_t = 2.776 * values.std(ddof=1) / np.sqrt(5)
    assert found.high - found.low == pytest.approx(2 * by_t, rel=0.2)


@pytest.mark.parametrize(
    ("name", "labels", "predictions", "told"),
    [
        ("AUC", [1, 1, 1], [0.1, 0.2, 0.3], "The AUC compares rows of both labels"),
        ("F1", [0, 0, 0], [0, 0, 0], "The F1 score counts rows of label 1"),
    ],
)
def test_a_metric_that_is_undefined_for_the_rows_is_refused(name: str, labels, predictions, told: str) -> None:
    with pytest.raises(InvalidData, match=f"The {name} is undefined for these rows") as raised:
        estimate(METRICS[name], labels, predictions, [1, 2, 3])
    assert raised.value.cure.startswith(told)
    assert np.isnan(METRICS[name].of(labels, predictions))


def test_a_class_that_a_draw_does_not_have_does_not_count() -> None:
    macro = METRICS["macro F1"]
    hits_and_total = np.array([[3, 6, 1, 4, 0, 0], [3, 6, 0, 2, 0, 2]])  # of three classes each
    assert macro.value(hits_and_total).tolist() == pytest.approx([(1 + 0.5) / 2, (1 + 0 + 0) / 3])


def test_log_loss_of_a_sure_and_wrong_score_is_finite() -> None:
    loss = METRICS["log loss"]
    assert loss.of([1], [0.0]) == pytest.approx(-np.log(1e-15))
    assert loss.of([0], np.array([1.0], np.float32)) == pytest.approx(-np.log(1e-15), abs=0.05)


@pytest.mark.parametrize("score", [1.2, -0.1, float("nan")])
def test_scores_that_are_no_probabilities_are_refused(score: float) -> None:
    with pytest.raises(ValueError, match="scores are probabilities between 0 and 1"):
        METRICS["log loss"].of([1, 0], [0.5, score])
    if np.isnan(score):
        with pytest.raises(ValueError, match="scores are numbers, not NaN"):
            METRICS["AUC"].of([1, 0], [0.5, score])


@pytest.mark.parametrize("name", ["match rate", "AUC", "F1", "log loss"])
def test_labels_other_than_0_and_1_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="labels are 0 or 1"):
        METRICS[name].of([1, 2], [0, 1])


@EACH_METRIC
def test_columns_of_different_lengths_are_refused(metric: Metric) -> None:
    labels, predictions = rows_of(metric)
    with pytest.raises(ValueError, match="columns of different lengths: 399, 400"):
        metric.of(labels[1:], predictions)


def test_a_metric_is_found_by_name_and_a_similar_one_is_named() -> None:
    assert metric_named("log loss") is METRICS["log loss"]
    with pytest.raises(UsageError, match=r"There is no metric 'logloss'\. Did you mean log loss\?") as raised:
        metric_named("logloss")
    assert raised.value.cure == "Choose from match rate, log loss, AUC, F1, accuracy, macro F1, RMSE, MAE."


def test_the_metrics_of_a_kind_of_label() -> None:
    assert [metric.name for metric in metrics_for("binary")] == ["match rate", "log loss", "AUC", "F1"]
    assert [metric.name for metric in metrics_for("multi-class")] == ["log loss", "accuracy", "macro F1"]
    assert [metric.name for metric in metrics_for("regression")] == ["RMSE", "MAE"]


@pytest.mark.parametrize(("name", "wrong"), [("match rate", 0), ("match rate", 1.01), ("log loss", -1), ("RMSE", float("inf"))])
def test_a_value_that_no_gate_can_require_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(UsageError, match=f"The gate requires a {name} of {wrong}") as raised:
        METRICS[name].check_required(wrong)
    expected = "a share above 0 and at most 1" if name == "match rate" else f"a number of {METRICS[name].unit} above 0"
    assert expected in raised.value.cure
    METRICS[name].check_required(0.5)
