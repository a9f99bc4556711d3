"""A papermill engine that records how each cell really ended, saves at every step, and can stop the kernel.

papermill itself marks every cell `completed` when the kernel dies, leaves the kernel alive on SIGTERM, and treats `sys.exit(0)` in
the middle of a notebook as success. Here the state of the kernel's process decides. The runner imports it when a notebook starts.
"""

import logging
from datetime import datetime
from typing import Any

from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

from mlkit.evidence.run_record import Status
from mlkit.runner.cells import is_run
from mlkit.runner.notebook_client import StoppableClient
from mlkit.runner.run_state import RunState

NAME = "mlkit"

logging.getLogger("papermill").addHandler(logging.NullHandler())  # otherwise Python prints the kernel's death a second time


class HonestManager(NotebookExecutionManager):  # type: ignore[misc]
    """papermill's stamps, with the additional states `not run`, `died`, `interrupted` and `timed out`."""

    def __init__(self, nb: NotebookNode, session: RunState) -> None:
        super().__init__(nb, progress_bar=False)
        self.session = session
        session.notebook = nb
        nb.metadata.papermill["output_path"] = session.output_path

    def save(self, **_: Any) -> None:
        self.session.on_save()
        self.last_save_time = self.now()

    def autosave_cell(self) -> None:
        """Save at every output, because the last one before a crash matters most."""
        self.session.on_save()

    def notebook_start(self, **kwargs: Any) -> None:
        super().notebook_start(**kwargs)
        self.session.on_begin()

    def cell_start(self, cell: NotebookNode, cell_index: int | None = None) -> None:
        if not is_run(cell):
            stamps = cell.metadata.papermill
            stamps["status"], stamps["exception"] = self.COMPLETED if cell.cell_type != "code" else str(Status.NOT_RUN), False
            return
        self.session.check_going()
        super().cell_start(cell)
        self.session.on_cell(cell, None)

    def cell_ended(self, cell: NotebookNode, status: Status) -> None:
        """Stamp a started cell; again if an error arrives later. papermill's method would save `completed` for a kernel's death."""
        stamps, end = cell.metadata.papermill, self.now()
        stamps["end_time"] = end.isoformat()
        stamps["duration"] = (end - datetime.fromisoformat(stamps["start_time"])).total_seconds()
        stamps["status"], stamps["exception"] = str(status), status is not Status.COMPLETED
        self.save()
        self.session.on_cell(cell, status)

    def notebook_complete(self, **_: Any) -> None:
        self.end_time = self.now()
        stamps = self.nb.metadata.papermill
        stamps["end_time"], stamps["duration"] = self.end_time.isoformat(), (self.end_time - self.start_time).total_seconds()
        stamps["exception"] = True if self.session.status is not Status.COMPLETED else None
        ended = {self.PENDING: Status.NOT_RUN, self.RUNNING: self.session.status}
        for cell in self.nb.cells:
            stamps = cell.metadata.papermill
            stamps["status"] = str(ended.get(stamps["status"], stamps["status"]))
        self.save()


class PapermillEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's engine `mlkit`."""

    @classmethod
    def execute_notebook(
        cls, nb: NotebookNode, kernel_name: str, *, session: RunState, start: dict[str, Any], start_timeout: float, **_: Any
    ) -> Any:
        manager = HonestManager(nb, session)
        manager.notebook_start()
        try:
            # A tag must not allow errors: a pipeline's notebook never hides one.
            options = {"kernel_name": kernel_name, "startup_timeout": start_timeout, "force_raise_errors": True}
            StoppableClient(manager, session, log=logging.getLogger("papermill"), **options).execute(**start)
        finally:
            manager.notebook_complete()
        return manager.nb


def register() -> None:
    """Register the engine with papermill under its NAME. Repeated calls are harmless."""
    papermill_engines.register(NAME, PapermillEngine)
