"""The roles of a table's columns: the key that identifies rows, the label to predict, and features that are numbers or categories."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlkit.data.cell_values import is_number
from mlkit.data.sql import identifier
from mlkit.errors import InvalidData, UsageError
from mlkit.gate.target import Target, Task

_WORD = re.compile(r"(string|char\(\d+\)|varchar(\(\d+\))?|boolean|tinyint|smallint|int|integer|bigint)")
_MOST_CLASSES = 100
_SHOWN = 5  # classes in an error
RESERVED = ("row_key", "label", "order_hash", "split", "shard")  # columns that the preparation adds to the features


@dataclass(frozen=True, kw_only=True)
class LabelledTable:
    """A table with one row per key. `label` holds what a model predicts, `features` are what it predicts from.

    A row whose label is `positive` gets label 1 in a binary task, a row of the other class label 0. A regression's label is in `unit`.
    `categorical` are the features whose values are categories; all others are numbers. `keeps_missing`: a row may lack features.
    """

    database: str
    table: str
    key: str
    label: str
    features: tuple[str, ...]
    task: Task = "binary"
    positive: str = ""
    unit: str = ""
    categorical: tuple[str, ...] = ()
    keeps_missing: bool = False

    @property
    def name(self) -> str:
        return f"{identifier(self.database)}.{identifier(self.table)}"

    @property
    def numeric(self) -> tuple[str, ...]:
        """The features that are numbers."""
        return tuple(name for name in self.features if name not in self.categorical)

    @property
    def has_classes(self) -> bool:
        return self.task != "regression"

    def target_of(self, classes: Mapping[str, int]) -> Target:
        """What a model predicts, by the rows of each class. Raises InvalidData unless the classes are those of the task."""
        if not self.has_classes:
            return Target(task=self.task, name=self.label, unit=self.unit)
        if self.task == "binary":
            if len(classes) != 2 or self.positive not in classes:
                raise self._misfit(classes, f"two, one of them {self.positive!r}")
            return Target(task=self.task, name=self.label, classes=tuple(sorted(classes, key=lambda name: name == self.positive)))
        if not 2 <= len(classes) <= _MOST_CLASSES:
            raise self._misfit(classes, f"2 to {_MOST_CLASSES}")
        return Target(task=self.task, name=self.label, classes=tuple(sorted(classes)))

    def _misfit(self, classes: Mapping[str, int], wanted: str) -> InvalidData:
        told = ", ".join(f"{name!r} ({rows} rows)" for name, rows in list(classes.items())[:_SHOWN])
        return InvalidData(
            f"{self.label} holds {len(classes)} classes: {told}. It must hold {wanted}",
            cure="Choose another label, task or positive class, or exclude other classes with a view.",
        )


def choose(
    types: Mapping[str, str],
    *,
    key: str,
    label: str,
    left_out: Sequence[str],
    task: Task = "binary",
    categorical: Sequence[str] = (),
) -> tuple[str, ...]:
    """The features among the columns (name -> Glue type), in the table's order: all but the key, the label and what is left out.

    Raises InvalidData with every other column that is neither a number nor named in `categorical`, and for a key, class or category whose
    type has no exact text. Raises UsageError for a name that the table does not have.
    """
    has = f"the table has {', '.join(types)}"
    named = [("key", key), ("label", label), *(("left_out", name) for name in left_out), *(("categorical", name) for name in categorical)]
    for role, name in named:
        if name not in types:
            raise UsageError(f"{role} names the column {name!r}, but {has}", cure="Name a column of the table.")
    if key == label:
        raise UsageError(f"key and label are both {key!r}", cure="The key identifies rows; the label is what to predict.")
    _check_types(types, key, label, task, categorical)
    features = tuple(name for name in types if name not in (key, label, *left_out))
    if idle := [name for name in categorical if name not in features]:
        raise UsageError(f"categorical names {', '.join(idle)}, which is no feature", cure="Key, label and left_out are no features.")
    odd = [f"{name} ({types[name]})" for name in features if name not in categorical and not is_number(types[name])]
    if odd:
        raise InvalidData(
            f"Not columns of numbers: {', '.join(odd)}",
            cure="Leave these columns out (left_out), name those with categories (categorical), or change them to numbers in the table.",
        )
    if taken := [name for name in features if name in RESERVED]:
        raise InvalidData(
            f"Features cannot have the names {', '.join(taken)}", cure="The preparation uses these names. Rename the columns."
        )
    if not features:
        raise InvalidData(f"No feature is left: {has}", cure="A model needs at least one column of numbers or categories.")
    return features


def _check_types(types: Mapping[str, str], key: str, label: str, task: Task, categorical: Sequence[str]) -> None:
    if task == "regression" and not is_number(types[label]):
        raise InvalidData(f"The label {label} is a {types[label]}", cure="A regression predicts numbers; other tasks predict classes.")
    exact = [("key", key), *([] if task == "regression" else [("label", label)]), *(("category", name) for name in categorical)]
    for role, name in exact:
        if not _WORD.fullmatch(types[name]):
            raise InvalidData(f"The {role} {name} is a {types[name]}", cure="Text, whole numbers and booleans can be compared exactly.")
