"""The state of one run, which engine, signals, timers and journal share, and the ways to end it."""

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlkit.errors import RunnerFailed
from mlkit.evidence.run_record import Failure, Status

if TYPE_CHECKING:
    from nbformat import NotebookNode

INTERRUPT_GRACE_S = 5.0  # time for a cell to clean up after the interrupt before its processes are killed
SWITCH_INTERVAL_S = 0.0005  # with Python's default of 5 ms, the reader of messages waits that long for the saver at each message
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
LAST_WORDS = 20  # lines of the kernel process's own output, kept in memory to explain its death


class RunStopped(Exception):
    """Raised to leave papermill's loop when the kernel has ended or must end. The session holds the reason."""


def runner_failed(problem: BaseException) -> tuple[str, str, str]:
    """Name, text and cure for an exception that nothing was prepared for: the text says where it was raised."""
    frames = traceback.extract_tb(problem.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return RunnerFailed.__name__, f"{type(problem).__name__}: {problem}{place}", RunnerFailed.cure


class RunState:
    """One run. It calls `on_cell` at each cell's start (status None) and end, and `on_save` to save the notebook.

    `references` maps the tag of the cell that sets them to the parameters that refer to secrets.
    """

    def __init__(
        self,
        *,
        on_begin: Callable[[], None],
        on_save: Callable[[], None],
        on_cell: Callable[[Any, Status | None], None],
        on_process: Callable[[int], None],
        references: Mapping[str, Sequence[str]] | None = None,
        cell_timeout_s: float | None = None,
        run_timeout_s: float | None = None,
    ) -> None:
        self.on_begin, self.on_save, self.on_cell, self.on_process = on_begin, on_save, on_cell, on_process
        self.references = references or {}
        self.cell_timeout_s, self.run_timeout_s = cell_timeout_s, run_timeout_s
        self.notebook: Any = None
        self.output_path = ""
        self.status = Status.COMPLETED
        self.failure: tuple[Any, Failure] | None = None  # the cell, or None, and what happened
        self.python: str | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.stop_status: Status | None = None
        self.stop_reason = ""
        self.last_words: deque[str] = deque(maxlen=LAST_WORDS)
        self._kill_at = 0.0
        self._finished = threading.Event()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """In this context, signals and the run's time limit end the run in order. Signals need the main thread."""
        handlers = {}
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup the run outlives its terminal
                    handlers[number] = signal.signal(
                        number, lambda n, _: self.stop(Status.INTERRUPTED, f"stopped by {signal.Signals(n).name}")
                    )
        switch_interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        try:
            with self.time_limit(self.run_timeout_s, "the run"):
                yield
        finally:
            sys.setswitchinterval(switch_interval_s)
            self._finished.set()
            self.signal_kernel(signal.SIGKILL)  # ends its child processes too
            for number, handler in handlers.items():
                signal.signal(number, handler)

    @contextmanager
    def time_limit(self, seconds: float | None, what: str) -> Iterator[None]:
        """Stop the run as timed out if the block takes longer than `seconds`."""
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

    def stop(self, status: Status, reason: str, grace_s: float | None = None) -> None:
        """Interrupt the kernel, and kill it after the grace period; a second call kills it at once."""
        if self.stop_status is not None:
            self._kill_at = 0.0
            return
        self.stop_status, self.stop_reason = status, reason
        self._kill_at = time.monotonic() + (INTERRUPT_GRACE_S if grace_s is None else grace_s)
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
        """Signal the kernel's whole process group. The kernel leads it, so the signal reaches its children after its death too."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, number)
            except (ProcessLookupError, PermissionError):
                return  # no process is left

    def started(self, process: "subprocess.Popen[bytes]", output: int) -> None:
        """Take note of the kernel's process, and read its output outside of IPython. Not printed: it has not been screened for secrets."""
        self.process = process
        self.on_process(process.pid)
        threading.Thread(target=self._listen, args=(output,), daemon=True).start()

    def _listen(self, output: int) -> None:
        with open(output, encoding="utf-8", errors="replace") as lines:
            self.last_words.extend(line.rstrip() for line in lines)

    def check_going(self) -> None:
        """Raises RunStopped if the run must end before its next cell."""
        if self.stop_status is not None:
            self.fail_stopped()
            raise RunStopped

    @property
    def stop_name(self) -> str:
        """The exception's name for a stop in the record."""
        return "Stopped" if self.stop_status is Status.FAILED else "Interrupted"

    def fail_stopped(self) -> None:
        """Record the requested stop as the run's end outside of its cells."""
        assert self.stop_status is not None
        self.fail(self.stop_status, None, self.stop_name, self.stop_reason)

    def fail(self, status: Status, cell: "NotebookNode | None", ename: str, evalue: str, cure: str = "") -> None:
        self.status = status
        self.failure = (cell, Failure(cell_number=None, heading="", ename=ename, evalue=evalue, cure=cure))

    def death(self) -> tuple[str, str]:
        """How the kernel's process ended, and the next step."""
        code = self.process.poll() if self.process is not None else None
        words = "".join(f"\n  {line}" for line in self.last_words)
        if code is None:
            return f"the kernel died{words}", ""
        if code >= 0:
            return f"the kernel's process exited with code {code}{words}", "Look for os._exit(), or a library that ends the process."
        name = signal.Signals(-code).name
        if code == -signal.SIGKILL:
            hint = "usually because the machine ran out of memory"
            return f"the kernel was ended by {name}, {hint}{words}", "Use fewer rows, more shards or a larger compute type."
        if -code in CRASHES:
            return f"the kernel crashed ({name}) in compiled code{words}", "Look for a package whose version does not fit the others."
        return f"the kernel was ended by {name}{words}", "Find the sender: the notebook, a limit of the machine, or a person."
