"""The queue of queries: they wait, run in threads, and can be stopped."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from localaws.athena.object_cache import ObjectCache
from localaws.athena.query_executions import STOPPED, QueryExecution
from localaws.athena.query_processes import QueryProcesses
from localaws.athena.statement_run import Cancelled, Order, StatementRun
from localaws.athena.trino.query_errors import InvalidStatement, QueryError
from localaws.kit.service import Credentials, Host

RUNNING_AT_ONCE = 3
_CACHE_BYTES = 8 << 30
_log = logging.getLogger("localaws.athena")


class Queue:
    """Runs up to RUNNING_AT_ONCE queries at a time. It calls `changed` when an execution's state changes."""

    def __init__(self, host: Host, changed: Callable[[], None]) -> None:
        self._host, self._changed = host, changed
        home = host.home("athena")
        self._cache, self._scratch = ObjectCache(home / "objects", limit_bytes=_CACHE_BYTES), home / "scratch"
        shutil.rmtree(self._scratch, ignore_errors=True)  # files of a process that was killed
        self._pool = ThreadPoolExecutor(max_workers=RUNNING_AT_ONCE, thread_name_prefix="athena")
        self._processes = QueryProcesses()
        self._lock, self._runs = threading.Lock(), dict[str, tuple[QueryExecution, StatementRun]]()

    def submit(self, execution: QueryExecution, order: Order, credentials: Credentials) -> None:
        run = StatementRun(
            order,
            clients=lambda service: self._host.client(service, credentials),
            cache=self._cache,
            processes=self._processes,
            scratch=self._scratch / execution.id,
        )
        self._processes.prepare()
        with self._lock:
            self._runs[execution.id] = (execution, run)
        self._pool.submit(self._work, execution, run)

    def stop(self, execution: QueryExecution) -> None:
        """Cancel a query that waits or runs. A query that has ended does not change."""
        with self._lock:
            _, run = self._runs.get(execution.id, (None, None))
            self._end(execution, "CANCELLED", "Query cancelled by user")
        if run is not None:
            run.stop()

    def close(self) -> None:
        """Stop all queries. Those that were waiting or running become FAILED."""
        with self._lock:
            left = list(self._runs.values())
            for execution, _ in left:
                self._end(execution, "FAILED", STOPPED, 1)
        for _, run in left:
            run.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._processes.close()

    def _work(self, execution: QueryExecution, run: StatementRun) -> None:
        with self._lock:
            if execution.ended:  # stopped while it waited
                self._runs.pop(execution.id, None)
                return
            execution.state, execution.started_s = "RUNNING", time.time()
        self._changed()
        state, reason, category = self._outcome(run)
        outcome = run.outcome
        with self._lock:
            self._runs.pop(execution.id, None)
            execution.scanned_bytes = outcome.scanned_bytes
            execution.planning_ms, execution.engine_ms = outcome.planning_ms, outcome.engine_ms
            if not execution.ended and state == "SUCCEEDED":
                execution.columns, execution.update_count = outcome.columns, outcome.update_count
                execution.manifest_location = outcome.manifest_location
            self._end(execution, state, reason, category)
        self._changed()

    def _outcome(self, run: StatementRun) -> tuple[str, str | None, int | None]:
        """Run the query. Returns its state, the reason and AWS's error category (1 system, 2 user)."""
        try:
            run.execute()
        except Cancelled as error:
            return "CANCELLED", str(error) or "Query cancelled by user", None
        except (QueryError, InvalidStatement) as error:
            return "FAILED", str(error), 2
        except Exception as error:
            _log.exception("query failed")
            return "FAILED", f"GENERIC_INTERNAL_ERROR: {error}", 1
        return "SUCCEEDED", None, None

    def _end(self, execution: QueryExecution, state: str, reason: str | None, category: int | None = None) -> None:
        if not execution.ended:
            execution.reason, execution.error_category, execution.completed_s = reason, category, time.time()
            execution.state = state
