"""The process of a job or a build: started, asked to stop, killed, and never left behind."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_SUPERVISE = Path(__file__).with_name("supervise.py")

# What a process needs to run at all. Nothing else of the server's environment, least of all its credentials, reaches a job.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TMPDIR",
    "TZ",
    "PYTHONPATH",
    "NUMBA_CACHE_DIR",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
)


class Child:
    """A command in a process group of its own, its output appended to a file as it comes."""

    def __init__(self, command: Sequence[str], *, cwd: Path, output: Path, pidfile: Path, environment: Mapping[str, str]) -> None:
        self._pidfile = pidfile
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISE), str(pidfile), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,
            )

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, 128 + n for signal n, or None while it runs."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        if code < 0:
            self._kill_orphans()
        if self._process.stdin is not None:
            self._process.stdin.close()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Asks it to stop (SIGTERM)."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it and all that it started, at once."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _kill_orphans(self) -> None:
        """The supervisor itself was killed, for want of memory perhaps: its group is ours to end."""
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.killpg(int(self._pidfile.read_text()), signal.SIGKILL)
