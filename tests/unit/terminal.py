"""A pseudo-terminal of 80 columns in which a test types to a program of its own and reads what a person would see."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

from waiting import HANG_S, wait_until

CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """What a person has: keys and a screen. `go` lets the program leave its next `wait_for_go()`."""

    def __init__(self, keys: int, far_end: int, gate: int, process: "subprocess.Popen[bytes]") -> None:
        self._keys, self._far_end, self._gate, self._unread = keys, far_end, gate, ""
        self.process = process

    def type(self, text: str) -> None:
        os.write(self._keys, text.encode())

    def type_ahead(self, text: str) -> None:
        """Type lines that nobody reads yet, and come back once they lie there to be read."""
        self.type(text)
        waiting = struct.pack("i", 0)
        wait_until(
            lambda: struct.unpack("i", fcntl.ioctl(self._far_end, termios.FIONREAD, waiting))[0],
            "the text has arrived",
            ok=lambda length: length >= len(text),
        )

    def go(self) -> None:
        os.write(self._gate, b"g")

    def read_until(self, pattern: str) -> str:
        """What is shown up to the end of the pattern's first match, with plain line ends."""
        end = time.monotonic() + HANG_S
        while not (found := re.search(pattern, self._unread)):
            assert time.monotonic() < end, f"{pattern!r} is never shown: {self._unread!r}"
            if select.select([self._keys], [], [], 0.2)[0]:
                self._unread += os.read(self._keys, 65536).decode(errors="replace").replace("\r\n", "\n")
        shown, self._unread = self._unread[: found.end()], self._unread[found.end() :]
        return shown


WAIT_FOR_GO = "import os; wait_for_go = lambda: os.read(int(os.environ['GATE']), 1)\n"


@contextmanager
def terminal(program: str) -> Iterator[Terminal]:
    """A terminal in whose foreground this Python program runs; it may call `wait_for_go()`."""
    keys, far_end = pty.openpty()
    fcntl.ioctl(far_end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    gate_out, gate_in = os.pipe()
    # A new session whose first opened terminal becomes its own: Ctrl-C then reaches the program, and the program is in the foreground.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # tests in the background are started to ignore it
    taken = f"import os; os.close(os.open(os.ttyname(0), os.O_RDWR))\n{heard}{WAIT_FOR_GO}{program}"
    process = subprocess.Popen(
        [sys.executable, "-c", taken],
        stdin=far_end,
        stdout=far_end,
        stderr=far_end,
        start_new_session=True,
        pass_fds=[gate_out],
        env={**os.environ, "GATE": str(gate_out), "TERM": "xterm", "COLUMNS": "80"},
    )
    try:
        yield Terminal(keys, far_end, gate_in, process)
    finally:
        process.kill()
        process.wait()
        for end in (keys, far_end, gate_out, gate_in):
            os.close(end)
