"""What a notebook tells its runner while it runs: queries, jobs, objects, metrics, the verdict, and secrets to keep out of sight.

In JupyterLab, where no runner listens, telling does nothing. Each event is a JSON object with its `kind`; the runner answers before
`tell` returns, so that what is announced is known even if the process dies with the next instruction.
"""

import contextlib
import json
import math
import os
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Client, Connection
from typing import Any

from mlkit.errors import InvalidData

ADDRESS = "MLKIT_JOURNAL"  # the variable that holds the path of the runner's socket


class _Line:
    """One connection per process; a child that was forked opens its own."""

    def __init__(self) -> None:
        self._lock, self._pid, self._connection = threading.Lock(), 0, None

    _connection: "Connection[Any, Any] | None"

    def tell(self, address: str, event: bytes) -> None:
        with self._lock:
            if self._connection is None or self._pid != os.getpid():
                self._connection, self._pid = Client(address, family="AF_UNIX"), os.getpid()
            connection = self._connection
            self._connection = None  # an interrupt from here on leaves an answer behind, which the next event would take for its own
            connection.send_bytes(event)
            connection.recv_bytes()
            self._connection = connection


_line = _Line()


def is_listened_to() -> bool:
    """Whether a runner started this process."""
    return ADDRESS in os.environ


def tell(kind: str, **facts: Any) -> None:
    """Announce one event to the runner, if there is one. A runner that is gone is not an error of the notebook."""
    address = os.environ.get(ADDRESS)
    if address:
        with contextlib.suppress(OSError, EOFError):
            _line.tell(address, json.dumps({"kind": kind, **facts}).encode())


def log_metrics(metrics: Mapping[str, float]) -> None:
    """Put figures into the run's record, by name; a name that is logged again takes the later value.

    Raises InvalidData for a figure that is not finite.
    """
    values = {name: float(value) for name, value in metrics.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            cure = "Look at what it is computed from: an empty table, a division by zero."
            raise InvalidData(f"The metric `{name}` is {value}.", cure=cure)
    tell("metrics", values=values)


def log_warning(text: str) -> None:
    """Show the reader of the notebook and of the run's log something that is no error: under the cell, and in the run's record."""
    print(f"Warning: {text}", file=sys.stderr)
    tell("warning", text=text)


def log_verdict(verdict: str) -> None:
    """Put the decision on the model into the run's record."""
    tell("verdict", verdict=verdict)


def keep_out_of_sight(secret: str) -> None:
    """Have the runner redact this value wherever it shows up. It is never written."""
    tell("secret", value=secret)
