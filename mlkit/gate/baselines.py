"""Two baselines for the trained model: the majority class, and logistic regression on the same columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlkit.gate.bootstrap import CONFIDENCE, estimate
from mlkit.gate.metrics import Metric, binary_labels, check_same_length, metrics_for

THRESHOLD = 0.5  # a score above it predicts label 1


def majority_scores(train_labels: npt.ArrayLike, test_rows: int) -> npt.NDArray[np.float64]:
    """`(test_rows,)` scores, each the share of label 1 among the training rows."""
    return np.full(test_rows, binary_labels(train_labels).mean(), dtype=np.float64)


def linear_scores(train: Any, train_labels: npt.ArrayLike, test: Any) -> npt.NDArray[np.float64]:
    """`(test_rows,)` probabilities of label 1 by logistic regression with a ridge penalty of 1 (scikit-learn's default).

    `train` and `test` are `(rows, feature_dim)`, CSR or dense, with the same columns. The optimum is unique, so no seed is needed.
    """
    from sklearn.linear_model import LogisticRegression

    labels = binary_labels(train_labels)
    check_same_length(labels, range(train.shape[0]))
    if train.shape[1] != test.shape[1]:
        raise ValueError(f"train has {train.shape[1]:,} columns and test {test.shape[1]:,}")
    if labels.min() == labels.max():
        return majority_scores(labels, test.shape[0])
    model = LogisticRegression(max_iter=500, tol=1e-4).fit(train, labels)
    return np.asarray(model.predict_proba(test)[:, 1])


def predicted_labels(scores: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Label 1 where the score is above 0.5, else label 0."""
    return (np.asarray(scores, dtype=np.float64) > THRESHOLD).astype(np.int64)


def compare(
    scores: Mapping[str, npt.ArrayLike], labels: npt.ArrayLike, clusters: npt.ArrayLike, metric: Metric, *, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """One row per model, in the order of `scores` (probabilities of label 1): `model`, the metric, `low`, `high`, and all other metrics.

    A metric that is undefined for the rows is NaN.
    """
    others = [one for one in metrics_for("binary") if one != metric]

    def row(model: str, values: npt.ArrayLike) -> dict[str, Any]:
        predictions = {"scores": values, "labels": predicted_labels(values)}
        found = estimate(metric, labels, predictions[metric.needs], clusters, confidence)
        beside = {one.name: one.of(labels, predictions[one.needs]) for one in others}
        return {"model": model, metric.name: found.value, "low": found.low, "high": found.high, **beside}

    return pd.DataFrame([row(model, values) for model, values in scores.items()])


def baseline_table(
    train: Any,
    train_labels: npt.ArrayLike,
    test: Any,
    test_labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    metric: Metric,
    *,
    model_scores: Mapping[str, npt.ArrayLike] | None = None,
    linear: str = "logistic regression",
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """`compare` of the models in `model_scores`, then the linear model (called `linear`) and the majority class, on the test rows."""
    scores = dict(model_scores or {})
    scores[linear] = linear_scores(train, train_labels, test)
    scores["majority class"] = majority_scores(train_labels, test.shape[0])
    return compare(scores, test_labels, clusters, metric, confidence=confidence)
