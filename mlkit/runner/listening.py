"""The runner's end of the journal: a Unix socket that the kernel and its children tell their events to."""

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

LAST_WORDS_S = 1.0  # what is still in the sockets when the kernel is gone is read in milliseconds


class JournalListener:
    """Listens from `start` to `stop`; every event is handled before its sender goes on. The folder of the socket is the user's alone."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None]) -> None:
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
        """Reads what a kernel that has ended said last, then closes. A second call does nothing."""
        if self._stopping:
            return
        self._stopping = True
        if self._accepting.is_alive():
            Client(self.address, family="AF_UNIX").close()  # wakes `accept`, behind all that came before
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
                    return  # the sender is gone
                except Exception:  # what a notebook sends is no reason for the runner to fail
                    connection.send_bytes(b"not understood")
