"""What a model predicts: one of two classes, one of several, or a number. Shared code asks a `Target` instead of knowing labels.

It needs no numpy: the build that seals evidence reads it. What follows from the task is in the modules that ask: metrics (`gate.metrics`),
predicted labels (`gate.answers`), baselines (`gate.baselines`), figures of a split's labels (`data.label_figures`), charts.
"""

import re
from dataclasses import dataclass
from typing import Literal

Task = Literal["binary", "multi-class", "regression"]
UNITS_OF_THE_LABEL = "units of the label"  # of a number without a unit of its own
_UNIT = re.compile("[A-Za-z0-9][A-Za-z0-9 -]{0,39}|")  # an estimate's unit has these letters only


@dataclass(frozen=True, kw_only=True)
class Target:
    """`name` is what is predicted, such as "diagnosis". `classes` names the classes by label: the first is label 0.

    A regression has no classes; its labels are numbers in `unit`, which is empty if they have none. Raises ValueError for classes or a
    unit that do not fit the task.
    """

    task: Task
    name: str = "label"
    classes: tuple[str, ...] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("two classes have one name")
        fits = {"binary": len(self.classes) == 2, "multi-class": len(self.classes) > 1, "regression": not self.classes}[self.task]
        if not fits:
            raise ValueError(f"a {self.task} target has not {len(self.classes)} classes")
        if not _UNIT.fullmatch(self.unit) or (self.unit and self.classes):
            raise ValueError("a unit is at most 40 letters, digits, spaces and hyphens, and classes have none")

    @property
    def is_number(self) -> bool:
        return self.task == "regression"

    @property
    def title(self) -> str:
        """`diagnosis`, `rating (stars)`."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def __str__(self) -> str:
        """`diagnosis: benign (label 0) or malignant (label 1)`, `species: one of 3 classes`, `rating: a number of stars`."""
        if self.is_number:
            return f"{self.name}: a number{f' of {self.unit}' if self.unit else ''}"
        if self.task == "binary":
            return f"{self.name}: {self.classes[0]} (label 0) or {self.classes[1]} (label 1)"
        return f"{self.name}: one of {len(self.classes)} classes"


# What every model predicted before hand-off files had a target.
TWO_LABELS = Target(task="binary", classes=("label 0", "label 1"))
