"""papermill's engine with honest stamps: each cell's end as it was, saved whole at every step, and a kernel that can be stopped.

papermill itself stamps every cell `completed` when the kernel dies, leaves the kernel alive on SIGTERM and calls `sys.exit(0)` in
the middle of a notebook a success. Here the kernel's process decides. Imported by the runner when a notebook starts, not before.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

from mlkit.records import Failure, Status

NAME = "mlkit"
INTERRUPT_GRACE_S = 5.0  # what a cell gets after the interrupt to tidy up (stop its jobs) before its processes are killed
SHUTDOWN_WAIT_S = 1.0  # until a kernel whose cells are all done is ended by signal; some never answer, and jupyter_client waits 5 s
STORE_SHARE = 0.05  # of the run's time may go into storing the notebook while it runs, beyond the first half second
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

logging.getLogger("papermill").addHandler(logging.NullHandler())  # else Python prints the kernel's death a second time, bare


class RunStopped(Exception):
    """Leaves papermill's loop when the kernel is gone or to be ended; the session knows why."""


class Session:
    """The state of one run that engine, signals and timers share."""

    def __init__(
        self,
        executed: Path,
        *,
        store: Callable[[Path], None] | None,
        on_cell: Callable[[Any, Status | None], None],
        cell_timeout_s: float | None,
        run_timeout_s: float | None,
    ) -> None:
        self.executed, self.store, self.on_cell = executed, store, on_cell
        self.cell_timeout_s, self.run_timeout_s = cell_timeout_s, run_timeout_s
        self.notebook: Any = None
        self.status = Status.COMPLETED
        self.failure: tuple[Any, Failure] | None = None  # the cell, or None, and what happened
        self.python: str | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.stop_status: Status | None = None
        self.stop_reason = ""
        self._kill_at = 0.0
        self._finished = threading.Event()
        self._started = time.monotonic()
        self._stored_s = 0.0

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Signals and the run's time limit end the run in order while the block runs. Signals need the main thread."""
        handlers = {}
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asks for a run that outlives its terminal
                    handlers[number] = signal.signal(
                        number, lambda n, _: self.stop(Status.INTERRUPTED, f"stopped by {signal.Signals(n).name}")
                    )
        ended = False
        try:
            with self.time_limit(self.run_timeout_s, "the run"):
                yield
            ended = True
        finally:
            self._finished.set()
            if not ended or self.status is not Status.COMPLETED:
                self.signal_kernel(signal.SIGKILL)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    @contextmanager
    def time_limit(self, seconds: float | None, what: str) -> Iterator[None]:
        """Stops the run as timed out when the block takes longer than `seconds`."""
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self.stop, (Status.TIMED_OUT, f"{what} took longer than {seconds:g} s"))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def stop(self, status: Status, reason: str) -> None:
        """Interrupts the kernel, then kills it after a grace; at once when asked a second time."""
        if self.stop_status is not None:
            self._kill_at = 0.0
            return
        self.stop_status, self.stop_reason = status, reason
        self._kill_at = time.monotonic() + INTERRUPT_GRACE_S
        threading.Thread(target=self._end_kernel, daemon=True).start()

    def _end_kernel(self) -> None:
        interrupted = False
        while not self._finished.wait(0.05):
            if self.process is not None and not interrupted:
                interrupted = True
                self.signal_kernel(signal.SIGINT)
            if self.process is not None and time.monotonic() >= self._kill_at:
                self.signal_kernel(signal.SIGKILL)
                return

    def signal_kernel(self, number: signal.Signals) -> None:
        """Signals the kernel's whole process group; the kernel leads it, so its children are reached after its death too."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except (ProcessLookupError, PermissionError):
                return  # nobody is left

    def check_going(self) -> None:
        """Raises RunStopped when the run is to end before its next cell."""
        if self.stop_status is not None:
            self.fail(self.stop_status, None, "Interrupted", self.stop_reason)
            raise RunStopped

    def fail(self, status: Status, cell: Any, ename: str, evalue: str) -> None:
        self.status = status
        self.failure = (cell, Failure(cell_number=None, heading="", ename=ename, evalue=evalue))

    def death(self) -> str:
        """How the kernel's process ended, for people."""
        code = self.process.poll() if self.process is not None else None
        if code is None or code >= 0:
            return f"the kernel ended with exit code {code}" if code is not None else "the kernel died"
        hint = ", most often the system's answer to too much memory" if code == -signal.SIGKILL else ""
        return f"the kernel was ended by {signal.Signals(-code).name}{hint}"

    def save(self) -> None:
        """Writes the notebook in one step, so that a reader never finds half of it."""
        partial = self.executed.with_name(f".{self.executed.name}.partial")
        partial.write_text(nbformat.writes(self.notebook), encoding="utf-8")  # type: ignore[no-untyped-call]
        os.replace(partial, self.executed)

    def store_now(self) -> None:
        if self.store is not None:
            began = time.monotonic()
            self.store(self.executed)
            self._stored_s += time.monotonic() - began

    def store_if_cheap(self) -> None:
        """Stores the unfinished notebook while that costs little. A failure waits for the last store, which raises it."""
        if self._stored_s <= 0.5 + STORE_SHARE * (time.monotonic() - self._started):
            try:
                self.store_now()
            except Exception as problem:
                logging.getLogger(__name__).warning("The unfinished notebook could not be stored: %s", problem)


