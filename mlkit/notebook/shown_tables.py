"""Small tables that a notebook shows: names beside values, never cut short, since an auditor reads digests and addresses whole."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

_WHOLE = ("display.max_colwidth", None, "display.width", 160, "display.max_columns", None)


class Table(pd.DataFrame):  # type: ignore[misc] # pandas ships no types
    """A DataFrame that shows every value in full, as text and as HTML."""

    @property
    def _constructor(self) -> type["Table"]:
        return Table

    def __repr__(self) -> str:
        with pd.option_context(*_WHOLE):
            return str(super().__repr__())

    def _repr_html_(self) -> str | None:
        with pd.option_context(*_WHOLE):
            html: str | None = super()._repr_html_()
            return html


def facts(values: Mapping[str, Any]) -> Table:
    """One line per name with its value."""
    return Table({"value": dict(values)})


def rows(values: Sequence[Mapping[str, Any]], *, index: str) -> Table:
    """One line per mapping, named by the member `index`."""
    return Table(pd.DataFrame(list(values)).set_index(index))
