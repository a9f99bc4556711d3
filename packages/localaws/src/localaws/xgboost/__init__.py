"""The built-in algorithm XGBoost, for the local AWS: the xgboost library under the rules of SageMaker's container.

    algorithm.py        what SageMaker's engine calls: XGBoost
    hyperparameters.py  names, valid values, what depends on what; metrics.py the metrics' names and those that the container adds
    train.py            the training container's process; data.py reads its channels, trainer.py trains
    model.py            the model artifact
    serve.py            the endpoint's answers
    tables.py           CSV and LIBSVM as features and labels, for both

docs/xgboost.md says what is known of the container and what is assumed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.xgboost.algorithm import XGBoost

__all__ = ["XGBoost"]


def __getattr__(name: str) -> Any:
    # the training process runs a module of this package and needs nothing of the engine
    if name == "XGBoost":
        from localaws.xgboost.algorithm import XGBoost

        return XGBoost
    raise AttributeError(name)
