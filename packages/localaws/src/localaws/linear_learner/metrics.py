"""The metrics of Linear Learner, and the lines of the job's log from which SageMaker reads them.

The names and regular expressions are those of a published job of SageMaker's (DescribeHyperParameterTuningJob, 2020), and roc_auc_score of
AWS's page: https://docs.aws.amazon.com/sagemaker/latest/dg/linear-learner-tuning.html
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from localaws.linear_learner.hyperparameters import Hyperparameters

if TYPE_CHECKING:
    from localaws.linear_learner.model import Model
    from localaws.linear_learner.objective import Rows
    from localaws.linear_learner.trainer import Epoch

# metric, the expression of its spelling in the log, loss or score
CLASSIFIER = (
    ("binary_classification_accuracy", "binary_classification_accuracy", "score"),
    ("binary_f_beta", r"binary_f_\S+", "score"),
    ("precision", "precision", "score"),
    ("recall", "recall", "score"),
    ("roc_auc_score", "roc_auc_score", "score"),
)
REGRESSOR = (("mse", "mse", "loss"), ("absolute_loss", "absolute_loss", "loss"))
OBJECTIVES = {"logistic": "binary_classification_cross_entropy_objective", "squared_loss": "mse_objective"}


def definitions() -> list[tuple[str, str]]:
    """(name, regular expression) of every metric, in the form that SageMaker shows for its algorithms."""
    found = []
    for channel in ("train", "validation", "test"):
        quality = r"#quality_metric: host=\S+,"
        for metric, spelling, kind in CLASSIFIER + REGRESSOR:
            found.append((f"{channel}:{metric}", rf"{quality} {channel} {spelling} <{kind}>=(\S+)"))
        if channel == "test":
            found.append(("test:objective_loss", rf"{quality} test \S+_objective <loss>=(\S+)"))
            continue
        found.append((f"{channel}:objective_loss", rf"{quality} epoch=\S+, {channel} \S+_objective <loss>=(\S+)"))
        found.append((f"{channel}:objective_loss:final", rf"{quality} {channel} \S+_objective <loss>=(\S+)"))
    found.append(("train:progress", r"#progress_metric: host=\S+, completed (\S+) %"))
    found.append(("train:throughput", r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"))
    return found


def objective_name(params: Hyperparameters) -> str:
    """The objective's spelling in the log."""
    return OBJECTIVES.get(params.chosen_loss, f"{params.chosen_loss}_objective")


def values(params: Hyperparameters, model: "Model", rows: "Rows") -> dict[str, float]:
    """The final metrics of the rows, by their spelling in the log. The AUC is left out where all rows have one label."""
    from sklearn.metrics import roc_auc_score

    from localaws.linear_learner.trainer import mean_loss

    found = {objective_name(params): mean_loss(params, model, rows)}
    scores, labels = model.scores(rows.features), rows.labels
    if model.threshold is None:
        return {**found, "mse": float(((scores - labels) ** 2).mean()), "absolute_loss": float(np.abs(scores - labels).mean())}
    said, positive = scores > model.threshold, labels == 1
    hits, square = float((said & positive).sum()), params.f_beta**2
    weighted = square * positive.sum() + said.sum()
    found |= {
        "binary_classification_accuracy": float((said == positive).mean()),
        f"binary_f_{params.f_beta:.3f}": (1 + square) * hits / weighted if weighted else 0.0,
        "precision": hits / said.sum() if said.any() else 0.0,
        "recall": hits / positive.sum() if positive.any() else 0.0,
    }
    if positive.any() and not positive.all():
        found["roc_auc_score"] = float(roc_auc_score(positive, scores))
    return {name: float(value) for name, value in found.items()}


def final_lines(found: Mapping[str, float], channel: str) -> list[str]:
    """The log lines of a channel's final metrics."""
    scores = [f"#{channel}_score (algo-1) : ({name!r}, {value!r})" for name, value in found.items()]
    losses = ("mse", "absolute_loss")
    kinds = {name: "loss" if name in losses or name.endswith("_objective") else "score" for name in found}
    return scores + [f"#quality_metric: host=algo-1, {channel} {name} <{kinds[name]}>={value!r}" for name, value in found.items()]


def epoch_lines(epoch: "Epoch", params: Hyperparameters, n_rows: int) -> list[str]:
    """The log lines of an epoch over `n_rows` rows."""
    objective, quality = objective_name(params), f"#quality_metric: host=algo-1, epoch={epoch.number},"
    lines = [f"{quality} train {objective} <loss>={epoch.train_loss!r}"]
    if epoch.validation_loss is not None:
        lines.append(f"{quality} validation {objective} <loss>={epoch.validation_loss!r}")
    criterion = objective if epoch.criterion == "loss_function" else f"sampled_{epoch.criterion}"
    said = "Loss improved. Updating best model" if epoch.is_best else f"Loss has not improved for {epoch.stale_epochs} epochs."
    return [
        *lines,
        f"#early_stopping_criteria_metric: host=algo-1, epoch={epoch.number}, criteria={criterion}, value={epoch.value!r}",
        f"Epoch {epoch.number}: {said}",
        f"#progress_metric: host=algo-1, completed {100 * (epoch.number + 1) // params.epochs} % of epochs",
        f"#throughput_metric: host=algo-1, train throughput={n_rows / max(epoch.seconds, 1e-9)!r} records/second",
    ]
