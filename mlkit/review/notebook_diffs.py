"""The cells of a notebook that changed. nbdime pairs the cells; outputs, metadata and execution counts are not compared."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import nbdime
import nbformat
from nbdime.diff_format import DiffOp

from mlkit.errors import InvalidData
from mlkit.review.line_diffs import LineDiff, diff_texts

Cell = Mapping[str, Any]
_MOST_CELLS = 1_000
_MOST_COMPARED = 10_000_000  # characters times characters: nbdime compares each changed cell with each, up to two seconds for so many
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


def diff_notebooks(old: Sequence[Cell], new: Sequence[Cell]) -> list[CellDiff]:
    """The cells that were added, removed or changed, in the new notebook's order. Raises InvalidData if there are too many cells."""
    if max(len(old), len(new)) > _MOST_CELLS:
        raise InvalidData("The notebook has too many cells to compare.")
    before, after = ([(cell["cell_type"], cell["source"]) for cell in cells] for cells in (old, new))
    found: list[CellDiff] = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            found.extend(_between(old[start:end], new[new_start:new_end], start, new_start))
    return found


def _between(old: Sequence[Cell], new: Sequence[Cell], old_start: int, new_start: int) -> Iterator[CellDiff]:
    """The differences of two runs of cells between equal ones. `old_start` and `new_start` are their places in the notebooks."""
    if _characters(old) * _characters(new) > _MOST_COMPARED:
        yield from (_cell(old_start + index, "removed", cell, None) for index, cell in enumerate(old))
        yield from (_cell(new_start + index, "added", None, cell) for index, cell in enumerate(new))
        return
    shift = 0  # a cell's place among the new ones less its place among the old ones
    for operation in _operations(old, new):
        at = operation.key
        if operation.op == DiffOp.ADDRANGE:
            yield from (_cell(new_start + at + shift + index, "added", None, cell) for index, cell in enumerate(operation.valuelist))
            shift += len(operation.valuelist)
        elif operation.op == DiffOp.REMOVERANGE:
            yield from (_cell(old_start + at + index, "removed", old[at + index], None) for index in range(operation.length))
            shift -= operation.length
        elif old[at]["source"] != new[at + shift]["source"]:
            yield _cell(new_start + at + shift, "changed", old[at], new[at + shift])


def _operations(old: Sequence[Cell], new: Sequence[Cell]) -> Any:
    """nbdime's operations on the list of cells."""
    operations = nbdime.diff_notebooks(_notebook(old), _notebook(new))
    return next((operation.diff for operation in operations if operation.key == "cells"), [])


def _characters(cells: Sequence[Cell]) -> int:
    return sum(len(cell["source"]) for cell in cells)


def _cell(index: int, change: str, before: Cell | None, after: Cell | None) -> CellDiff:
    kind = (after or before or {"cell_type": ""})["cell_type"]
    diff = diff_texts(before["source"] if before else "", after["source"] if after else "")
    return CellDiff(number=index + 1, kind=kind, change=change, diff=diff)


def _own_words(cell: Cell) -> dict[str, Any]:
    source = cell["source"]
    text = source if isinstance(source, str) else "".join(source)
    kind = "code" if cell["cell_type"] == "code" else "markdown"
    return {"cell_type": kind, "id": str(cell.get("id", "")), "source": text}


def _notebook(cells: Sequence[Cell]) -> Any:
    empty: dict[str, Any] = {"outputs": [], "execution_count": None}
    whole = [{**cell, "metadata": {}, **(empty if cell["cell_type"] == "code" else {})} for cell in cells]
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": whole})  # type: ignore[no-untyped-call]
