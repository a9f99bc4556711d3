"""The runner's end of the journal: a Unix socket for the events of the kernel and its children."""

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from mlkit.evidence.activity_log import Event

LAST_WORDS_S = 1.0  # to read what is still in the sockets when the kernel has ended; milliseconds suffice


class JournalListener:
    """Listens from `start` to `stop`, and handles every event before its sender continues. Only the user may open the socket's folder."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._folder = Path(tempfile.mkdtemp(prefix="mlkit-"))
        self.address = str(self._folder / "journal")
        self._listener = Listener(self.address, family="AF_UNIX", backlog=64)
        self._lines: list[threading.Thread] = []
        self._stopping = False
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def start(self) -> None:
        self._accepting.start()

    def stop(self) -> None:
        """Read the last events of a kernel that has ended, then close. A second call does nothing."""
        if self._stopping:
            return
        self._stopping = True
        if self._accepting.is_alive():
            Client(self.address, family="AF_UNIX").close()  # wakes `accept` after all earlier connections
            self._accepting.join()
        for line in self._lines:
            line.join(LAST_WORDS_S)
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self) -> None:
        while True:
            connection = self._listener.accept()
            line = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            line.start()
            self._lines.append(line)
            if self._stopping:
                return

    def _serve(self, connection: "Connection[Any, Any]") -> None:
        with connection:
            while True:
                try:
                    event = json.loads(connection.recv_bytes())
                    self._on_event(event)
                    connection.send_bytes(b"heard")
                except (EOFError, OSError):
                    return  # the sender has ended
                except Exception:  # a notebook's event must not make the runner fail
                    connection.send_bytes(b"not understood")
