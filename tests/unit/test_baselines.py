import numpy as np
import pytest
from scipy.sparse import csr_matrix

from mlkit.gate.baselines import baseline_table, compare, linear_scores, majority_scores, predicted_labels
from mlkit.gate.metrics import RIGHT_ROWS


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
    assert majority_scores([1, 1, 0, 1], 3).tolist() == [0.75] * 3


def test_the_linear_model_finds_additive_effects():
    train, labels, _ = ratings(4000)
    test, test_labels, _ = ratings(2000, seed=9)
    scores = linear_scores(train, labels, test)
    assert (predicted_labels(scores) == test_labels).mean() > 0.70


def test_the_linear_model_sits_at_the_optimum_of_its_penalised_likelihood():
    train, labels, _ = ratings(2000)
    residual = linear_scores(train, labels, train) - labels
    # at the optimum the intercept's gradient vanishes and each weight is minus its own, so they sum to 0 over users and movies alike
    assert abs(residual.sum()) < 0.5


def test_the_linear_model_gives_the_same_scores_twice():
    train, labels, _ = ratings(1000)
    assert (linear_scores(train, labels, train) == linear_scores(train, labels, train)).all()


def test_training_rows_of_one_label_give_its_rate():
    train, labels, _ = ratings(20)
    assert linear_scores(train, np.ones_like(labels), train).tolist() == [1.0] * 20


def test_test_rows_of_other_columns_are_refused():
    train, labels, _ = ratings(20)
    with pytest.raises(ValueError, match="80 columns and test 79"):
        linear_scores(train, labels, train[:, :79])


def test_a_score_of_exactly_one_half_predicts_label_0():
    assert predicted_labels([0.4, 0.5, 0.6]).tolist() == [0, 0, 1]


def test_the_comparison_has_a_row_per_model_with_interval_and_log_loss():
    table = compare({"half": [0.4, 0.6, 0.6, 0.4], "right": [0.9, 0.9, 0.1, 0.1]}, [1, 1, 0, 0], [1, 1, 2, 2], RIGHT_ROWS)
    assert list(table.columns) == ["model", "match rate", "low", "high", "log loss", "AUC", "F1"]
    assert table["match rate"].tolist() == [0.5, 1.0]
    assert table["log loss"][1] == pytest.approx(-np.log(0.9))
    assert (table["low"] < table["match rate"]).all()


def test_the_table_shows_the_tested_model_first_then_both_baselines():
    train, labels, _ = ratings(1000)
    test, test_labels, users = ratings(500, seed=9)
    table = baseline_table(train, labels, test, test_labels, users, RIGHT_ROWS, model_scores={"this model": np.full(500, 0.9)})
    assert table["model"].tolist() == ["this model", "logistic regression", "majority class"]
    assert table["match rate"][1] > table["match rate"][2]
