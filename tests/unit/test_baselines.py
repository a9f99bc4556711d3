import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mlkit.gate.answers import answers_of
from mlkit.gate.baselines import baseline_table, compare, constant_scores, linear_scores
from mlkit.gate.metrics import METRICS, RIGHT_ROWS, metric_of
from mlkit.gate.target import Target

TWO = Target(task="binary", classes=("no", "yes"))
THREE = Target(task="multi-class", classes=("a", "b", "c"))
STARS = Target(task="regression", name="rating", unit="stars")


def one_hot(users: np.ndarray, movies: np.ndarray) -> csr_matrix:
    columns = np.column_stack([users, movies + 50]).ravel()
    return csr_matrix((np.ones(len(columns), dtype=np.float32), columns, np.arange(0, len(columns) + 1, 2)), shape=(len(users), 80))


def ratings(rows: int, seed: int = 2):
    """Rows, labels and users whose label depends on the user and the movie, additively on the logit."""
    random = np.random.default_rng(seed)
    users, movies = random.integers(0, 50, rows), random.integers(0, 30, rows)
    logit = (users % 5 - 2) * 0.8 + (movies % 3 - 1) * 0.8
    return one_hot(users, movies), (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(int), users


def test_the_majority_scores_are_the_training_rate():
    assert constant_scores([1, 1, 0, 1], 3, TWO).tolist() == [0.75] * 3


def test_of_several_classes_every_row_has_their_training_shares_and_of_numbers_their_mean():
    assert constant_scores([0, 0, 1, 0], 2, THREE).tolist() == [[0.75, 0.25, 0], [0.75, 0.25, 0]]
    assert constant_scores([1.0, 2.0, 4.5], 2, STARS).tolist() == [2.5, 2.5]


def test_the_linear_model_finds_additive_effects():
    train, labels, _ = ratings(4000)
    test, test_labels, _ = ratings(2000, seed=9)
    scores = linear_scores(train, labels, test, TWO)
    assert (answers_of(scores, TWO).labels == test_labels).mean() > 0.70


def test_the_linear_model_sits_at_the_optimum_of_its_penalised_likelihood():
    train, labels, _ = ratings(2000)
    residual = linear_scores(train, labels, train, TWO) - labels
    # at the optimum the intercept's gradient vanishes and each weight is minus its own, so they sum to 0 over users and movies alike
    assert abs(residual.sum()) < 0.5


def test_the_linear_model_gives_the_same_scores_twice():
    train, labels, _ = ratings(1000)
    assert (linear_scores(train, labels, train, TWO) == linear_scores(train, labels, train, TWO)).all()


def test_training_rows_of_one_label_give_its_rate():
    train, labels, _ = ratings(20)
    assert linear_scores(train, np.ones_like(labels), train, TWO).tolist() == [1.0] * 20


def test_test_rows_of_other_columns_are_refused():
    train, labels, _ = ratings(20)
    with pytest.raises(ValueError, match="80 columns and test 79"):
        linear_scores(train, labels, train[:, :79], TWO)


def test_a_score_of_exactly_one_half_predicts_label_0():
    assert answers_of([0.4, 0.5, 0.6], TWO).labels.tolist() == [0, 0, 1]


def test_the_comparison_has_a_row_per_model_with_interval_and_log_loss():
    table = compare({"half": [0.4, 0.6, 0.6, 0.4], "right": [0.9, 0.9, 0.1, 0.1]}, [1, 1, 0, 0], [1, 1, 2, 2], RIGHT_ROWS, TWO)
    assert list(table.columns) == ["model", "match rate", "low", "high", "log loss", "AUC", "F1"]
    assert table["match rate"].tolist() == [0.5, 1.0]
    assert table["log loss"][1] == pytest.approx(-np.log(0.9))
    assert (table["low"] < table["match rate"]).all()


def test_the_table_shows_the_tested_model_first_then_both_baselines():
    train, labels, _ = ratings(1000)
    test, test_labels, users = ratings(500, seed=9)
    table = baseline_table(train, labels, test, test_labels, users, RIGHT_ROWS, TWO, model_scores={"this model": np.full(500, 0.9)})
    assert table["model"].tolist() == ["this model", "logistic regression", "majority class"]
    assert table["match rate"][1] > table["match rate"][2]


def test_ridge_regression_is_the_closed_form_with_a_free_mean():
    """The oracle solves (X'X + I) w = X'y on centred columns, which leaves the mean without a penalty."""
    train, _, _ = ratings(500)
    random = np.random.default_rng(3)
    labels = train @ random.normal(size=80) + 3.5 + random.normal(size=500) / 10
    dense = train.toarray().astype(np.float64)
    centred = dense - dense.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + np.eye(80), centred.T @ (labels - labels.mean()))
    expected = centred @ weights + labels.mean()
    assert linear_scores(train, labels, train, STARS) == pytest.approx(expected, abs=1e-4)
    assert linear_scores(dense, labels, dense, STARS) == pytest.approx(expected, abs=1e-8)


def test_the_linear_model_of_several_classes_gives_each_its_probability_and_0_to_one_without_rows():
    points = np.repeat(np.eye(2) * 9, 30, axis=0)
    scores = linear_scores(points, np.repeat([0, 2], 30), points, THREE)
    assert scores.shape == (60, 3)
    assert scores.sum(axis=1) == pytest.approx(np.ones(60))
    assert (scores[:, 1] == 0).all()
    assert answers_of(scores, THREE).labels.tolist() == [0] * 30 + [2] * 30


def test_a_number_is_compared_by_its_errors_in_its_own_unit():
    train, _, _ = ratings(400)
    test, _, users = ratings(300, seed=9)
    labels, true = np.asarray(train.sum(axis=1)).ravel() + np.arange(400) % 5, np.arange(300) % 5 + 2.0
    table = baseline_table(train, labels, test, true, users, metric_of("RMSE", STARS), STARS, model_scores={"this model": true + 0.5})
    assert list(table.columns) == ["model", "RMSE", "low", "high", "MAE"]
    assert table["model"].tolist() == ["this model", "ridge regression", "mean of the training rows"]
    assert table.loc[0, ["RMSE", "MAE"]].tolist() == pytest.approx([0.5, 0.5])
    assert table["RMSE"][2] == pytest.approx(METRICS["RMSE"].of(true, np.full(300, labels.mean())))


def test_several_classes_are_compared_by_their_own_metrics():
    scores = np.eye(3)[[0, 1, 2, 2]] * 0.7 + 0.1
    table = compare({"m": scores}, [0, 1, 2, 1], [1, 2, 3, 4], METRICS["accuracy"], THREE)
    assert list(table.columns) == ["model", "accuracy", "low", "high", "log loss", "macro F1"]
    assert table["accuracy"].tolist() == [0.75]
