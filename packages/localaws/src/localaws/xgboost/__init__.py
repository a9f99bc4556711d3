"""The built-in algorithm XGBoost, for the local AWS: the xgboost library with the rules of SageMaker's container.

    algorithm.py        XGBoost, the interface for SageMaker
    hyperparameters.py  names, valid values, dependencies; metrics.py has the metrics' names and those that the container adds
    train.py            the training container's process; data.py reads its channels, trainer.py trains
    model.py            the model artifact
    serve.py            the endpoint's answers
    libsvm.py           LIBSVM as features and labels, for training and endpoint; CSV is read by algorithm_kit

docs/xgboost.md says what is known about the container and what is assumed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.xgboost.algorithm import XGBoost

__all__ = ["XGBoost"]


def __getattr__(name: str) -> Any:
    # the training process runs a module of this package and does not need SageMaker's engine
    if name == "XGBoost":
        from localaws.xgboost.algorithm import XGBoost

        return XGBoost
    raise AttributeError(name)
