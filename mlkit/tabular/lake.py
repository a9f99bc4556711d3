"""A table of labelled rows in the lake, with the roles of its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlkit.aws.data_lake import Lake, find_lake
from mlkit.notebook import shown_tables
from mlkit.tabular.columns import LabelledTable, choose

__all__ = ["Source", "check_columns", "choose_columns", "find_lake"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """The lake's table with the roles of its columns."""

    lake: Lake
    table: LabelledTable

    def summary(self) -> shown_tables.Table:
        """The chosen columns, for the notebook to show."""
        kinds = {name: self.lake.columns[name] for name in self.table.features}
        facts = {
            **self.lake.summary()["value"],
            "key": f"{self.table.key} ({self.lake.columns[self.table.key]})",
            "label": f"{self.table.label} ({self.lake.columns[self.table.label]}), 1 for {self.table.positive}",
            "features": f"{len(kinds)}: {', '.join(sorted(set(kinds.values())))}",
        }
        return shown_tables.facts(facts)


def choose_columns(lake: Lake, *, key: str, label: str, positive: str, left_out: Sequence[str] = ()) -> Source:
    """The table with its columns' roles; every column except key, label and `left_out` is a feature.

    Raises InvalidData with each feature that is not a number: categories are not encoded.
    """
    features = choose(lake.columns, key=key, label=label, left_out=left_out)
    table = LabelledTable(database=lake.database, table=lake.table, key=key, label=label, positive=positive, features=features)
    return Source(lake=lake, table=table)


def check_columns(lake: Lake, parameters: Mapping[str, Any]) -> None:
    """Raises what `choose_columns` raises for these parameters of 01_prep."""
    choose(lake.columns, **{name: parameters[name] for name in ("key", "label", "left_out")})
