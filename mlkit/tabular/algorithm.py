"""SageMaker's built-in XGBoost for two classes: its image, metrics and hyperparameters."""

from typing import Any

from mlkit.training.algorithm_type import MAXIMIZE, MINIMIZE, Algorithm, Hyperparameters

_NUMBER = r"(?P<value>[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
_BETTER_WHEN_LARGE = ("accuracy", "auc", "aucpr", "balanced_accuracy", "f1_binary", "precision", "recall")
_BETTER_WHEN_SMALL = ("logloss", "error")

ALGORITHM = Algorithm(
    name="xgboost",
    version="3.2-0",
    validation_channel="validation",
    objectives={
        **{f"validation:{name}": MINIMIZE for name in _BETTER_WHEN_SMALL},
        **{f"validation:{name}": MAXIMIZE for name in _BETTER_WHEN_LARGE},
    },
    history={name: rf"\[(?P<step>[0-9]+)\].*(?:#011|\t){name}-logloss:{_NUMBER}" for name in ("train", "validation")},
)


def xgboost_hyperparameters(*, num_round: int, max_depth: int, eta: float, **others: Any) -> Hyperparameters:
    """Hyperparameters of a classifier that returns the probability of label 1. `others` are passed on by name.

    https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html
    """
    values = {
        "objective": "binary:logistic",
        "eval_metric": "error,logloss",
        "num_round": num_round,
        "max_depth": max_depth,
        "eta": eta,
        **others,
    }
    return Hyperparameters(algorithm=ALGORITHM, values={name: str(value) for name, value in values.items()})
