"""Starts, stops and kills the process of a job or a build, with everything that it started."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from localaws.kit.sandbox import Sandbox, is_available

_SUPERVISE = Path(__file__).with_name("supervise.py")

# The variables that a process needs to run. A job gets no other variable of the server, and in particular not its credentials.
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


def inherited_environment() -> dict[str, str]:
    """The server's variables that a child process gets."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


class Child:
    """A command in its own process group. Its output is appended to a file while it runs.

    Without a sandbox, or on a system that has none, the command may do whatever the server may.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        output: Path,
        pidfile: Path,
        environment: Mapping[str, str],
        sandbox: Sandbox | None = None,
    ) -> None:
        self._pidfile = pidfile
        rules = ""
        if sandbox is not None and is_available():
            rules = f"{pidfile}.sandbox"
            Path(rules).write_text(sandbox.to_json())
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_SUPERVISE), str(pidfile), rules, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**inherited_environment(), "PYTHONUNBUFFERED": "1", **environment},
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
        """Send SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """Kill the command and everything that it started."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _kill_orphans(self) -> None:
        """Kill the command's group after the supervisor itself was killed, for example by the kernel for lack of memory."""
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.killpg(int(self._pidfile.read_text()), signal.SIGKILL)
