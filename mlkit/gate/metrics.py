"""The metrics that a gate can decide on. To add one, name it in `mlkit.gate.metric_directions`, and write its entry and its test.

A metric is a function of sums over rows: `statistics` gives each row's k figures, and `value` makes the metric from their totals. A
bootstrap therefore adds the figures of a cluster once and draws totals, whatever the metric (`mlkit.gate.bootstrap`).
"""

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mlkit.errors import InvalidData, UsageError
from mlkit.gate.estimate import SHARE
from mlkit.gate.metric_directions import HIGHER_IS_BETTER
from mlkit.gate.target import UNITS_OF_THE_LABEL, Target, Task

Array = npt.NDArray[Any]
_SMALLEST_PROBABILITY = 1e-15  # a sure and wrong score costs 34.5 nats


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric that a gate can decide on.

    `statistics(labels, predictions)` gives `(rows, k)` figures, and `value(totals)` maps `(..., k)` sums of them to `(...)` values, NaN
    where the metric is undefined. `needs` says which predictions it takes: predicted `labels`, or `scores` (probabilities of label 1 as
    `(rows,)`; of each class as `(rows, classes)`; for a regression the predicted number). `counts_right_rows`: the metric is the share of
    rows that are right, so Wilson's interval exists. `highest` is the largest possible value.
    """

    name: str
    unit: str
    needs: Literal["labels", "scores"]
    tasks: frozenset[Task]
    statistics: Callable[[Array, Array], Array]
    value: Callable[[Array], Array]
    highest: float = math.inf
    counts_right_rows: bool = False
    undefined: str = "There are no rows to test on."

    @property
    def higher_is_better(self) -> bool:
        return HIGHER_IS_BETTER[self.name]

    def of(self, labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
        """The metric of these rows, NaN where it is undefined. Raises ValueError or InvalidData for rows that it cannot take."""
        return float(self.value(self.rows(labels, predictions).sum(axis=0)))

    def rows(self, labels: npt.ArrayLike, predictions: npt.ArrayLike) -> Array:
        """`(rows, k)` figures of checked rows."""
        true = binary_labels(labels) if self.tasks == BINARY else column(labels)
        predicted = self._checked(predictions)
        check_same_length(true, predicted)
        return self.statistics(true, predicted)

    def error(self, value: Array | float) -> Any:
        """The distance from a perfect model, which is at 1 or, for a loss, at 0."""
        return self.highest - value if self.higher_is_better else value

    def check_required(self, required: float) -> None:
        """Raises UsageError for a value that no gate can require."""
        low_enough = required <= self.highest and math.isfinite(required)
        if not (low_enough and required > 0):
            span = (
                f"a share above 0 and at most {self.highest:g}, such as 0.65" if self.unit == SHARE else f"a number of {self.unit} above 0"
            )
            raise UsageError(f"The gate requires a {self.name} of {required}", cure=f"Give {span}.")

    def _checked(self, predictions: npt.ArrayLike) -> Array:
        if self.needs == "scores":
            return np.asarray(predictions, dtype=np.float64)
        return binary_labels(predictions) if self.tasks == BINARY else column(predictions)


def column(values: npt.ArrayLike) -> Array:
    """`values` as a one-dimensional array. Raises InvalidData if it is empty."""
    found: Array = np.asarray(values)
    if found.ndim != 1:
        raise ValueError(f"labels are one-dimensional, not of shape {found.shape}")
    if len(found) == 0:
        raise InvalidData("There are no rows to test on.", cure="Run 01_prep again and look at the counts of its splits.")
    return found


def binary_labels(values: npt.ArrayLike) -> Array:
    """`values` as a one-dimensional array of 0 and 1. Raises InvalidData if it is empty, ValueError for other values."""
    labels = column(values)
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels are 0 or 1")
    return labels


def check_same_length(*columns: Any) -> None:
    """Raises ValueError unless all `columns` have the same length."""
    lengths = {len(one) for one in columns}
    if len(lengths) > 1:
        raise ValueError(f"columns of different lengths: {', '.join(str(len(one)) for one in columns)}")


def _ratio(above: Array, below: Array) -> Array:
    """`above / below`, NaN where `below` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.true_divide(above, below))


def _mean(totals: Array) -> Array:
    """The mean of a figure whose totals are (rows, sum)."""
    return _ratio(totals[..., 1], totals[..., 0])


def _counted(figures: Array) -> Array:
    return np.column_stack([np.ones(len(figures), dtype=figures.dtype), figures])


def _matches(labels: Array, predicted: Array) -> Array:
    return _counted((labels == predicted).astype(np.int64))


