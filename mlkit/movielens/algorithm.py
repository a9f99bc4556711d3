"""The built-in algorithms for ratings, Factorization Machines and Linear Learner: image, metrics, hyperparameters, for each task."""

from typing import Any

from mlkit.gate.target import Task
from mlkit.notebook.handoff import PreparedData
from mlkit.training.algorithm_type import MAXIMIZE, MINIMIZE, Algorithm, Hyperparameters, algorithm_for

# https://docs.aws.amazon.com/sagemaker/latest/dg/fm-tuning.html, linear-learner-tuning.html
_TUNABLE_FACTORS = frozenset(
    {"epochs", "mini_batch_size"}
    | {f"{part}_{what}" for part in ("bias", "linear", "factors") for what in ("init_scale", "init_sigma", "init_value", "lr", "wd")}
)


def _factorization_machines(
    task: Task, predictor_type: str, objectives: dict[str, str], validation_metrics: dict[str, str], loss: str, curve: str
) -> Algorithm:
    return Algorithm(
        name="factorization-machines",
        version="1",
        title="factorization machine",
        tunable=_TUNABLE_FACTORS,
        task=task,
        fixed={"predictor_type": predictor_type},
        validation_channel="test",
        objectives={f"test:{name}": direction for name, direction in objectives.items()},
        validation_metrics={name: f"test:{theirs}" for name, theirs in validation_metrics.items()},
        history={"train": rf"#quality_metric: .*epoch=(?P<step>\d+), train {loss} <loss>=(?P<value>[0-9.eE+-]+)"},
        curve=curve,
    )


def _linear_learner(
    task: Task, predictor_type: str, objectives: dict[str, str], validation_metrics: dict[str, str], curve: str
) -> Algorithm:
    return Algorithm(
        name="linear-learner",
        version="1",
        title="linear learner",
        tunable=frozenset({"wd", "l1", "learning_rate", "mini_batch_size", "use_bias", "positive_example_weight_mult"}),
        task=task,
        fixed={
            "predictor_type": predictor_type,
            # otherwise the container moves a classifier's threshold away from one half, where the baselines have it
            "binary_classifier_model_selection_criteria": "loss_function",
            # a rare user's or movie's column, scaled to unit deviation, would hardly be regularised
            "normalize_data": "false",
        },
        without=frozenset({"num_factors"}),
        validation_channel="validation",
        objectives={f"validation:{name}": direction for name, direction in objectives.items()},
        validation_metrics={name: f"validation:{theirs}" for name, theirs in validation_metrics.items()},
        history={
            rows: rf"#quality_metric: .*epoch=(?P<step>\d+), {rows} \S+_objective <loss>=(?P<value>[0-9.eE+-]+)"
            for rows in ("train", "validation")
        },
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
    _factorization_machines(
        "regression", "regressor", {"rmse": MINIMIZE}, {"RMSE": "rmse", "MAE": "absolute_loss"}, "rmse", "RMSE ({unit})"
    ),
    _linear_learner(
        "binary",
        "binary_classifier",
        {"objective_loss": MINIMIZE, _ACCURACY: MAXIMIZE},
        {"log loss": "objective_loss:final", "match rate": _ACCURACY},
        "log loss (nats)",
    ),
    _linear_learner(
        "regression", "regressor", {"objective_loss": MINIMIZE}, {"MAE": "absolute_loss"}, "mean squared error ({unit}, squared)"
    ),
)


def rating_hyperparameters(prepared: PreparedData, algorithm: str = ALGORITHMS[0].name, **given: Any) -> Hyperparameters:
    """Hyperparameters of a classifier that returns the probability of label 1, or of a regressor that returns a number, by the target.

    `given` are the algorithm's own, by name; those that it does not have, of `Algorithm.without`, are left out.
    https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html, ll_hyperparameters.html
    """
    entry = algorithm_for(algorithm, prepared.target, ALGORITHMS)
    values = {"feature_dim": prepared.feature_dim, **entry.fixed, **given}
    return Hyperparameters(algorithm=entry, values={name: str(value) for name, value in values.items() if name not in entry.without})
