"""SageMaker's built-in XGBoost: its image, metrics and hyperparameters for two classes, several classes and numbers."""

from collections.abc import Sequence
from typing import Any

from mlkit.gate.target import Task
from mlkit.notebook.handoff import PreparedData
from mlkit.training.algorithm_type import MAXIMIZE, MINIMIZE, Algorithm, Hyperparameters, algorithm_for

_NUMBER = r"(?P<value>[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
# https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html
_TUNABLE = frozenset(
    {
        *("alpha", "colsample_bylevel", "colsample_bynode", "colsample_bytree", "eta", "gamma", "lambda", "max_delta_step"),
        *("max_depth", "min_child_weight", "num_round", "subsample"),
    }
)
_BETTER_WHEN_SMALL = {"logloss", "error", "mlogloss", "merror", "rmse", "mae", "mse"}


def _xgboost(task: Task, objective: str, metrics: Sequence[str], *, shown: str, curve: str) -> Algorithm:
    """`metrics` can be tuned for, the first by default; it is also the learning curve's. `shown` are measured after each round."""
    return Algorithm(
        name="xgboost",
        version="3.2-0",
        title="XGBoost",
        tunable=_TUNABLE,
        task=task,
        fixed={"objective": objective, "eval_metric": shown},
        validation_channel="validation",
        objectives={f"validation:{name}": MINIMIZE if name in _BETTER_WHEN_SMALL else MAXIMIZE for name in metrics},
        history={name: rf"\[(?P<step>[0-9]+)\].*(?:#011|\t){name}-{metrics[0]}:{_NUMBER}" for name in ("train", "validation")},
        curve=curve,
    )


_OF_TWO = ("logloss", "error", "accuracy", "auc", "aucpr", "balanced_accuracy", "f1_binary", "precision", "recall")
_OF_SEVERAL = ("mlogloss", "merror", "accuracy", "balanced_accuracy", "f1_macro", "precision_macro", "recall_macro")
_OF_NUMBERS = ("rmse", "mae", "mse", "r2")
ALGORITHMS = (
    _xgboost("binary", "binary:logistic", _OF_TWO, shown="error,logloss", curve="log loss (nats)"),
    _xgboost("multi-class", "multi:softprob", _OF_SEVERAL, shown="merror,mlogloss", curve="log loss (nats)"),
    _xgboost("regression", "reg:squarederror", _OF_NUMBERS, shown="mae,rmse", curve="RMSE ({unit})"),
)


def xgboost_hyperparameters(prepared: PreparedData, *, num_round: int, max_depth: int, eta: float, **others: Any) -> Hyperparameters:
    """Hyperparameters of a model of the target: of two classes the probability of label 1, of several each one's, or a number.

    `others` are passed on by name. https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html
    """
    algorithm = algorithm_for(ALGORITHMS[0].name, prepared.target, ALGORITHMS)
    values = {
        **algorithm.fixed,
        **({"num_class": len(prepared.target.classes)} if algorithm.task == "multi-class" else {}),
        "num_round": num_round,
        "max_depth": max_depth,
        "eta": eta,
        **others,
    }
    return Hyperparameters(algorithm=algorithm, values={name: str(value) for name, value in values.items()})
