"""SageMaker's built-in algorithms: image, channels, and for each task the tuning objectives and the learning curve in the log.

movielens/algorithm.py and tabular/algorithm.py describe theirs with it; tabular/testing.py and movielens/testing.py hold the codecs.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlkit.errors import UsageError
from mlkit.gate.target import UNITS_OF_THE_LABEL, Target, Task

MAXIMIZE, MINIMIZE = "Maximize", "Minimize"
_IN_THE_LABELS_UNIT = ("rmse", "mae", "absolute_loss")  # metrics of the algorithms, without their channel


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One built-in algorithm as it learns one task. The SDK finds its image by `name` and `version`; `title` names a model of it.

    - `fixed`: the hyperparameters that say which task it is
    - `without`: hyperparameters of the kind's notebook that the algorithm does not have
    - `tunable`: the hyperparameters that SageMaker can search
    - `validation_channel`: the algorithm's name for the channel of validation rows
    - `objectives`: Maximize or Minimize for each tuning objective, the default first
    - `validation_metrics`: the algorithm's metrics of the finished model on validation rows, by mlkit's names; the first decides whether
      tuning helped
    - `history`: for a line of the learning curve, the regular expression that finds it in the job's log, with the groups `step` (from 0)
      and `value`
    - `curve`: what the learning curve shows; `{unit}` stands for `unit`, that of a predicted number
    """

    name: str
    version: str
    title: str
    task: Task
    fixed: Mapping[str, str]
    validation_channel: str
    objectives: Mapping[str, str]
    history: Mapping[str, str]
    curve: str
    tunable: frozenset[str]
    unit: str = ""
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

    def unit_of(self, objective: str) -> str:
        """The unit of a predicted number's error; empty for a metric in another one."""
        return self.unit if objective.rpartition(":")[2] in _IN_THE_LABELS_UNIT else ""

    def check_tunable(self, names: Collection[str]) -> None:
        """Raises UsageError for a hyperparameter that SageMaker cannot search with this algorithm."""
        if strange := sorted(set(names) - self.tunable):
            raise UsageError(
                f"{self.name} has no hyperparameter {strange[0]} that can be tuned",
                cure=f"Choose ranges of these: {', '.join(sorted(self.tunable))}.",
            )

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


def algorithm_for(name: str, target: Target, algorithms: Sequence[Algorithm]) -> Algorithm:
    """The entry of this algorithm and the target's task, with the target's unit.

    Raises UsageError with the tasks that the algorithm learns.
    """
    found = {one.task: one for one in algorithms if one.name == name}
    if target.task in found:
        entry, unit = found[target.task], (target.unit or UNITS_OF_THE_LABEL) if target.is_number else ""
        return replace(entry, unit=unit, curve=entry.curve.format(unit=unit))
    raise UsageError(
        f"{name} learns no {target.task} task", cure=f"It learns: {', '.join(found) or 'nothing'}. Choose another target in 01_prep."
    )
