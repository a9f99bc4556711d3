"""SageMaker's built-in algorithms: image, channels, tuning objectives, and the learning curve in the log.

movielens/algorithm.py and tabular/algorithm.py describe theirs with it; tabular/testing.py and movielens/testing.py hold the codecs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mlkit.errors import UsageError

MAXIMIZE, MINIMIZE = "Maximize", "Minimize"


@dataclass(frozen=True, kw_only=True)
class Algorithm:
    """One built-in algorithm. The SDK finds its image by `name` and `version`.

    `validation_channel` is the algorithm's name for the channel of validation rows. `objectives` maps each tuning objective to Maximize
    or Minimize, the default first. `history` maps a line of the learning curve to the regular expression that finds it in the job's
    log, with the groups `step` (from 0) and `value`.
    """

    name: str
    version: str
    validation_channel: str
    objectives: Mapping[str, str]
    history: Mapping[str, str]

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
            raise UsageError(f"{self.name} cannot be tuned for {objective!r}", cure=f"Choose one of: {', '.join(self.objectives)}.")
        return self.objectives[objective]


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The hyperparameters of one algorithm. `values` are text, as the service takes them."""

    algorithm: Algorithm
    values: Mapping[str, str]
