"""Trains with the library, with the settings and callbacks of SageMaker's container."""

import os
from collections.abc import Callable
from typing import Any

import xgboost

from localaws.xgboost.data import Rows
from localaws.xgboost.hyperparameters import Hyperparameters
from localaws.xgboost.metrics import MAXIMIZED, added_metrics

VALUES_FOR_THREADS = 500_000
# The library's errors that the container counts as the user's.
_CUSTOMER_ERRORS = (
    "label must be in",
    "label must be nonnegative",
    "label must be positive",
    "Target is multiclass but average='binary'",
    "feature_names mismatch",
    "base_score must be",
    "should be greater equal to 0",
)


def train(
    params: Hyperparameters,
    rows: Rows,
    validation: Rows | None,
    *,
    report: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> xgboost.Booster:
    """The trained model. Each round calls `report` with a line of metrics, then `should_stop`.

    Raises ValueError with the text for the job's FailureReason.
    """
    settings = {**params.library, "nthread": thread_count(params.library.get("nthread"), rows.features.size)}
    if params.metrics:
        settings["eval_metric"] = list(params.metrics)
    try:
        data = _matrix(rows, settings["nthread"])
        evaluated = [(data, "train")]
        if validation is not None:
            evaluated.append((_matrix(validation, settings["nthread"]), "validation"))
        return xgboost.train(
            settings,
            data,
            num_boost_round=params.num_round,
            evals=evaluated,
            custom_metric=added_metrics(params.added_metrics, params.objective) if params.added_metrics else None,
            callbacks=_callbacks(params, validation is not None, report, should_stop),
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, ValueError) as error:
        # the library appends its own stack trace, which does not help a user
        text = str(error).split("\nStack trace:")[0].strip()
        if any(known in text for known in _CUSTOMER_ERRORS):
            raise ValueError(f"ClientError: {text}") from error
        raise ValueError(f"AlgorithmError: XGB train call failed with exception:\n {text}") from error


def thread_count(asked: int | None, n_values: int) -> int:
    """The number of threads: `asked`, at most the machine's cores. If it is None, 1 for a small table, otherwise OMP_NUM_THREADS.

    On a busy machine, several threads make the training of a small table slower. The model is bit for bit the same.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    unasked = 1 if n_values < VALUES_FOR_THREADS else int(limit) if limit.isdigit() else available
    return max(1, min(asked or unasked, available))


def stops_early(params: Hyperparameters, has_validation: bool) -> bool:
    """Whether early_stopping_rounds has an effect. The container needs a validation channel and a named metric."""
    return bool(params.early_stopping_rounds and params.stopping_metric and has_validation)


class _StopWhenAsked(xgboost.callback.TrainingCallback):
    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        return self._should_stop()


def _callbacks(
    params: Hyperparameters, has_validation: bool, report: Callable[[str], None], should_stop: Callable[[], bool]
) -> list[xgboost.callback.TrainingCallback]:
    # CloudWatch shows a tab as #011, and so do the expressions by which SageMaker reads the metrics
    monitor = xgboost.callback.EvaluationMonitor(logger=lambda text: report(text.rstrip("\n").replace("\t", "#011")))
    callbacks = [monitor, _StopWhenAsked(should_stop)]
    if stops_early(params, has_validation):
        early = xgboost.callback.EarlyStopping(
            rounds=params.early_stopping_rounds,
            data_name="validation",
            metric_name=params.stopping_metric,
            maximize=params.stopping_metric in MAXIMIZED,
            save_best=True,
        )
        callbacks.append(early)
    return callbacks


def _matrix(rows: Rows, threads: int) -> xgboost.DMatrix:
    return xgboost.DMatrix(rows.features, label=rows.labels, weight=rows.weights, nthread=threads)
