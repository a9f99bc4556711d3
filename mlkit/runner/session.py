"""The state of one run that engine, signals, timers and the journal share: how it is going, and how it is ended."""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mlkit.records import Failure, Status

INTERRUPT_GRACE_S = 5.0  # what a cell gets after the interrupt to tidy up (stop its jobs) before its processes are killed
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LAST_WORDS = 20  # lines of what the kernel's process itself wrote, kept in memory for the case that it dies


class RunStopped(Exception):
    """Leaves papermill's loop when the kernel is gone or to be ended; the session knows why."""


class Session:
    """One run. `on_cell` is told of each cell's start (status None) and end, `on_save` when the notebook is to be kept."""

    def __init__(
        self,
        *,
        on_begin: Callable[[], None],
        on_save: Callable[[], None],
        on_cell: Callable[[Any, Status | None], None],
        on_process: Callable[[int], None],
        references: tuple[str, ...] = (),
        cell_timeout_s: float | None = None,
        run_timeout_s: float | None = None,
    ) -> None:
        self.on_begin, self.on_save, self.on_cell, self.on_process = on_begin, on_save, on_cell, on_process
        self.references = references
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
        """Signals and the run's time limit end the run in order while the block runs. Signals need the main thread."""
        handlers = {}
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asks for a run that outlives its terminal
                    handlers[number] = signal.signal(
                        number, lambda n, _: self.stop(Status.INTERRUPTED, f"stopped by {signal.Signals(n).name}")
                    )
        try:
            with self.time_limit(self.run_timeout_s, "the run"):
                yield
        finally:
            self._finished.set()
            self.signal_kernel(signal.SIGKILL)  # whatever it started goes with it
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

    def started(self, process: "subprocess.Popen[bytes]", output: int) -> None:
        """Knows the kernel's process from now on, and reads what it writes past IPython: never echoed, for nobody has screened it."""
        self.process = process
        self.on_process(process.pid)
        threading.Thread(target=self._listen, args=(output,), daemon=True).start()

    def _listen(self, output: int) -> None:
        with open(output, encoding="utf-8", errors="replace") as lines:
            self.last_words.extend(line.rstrip() for line in lines)

    def check_going(self) -> None:
        """Raises RunStopped when the run is to end before its next cell."""
        if self.stop_status is not None:
            self.fail(self.stop_status, None, "Interrupted", self.stop_reason)
            raise RunStopped

    def fail(self, status: Status, cell: Any, ename: str, evalue: str, cure: str = "") -> None:
        self.status = status
        self.failure = (cell, Failure(cell_number=None, heading="", ename=ename, evalue=evalue, cure=cure))

    def death(self) -> str:
        """How the kernel's process ended, for people."""
        code = self.process.poll() if self.process is not None else None
        words = "".join(f"\n  {line}" for line in self.last_words)
        if code is None or code >= 0:
            return (f"the kernel ended with exit code {code}" if code is not None else "the kernel died") + words
        hint = ", most often the system's answer to too much memory" if code == -signal.SIGKILL else ""
        return f"the kernel was ended by {signal.Signals(-code).name}{hint}{words}"
