"""Two baselines for the trained model: the same answer for every row, and a linear model on the same columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlkit.gate.answers import answers_of
from mlkit.gate.bootstrap import CONFIDENCE, estimate
from mlkit.gate.metrics import Metric, check_same_length, column, metrics_of
from mlkit.gate.target import Target

Array = npt.NDArray[np.float64]


def constant_name(target: Target) -> str:
    return "mean of the training rows" if target.is_number else "majority class"


def linear_name(target: Target) -> str:
    return "ridge regression" if target.is_number else "logistic regression"


def constant_scores(train_labels: npt.ArrayLike, test_rows: int, target: Target) -> Array:
    """`test_rows` equal scores: the mean of the training labels, or each class's share of them.

    `(test_rows,)`, and for several classes `(test_rows, classes)`. Of two classes, the mean label is the share of label 1.
    """
    labels = column(train_labels)
    if target.task != "multi-class":
        return np.full(test_rows, labels.mean(), dtype=np.float64)
    shares = np.bincount(labels.astype(np.int64), minlength=len(target.classes)) / len(labels)
    return np.tile(shares, (test_rows, 1))


def linear_scores(train: Any, train_labels: npt.ArrayLike, test: Any, target: Target) -> Array:
    """Scores of the test rows by a linear model with a ridge penalty of 1 (scikit-learn's default).

    A number is predicted by ridge regression, classes by logistic regression. `train` and `test` are `(rows, feature_dim)`, CSR or dense,
    with the same columns. The optimum is unique, so no seed is needed.
    """
    labels = column(train_labels)
    check_same_length(labels, range(train.shape[0]))
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"train has {train.shape[1]:,} columns and test {test.shape[1]:,}")
    if labels.min() == labels.max():
        return constant_scores(labels, test.shape[0], target)
    return _ridge(train, labels, test) if target.is_number else _logistic(train, labels, test, target)


def _ridge(train: Any, labels: npt.NDArray[Any], test: Any) -> Array:
    from sklearn.linear_model import Ridge

    return np.asarray(Ridge(tol=1e-6).fit(train, labels.astype(np.float64)).predict(test))


def _logistic(train: Any, labels: npt.NDArray[Any], test: Any, target: Target) -> Array:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=500, tol=1e-4).fit(train, labels)
    found = model.predict_proba(test)
    if target.task == "binary":
        return np.asarray(found[:, 1])
    scores = np.zeros((test.shape[0], len(target.classes)))  # a class without a training row keeps 0
    scores[:, model.classes_.astype(np.int64)] = found
    return scores


def compare(
    scores: Mapping[str, npt.ArrayLike],
    labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    metric: Metric,
    target: Target,
    *,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """One row per model, in the order of `scores`: `model`, the metric, `low`, `high`, and the target's other metrics.

    A metric that is undefined for the rows is NaN.
    """
    others = [one for one in metrics_of(target) if one.name != metric.name]

    def row(model: str, values: npt.ArrayLike) -> dict[str, Any]:
        answers = answers_of(np.asarray(values, dtype=np.float64), target)
        found = estimate(metric, labels, getattr(answers, metric.needs), clusters, confidence)
        beside = {one.name: one.of(labels, getattr(answers, one.needs)) for one in others}
        return {"model": model, metric.name: found.value, "low": found.low, "high": found.high, **beside}

    return pd.DataFrame([row(model, values) for model, values in scores.items()])


def baseline_table(
    train: Any,
    train_labels: npt.ArrayLike,
    test: Any,
    test_labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    metric: Metric,
    target: Target,
    *,
    model_scores: Mapping[str, npt.ArrayLike] | None = None,
    linear: str = "",
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """`compare` of the models in `model_scores`, then the linear model (called `linear`) and the constant one, on the test rows."""
    scores = dict(model_scores or {})
    scores[linear or linear_name(target)] = linear_scores(train, train_labels, test, target)
    scores[constant_name(target)] = constant_scores(train_labels, test.shape[0], target)
    return compare(scores, test_labels, clusters, metric, target, confidence=confidence)
