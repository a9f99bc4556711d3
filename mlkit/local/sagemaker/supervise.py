"""Runs one command and leaves nothing behind: `python -I -S supervise.py PIDFILE COMMAND...`, run as a file of its own.

The server holds the other end of stdin. When that closes, also because the server was killed, the command's whole process group
is killed. SIGTERM is passed on to the group, which may then take its time. Whatever the command left running is killed when it ends.
The exit code is the command's, 128 + n for signal n. PIDFILE names the group, for whoever has to end it if this process is killed.
It holds on every Unix; Linux's PR_SET_PDEATHSIG would reach neither grandchildren nor macOS.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading


def main(pidfile: str, command: list[str]) -> int:
    arrived: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: arrived.append(number))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    with open(pidfile, "w") as file:
        file.write(str(child.pid))
    signal.signal(signal.SIGTERM, lambda number, _: _end(child.pid, number))
    if arrived:
        _end(child.pid, signal.SIGTERM)
    threading.Thread(target=_kill_when_alone, args=(child.pid,), daemon=True).start()
    code = child.wait()
    _end(child.pid, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _kill_when_alone(group: int) -> None:
    while os.read(0, 1024):
        pass
    _end(group, signal.SIGKILL)


def _end(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