def _log_losses(labels: Array, scores: Array) -> Array:
    """Negative log likelihoods in nats of the true label; scores are kept 1e-15 away from 0 and 1."""
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("scores are probabilities between 0 and 1")
    kept = scores.clip(_SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
    if kept.ndim == 2:
        return _counted(-np.log(np.take_along_axis(kept, labels.astype(np.int64)[:, None], axis=1)[:, 0]))
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels are 0 or 1")
    return _counted(-np.where(labels == 1, np.log(kept), np.log1p(-kept)))


def _placements(labels: Array, scores: Array) -> Array:
    """Of each row: 1 and its placement if its label is 1, then the same for label 0.

    A placement is the share of rows of the other label that the row is ranked right against, ties counting half (DeLong et al. 1988,
    Biometrics 44:837-845; for clusters Obuchowski 1997, Biometrics 53:567-578). The means of either label's placements are the AUC, and
    the sum of their deviations is what a resample changes, to first order. Those of label 1 are centred, so that the sum of both means
    is the AUC once.
    """
    if np.isnan(scores).any():
        raise ValueError("scores are numbers, not NaN")
    is_one = labels == 1
    placed = np.zeros((len(labels), 4))
    placed[:, 0], placed[:, 2] = is_one, ~is_one
    if is_one.all() or not is_one.any():
        return placed  # undefined
    for columns, own, sign in ((1, is_one, 1), (3, ~is_one, -1)):
        others = np.sort(scores[~own])
        below = (np.searchsorted(others, scores[own], "left") + np.searchsorted(others, scores[own], "right")) / 2 / len(others)
        placed[own, columns] = below if sign == 1 else 1 - below
    placed[is_one, 1] -= placed[is_one, 1].mean()
    return placed


def _auc(totals: Array) -> Array:
    # A resample may place the first-order value a little outside 0..1, where no AUC is.
    return np.asarray((_ratio(totals[..., 1], totals[..., 0]) + _ratio(totals[..., 3], totals[..., 2])).clip(0, 1))


def _hits(labels: Array, predicted: Array) -> Array:
    """Per class (of two, only class 1): true positives, and the number of times that the class is the label or predicted."""
    return np.column_stack([(labels == 1) & (predicted == 1), (labels == 1).astype(np.int64) + (predicted == 1)]).astype(np.int64)


def _f1(totals: Array) -> Array:
    return _ratio(2 * totals[..., 0], totals[..., 1])


def _hits_by_class(labels: Array, predicted: Array) -> Array:
    # One byte each: a row is at most 2 per class, and there are as many columns as twice the classes.
    classes = np.union1d(labels, predicted)
    true, said = labels[:, None] == classes, predicted[:, None] == classes
    return np.stack([true & said, true.astype(np.int8) + said], axis=2).astype(np.int8).reshape(len(labels), -1)


def _macro_f1(totals: Array) -> Array:
    by_class = np.reshape(totals, (*totals.shape[:-1], -1, 2))
    is_there = by_class[..., 1] > 0
    scores = np.where(is_there, 2 * by_class[..., 0] / np.where(is_there, by_class[..., 1], 1), 0)
    return _ratio(scores.sum(axis=-1), is_there.sum(axis=-1))


def _squared_errors(labels: Array, predicted: Array) -> Array:
    return _counted((labels - predicted) ** 2)


def _absolute_errors(labels: Array, predicted: Array) -> Array:
    return _counted(np.abs(labels - predicted))


def _root_of_mean(totals: Array) -> Array:
    return np.sqrt(_mean(totals))


BINARY: frozenset[Task] = frozenset({"binary"})
_CLASSES: frozenset[Task] = frozenset({"multi-class"})
_EITHER: frozenset[Task] = frozenset({"binary", "multi-class"})
_REGRESSION: frozenset[Task] = frozenset({"regression"})
_OF_LABELS: dict[str, Any] = {"unit": SHARE, "highest": 1.0, "needs": "labels"}
_OF_ERRORS: dict[str, Any] = {"unit": UNITS_OF_THE_LABEL, "needs": "scores", "tasks": _REGRESSION}

_ALL = (
    Metric(name="match rate", **_OF_LABELS, tasks=BINARY, statistics=_matches, value=_mean, counts_right_rows=True),
    Metric(name="log loss", unit="nats", needs="scores", tasks=_EITHER, statistics=_log_losses, value=_mean),
    Metric(
        name="AUC",
        unit=SHARE,
        highest=1.0,
        needs="scores",
        tasks=BINARY,
        statistics=_placements,
        value=_auc,
        undefined="The AUC compares rows of both labels, and all rows have one.",
    ),
    Metric(
        name="F1",
        **_OF_LABELS,
        tasks=BINARY,
        statistics=_hits,
        value=_f1,
        undefined="The F1 score counts rows of label 1, and none is labelled or predicted so.",
    ),
    Metric(name="accuracy", **_OF_LABELS, tasks=_CLASSES, statistics=_matches, value=_mean, counts_right_rows=True),
    Metric(name="macro F1", **_OF_LABELS, tasks=_CLASSES, statistics=_hits_by_class, value=_macro_f1),
    Metric(name="RMSE", **_OF_ERRORS, statistics=_squared_errors, value=_root_of_mean),
    Metric(name="MAE", **_OF_ERRORS, statistics=_absolute_errors, value=_mean),
)
METRICS = {name: next(metric for metric in _ALL if metric.name == name) for name in HIGHER_IS_BETTER}
RIGHT_ROWS = METRICS["match rate"]


def metric_named(name: str) -> Metric:
    """The metric of this name. Raises UsageError, which names a similar one."""
    if name in METRICS:
        return METRICS[name]
    near = difflib.get_close_matches(name, list(METRICS), n=1)
    raise UsageError(
        f"There is no metric {name!r}" + (f". Did you mean {near[0]}?" if near else ""), cure=f"Choose from {', '.join(METRICS)}."
    )


def metrics_for(task: Task) -> tuple[Metric, ...]:
    """The metrics of one kind of label."""
    return tuple(metric for metric in _ALL if task in metric.tasks)


def metrics_of(target: Target) -> tuple[Metric, ...]:
    """The metrics of the target's task; errors of a number are in the target's unit."""
    found = metrics_for(target.task)
    return tuple(replace(one, unit=target.unit) for one in found) if target.unit else found


def metric_of(name: str, target: Target) -> Metric:
    """The target's metric of this name. Raises UsageError, which names the metrics that the target has."""
    known = {metric.name: metric for metric in metrics_of(target)}
    if metric_named(name).name not in known:
        also = f" and what it must reach in `required`{f', in {target.unit}' if target.unit else ''}" if target.is_number else ""
        raise UsageError(
            f"The model predicts {target}, and {name} is no metric of that", cure=f"Choose `metric` from {', '.join(known)}{also}."
        )
    return known[name]
