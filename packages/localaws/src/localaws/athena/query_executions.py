"""Query executions: the submitted query, its state and statistics, and a history of limited length."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localaws.kit.service import AwsError
from localaws.kit.timestamps import moment

HISTORY = 300
"""Number of executions that are kept. AWS keeps them for 45 days."""

ENGINE_VERSION = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
STOPPED = "The local AWS was stopped before the query had ended."
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass(kw_only=True)
class QueryExecution:
    """One query. Times are seconds since 1970; `columns` are ColumnInfo members."""

    id: str
    query: str
    statement_type: str
    substatement_type: str
    workgroup: str
    database: str | None
    catalog: str | None
    output_location: str
    result_configuration: Mapping[str, Any]
    parameters: Sequence[str]
    token: str | None
    submitted_s: float
    state: str = "QUEUED"
    reason: str | None = None
    started_s: float | None = None
    completed_s: float | None = None
    planning_ms: int = 0
    engine_ms: int = 0
    scanned_bytes: int = 0
    manifest_location: str | None = None
    update_count: int | None = None
    columns: Sequence[Mapping[str, Any]] = field(default_factory=list)
    error_category: int | None = None

    @property
    def ended(self) -> bool:
        return self.state in _ENDED

    def answer(self) -> dict[str, Any]:
        """GetQueryExecution's QueryExecution."""
        context = {"Database": self.database, "Catalog": self.catalog}
        return {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.statement_type,
            "SubstatementType": self.substatement_type,
            "ResultConfiguration": {**self.result_configuration, "OutputLocation": self.output_location},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {name: value for name, value in context.items() if value is not None},
            "Status": self._status(),
            "Statistics": self._statistics(),
            "WorkGroup": self.workgroup,
            "EngineVersion": ENGINE_VERSION,
            **({"ExecutionParameters": list(self.parameters)} if self.parameters else {}),
        }

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": moment(self.submitted_s)}
        if self.reason is not None:
            status["StateChangeReason"] = self.reason
        if self.completed_s is not None:
            status["CompletionDateTime"] = moment(self.completed_s)
        if self.error_category is not None:
            status["AthenaError"] = {"ErrorCategory": self.error_category, "Retryable": False, "ErrorMessage": self.reason}
        return status

    def _statistics(self) -> dict[str, Any]:
        statistics: dict[str, Any] = {"DataScannedInBytes": self.scanned_bytes, "EngineExecutionTimeInMillis": self.engine_ms}
        if self.started_s is not None:
            statistics["QueryQueueTimeInMillis"] = int((self.started_s - self.submitted_s) * 1000)
            statistics["QueryPlanningTimeInMillis"] = self.planning_ms
        if self.completed_s is not None:
            statistics["TotalExecutionTimeInMillis"] = int((self.completed_s - self.submitted_s) * 1000)
            statistics["ResultReuseInformation"] = {"ReusedPreviousResult": False}
        if self.manifest_location is not None:
            statistics["DataManifestLocation"] = self.manifest_location
        return statistics


class History:
    """Query executions, oldest first, safe for several threads. Beyond HISTORY, the oldest ended executions are dropped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executions: dict[str, QueryExecution] = {}

    def add(self, execution: QueryExecution) -> None:
        with self._lock:
            self._executions[execution.id] = execution
            ended = [one.id for one in self._executions.values() if one.ended]
            for old in ended[: max(0, len(self._executions) - HISTORY)]:
                del self._executions[old]

    def get(self, execution_id: str) -> QueryExecution:
        """The execution. Raises AwsError with Athena's text for an unknown id."""
        with self._lock:
            execution = self._executions.get(execution_id)
        if execution is None:
            raise AwsError("InvalidRequestException", f"QueryExecution {execution_id} was not found")
        return execution

    def has(self, execution_id: str) -> bool:
        with self._lock:
            return execution_id in self._executions

    def forget(self, workgroup: str) -> None:
        """Drop the executions of a deleted workgroup."""
        with self._lock:
            self._executions = {name: one for name, one in self._executions.items() if one.workgroup != workgroup}

    def submitted_as(self, token: str) -> QueryExecution | None:
        with self._lock:
            return next((one for one in self._executions.values() if one.token == token), None)

    def newest_first(self, workgroup: str) -> list[QueryExecution]:
        with self._lock:
            return [one for one in reversed(self._executions.values()) if one.workgroup == workgroup]

    def __iter__(self) -> Iterator[QueryExecution]:
        with self._lock:
            return iter(list(self._executions.values()))

    def get_state(self) -> list[dict[str, Any]]:
        return [dict(vars(execution)) for execution in self]

    def load_state(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Load the executions. Those that were waiting or running when the process ended become FAILED."""
        for members in state:
            execution = QueryExecution(**members)
            if not execution.ended:
                execution.state, execution.error_category = "FAILED", 1
                execution.reason = STOPPED
                execution.completed_s = execution.started_s or execution.submitted_s
            self.add(execution)
