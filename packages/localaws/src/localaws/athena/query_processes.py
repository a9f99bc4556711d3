"""The processes of queries: each query has its own DuckDB, which cannot take the local AWS with it. See `query_server`."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localaws.athena.trino.query_errors import QueryError
from localaws.kit.child_process import inherited_environment

_LONGEST_S = 30 * 60.0
"""Athena's quota for queries that are no DDL."""
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # a process that forks must have no other threads, and OpenBLAS starts some when NumPy is imported
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # Arrow's own pool would reserve a gigabyte of the query's limit
    "MALLOC_ARENA_MAX": "2",
}


class QueryEnded(Exception):
    """The query's process ended before its statement: it was stopped, or the system ended it."""


class QueryProcess:
    """One query's DuckDB. Any thread may call `stop`."""

    def __init__(self, stream: socket.socket, folders: Sequence[Path]) -> None:
        """DuckDB may read and write in these folders. The first is its scratch folder."""
        self._stream, self._answers = stream, stream.makefile("rb")
        self.names: Mapping[str, str] = {}
        """The query's name of each column of DuckDB, for errors."""
        stream.settimeout(_LONGEST_S)
        with contextlib.suppress(OSError):  # the process has ended, which the first statement notices
            self._send(list(map(str, folders)))

    def execute(self, sql: str) -> list[list[Any]]:
        """The statement's rows. Raises QueryError in Athena's words, or QueryEnded."""
        try:
            self._send({"sql": sql, "names": self.names})
            line = self._answers.readline()
        except TimeoutError as error:
            self.stop()
            raise QueryError("EXCEEDED_TIME_LIMIT", f"Query exceeded the maximum run time of {_LONGEST_S / 60:.2f}m") from error
        except OSError as error:
            raise QueryEnded from error
        if not line.endswith(b"\n"):
            raise QueryEnded
        answer = json.loads(line)
        if "rows" not in answer:
            raise QueryError(answer["code"], answer["message"])
        rows: list[list[Any]] = answer["rows"]
        return rows

    def _send(self, value: Any) -> None:
        self._stream.sendall(json.dumps(value).encode() + b"\n")

    def stop(self) -> None:
        """End the process, also in the middle of a statement. `execute` then raises QueryEnded."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.stop()
        self._answers.close()
        self._stream.close()


class QueryProcesses:
    """Starts the processes of queries, by a process that has imported DuckDB and forks. One process is ready for the next query."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready: socket.socket | None = None

    def prepare(self) -> None:
        """Start a process for the next query, if none is ready. Returns before the process has opened its DuckDB."""
        with self._lock:
            if self._ready is None:
                self._ready = self._forked()

    def new(self, *folders: Path) -> QueryProcess:
        """A process for one query, with its folders; they must exist."""
        with self._lock:
            stream, self._ready = self._ready, None
            if stream is not None and not _is_open(stream):
                stream.close()
                stream = None
            stream = stream or self._forked()
        return QueryProcess(stream, folders)

    def close(self) -> None:
        """End the process that forks, and the one that is ready. Other queries end when they are closed."""
        with self._lock:
            for stream in (self._ready, self._control):
                if stream is not None:
                    stream.close()
            if self._server is not None:
                self._server.wait()
            self._ready = self._control = self._server = None

    def _forked(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._running(), [b"q"], [theirs.fileno()])
        return ours

    def _running(self) -> socket.socket:
        """The socket of the process that forks. Start it if it does not run."""
        if self._control is None or self._server is None or self._server.poll() is not None:
            if self._control is not None:
                self._control.close()
            self._control, theirs = socket.socketpair()
            with theirs:
                self._server = subprocess.Popen(
                    [sys.executable, "-m", "localaws.athena.query_server"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env={**inherited_environment(), **_ENVIRONMENT},
                    start_new_session=True,
                )
        return self._control


def _is_open(stream: socket.socket) -> bool:
    """Whether the process that waits at the other end still runs."""
    try:
        return bool(stream.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
    except OSError:
        return False
