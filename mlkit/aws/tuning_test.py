"""The functions of 03_test_endpoint for a tuned model: did tuning help? The endpoint holds the untuned model beside it."""

from collections.abc import Callable
from typing import Any

from mlkit.aws.endpoint_test import Tested
from mlkit.aws.endpoints import Served, describe_untuned
from mlkit.aws.session import Session
from mlkit.gate.answers import Answers
from mlkit.gate.bootstrap import paired_difference
from mlkit.gate.estimate import Difference, number
from mlkit.gate.metrics import Metric, metrics_of
from mlkit.gate.policy import Policy
from mlkit.naming import LabNames
from mlkit.notebook import shown_tables
from mlkit.notebook.handoff import TrainedModel

_COLUMN = "tuned less untuned"


def ask_untuned(aws: Session, environment: str, trained: TrainedModel, ask: Callable[[Served], Answers]) -> Answers | None:
    """What the untuned model at the environment's endpoint answers to `ask`; None if the model is not tuned, or stands there alone."""
    if trained.untuned is None:
        return None
    served = describe_untuned(aws, LabNames(initials=trained.your_initials).endpoint(environment))
    if served is None or served.model_data_url != trained.untuned.s3_uri:
        return None
    return ask(served)


def describe_tuning(tested: Tested, untuned: Answers | None, policy: Policy) -> shown_tables.Table:
    """One line per metric: both models, the paired difference with its interval over clusters, and in words whether tuning helped."""
    if untuned is None:
        return shown_tables.facts({"the untuned model": "none beside this one: the model is not tuned, or the endpoint holds no other"})
    return shown_tables.rows(
        [_line(tested, untuned, metric, policy.confidence) for metric in metrics_of(tested.rows.target)], index="metric"
    )


def _line(tested: Tested, untuned: Answers, metric: Metric, confidence: float) -> dict[str, Any]:
    rows, ours, theirs = tested.rows, getattr(tested.predictions, metric.needs), getattr(untuned, metric.needs)
    difference = paired_difference(metric, rows.labels, ours, theirs, rows.clusters, confidence, cluster=rows.cluster)
    return {
        "metric": metric.name,
        "tuned": number(metric.of(rows.labels, ours)),
        "untuned": number(metric.of(rows.labels, theirs)),
        _COLUMN: f"{difference.value:+.4f}",
        f"{confidence:.0%} interval by {rows.cluster}": f"{difference.low:+.4f} to {difference.high:+.4f}",
        "in words": _in_words(difference),
    }


def _in_words(difference: Difference) -> str:
    if difference.worst_gain > 0:
        return "tuning helped"
    return "tuning did harm" if difference.best_gain < 0 else "these rows cannot tell"
