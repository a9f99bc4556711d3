"""The cells of a notebook that changed. nbdime pairs the cells; outputs, metadata and execution counts are not compared."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nbdime
import nbformat
from nbdime.diff_format import DiffOp

from mlkit.errors import InvalidData
from mlkit.review.line_diffs import LineDiff, diff_texts

_MOST_CELLS = 200
_MOST_CHARACTERS = 200_000  # of all cells; nbdime compares each with each, which takes minutes for much more
_INJECTED = "injected-parameters"  # papermill's tag of the cell that it adds


@dataclass(frozen=True, kw_only=True)
class CellDiff:
    """`number` counts the cells from 1, in the new notebook, or in the old one for a cell that is gone. `change` is a verb."""

    number: int
    kind: str
    change: str
    diff: LineDiff


def cells_of(notebook: bytes) -> list[dict[str, Any]]:
    """Kind, id and source of each cell that a person wrote. Raises InvalidData for what is no notebook."""
    try:
        cells = json.loads(notebook)["cells"]
        return [_own_words(cell) for cell in cells if _INJECTED not in cell.get("metadata", {}).get("tags", ())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise InvalidData("The notebook cannot be read.") from problem


def diff_notebooks(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[CellDiff]:
    """The cells that were added, removed or changed, in the new notebook's order. Raises InvalidData if there is too much to compare."""
    for cells in (old, new):
        if len(cells) > _MOST_CELLS or sum(len(cell["source"]) for cell in cells) > _MOST_CHARACTERS:
            raise InvalidData("The notebook is too large to compare.")
    operations = nbdime.diff_notebooks(_notebook(old), _notebook(new))
    of_cells: Any = next((operation.diff for operation in operations if operation.key == "cells"), [])
    return list(_cell_diffs(old, new, of_cells))


def _cell_diffs(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], operations: Any) -> Iterator[CellDiff]:
    shift = 0  # a cell's place in the new notebook less its place in the old one
    for operation in operations:
        at = operation.key
        if operation.op == DiffOp.ADDRANGE:
            yield from (_cell(at + shift + index, "added", "", cell) for index, cell in enumerate(operation.valuelist))
            shift += len(operation.valuelist)
        elif operation.op == DiffOp.REMOVERANGE:
            yield from (_cell(at + index, "removed", old[at + index]["source"], None) for index in range(operation.length))
            shift -= operation.length
        elif old[at]["source"] != new[at + shift]["source"]:
            yield _cell(at + shift, "changed", old[at]["source"], new[at + shift])


def _cell(index: int, change: str, before: str, after: Mapping[str, Any] | None) -> CellDiff:
    diff = diff_texts(before, after["source"] if after else "")
    return CellDiff(number=index + 1, kind=after["cell_type"] if after else "", change=change, diff=diff)


def _own_words(cell: Mapping[str, Any]) -> dict[str, Any]:
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    kind = "code" if cell["cell_type"] == "code" else "markdown"
    return {"cell_type": kind, "id": str(cell.get("id", "")), "source": text}


def _notebook(cells: Sequence[Mapping[str, Any]]) -> Any:
    empty: dict[str, Any] = {"outputs": [], "execution_count": None}
    whole = [{**cell, "metadata": {}, **(empty if cell["cell_type"] == "code" else {})} for cell in cells]
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": whole})  # type: ignore[no-untyped-call]
