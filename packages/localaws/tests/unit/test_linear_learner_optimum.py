"""The trained model beside scikit-learn's models of the same objective, and the parts of that objective."""

import itertools
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from linear_rows import TO_THE_OPTIMUM, dense_rows, params, sparse_rows
from scipy.optimize import check_grad
from scipy.sparse import csr_array, random_array
from sklearn.linear_model import Lasso, LogisticRegression, QuantileRegressor, Ridge
from sklearn.metrics import accuracy_score, fbeta_score, log_loss, precision_score, recall_score
from sklearn.preprocessing import StandardScaler

from localaws.linear_learner import metrics, normalization, thresholds
from localaws.linear_learner.hyperparameters import LOSSES
from localaws.linear_learner.losses import ROUNDING, loss_function
from localaws.linear_learner.model import Model
from localaws.linear_learner.objective import Objective, Rows
from localaws.linear_learner.trainer import Epoch, Training, mean_loss

PLAIN = {**TO_THE_OPTIMUM, "normalize_data": "false", "normalize_label": "false"}
# float32 weights have seven digits
CLOSE: dict[str, Any] = {"rtol": 2e-4, "atol": 2e-4}


def trained(rows: Rows, predictor_type: str = "binary_classifier", **hyperparameters: str) -> Model:
    return Training(params(predictor_type, **hyperparameters), rows).run()


@pytest.mark.parametrize("rows", [dense_rows(), sparse_rows()], ids=["dense", "sparse"])
@pytest.mark.parametrize("wd", ["0.001", "0.1"])
def test_a_classifier_is_logistic_regression(rows: Rows, wd: str) -> None:
    model = trained(rows, wd=wd, **PLAIN)
    oracle = LogisticRegression(C=1 / (float(wd) * len(rows)), tol=1e-10, max_iter=20_000).fit(rows.features, rows.labels)
    np.testing.assert_allclose(model.weights, oracle.coef_[0], **CLOSE)
    np.testing.assert_allclose(model.scores(rows.features), oracle.predict_proba(rows.features)[:, 1], **CLOSE)


def test_a_classifier_with_l1_has_the_zeros_of_logistic_regression() -> None:
    rows = sparse_rows()
    model = trained(rows, wd="0", l1="0.01", **PLAIN)
    # liblinear would penalise the bias, saga does not
    oracle = LogisticRegression(l1_ratio=1, solver="saga", C=1 / (0.01 * len(rows)), tol=1e-10, max_iter=50_000)
    oracle.fit(rows.features, rows.labels)
    np.testing.assert_allclose(model.weights, oracle.coef_[0], rtol=1e-3, atol=1e-3)
    assert 5 < (oracle.coef_ == 0).sum() < 60
    assert np.abs(model.weights[oracle.coef_[0] == 0]).max() < 1e-4


@pytest.mark.parametrize("is_dense", [True, False])
def test_a_regressor_is_ridge_regression(is_dense: bool) -> None:
    rows = (dense_rows if is_dense else sparse_rows)(is_classifier=False)
    model = trained(rows, "regressor", wd="0.01", **PLAIN)
    oracle = Ridge(alpha=0.01 / 2 * len(rows), tol=1e-10).fit(rows.features.toarray(), rows.labels)
    np.testing.assert_allclose(model.weights, oracle.coef_, **CLOSE)
    assert model.bias == pytest.approx(oracle.intercept_, abs=1e-3)


def test_l1_of_a_regressor_is_the_lasso() -> None:
    rows = sparse_rows(is_classifier=False)
    model = trained(rows, "regressor", wd="0", l1="0.02", **PLAIN)
    oracle = Lasso(alpha=0.01, tol=1e-10, max_iter=100_000).fit(rows.features.toarray(), rows.labels)
    np.testing.assert_allclose(model.weights, oracle.coef_, rtol=1e-3, atol=1e-3)


def test_quantile_loss_is_quantile_regression() -> None:
    rows = dense_rows(is_classifier=False)
    model = trained(rows, "regressor", loss="quantile_loss", quantile="0.8", wd="0", **TO_THE_OPTIMUM)
    oracle = QuantileRegressor(quantile=0.8, alpha=0).fit(rows.features.toarray(), rows.labels)
    chosen = params("regressor", loss="quantile_loss", quantile="0.8")
    best = Model(predictor_type="regressor", loss="quantile_loss", weights=oracle.coef_, bias=float(oracle.intercept_), threshold=None)
    assert mean_loss(chosen, model, rows) == pytest.approx(mean_loss(chosen, best, rows), rel=2e-3)
    assert (rows.labels < model.scores(rows.features)).mean() == pytest.approx(0.8, abs=0.02)


