"""The metrics of XGBoost: their names, the expressions by which SageMaker reads them from the log, and the container's own metrics."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAXIMIZED = (
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip
MINIMIZED = (
    "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy", "logloss", "mae", "mape",
    "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik",
)  # fmt: skip
NAMES = MAXIMIZED + MINIMIZED

# A job has at most 40 definitions. AWS chooses them by the objective; here all jobs have the same. The log has every metric.
_READ_OF_BOTH = ("accuracy", "auc", "aucpr", "error", "f1", "logloss", "mae", "map", "merror", "mlogloss", "mse", "ndcg", "rmse")
_READ_OF_VALIDATION = (
    "balanced_accuracy", "f1_binary", "f1_macro", "gamma-deviance", "gamma-nloglik", "mape", "mphe", "poisson-nloglik", "precision",
    "precision_macro", "r2", "recall", "recall_macro", "tweedie-nloglik",
)  # fmt: skip

# function of sklearn.metrics and its average, if it has one; every row has weight 1
_OF_LABELS: dict[str, tuple[str, str | None]] = {
    "accuracy": ("accuracy_score", None),
    "balanced_accuracy": ("balanced_accuracy_score", None),
    "f1": ("f1_score", "macro"),
    "f1_binary": ("f1_score", "binary"),
    "f1_macro": ("f1_score", "macro"),
    "precision": ("precision_score", "binary"),
    "precision_macro": ("precision_score", "macro"),
    "precision_micro": ("precision_score", "micro"),
    "recall": ("recall_score", "binary"),
    "recall_macro": ("recall_score", "macro"),
    "recall_micro": ("recall_score", "micro"),
}
_OF_VALUES = {"mse": "mean_squared_error", "r2": "r2_score"}
ADDED = (*_OF_LABELS, *_OF_VALUES)


def definitions() -> list[tuple[str, str]]:
    """(name, regular expression) of the metrics that SageMaker reads, as DescribeTrainingJob shows them for this algorithm."""
    number = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
    read = [(data, name) for name in _READ_OF_BOTH for data in ("train", "validation")] + [
        ("validation", name) for name in _READ_OF_VALIDATION
    ]
    return [(f"{data}:{name}", rf".*\[[0-9]+\].*#011{data}-{name}:{number}.*") for data, name in read]


def added_metrics(names: Sequence[str], objective: str) -> Callable[[NDArray[Any], Any], list[tuple[str, float]]]:
    """A custom_metric for the library. It computes all of `names` (keys of ADDED) from predictions and a DMatrix."""

    def compute(predictions: NDArray[Any], data: Any) -> list[tuple[str, float]]:
        return [(name, compute_added(name, objective, data.get_label(), predictions)) for name in names]

    return compute


def compute_added(name: str, objective: str, labels: NDArray[Any], predictions: NDArray[Any]) -> float:
    """The value of one metric of ADDED. Raises ValueError if the metric is not defined for these labels."""
    import sklearn.metrics

    if name in _OF_VALUES:
        return float(getattr(sklearn.metrics, _OF_VALUES[name])(labels, predictions))
    function, average = _OF_LABELS[name]
    settings: dict[str, Any] = {} if average is None else {"average": average, "zero_division": 0}
    return float(getattr(sklearn.metrics, function)(labels.astype(np.int64), predicted_labels(predictions, objective), **settings))


def predicted_labels(predictions: NDArray[Any], objective: str) -> NDArray[np.int64]:
    """The class of each row, (n_rows,)."""
    if predictions.ndim == 2:
        classes = predictions.argmax(axis=1)
    elif objective == "multi:softmax":
        classes = predictions
    else:
        classes = predictions > (0 if objective == "binary:logitraw" else 0.5)
    return np.asarray(classes, np.int64)
