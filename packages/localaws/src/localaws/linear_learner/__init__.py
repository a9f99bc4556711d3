"""The built-in algorithm Linear Learner, for the local AWS.

    algorithm.py        LinearLearner, the interface for SageMaker
    hyperparameters.py  names, valid values, defaults, and which of them have no effect here
    train.py            the training container's process; metrics.py has the metrics and their lines in its log
    trainer.py          training by SciPy's L-BFGS: epochs, early stopping; objective.py has the function that it minimises
    losses.py           the loss functions
    normalization.py    shift and scale of features and label
    thresholds.py       a classifier's threshold by the selection criteria
    model.py            the model artifact
    serve.py            the endpoint's answers

docs/linear-learner.md says what is known about the container, what is assumed and what differs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localaws.linear_learner.algorithm import LinearLearner

__all__ = ["LinearLearner"]


def __getattr__(name: str) -> Any:
    # the training process runs a module of this package and does not need SageMaker's engine
    if name == "LinearLearner":
        from localaws.linear_learner.algorithm import LinearLearner

        return LinearLearner
    raise AttributeError(name)
