"""SageMaker's built-in Factorization Machines for ratings: image, metrics and hyperparameters."""

from typing import Any

from mlkit.notebook.handoff import PreparedData
from mlkit.training.algorithm_type import MAXIMIZE, MINIMIZE, Algorithm, Hyperparameters

_LOSS = "train binary_classification_cross_entropy <loss>"

ALGORITHM = Algorithm(
    name="factorization-machines",
    version="1",
    validation_channel="test",
    objectives={
        "test:binary_classification_accuracy": MAXIMIZE,
        "test:binary_classification_cross_entropy": MINIMIZE,
        "test:binary_f_beta": MAXIMIZE,
        "test:rmse": MINIMIZE,
    },
    history={"train": rf"#quality_metric: .*epoch=(?P<step>\d+), {_LOSS}=(?P<value>[0-9.eE+-]+)"},
)


def fm_hyperparameters(prepared: PreparedData, *, num_factors: int, epochs: int, mini_batch_size: int, **others: Any) -> Hyperparameters:
    """Hyperparameters of a classifier that returns the probability of label 1. `others` are passed on by name.

    https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html
    """
    values = {
        "feature_dim": prepared.feature_dim,
        "predictor_type": "binary_classifier",
        "num_factors": num_factors,
        "epochs": epochs,
        "mini_batch_size": mini_batch_size,
        **others,
    }
    return Hyperparameters(algorithm=ALGORITHM, values={name: str(value) for name, value in values.items()})