def test_normalised_features_and_labels_are_those_of_a_standard_scaler() -> None:
    rows = dense_rows(is_classifier=False)
    model = trained(rows, "regressor", wd="0.3", **TO_THE_OPTIMUM)
    features = StandardScaler().fit_transform(rows.features.toarray())
    labels = (rows.labels - rows.labels.mean()) / rows.labels.std()
    oracle = Ridge(alpha=0.3 / 2 * len(rows)).fit(features, labels)
    np.testing.assert_allclose(model.scores(rows.features), oracle.predict(features) * rows.labels.std() + rows.labels.mean(), rtol=1e-4)


def test_sparse_rows_are_scaled_but_not_shifted_unless_asked() -> None:
    rows = sparse_rows()
    found = normalization.learn(params(), rows.features, rows.labels)
    np.testing.assert_allclose(found.scale, rows.features.toarray().std(axis=0))
    assert not found.shift.any()
    assert normalization.learn(params(unbias_data="true"), rows.features, rows.labels).shift.any()
    dense = dense_rows()
    np.testing.assert_allclose(normalization.learn(params(), dense.features, dense.labels).shift, dense.features.mean(axis=0))
    without_bias = normalization.learn(params(use_bias="false"), dense.features, dense.labels)
    assert not without_bias.shift.any()


def test_a_constant_feature_is_not_scaled_and_only_the_first_rows_count() -> None:
    features = csr_array(np.array([[1.0, 3], [2, 3], [9, 8]]))
    found = normalization.learn(params(num_point_for_scaler="2"), features, np.array([0.0, 1, 1]))
    np.testing.assert_allclose(found.scale, [0.5, 1])
    np.testing.assert_allclose(found.shift, [1.5, 3])
    # the variances of some of these are not quite 0 in floating point
    constants = csr_array(np.tile(np.arange(1, 101) / 10, (30, 1)))
    assert set(normalization.learn(params(), constants, np.zeros(30)).scale) == {1}


def test_positive_rows_weigh_as_much_as_asked() -> None:
    rows = sparse_rows()
    weight = (rows.labels == 0).sum() / (rows.labels == 1).sum()
    for given, factor in (("3", 3.0), ("balanced", weight)):
        model = trained(rows, wd="0.01", positive_example_weight_mult=given, **PLAIN)
        weights = np.where(rows.labels == 1, factor, 1)
        oracle = LogisticRegression(C=1 / (0.01 * len(rows)), tol=1e-10, max_iter=20_000).fit(rows.features, rows.labels, weights)
        np.testing.assert_allclose(model.weights, oracle.coef_[0], **CLOSE)


def test_without_a_bias_there_is_none() -> None:
    rows = dense_rows()
    model = trained(rows, wd="0.01", use_bias="false", **PLAIN)
    oracle = LogisticRegression(C=1 / (0.01 * len(rows)), fit_intercept=False, tol=1e-10).fit(rows.features, rows.labels)
    assert model.bias == 0
    np.testing.assert_allclose(model.weights, oracle.coef_[0], **CLOSE)


def all_losses() -> list[tuple[str, str]]:
    return [(predictor_type, loss) for predictor_type, losses in LOSSES.items() for loss in losses]


@pytest.mark.parametrize(("predictor_type", "loss"), all_losses())
@pytest.mark.parametrize("l1", ["0", "0.1"])
def test_the_gradient_is_that_of_the_objective(predictor_type: str, loss: str, l1: str) -> None:
    rows = dense_rows(50, is_classifier=predictor_type == "binary_classifier")
    chosen = params(predictor_type, loss=loss, l1=l1, wd="0.2", bias_wd_mult="0.5", quantile="0.3")
    objective = Objective(chosen, rows, normalization.learn(chosen, rows.features, rows.labels))
    point = np.abs(np.random.default_rng(1).normal(0, 0.3, objective.start.size))
    wrong_by = check_grad(lambda at: objective.value_and_gradient(at)[0], lambda at: objective.value_and_gradient(at)[1], point)
    assert wrong_by < 1e-3


