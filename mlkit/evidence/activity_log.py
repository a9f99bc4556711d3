"""Collects the journal's events into the activity of a run's record."""

import math
import threading
from collections.abc import Mapping
from typing import Any

from mlkit.evidence.run_record import UNVERSIONED, Activity, FileRecord, InputRecord, JobRecord, ObjectRecord, QueryRecord, ServedRecord
from mlkit.gate.estimate import Estimate
from mlkit.typed_json import build

Event = dict[str, Any]  # `kind`, and the facts that the kind has
NOT_CREATED = "not created"  # the status of a job whose creation AWS refused
_GOING_ON = (None, "InProgress")
_QUERY_GOING_ON = (None, "QUEUED", "RUNNING")

# An event of this kind holds the record's members under the same name. The members below identify the record.
_KINDS: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "object": (ObjectRecord, ("action", "s3_uri", "version_id", "etag")),
    "query": (QueryRecord, ("query_execution_id",)),
    "job": (JobRecord, ("kind", "name")),
    "served": (ServedRecord, ("endpoint", "endpoint_config", "variant", "image")),
    "file": (FileRecord, ("role", "path")),
    "input": (InputRecord, ("name",)),
}
_Key = tuple[Any, ...]


class ActivityLog:
    """Accepts events from any thread. Events of an unknown kind are ignored.

    A later event about the same record overwrites the members that it holds. Jobs and queries that the run only describes are not its
    activity: a query counts once an event has `started`; a job also counts once it is `reused`, or when the event's `tuning_job` names
    a tuning job that counts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, dict[_Key, Any]] = {kind: {} for kind in _KINDS}
        self._members: dict[str, dict[_Key, dict[str, Any]]] = {kind: {} for kind in _KINDS}
        self._started: set[_Key] = set()
        self._tuning_job: dict[_Key, str] = {}
        self._metrics: dict[str, float] = {}
        self._verdict: str | None = None
        self._estimate: Estimate | None = None
        self._warnings: list[str] = []

    def add(self, event: Event) -> None:
        """Add one event."""
        with self._lock:
            match event:
                case {"kind": "metrics", "values": Mapping() as values}:
                    self._metrics.update({str(name): float(value) for name, value in values.items() if _is_figure(value)})
                case {"kind": "warning", "text": str(text)}:
                    self._warnings.append(text)
                case {"kind": "verdict", "verdict": str(verdict)}:
                    self._verdict, self._estimate = verdict, _estimate(event.get("estimate"))
                case {"kind": str(kind)} if kind in _KINDS and isinstance(event.get(kind), Mapping):
                    self._merge(kind, event[kind], event)

    def snapshot(self) -> Activity:
        """The activity so far."""
        with self._lock:
            tuned = {key[1].lower() for key in self._records["job"] if key[0] == "tuning" and self._is_own(key)}
            jobs = (record for key, record in self._records["job"].items() if self._is_own(key) or self._tuning_job.get(key) in tuned)
            return Activity(
                objects=tuple(self._records["object"].values()),
                queries=tuple(record for key, record in self._records["query"].items() if key in self._started),
                jobs=tuple(jobs),
                served=tuple(self._records["served"].values()),
                files=tuple(self._records["file"].values()),
                inputs=tuple(self._records["input"].values()),
                metrics=dict(self._metrics),
                verdict=self._verdict,
                estimate=self._estimate,
                warnings=tuple(self._warnings),
            )

    def unfinished_jobs(self) -> tuple[JobRecord, ...]:
        """The jobs that this run started and that may still run. A `status` of None means that AWS has not confirmed the job.

        Training jobs of a tuning job are left out: they end with the tuning job.
        """
        with self._lock:
            own = (record for key, record in self._records["job"].items() if key in self._started)
            return tuple(record for record in own if record.status in _GOING_ON)

    def unfinished_queries(self) -> tuple[QueryRecord, ...]:
        """The queries that this run started and that may still run."""
        with self._lock:
            own = (record for key, record in self._records["query"].items() if key in self._started)
            return tuple(record for record in own if record.state in _QUERY_GOING_ON)

    def _merge(self, kind: str, told: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        record_type, names = _KINDS[kind]
        key: _Key = tuple(told.get(name) for name in names)
        if kind == "object" and told.get("version_id") not in UNVERSIONED:
            key = key[:-1]  # a version has one content, and not every answer of S3 has its ETag
        try:
            known = self._members[kind].get(key, {})
        except TypeError:
            return  # the name is a list or an object
        members = {**known, **{name: value for name, value in told.items() if value is not None}}
        if members.get("status") == NOT_CREATED and known.get("status") is not None:
            return  # AWS refused a second job of that name; the first one runs on
        try:
            record = build(record_type, members)
        except (KeyError, TypeError, ValueError):
            return
        self._members[kind][key], self._records[kind][key] = members, record
        if event.get("started") is True:
            self._started.add(key)
        if isinstance(tuning_job := event.get("tuning_job"), str):
            self._tuning_job[key] = tuning_job.lower()  # ARNs write names in lower case

    def _is_own(self, job: _Key) -> bool:
        return job in self._started or self._records["job"][job].reused


def _estimate(members: Any) -> Estimate | None:
    """The estimate that an event holds; None for one that is damaged, as for a record that cannot be built."""
    try:
        found: Estimate = build(Estimate, members)
    except (KeyError, TypeError, ValueError):
        return None
    return found


def _is_figure(value: Any) -> bool:
    """A number that JSON can hold."""
    return isinstance(value, int | float) and math.isfinite(value)
