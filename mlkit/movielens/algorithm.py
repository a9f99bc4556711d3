"""SageMaker's built-in Factorization Machines for ratings: image, metrics and hyperparameters of a classifier and of a regressor."""

from typing import Any

from mlkit.gate.target import Task
from mlkit.notebook.handoff import PreparedData
from mlkit.training.algorithm_type import MAXIMIZE, MINIMIZE, Algorithm, Hyperparameters, algorithm_for


def _factorization_machines(
    task: Task, predictor_type: str, objectives: dict[str, str], validation_metrics: dict[str, str], loss: str, curve: str
) -> Algorithm:
    return Algorithm(
        name="factorization-machines",
        version="1",
        task=task,
        fixed={"predictor_type": predictor_type},
        validation_channel="test",
        objectives={f"test:{name}": direction for name, direction in objectives.items()},
        validation_metrics={name: f"test:{theirs}" for name, theirs in validation_metrics.items()},
        history={"train": rf"#quality_metric: .*epoch=(?P<step>\d+), train {loss} <loss>=(?P<value>[0-9.eE+-]+)"},
        curve=curve,
    )


_LOG_LOSS, _ACCURACY = "binary_classification_cross_entropy", "binary_classification_accuracy"
ALGORITHMS = (
    _factorization_machines(
        "binary",
        "binary_classifier",
        {_LOG_LOSS: MINIMIZE, _ACCURACY: MAXIMIZE, "binary_f_beta": MAXIMIZE},
        {"log loss": _LOG_LOSS, "match rate": _ACCURACY},
        _LOG_LOSS,
        "log loss (nats)",
    ),
    _factorization_machines("regression", "regressor", {"rmse": MINIMIZE}, {"RMSE": "rmse", "MAE": "absolute_loss"}, "rmse", "RMSE"),
)


def fm_hyperparameters(prepared: PreparedData, *, num_factors: int, epochs: int, mini_batch_size: int, **others: Any) -> Hyperparameters:
    """Hyperparameters of a classifier that returns the probability of label 1, or of a regressor that returns a number, by the target.

    `others` are passed on by name. https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html
    """
    algorithm = algorithm_for("factorization-machines", prepared.target.task, ALGORITHMS)
    values = {
        "feature_dim": prepared.feature_dim,
        **algorithm.fixed,
        "num_factors": num_factors,
        "epochs": epochs,
        "mini_batch_size": mini_batch_size,
        **others,
    }
    return Hyperparameters(algorithm=algorithm, values={name: str(value) for name, value in values.items()})
