"""A table of labelled rows in the lake, with the roles of its columns."""

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlkit.aws.data_lake import Lake, find_lake
from mlkit.errors import UsageError
from mlkit.gate.target import Target, Task
from mlkit.notebook import shown_tables
from mlkit.tabular.columns import LabelledTable, choose

__all__ = ["Source", "check_columns", "choose_columns", "find_lake"]

Missing = Literal["drop", "keep"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The lake's table with the roles of its columns."""

    lake: Lake
    table: LabelledTable

    def summary(self) -> shown_tables.Table:
        """The chosen columns, for the notebook to show."""
        types, table = self.lake.columns, self.table
        meant = {
            "binary": f"1 for {table.positive}",
            "multi-class": "a class",
            "regression": f"a number{f' of {table.unit}' if table.unit else ''}",
        }
        facts = {
            **self.lake.summary()["value"],
            "key": f"{table.key} ({types[table.key]})",
            "label": f"{table.label} ({types[table.label]}), {meant[table.task]}",
            "features": f"{len(table.features)}: {', '.join(sorted({types[name] for name in table.features}))}",
        }
        more = {"categories": ", ".join(table.categorical)} if table.categorical else {}
        return shown_tables.facts({**facts, **more})


def choose_columns(
    lake: Lake,
    *,
    key: str,
    label: str,
    positive: str = "",
    left_out: Sequence[str] = (),
    task: Task = "binary",
    unit: str = "",
    categorical: Sequence[str] = (),
    missing: Missing = "drop",
) -> Source:
    """The table with its columns' roles; every column except key, label and `left_out` is a feature.

    With `missing="keep"`, a row may lack features. Raises InvalidData with each feature that is neither a number nor named in
    `categorical`, UsageError for a task or unit that does not exist.
    """
    if task not in typing.get_args(Task) or missing not in typing.get_args(Missing):
        raise UsageError(
            f"task is {task!r}, missing is {missing!r}", cure="A task is binary, multi-class or regression; missing drop or keep."
        )
    features = choose(lake.columns, key=key, label=label, left_out=left_out, task=task, categorical=categorical)
    _check_unit(task, unit)
    table = LabelledTable(
        database=lake.database,
        table=lake.table,
        key=key,
        label=label,
        features=features,
        task=task,
        positive=positive,
        unit=unit,
        categorical=tuple(name for name in features if name in categorical),
        keeps_missing=missing == "keep",
    )
    return Source(lake=lake, table=table)


def check_columns(lake: Lake, parameters: Mapping[str, Any]) -> None:
    """Raises what `choose_columns` raises for these parameters of 01_prep."""
    own = ("key", "label", "left_out", "task", "categorical")
    choose(lake.columns, **{name: parameters[name] for name in own if name in parameters})


def _check_unit(task: Task, unit: str) -> None:
    if not unit:
        return
    try:
        Target(task="regression", unit=unit)
    except ValueError as error:
        raise UsageError(f"unit is {unit!r}: {error}", cure='Give words such as "stars" or "mm", or nothing.') from error
    if task != "regression":
        raise UsageError(f"unit is {unit!r}, and classes have none", cure="Leave `unit` empty, or set task to regression.")
