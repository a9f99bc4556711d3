"""The code cells of a run: their numbers from 1, the headings above them, their status, and the banner of a failed cell."""

import html
import re
from typing import TYPE_CHECKING

from mlkit.evidence.run_record import CellRecord, Failure, Status

if TYPE_CHECKING:
    from nbformat import NotebookNode

_VERBS = {Status.FAILED: "failed", Status.DIED: "died", Status.INTERRUPTED: "was interrupted", Status.TIMED_OUT: "ran out of time"}


def is_run(cell: "NotebookNode") -> bool:
    """Whether the kernel runs the cell: code, not empty and not tagged `skip-execution`."""
    return cell.cell_type == "code" and bool(cell.source.strip()) and "skip-execution" not in cell.metadata.get("tags", [])


def code_cells(notebook: "NotebookNode") -> "list[tuple[NotebookNode, str]]":
    """The code cells to run, each with the heading above it."""
    found, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#{1,6} +(.+?) *#*$", cell.source, flags=re.MULTILINE)
            heading = headings[-1] if headings else heading
        elif is_run(cell):
            found.append((cell, heading))
    return found


def cell_records(notebook: "NotebookNode") -> tuple[CellRecord, ...]:
    """One record per code cell, from the engine's stamps."""

    def one(number: int, cell: "NotebookNode", heading: str) -> CellRecord:
        stamps = cell.metadata.papermill
        status = Status.NOT_RUN if stamps["status"] == "pending" else Status(stamps["status"])
        return CellRecord(
            number=number,
            cell_id=cell.get("id"),
            heading=heading,
            status=status,
            execution_count=cell.execution_count,
            started=stamps["start_time"],
            ended=stamps["end_time"],
            duration_s=stamps["duration"],
        )

    return tuple(one(number, cell, heading) for number, (cell, heading) in enumerate(code_cells(notebook), 1))


def mark(notebook: "NotebookNode", status: Status, cell: "NotebookNode | None", failure: Failure) -> None:
    """Put papermill's banner at the top of a notebook that did not complete, and its anchor before the cell."""
    from nbformat.v4 import new_markdown_cell
    from papermill.execute import ERROR_ANCHOR_MSG, ERROR_MARKER_TAG, ERROR_STYLE, remove_error_markers

    notebook = remove_error_markers(notebook)
    notebook.metadata.papermill["exception"] = True
    place = "outside of its cells" if cell is None else f'in <a href="#papermill-error-cell">cell {failure.cell_number}</a>'
    detail = html.escape(failure.ename if status is Status.FAILED else failure.evalue)
    tags = {"tags": [ERROR_MARKER_TAG]}
    if cell is not None:
        index = next(i for i, one in enumerate(notebook.cells) if one is cell)
        notebook.cells.insert(index, new_markdown_cell(ERROR_ANCHOR_MSG, metadata=tags))  # type: ignore[no-untyped-call]
    banner = f"<span {ERROR_STYLE}>This run {_VERBS[status]} {place} ({detail}).</span>"
    notebook.cells.insert(0, new_markdown_cell(banner, metadata=tags))  # type: ignore[no-untyped-call]
