"""The figures of the test and of the training beside production's, and which of them are better or worse."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlkit.gate.estimate import number
from mlkit.gate.metric_directions import HIGHER_IS_BETTER
from mlkit.review.bundle_contents import Contents, GateFigures
from mlkit.review.headline import standing_of

_HIGHER_WORDS = ("accuracy", "auc", "precision", "recall", "f_1", "f1")
_LOWER_WORDS = ("cross_entropy", "loss", "error", "rmse", "mae", "mse")
_OF_THE_MACHINE = ("throughput", "billable_seconds", "progress")  # metrics that tell nothing about the model
_WORTH_A_NOTE = 0.01  # of production's error: less is what another seed gives
TEST, VALIDATION = "test", "validation"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric in production and now; None where it does not exist.

    `group` is TEST or VALIDATION. `higher_is_better` is None for a figure that has no direction. `standing` is the word of a comparison
    on the same rows, which knows more than two figures do.
    """

    name: str
    old: float | None
    new: float | None
    group: str = TEST
    higher_is_better: bool | None = None
    standing: str = ""

    def __str__(self) -> str:
        old, new = ("not there" if figure is None else number(figure) for figure in (self.old, self.new))
        return f"{self.name} {old} -> {new} ({self.direction})"

    @property
    def difference(self) -> float | None:
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def direction(self) -> str:
        return {True: "higher is better", False: "lower is better", None: ""}[self.higher_is_better]

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `same`; empty if one of the figures or the direction is missing."""
        change = self.difference
        if self.standing or change is None or self.higher_is_better is None:
            return self.standing
        if f"{change:.4f}" in ("0.0000", "-0.0000"):
            return "same"
        return "better" if (change > 0) == self.higher_is_better else "worse"

    @property
    def is_worth_a_note(self) -> bool:
        """Whether the error changed by more than a hundredth of production's. A share's error is its distance from 1."""
        if self.old is None or self.difference is None or self.verdict not in ("better", "worse"):
            return False
        error = 1 - self.old if self.higher_is_better else self.old
        return abs(self.difference) > _WORTH_A_NOTE * abs(error)


def metrics_of(old: Contents | None, new: Contents) -> Iterable[Metric]:
    """The test's metrics, then those of the validation by the training job. The verdict's metric is production's on the same rows."""
    yield from _rows(_of_the_test(old, new.gate), _of_the_test(new), TEST, new.gate)
    yield from _rows(_of_the_job(old), _of_the_job(new), VALIDATION, None)


def undecided_metrics(old: Contents, new: Contents) -> list[Metric]:
    """The test's metrics beside the verdict's that are clearly better or worse than production's."""
    decided = new.gate.estimate.metric if new.gate else ""
    return [one for one in metrics_of(old, new) if one.group == TEST and one.name != decided and one.is_worth_a_note]


def _rows(before: Mapping[str, float], after: Mapping[str, float], group: str, gate: GateFigures | None) -> Iterable[Metric]:
    for name in dict.fromkeys([*after, *before]):
        is_decided = gate is not None and name == gate.estimate.metric
        compared = gate.champion.difference if is_decided and gate and gate.champion else None
        yield Metric(
            name=name,
            old=before.get(name),
            new=after.get(name),
            group=group,
            higher_is_better=gate.estimate.higher_is_better if is_decided and gate else _higher_is_better(name, group),
            standing=str(standing_of(compared, gate.policy.margin)) if compared and gate else "",
        )


def _higher_is_better(name: str, group: str) -> bool | None:
    if group == TEST:
        return HIGHER_IS_BETTER.get(name)
    measured = name.rpartition(":")[2].lower()
    if any(word in measured for word in _LOWER_WORDS):
        return False
    return True if any(word in measured for word in _HIGHER_WORDS) else None


def _of_the_test(contents: Contents | None, tested_now: GateFigures | None = None) -> dict[str, float]:
    """The figures of a test. `tested_now`: the new model's test, which may hold production's figure on the same rows."""
    if contents is None:
        return {}
    told = {name: value for name, value in _told(contents).items() if ":" not in name}
    gate = contents.gate
    if gate is None:
        return told
    found = gate.estimate
    if tested_now and tested_now.champion and tested_now.champion.champion:
        found = tested_now.champion.champion
    bounds = {f"{found.metric}: lower bound": found.low, f"{found.metric}: upper bound": found.high}
    baselines = {f"{name}: {gate.estimate.metric}": value for name, value in gate.baselines.items()}
    figures = {found.metric: found.value, **gate.others, **bounds, **baselines}
    return figures | {name: value for name, value in told.items() if name not in figures}


def _of_the_job(contents: Contents | None) -> dict[str, float]:
    """SageMaker names a job's metrics after the channel: `test:binary_classification_accuracy`."""
    return {name: value for name, value in _told(contents).items() if ":" in name} if contents else {}


def _told(contents: Contents) -> dict[str, float]:
    """What the notebooks' records tell."""
    found: dict[str, float] = {}
    for run in contents.current.values():
        found |= dict(run.activity.metrics)
    return {name: value for name, value in found.items() if not any(word in name for word in _OF_THE_MACHINE)}
