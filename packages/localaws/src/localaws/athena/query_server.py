"""Runs each query's DuckDB in a process of its own: `python -m localaws.athena.query_server`, with a Unix socket as its stdin.

For each socket that arrives on stdin, this process forks a child, which has DuckDB imported already. The child opens a DuckDB. Then it
reads a line of JSON with the query's folders, and a statement in each further line. It answers a statement with a line of JSON: the rows,
or an error in Athena's words. It ends when the other end of its socket closes, also in the middle of a statement, so a query ends with the
local AWS, however that ends.
"""

import contextlib
import gc
import importlib
import json
import os
import queue
import resource
import shutil
import signal
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from localaws.athena import duck
from localaws.athena.trino.query_errors import QueryError

_OVERHEAD = 2.5
"""Address space for data as a multiple of what DuckDB counts. DuckDB does not count all it takes, for example for long lists, and keeps
address space that it no longer uses."""
_OUT_OF_MEMORY = "EXCEEDED_LOCAL_MEMORY_LIMIT"


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended children leave nothing behind
    _import_all()
    gc.freeze()
    with socket.socket(fileno=0) as control:
        while True:
            mark, descriptors, *_ = socket.recv_fds(control, 1, 1)
            if not mark:
                os._exit(0)  # DuckDB's module complains when the interpreter ends
            if os.fork() == 0:
                control.close()
                _serve(socket.socket(fileno=descriptors[0]))
            os.close(descriptors[0])


def _import_all() -> None:
    """Import what DuckDB imports with its first Python function, lest each child does so for half a second."""
    for name in ("pyarrow.compute", "pyarrow.pandas_compat", "pandas"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _serve(stream: socket.socket) -> None:
    """Run one query's statements. Never returns."""
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    reader, writer = stream.makefile("rb"), stream.makefile("wb")
    threading.Thread(target=_read, args=(reader, lines), daemon=True).start()
    _limit_memory()
    connection = duck.unconfined()
    folders = list(map(Path, json.loads(lines.get())))
    _limit_files(folders[0])
    duck.confine(connection, folders)
    while True:
        writer.write(json.dumps(_answer(connection, **json.loads(lines.get()))).encode() + b"\n")
        writer.flush()


def _read(reader: BinaryIO, lines: "queue.SimpleQueue[bytes]") -> None:
    """Pass lines on. The end of the stream ends this process, although its main thread may be in DuckDB."""
    with contextlib.suppress(OSError):
        for line in reader:
            lines.put(line)
    os._exit(0)


def _limit_memory() -> None:
    """Limit the memory of this process. If the machine has none left, the system ends this process first."""
    most = int(duck.memory_limit_bytes() * _OVERHEAD)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit_files(scratch: Path) -> None:
    """Let no file of the query take more than half of the free disk."""
    most = shutil.disk_usage(scratch).free // 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def _answer(connection: duckdb.DuckDBPyConnection, sql: str, names: Mapping[str, str]) -> dict[str, Any]:
    try:
        return {"rows": connection.execute(sql).fetchall()}
    except duckdb.Error as error:
        failure = duck.translate_error(error, names)
    except MemoryError:
        failure = QueryError(_OUT_OF_MEMORY, f"The query needs more than {duck.memory_limit_bytes() >> 20} MB of memory")
    return {"code": failure.code, "message": failure.message}


if __name__ == "__main__":
    main()
