"""SageMaker's built-in algorithms as a project meets them: image, channels, what can be tuned for, how the log tells of learning."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlkit.errors import UsageError

MAXIMIZE, MINIMIZE = "Maximize", "Minimize"


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One built-in algorithm. `name` and `version` lead the SDK to its image.

    `validation_channel` is what the algorithm calls the rows that it measures itself on. `objectives` maps the metrics that can be
    tuned for to Maximize or Minimize, the usual one first. `history` maps a line of the learning curve to the expression that finds
    it in the job's log, with the groups `step` (from 0) and `value`.
    """

    name: str
    version: str
    validation_channel: str
    objectives: Mapping[str, str]
    history: Mapping[str, str]

    @property
    def objective(self) -> str:
        """The metric that is tuned for unless another one is asked for."""
        return next(iter(self.objectives))

    @property
    def quality_metrics(self) -> frozenset[str]:
        """The metrics that tell how good a model is, on the validation rows and on the training rows."""
        names = {name.partition(":")[2] for name in self.objectives}
        return frozenset(f"{rows}:{name}" for rows in (self.validation_channel, "train") for name in names)

    def direction(self, objective: str) -> str:
        """Maximize or Minimize. Raises UsageError for a metric that this algorithm cannot be tuned for."""
        if objective not in self.objectives:
            raise UsageError(f"{self.name} cannot be tuned for {objective!r}", cure=f"Choose one of: {', '.join(self.objectives)}.")
        return self.objectives[objective]


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What one algorithm is asked to do. `values` are text, as the service takes them."""

    algorithm: Algorithm
    values: Mapping[str, str]
