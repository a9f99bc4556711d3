"""Runs one command and ends everything that it started: `python -I -S supervise.py PIDFILE SANDBOX COMMAND...`.

The server holds the other end of stdin. When that closes, also because the server was killed, this process kills the command's whole
process group. It passes SIGTERM on to the group, which may then end by itself. When the command ends, it kills the processes that the
command left running; on Linux also those that left the group, as a notebook's kernel does. The exit code is the command's, 128 + n for
signal n. SANDBOX is the file with the command's sandbox, "" without one. PIDFILE holds the group's id, so that the server can end the
group if this process is killed. Linux's PR_SET_PDEATHSIG is no alternative: it does not reach grandchildren, and macOS does not have it.
"""

import contextlib
import ctypes
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
_KILL_S = 5.0


def main(pidfile: str, sandbox: str, command: list[str]) -> int:
    _adopt()
    restrict = _restriction(sandbox) if sandbox else None
    arrived: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: arrived.append(number))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=restrict)
    with open(pidfile, "w") as file:
        file.write(str(child.pid))
    signal.signal(signal.SIGTERM, lambda number, _: _end(child.pid, number))
    if arrived:
        _end(child.pid, signal.SIGTERM)
    threading.Thread(target=_kill_when_alone, args=(child.pid,), daemon=True).start()
    code = child.wait()
    _end(child.pid, signal.SIGKILL)
    _end_descendants()
    return code if code >= 0 else 128 - code


def _restriction(sandbox: str) -> Callable[[], None]:
    """A function that restricts the calling process. It does not return if the kernel refuses: then no command may run."""
    restrict = runpy.run_path(os.path.join(os.path.dirname(__file__), "landlock.py"))["restrict"]
    with open(sandbox) as file:
        rules = json.load(file)
    return lambda: restrict(rules["readable"], rules["writable"])


def _kill_when_alone(group: int) -> None:
    while os.read(0, 1024):
        pass
    _end(group, signal.SIGKILL)


def _adopt() -> None:
    """On Linux, make this process the parent of descendants whose parent ends, also in other sessions."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_descendants() -> None:
    """Kill descendants until none is left, because a process may start another before it is killed. Other users' processes stay."""
    deadline = time.monotonic() + _KILL_S
    while (found := _descendants()) and time.monotonic() < deadline:
        for process in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        time.sleep(0.01)


def _descendants() -> list[int]:
    """The running processes below this one; none on a system without /proc."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{int(name)}/stat") as file:
            state, parent = file.read().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(name)] = int(parent)
    below = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in below} - below:
        below |= more
    return sorted(below - {os.getpid()})


def _end(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