class HonestManager(NotebookExecutionManager):  # type: ignore[misc]
    """papermill's stamps, with `not run`, `died`, `interrupted` and `timed out` besides its own."""

    def __init__(self, nb: Any, session: Session) -> None:
        super().__init__(nb, progress_bar=False)
        self.session = session
        session.notebook = nb
        nb.metadata.papermill["output_path"] = str(session.executed)

    def save(self, **_: Any) -> None:
        self.session.save()
        self.last_save_time = self.now()

    def notebook_start(self, **kwargs: Any) -> None:
        super().notebook_start(**kwargs)
        self.session.store_now()  # a run whose evidence cannot be stored must not begin

    def autosave_cell(self, **kwargs: Any) -> None:
        before = self.last_save_time
        super().autosave_cell(**kwargs)
        if self.last_save_time != before:
            self.session.store_if_cheap()

    def cell_start(self, cell: Any, cell_index: int | None = None, **kwargs: Any) -> None:
        if not is_run(cell):
            stamps = cell.metadata.papermill
            stamps["status"], stamps["exception"] = self.COMPLETED if cell.cell_type != "code" else str(Status.NOT_RUN), False
            return
        self.session.check_going()
        super().cell_start(cell, cell_index, **kwargs)
        self.session.on_cell(cell, None)
        self.session.store_if_cheap()

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
            self.extra_arguments.append("--IPKernelApp.log_level=ERROR")  # its warnings would land among our lines
        super().start_new_kernel(**options)
        self.km.shutdown_wait_time = SHUTDOWN_WAIT_S
        self.session.process = self.km.provisioner.process

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
        session = self.session
        try:
            with session.time_limit(session.cell_timeout_s, "the cell"):
                self.execute_cell(cell, index)
        except CellExecutionError as problem:
            status, ename, evalue = Status.FAILED, problem.ename, problem.evalue
        except DeadKernelError:
            status, ename, evalue = Status.DIED, "KernelDied", session.death()
        else:
            return Status.COMPLETED
        if session.stop_status is not None:
            status, ename, evalue = session.stop_status, "Interrupted", session.stop_reason
        if status is not Status.FAILED:
            session.signal_kernel(signal.SIGKILL)  # the clean-up of a killed kernel is instant
        session.fail(status, cell, ename, evalue)
        return status


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


def is_run(cell: Any) -> bool:
    """Whether the kernel is given the cell: code, not empty and not tagged `skip-execution`."""
    return cell.cell_type == "code" and bool(cell.source.strip()) and "skip-execution" not in cell.metadata.get("tags", [])


def register() -> None:
    """Makes the engine known to papermill by its NAME; again and again does no harm."""
    papermill_engines.register(NAME, Engine)
