"""SageMaker's built-in algorithms: image, channels, and for each task the tuning objectives and the learning curve in the log.

movielens/algorithm.py and tabular/algorithm.py describe theirs with it; tabular/testing.py and movielens/testing.py hold the codecs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlkit.errors import UsageError
from mlkit.gate.target import Task

MAXIMIZE, MINIMIZE = "Maximize", "Minimize"


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One built-in algorithm as it learns one task. The SDK finds its image by `name` and `version`.

    `fixed` are the hyperparameters that say which task it is, `without` those of the kind's notebook that the algorithm does not have.
    `validation_channel` is the algorithm's name for the channel of validation
    rows. `objectives` maps each tuning objective to Maximize or Minimize, the default first. `validation_metrics` maps mlkit's names of
    metrics to the algorithm's, of the finished model on validation rows; the first decides whether tuning helped. `history` maps a line of
    the learning curve, which shows `curve`, to the regular expression that finds it in the job's log, with the groups `step` (from 0) and
    `value`.
    """

    name: str
    version: str
    task: Task
    fixed: Mapping[str, str]
    validation_channel: str
    objectives: Mapping[str, str]
    history: Mapping[str, str]
    curve: str
    validation_metrics: Mapping[str, str] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    @property
    def objective(self) -> str:
        """The default tuning objective."""
        return next(iter(self.objectives))

    @property
    def quality_metrics(self) -> frozenset[str]:
        """The model's quality metrics, on the validation rows and on the training rows."""
        names = {name.partition(":")[2] for name in self.objectives}
        return frozenset(f"{rows}:{name}" for rows in (self.validation_channel, "train") for name in names)

    def direction(self, objective: str) -> str:
        """Maximize or Minimize. Raises UsageError for a metric that is no tuning objective of this algorithm."""
        if objective not in self.objectives:
            raise UsageError(
                f"{self.name} cannot be tuned for {objective!r} in a {self.task} task", cure=f"Choose one of: {', '.join(self.objectives)}."
            )
        return self.objectives[objective]


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The hyperparameters of one algorithm. `values` are text, as the service takes them."""

    algorithm: Algorithm
    values: Mapping[str, str]


def algorithm_for(name: str, task: Task, algorithms: Sequence[Algorithm]) -> Algorithm:
    """The entry of this algorithm and task. Raises UsageError with the tasks that the algorithm learns."""
    found = {one.task: one for one in algorithms if one.name == name}
    if task in found:
        return found[task]
    raise UsageError(f"{name} learns no {task} task", cure=f"It learns: {', '.join(found) or 'nothing'}. Choose another target in 01_prep.")