@pytest.mark.parametrize(("predictor_type", "loss"), all_losses())
def test_a_rounded_loss_is_at_most_the_rounding_below_the_exact_one(predictor_type: str, loss: str) -> None:
    chosen = params(predictor_type, loss=loss)
    label = np.ones(4001)
    score = np.linspace(-1, 3, 4001)
    below = loss_function(chosen)(score, label)[0] - loss_function(chosen, rounding=ROUNDING)(score, label)[0]
    assert below.min() >= -1e-12
    assert below.max() <= ROUNDING


@pytest.mark.parametrize(("loss", "score", "label", "expected"), [
    ("logistic", 0.0, 1, np.log(2)), ("hinge_loss", 0.25, 1, 0.75), ("hinge_loss", 0.25, 0, 1.25), ("squared_loss", 1, 3, 4),
    ("absolute_loss", 1, 3, 2), ("quantile_loss", 1, 3, 1.6), ("quantile_loss", 3, 1, 0.4), ("huber_loss", 0.5, 0, 0.125),
    ("huber_loss", 3, 0, 2.5), ("eps_insensitive_absolute_loss", 1, 3, 1.99), ("eps_insensitive_squared_loss", 1, 3, 1.99**2),
])  # fmt: skip
def test_each_loss_has_its_textbook_value(loss: str, score: float, label: float, expected: float) -> None:
    predictor_type = next(name for name, losses in LOSSES.items() if loss in losses)
    found, _ = loss_function(params(predictor_type, loss=loss, quantile="0.8"))(np.array([float(score)]), np.array([float(label)]))
    assert found[0] == pytest.approx(expected)


def brute_force(criterion: str, scores: Any, labels: Any) -> float:
    """The best value over all thresholds: each is tried."""
    found = []
    for cut in [-np.inf, *sorted(set(scores))]:
        said = scores > cut
        hits, positives = (said & (labels == 1)).sum(), (labels == 1).sum()
        precision, recall = hits / said.sum() if said.any() else 0, hits / positives
        if criterion == "accuracy":
            found.append((said == (labels == 1)).mean())
        elif criterion == "f_beta":
            found.append(5 * hits / (4 * positives + said.sum()))
        elif criterion == "precision_at_target_recall" and recall >= 0.6:
            found.append(precision)
        elif criterion == "recall_at_target_precision" and precision >= 0.5:
            found.append(recall)
    return max(found)


@pytest.mark.parametrize("criterion", ["accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision"])
@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_is_the_best_one_for_the_criterion(criterion: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = (draw.random(60) < 0.4).astype(float)
    scores = np.round(draw.normal(0.4 + 0.2 * labels, 0.3), 1)  # many are equal
    chosen = params(binary_classifier_model_selection_criteria=criterion, f_beta="2", target_recall="0.6", target_precision="0.5")
    found = thresholds.choose(chosen, scores, labels)
    assert found.value == pytest.approx(brute_force(criterion, scores, labels))
    said = scores > found.threshold
    if criterion == "accuracy":
        assert (said == (labels == 1)).mean() == pytest.approx(found.value)


def test_a_target_that_cannot_be_reached_is_approached() -> None:
    labels, scores = np.array([0.0, 1, 0, 0]), np.array([0.9, 0.8, 0.2, 0.1])
    chosen = params(binary_classifier_model_selection_criteria="recall_at_target_precision", target_precision="0.9")
    assert (scores > thresholds.choose(chosen, scores, labels).threshold).tolist() == [True, True, False, False]


def test_of_equally_good_thresholds_the_nearest_to_one_half_is_taken() -> None:
    labels, scores = np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.8, 0.9])
    assert thresholds.choose(params(), scores, labels).threshold == pytest.approx(0.25)


@pytest.mark.parametrize("score", np.linspace(0.1, 0.9, 9))
def test_where_all_rows_are_positive_or_none_is_so_is_the_answer(score: float) -> None:
    same = np.full(4, score)
    assert (same > thresholds.choose(params(), same, np.ones(4)).threshold).all()
    assert not (same > thresholds.choose(params(), same, np.zeros(4)).threshold).any()


def epochs_of(rows: Rows, validation: Rows | None = None, **hyperparameters: str) -> tuple[list[Epoch], Model]:
    seen: list[Epoch] = []
    predictor_type = hyperparameters.pop("predictor_type", "binary_classifier")
    return seen, Training(params(predictor_type, **hyperparameters), rows, validation, report=seen.append).run()


