"""Events that a notebook sends to its runner: queries, jobs, objects, metrics, the verdict, and secrets to redact.

In JupyterLab there is no runner, and sending does nothing. Each event is a JSON object with its `kind`. The runner answers before
`tell` returns, so it has the event even if the process dies at the next instruction.
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
    """One connection per process; a forked child opens its own."""

    def __init__(self) -> None:
        self._lock, self._pid, self._connection = threading.Lock(), 0, None

    _connection: "Connection[Any, Any] | None"

    def tell(self, address: str, event: bytes) -> None:
        with self._lock:
            if self._connection is None or self._pid != os.getpid():
                self._connection, self._pid = Client(address, family="AF_UNIX"), os.getpid()
            connection = self._connection
            self._connection = None  # after an interrupt here, the next event would read this event's answer
            connection.send_bytes(event)
            connection.recv_bytes()
            self._connection = connection


_line = _Line()


def is_listened_to() -> bool:
    """Whether a runner started this process."""
    return ADDRESS in os.environ


def tell(kind: str, **facts: Any) -> None:
    """Send one event to the runner, if there is one. A runner that has ended is not an error of the notebook."""
    address = os.environ.get(ADDRESS)
    if address:
        with contextlib.suppress(OSError, EOFError):
            _line.tell(address, json.dumps({"kind": kind, **facts}).encode())


def log_metrics(metrics: Mapping[str, float]) -> None:
    """Write metrics to the run's record by name. A later value of the same name replaces the earlier one.

    Raises InvalidData for a figure that is not finite.
    """
    values = {name: float(value) for name, value in metrics.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            cure = "Look at its inputs: an empty table or a division by zero."
            raise InvalidData(f"The metric `{name}` is {value}.", cure=cure)
    tell("metrics", values=values)


def log_warning(text: str) -> None:
    """Print a warning under the cell, and write it to the run's record and log."""
    print(f"Warning: {text}", file=sys.stderr)
    tell("warning", text=text)


def log_verdict(verdict: str, estimate: Mapping[str, Any] | None = None) -> None:
    """Write the gate's verdict to the run's record, with the members of the `Estimate` that it is about."""
    tell("verdict", verdict=verdict, estimate=None if estimate is None else dict(estimate))


def keep_out_of_sight(secret: str) -> None:
    """Have the runner redact this value wherever it occurs. The value itself is never written."""
    tell("secret", value=secret)
