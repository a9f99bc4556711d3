"""CloudTrail's operations, and the thread that delivers log files while a trail is logging."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from localaws.cloudtrail import event_lookup
from localaws.cloudtrail.trails import Trail, check_selectors
from localaws.kit.api_record import ApiRecord
from localaws.kit.members import ANY, only, refuse_unhonoured
from localaws.kit.permissions import anywhere, on
from localaws.kit.service import AwsError, Caller, Host, Members, Operation, ResourceType

_INTERVAL_S = 5.0  # between two log files; AWS takes minutes
_NO, _YES = only(False), only(False, True)
_HONOURED = {
    "Name": ANY,
    "S3BucketName": ANY,
    "S3KeyPrefix": ANY,
    "IncludeGlobalServiceEvents": _YES,
    "IsMultiRegionTrail": _NO,
    "EnableLogFileValidation": _NO,
    "IsOrganizationTrail": _NO,
}
_MOST_TRAILS = 5  # AWS's limit in a region
Deliver = Callable[[str, str, str, bytes], None]


class CloudTrail:
    """The service. `deliver(trail_arn, bucket, key, body)` writes a log file by the bucket's policy; it raises AwsError.

    With an empty body it only checks the policy.
    """

    name = "cloudtrail"

    def __init__(self, host: Host, record: ApiRecord, deliver: Deliver) -> None:
        self._host, self._record, self._deliver = host, record, deliver
        self._trails: dict[str, Trail] = {}
        self._lock = threading.RLock()
        self._shutdown = threading.Event()
        self._thread: threading.Thread | None = None
        self.resource_types: Mapping[str, ResourceType] = {}
        self.operations: Mapping[str, Operation] = {
            "LookupEvents": Operation(handler=self._look_up, permissions=anywhere("cloudtrail:LookupEvents"), pages_itself=True),
            "DescribeTrails": Operation(handler=self._describe, permissions=anywhere("cloudtrail:DescribeTrails")),
            **{
                action: Operation(handler=handler, permissions=on(f"cloudtrail:{action}", self._arns(member)))
                for action, member, handler in (
                    ("CreateTrail", "Name", self._create),
                    ("DeleteTrail", "Name", self._delete),
                    ("GetTrailStatus", "Name", lambda caller, request: self._find(request["Name"]).status()),
                    ("StartLogging", "Name", self._start),
                    ("StopLogging", "Name", self._stop),
                    ("PutEventSelectors", "TrailName", self._put_selectors),
                    ("GetEventSelectors", "TrailName", lambda caller, request: self._selectors(self._find(request["TrailName"]))),
                )
            },
        }

    def get_state(self) -> dict[str, Any]:
        with self._lock:
            return {"trails": [asdict(trail) for trail in self._trails.values()]}

    def load_state(self, state: dict[str, Any]) -> None:
        self._trails = {row["name"]: Trail(**{**row, "position": 0}) for row in state["trails"]}
        if any(trail.is_logging for trail in self._trails.values()):
            self._begin()

    def stop(self) -> None:
        self._shutdown.set()
        if self._thread is not None:
            self._thread.join()

    def _arn(self, name: str) -> str:
        return name if name.startswith("arn:") else f"arn:aws:cloudtrail:{self._host.region}:{self._host.account}:trail/{name}"

    def _arns(self, member: str) -> Callable[[Caller, Members], list[str]]:
        return lambda caller, request: [self._arn(request[member])]

    def _find(self, name: str) -> Trail:
        with self._lock:
            found = self._trails.get(name.rpartition("/")[2])
        if found is None or found.arn != self._arn(name):
            raise AwsError("TrailNotFoundException", f"Unknown trail: {name} for the user: {self._host.account}")
        return found

    def _look_up(self, caller: Caller, request: Members) -> Members:
        return event_lookup.look_up(self._record.all(), request, account=self._host.account, region=self._host.region)

    def _describe(self, caller: Caller, request: Members) -> Members:
        wanted = request.get("trailNameList")
        with self._lock:
            trails = [trail for trail in self._trails.values() if not wanted or trail.name in wanted or trail.arn in wanted]
        return {"trailList": [trail.described(self._host.region) for trail in trails]}

    def _create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, _HONOURED, code="UnsupportedOperationException")
        trail = Trail(
            name=request["Name"], arn=self._arn(request["Name"]), bucket=request["S3BucketName"], prefix=request.get("S3KeyPrefix", "")
        )
        self._deliver(trail.arn, trail.bucket, "/".join(filter(None, (trail.prefix, f"AWSLogs/{self._host.account}/"))), b"")
        with self._lock:
            if trail.name in self._trails:
                raise AwsError("TrailAlreadyExistsException", f"Trail {trail.name} already exists for customer: {self._host.account}")
            if len(self._trails) >= _MOST_TRAILS:
                raise AwsError("MaximumNumberOfTrailsExceededException", f"An account can have {_MOST_TRAILS} trails in a region.")
            self._trails[trail.name] = trail
        described = trail.described(self._host.region)
        return {name: value for name, value in described.items() if name not in ("HomeRegion", "HasCustomEventSelectors")}

    def _delete(self, caller: Caller, request: Members) -> Members:
        trail = self._find(request["Name"])
        with self._lock:
            self._trails.pop(trail.name, None)
        return {}

    def _start(self, caller: Caller, request: Members) -> Members:
        trail = self._find(request["Name"])
        with self._lock:
            if not trail.is_logging:
                trail.is_logging, trail.started, trail.position = True, time.time(), self._record.count
            self._begin()
        return {}

    def _stop(self, caller: Caller, request: Members) -> Members:
        """Stop logging, after the events until now are delivered."""
        trail = self._find(request["Name"])
        self._write(trail)
        with self._lock:
            trail.is_logging, trail.stopped = False, time.time()
        return {}

    def _put_selectors(self, caller: Caller, request: Members) -> Members:
        trail = self._find(request["TrailName"])
        trail.selectors = check_selectors(request)
        return self._selectors(trail)

    def _selectors(self, trail: Trail) -> Members:
        return {"TrailARN": trail.arn, "EventSelectors": trail.selectors}

    def _begin(self) -> None:
        """Start the thread, if it does not run yet."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="cloudtrail", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._shutdown.wait(_INTERVAL_S):
            with self._lock:
                logging = [trail for trail in self._trails.values() if trail.is_logging]
            for trail in logging:
                self._write(trail)

    def _write(self, trail: Trail) -> None:
        """Deliver the calls since the last log file. A failure is the trail's LatestDeliveryError."""
        with self._lock:
            if not trail.is_logging:
                return
            count, calls = self._record.since(trail.position)
            file = trail.log_file(calls, account=self._host.account, region=self._host.region)
            trail.position = count
        if file is None:
            return
        try:
            self._deliver(trail.arn, trail.bucket, *file)
        except AwsError as error:
            trail.error = error.code
        else:
            trail.error, trail.delivered = None, time.time()
        self._host.changed()
