"""Athena's operations: who may call them, and what they answer."""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlkit.local.athena import browsing, workgroups
from mlkit.local.athena.executions import History, QueryExecution
from mlkit.local.athena.resource_types import RESOURCE_TYPES
from mlkit.local.athena.workgroups import PRIMARY, WorkGroup, WorkGroups, check_result_configuration, refuse
from mlkit.local.service import AwsError, Caller, Host, Operation, Permission, ResourceType

if TYPE_CHECKING:
    from mlkit.local.athena.queue import Queue

Members = dict[str, Any]


class Athena:
    """The service. DuckDB and the SQL parser are imported with the first query, so that the server starts quickly."""

    name = "athena"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._groups, self._history = WorkGroups(host.account, host.region), History()
        self._lock, self._queue_made = threading.Lock(), None  # type: ignore[var-annotated]
        self.resource_types: Mapping[str, ResourceType] = RESOURCE_TYPES
        self.operations: Mapping[str, Operation] = self._operations()

    # --- state --------------------------------------------------------------------------------------------------------

    def get_state(self) -> Members:
        return {"workgroups": self._groups.get_state(), "executions": self._history.get_state()}

    def load_state(self, state: Members) -> None:
        self._groups.load_state(state["workgroups"])
        self._history.load_state(state["executions"])

    def stop(self) -> None:
        with self._lock:
            queue = self._queue_made
        if queue is not None:
            queue.close()