def test_early_stopping_waits_for_the_patience_and_keeps_the_best_epoch() -> None:
    rows, validation = sparse_rows(150), sparse_rows(400, seed=5)
    given = {"wd": "0", "binary_classifier_model_selection_criteria": "loss_function", "epochs": "100"}
    seen, model = epochs_of(rows, validation, early_stopping_patience="2", **given)
    assert [epoch.stale_epochs for epoch in seen[-2:]] == [1, 2]
    assert len(seen) < 100
    best = min(seen, key=lambda epoch: epoch.validation_loss or np.inf)
    assert best.is_best
    assert mean_loss(params(**given), model, validation) == pytest.approx(best.validation_loss, rel=1e-6)


def test_a_tolerance_counts_small_improvements_as_none() -> None:
    rows = sparse_rows()
    patient, _ = epochs_of(rows, wd="0", early_stopping_patience="1", early_stopping_tolerance="1e-9")
    strict, _ = epochs_of(rows, wd="0", early_stopping_patience="1", early_stopping_tolerance="0.5")
    assert len(strict) < len(patient)


def test_epochs_limit_the_training() -> None:
    seen, _ = epochs_of(dense_rows(), epochs="1")
    assert [epoch.number for epoch in seen] == [0]
    long, _ = epochs_of(sparse_rows(), epochs="3", early_stopping_tolerance="1e-12")
    assert [epoch.number for epoch in long] == [0, 1, 2]
    assert long[0].train_loss > long[2].train_loss


@pytest.mark.parametrize("has_validation", [True, False])
def test_early_stopping_looks_at_the_criterion_on_validation_rows_only(has_validation: bool) -> None:
    rows = dense_rows()
    seen, _ = epochs_of(rows, dense_rows(100, seed=1) if has_validation else None)
    assert {epoch.criterion for epoch in seen} == {"accuracy" if has_validation else "loss_function"}
    assert seen[-1].value == pytest.approx(0.8 if has_validation else seen[-1].train_loss, abs=0.2 if has_validation else 0.01)


def test_a_stop_keeps_the_model_learned_so_far() -> None:
    seen: list[Epoch] = []
    answers = itertools.chain([False] * 12, itertools.repeat(True))
    model = Training(params(wd="0"), sparse_rows(), report=seen.append, should_stop=lambda: next(answers)).run()
    assert [epoch.number for epoch in seen] == [0]
    assert model.weights.any()


def test_the_threshold_is_tuned_on_the_first_validation_rows() -> None:
    rows, validation = sparse_rows(seed=1), sparse_rows(200, seed=2)
    chosen = params(num_calibration_samples="150")
    for rest, tuned_by in ((None, rows), (validation, validation)):
        model = Training(chosen, rows, rest).run()
        expected = thresholds.choose(chosen, model.scores(tuned_by.features)[:150], tuned_by.labels[:150])
        assert model.threshold == expected.threshold != 0.5


def test_the_final_metrics_are_scikit_learns() -> None:
    rows = sparse_rows(300)
    model = replace(Training(params(f_beta="2"), rows).run(), threshold=0.7)
    found, said = metrics.values(params(f_beta="2"), model, rows), model.scores(rows.features) > 0.7
    assert found["binary_f_2.000"] == pytest.approx(fbeta_score(rows.labels, said, beta=2))
    assert found["precision"] == pytest.approx(precision_score(rows.labels, said))
    assert found["recall"] == pytest.approx(recall_score(rows.labels, said))
    assert found["binary_classification_accuracy"] == pytest.approx(accuracy_score(rows.labels, said))
    assert found["binary_classification_cross_entropy_objective"] == pytest.approx(log_loss(rows.labels, model.scores(rows.features)))


def test_sparse_rows_are_never_made_dense() -> None:
    """Training of 3,000 rows with 30,000 columns takes a small part of the memory of the dense array."""
    features = random_array((3000, 30_000), density=0.001, format="csr", rng=np.random.default_rng(0))
    rows = Rows(features=features, labels=(features.sum(axis=1) > features.sum(axis=1).mean()).astype(float))
    tracemalloc.start()
    Training(params(epochs="2"), rows, rows).run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3000 * 30_000 * 8 / 10
