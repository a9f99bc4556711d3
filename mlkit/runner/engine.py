"""papermill's engine with honest stamps: each cell's end as it was, saved whole at every step, and a kernel that can be stopped.

papermill itself stamps every cell `completed` when the kernel dies, leaves the kernel alive on SIGTERM and calls `sys.exit(0)` in
the middle of a notebook a success. Here the kernel's process decides. Imported by the runner when a notebook starts, not before.
"""

import logging
import os
import signal
from typing import Any

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

from mlkit.errors import cure_told
from mlkit.records import Status
from mlkit.runner.cells import is_run
from mlkit.runner.session import RunStopped, Session

NAME = "mlkit"
SHUTDOWN_WAIT_S = 1.0  # until a kernel whose cells are all done is ended by signal; some never answer, and jupyter_client waits 5 s
_PARAMETER_TAGS = {"parameters", "injected-parameters"}

logging.getLogger("papermill").addHandler(logging.NullHandler())  # else Python prints the kernel's death a second time, bare


class HonestManager(NotebookExecutionManager):  # type: ignore[misc]
    """papermill's stamps, with `not run`, `died`, `interrupted` and `timed out` besides its own."""

    def __init__(self, nb: Any, session: Session) -> None:
        super().__init__(nb, progress_bar=False)
        self.session = session
        session.notebook = nb
        nb.metadata.papermill["output_path"] = session.output_path

    def save(self, **_: Any) -> None:
        self.session.on_save()
        self.last_save_time = self.now()

    def autosave_cell(self) -> None:
        """Each output counts: the last that a cell says before the machine goes away is worth most."""
        self.session.on_save()

    def notebook_start(self, **kwargs: Any) -> None:
        super().notebook_start(**kwargs)
        self.session.on_begin()

    def cell_start(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        if not is_run(cell):
            stamps = cell.metadata.papermill
            stamps["status"], stamps["exception"] = self.COMPLETED if cell.cell_type != "code" else str(Status.NOT_RUN), False
            return
        self.session.check_going()
        super().cell_start(cell, cell_index, **kwargs)
        self.session.on_cell(cell, None)

    def cell_ended(self, cell: Any, status: Status) -> None:
        """Stamps a cell that was started."""
        stamps = cell.metadata.papermill
        stamps["status"], stamps["exception"] = str(status), status is not Status.COMPLETED
        super().cell_complete(cell)
        stamps["status"] = str(status)
        self.session.on_cell(cell, status)

    def notebook_complete(self, **_: Any) -> None:
        self.end_time = self.now()
        stamps = self.nb.metadata.papermill
        stamps["end_time"], stamps["duration"] = self.end_time.isoformat(), (self.end_time - self.start_time).total_seconds()
        stamps["exception"] = True if self.session.status is not Status.COMPLETED else None
        for cell in self.nb.cells:
            if cell.metadata.papermill["status"] == self.PENDING:
                cell.metadata.papermill["status"] = str(Status.NOT_RUN)
        self.save()


class StoppableClient(PapermillNotebookClient):  # type: ignore[misc]
    """nbclient that tells the session about its kernel and leaves when the kernel is gone."""

    def __init__(self, manager: HonestManager, session: Session, **options: Any) -> None:
        super().__init__(manager, **options)
        self.session = session

    def start_new_kernel(self, **options: Any) -> None:
        self.session.check_going()
        if getattr(self.km, "ipykernel", False):
            self.extra_arguments += ["--IPKernelApp.log_level=ERROR", "--IPKernelApp.extra_extensions=mlkit.kernel"]
        output, kernels_end = os.pipe()
        try:
            super().start_new_kernel(stdout=kernels_end, stderr=kernels_end, **options)
        finally:
            os.close(kernels_end)
        self.km.shutdown_wait_time = SHUTDOWN_WAIT_S
        self.session.started(self.km.provisioner.process, output)

    def papermill_execute_cells(self) -> None:
        reply = self.wait_for_reply(self.kc.kernel_info())
        self.session.python = reply["content"]["language_info"].get("version")
        for index, cell in enumerate(self.nb.cells):
            self.nb_man.cell_start(cell, index)
            if is_run(cell):
                status = self._run_cell(cell, index)
                self.nb_man.cell_ended(cell, status)
                if status is Status.FAILED:
                    return
                if status is not Status.COMPLETED:
                    raise RunStopped

    def _run_cell(self, cell: Any, index: int) -> Status:
        session, cure = self.session, ""
        try:
            with session.time_limit(session.cell_timeout_s, "the cell"):
                self.execute_cell(cell, index)
                self._resolve_references(cell, index)
        except CellExecutionError as problem:
            status, ename, evalue, cure = Status.FAILED, problem.ename, problem.evalue, cure_told(problem.traceback)
        except DeadKernelError:
            status, ename, evalue = Status.DIED, "KernelDied", session.death()
        else:
            return Status.COMPLETED
        if session.stop_status is not None:
            status, ename, evalue = session.stop_status, "Interrupted", session.stop_reason
        if status is not Status.FAILED:
            session.signal_kernel(signal.SIGKILL)  # the clean-up of a killed kernel is instant
        session.fail(status, cell, ename, evalue, cure)
        return status

    def _resolve_references(self, cell: Any, index: int) -> None:
        """After a cell of parameters: the secrets that they refer to take their place, in the kernel alone."""
        if not self.session.references or not _PARAMETER_TAGS & set(cell.metadata.get("tags", [])):
            return
        code = f"__import__('mlkit.kernel').kernel.resolve({list(self.session.references)!r}, globals())"
        reply = self.wait_for_reply(self.kc.execute(code, silent=True, store_history=False))["content"]
        if reply["status"] != "ok":
            error = {name: reply[name] for name in ("ename", "evalue", "traceback")}
            cell.outputs.append(new_output("error", **error))  # type: ignore[no-untyped-call]
            raise CellExecutionError.from_cell_and_msg(cell, reply)


class Engine(NBClientEngine):  # type: ignore[misc]
    """What papermill runs a notebook with when it is asked for the engine `mlkit`."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, *, session: Session, start: dict[str, Any], start_timeout: float, **_: Any) -> Any:
        manager = HonestManager(nb, session)
        manager.notebook_start()
        try:
            # An error that a tag allows would go unseen: a pipeline's notebook never swallows.
            options = {"kernel_name": kernel_name, "startup_timeout": start_timeout, "force_raise_errors": True}
            StoppableClient(manager, session, log=logging.getLogger("papermill"), **options).execute(**start)
        finally:
            manager.notebook_complete()
        return manager.nb


def register() -> None:
    """Makes the engine known to papermill by its NAME; again and again does no harm."""
    papermill_engines.register(NAME, Engine)
