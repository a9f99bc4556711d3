"""Report groups and test reports from the JUnit files of builds."""

import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any

from localaws.codebuild.junit import TestCase
from localaws.codebuild.permissions import report_group_arn
from localaws.codebuild.refusals import check_members, invalid
from localaws.kit.members import ANY, only
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.timestamps import moment

_GROUP = {
    "name": ANY,
    "type": only("TEST"),
    "exportConfig": {"exportConfigType": only("NO_EXPORT")},
    "tags": {"key": ANY, "value": ANY},
}
_LIFE_S = 30 * 86_400  # AWS deletes a report's data after thirty days
_MAX_REPORTS = 500


class Reports:
    """Report groups and reports by ARN. Times are in seconds."""

    def __init__(self, host: Host, lock: RLock) -> None:
        self._host, self._lock = host, lock
        self._groups: dict[str, Members] = {}
        self._reports: dict[str, Members] = {}

    def create_group(self, caller: Caller, request: Members) -> Members:
        check_members(request, _GROUP)
        arn = self.group_arn(request["name"])
        with self._lock:
            if arn in self._groups:
                raise AwsError("ResourceAlreadyExistsException", f"Report group already exists: {arn}")
            return {"reportGroup": _timed(self.add_group(**request))}

    def add_group(self, name: str, **members: Any) -> Members:
        """The group of this name; a new group for tests if there is none."""
        arn, now = self.group_arn(name), time.time()
        given = {"type": "TEST", "exportConfig": {"exportConfigType": "NO_EXPORT"}, **members}
        with self._lock:
            group = {"name": name, **given, "arn": arn, "created": now, "lastModified": now, "status": "ACTIVE"}
            return self._groups.setdefault(arn, group)

    def batch_get_groups(self, caller: Caller, request: Members) -> Members:
        found, missing = self._split(self._groups, request["reportGroupArns"])
        return {"reportGroups": [_timed(group) for group in found], "reportGroupsNotFound": missing}

    def list_groups(self, caller: Caller, request: Members) -> Members:
        key = {"NAME": "name", "CREATED_TIME": "created", "LAST_MODIFIED_TIME": "lastModified"}[request.get("sortBy", "NAME")]
        with self._lock:
            ordered = sorted(self._groups.values(), key=lambda group: (group[key], group["name"]))
        return {"reportGroups": _directed([group["arn"] for group in ordered], request, "ASCENDING")}

    def delete_group(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            reports = [arn for arn, report in self._reports.items() if report["reportGroupArn"] == request["arn"]]
            if reports and not request.get("deleteReports", False):
                raise invalid("Cannot delete a report group that has reports: set deleteReports")
            for arn in reports:
                del self._reports[arn]
            self._groups.pop(request["arn"], None)
        return {}

    def batch_get(self, caller: Caller, request: Members) -> Members:
        found, missing = self._split(self._reports, request["reportArns"])
        shown = [{name: value for name, value in _timed(report).items() if name != "cases"} for report in found]
        return {"reports": shown, "reportsNotFound": missing}

    def list_all(self, caller: Caller, request: Members) -> Members:
        return self._list(request, lambda report: True)

    def list_of_group(self, caller: Caller, request: Members) -> Members:
        arn = request["reportGroupArn"]
        with self._lock:
            if arn not in self._groups:
                raise AwsError("ResourceNotFoundException", f"Report group does not exist: {arn}")
        return self._list(request, lambda report: report["reportGroupArn"] == arn)

    def test_cases(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            if (report := self._reports.get(request["reportArn"])) is None:
                raise AwsError("ResourceNotFoundException", f"Report does not exist: {request['reportArn']}")
        wanted = request.get("filter", {})
        expired = {"reportArn": report["arn"], "expired": moment(report["expired"])}
        cases = [
            {**case, **expired}
            for case in report["cases"]
            if wanted.get("status", case["status"]) == case["status"] and wanted.get("keyword", "") in f"{case['prefix']} {case['name']}"
        ]
        return {"testCases": cases}

    def delete(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            self._reports.pop(request["arn"], None)
        return {}

    def add(self, group_arn: str, *, build_arn: str, cases: Sequence[TestCase]) -> str:
        """The ARN of a new report of the group."""
        now, name = time.time(), group_arn.rpartition("/")[2]
        arn = f"arn:aws:codebuild:{self._host.region}:{self._host.account}:report/{name}:{uuid.uuid4()}"
        counts = Counter(case["status"] for case in cases)
        statuses = {status: counts[status] for status in ("SUCCEEDED", "FAILED", "ERROR", "SKIPPED", "UNKNOWN")}
        report = {
            "arn": arn,
            "type": "TEST",
            "name": arn.rpartition("/")[2],
            "reportGroupArn": group_arn,
            "executionId": build_arn,
            "status": "FAILED" if counts["FAILED"] or counts["ERROR"] else "SUCCEEDED",
            "created": now,
            "expired": now + _LIFE_S,
            "exportConfig": {"exportConfigType": "NO_EXPORT"},
            "testSummary": {
                "total": len(cases),
                "statusCounts": statuses,
                "durationInNanoSeconds": sum(case["durationInNanoSeconds"] for case in cases),
            },
            "cases": list(cases),
        }
        with self._lock:
            self._reports[arn] = report
            while len(self._reports) > _MAX_REPORTS:
                del self._reports[next(iter(self._reports))]
        return arn

    def has_group(self, arn: str) -> bool:
        with self._lock:
            return arn in self._groups

    def group_arn(self, name: str) -> str:
        return report_group_arn(name, account=self._host.account, region=self._host.region)

    def get_state(self) -> Members:
        with self._lock:
            return {"groups": list(self._groups.values()), "reports": list(self._reports.values())}

    def load_state(self, state: Mapping[str, Any]) -> None:
        with self._lock:
            self._groups = {group["arn"]: group for group in state.get("groups", [])}
            self._reports = {report["arn"]: report for report in state.get("reports", [])}

    def _list(self, request: Members, wanted: Any) -> Members:
        status = request.get("filter", {}).get("status")
        with self._lock:
            found = [report for report in self._reports.values() if wanted(report) and status in (None, report["status"])]
        ordered = [report["arn"] for report in sorted(found, key=lambda report: report["created"])]
        return {"reports": _directed(ordered, request, "DESCENDING")}

    def _split(self, known: Mapping[str, Members], arns: Sequence[str]) -> tuple[list[Members], list[str]]:
        with self._lock:
            return [known[arn] for arn in arns if arn in known], [arn for arn in arns if arn not in known]


def _directed(items: list[str], request: Members, default: str) -> list[str]:
    """The items, which are in ascending order, in the request's order."""
    return items[::-1] if request.get("sortOrder", default) == "DESCENDING" else items


def _timed(record: Members) -> Members:
    return {name: moment(value) if name in ("created", "lastModified", "expired") else value for name, value in record.items()}
