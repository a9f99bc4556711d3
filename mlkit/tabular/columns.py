"""The roles of a table's columns: the key that identifies rows, the label with its two classes, the numeric features."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlkit.data.cell_values import is_number
from mlkit.data.sql import identifier
from mlkit.errors import InvalidData, UsageError

_WORD = re.compile(r"(string|char\(\d+\)|varchar(\(\d+\))?|boolean|tinyint|smallint|int|integer|bigint)")
RESERVED = ("row_key", "label", "order_hash", "split", "shard")  # columns that the preparation adds to the features


@dataclass(frozen=True, kw_only=True)
class LabelledTable:
    """A table with one row per key: `label` holds the row's class, `features` are numbers.

    A row whose label is `positive` gets label 1, a row of the other class label 0.
    """

    database: str
    table: str
    key: str
    label: str
    positive: str
    features: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{identifier(self.database)}.{identifier(self.table)}"


def choose(types: Mapping[str, str], *, key: str, label: str, left_out: Sequence[str]) -> tuple[str, ...]:
    """The features among the columns (name -> Glue type), in the table's order: all but the key, the label and what is left out.

    Raises InvalidData with every column that is not a number, and for a key or label whose type has no exact text. Raises UsageError
    for a name that the table does not have.
    """
    has = f"the table has {', '.join(types)}"
    for role, name in (("key", key), ("label", label), *(("left_out", name) for name in left_out)):
        if name not in types:
            raise UsageError(f"{role} names the column {name!r}, but {has}", cure="Name a column of the table.")
    if key == label:
        raise UsageError(f"key and label are both {key!r}", cure="The key identifies rows; the label is the class to predict.")
    for role, name in (("key", key), ("label", label)):
        if not _WORD.fullmatch(types[name]):
            raise InvalidData(f"The {role} {name} is a {types[name]}", cure="Text, whole numbers and booleans can be compared exactly.")
    features = tuple(name for name in types if name not in (key, label, *left_out))
    odd = [f"{name} ({types[name]})" for name in features if not is_number(types[name])]
    if odd:
        raise InvalidData(
            f"Not columns of numbers: {', '.join(odd)}", cure="Leave these columns out (left_out), or change them to numbers in the table."
        )
    if taken := [name for name in features if name in RESERVED]:
        raise InvalidData(
            f"Features cannot have the names {', '.join(taken)}", cure="The preparation uses these names. Rename the columns."
        )
    if not features:
        raise InvalidData(f"No feature is left: {has}", cure="A model needs at least one column of numbers.")
    return features
