"""Trails: their settings, which events they deliver, and their log files."""

import gzip
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localaws.cloudtrail.trail_events import calls_of, event_of, is_data_event
from localaws.kit.api_record import ApiCall
from localaws.kit.operation_names import reads_only
from localaws.kit.service import AwsError
from localaws.kit.timestamps import moment

PRINCIPAL = "cloudtrail.amazonaws.com"
S3_OBJECT = "AWS::S3::Object"
DEFAULT_SELECTORS: Sequence[Mapping[str, Any]] = ({"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []},)


@dataclass(kw_only=True)
class Trail:
    """One trail. Times are seconds since the epoch. `position` counts the calls of this process that were delivered."""

    name: str
    arn: str
    bucket: str
    prefix: str = ""
    selectors: list[dict[str, Any]] = field(default_factory=lambda: [dict(selector) for selector in DEFAULT_SELECTORS])
    is_logging: bool = False
    started: float | None = None
    stopped: float | None = None
    delivered: float | None = None
    error: str | None = None
    position: int = 0

    def described(self, region: str) -> dict[str, Any]:
        shown = {"Name": self.name, "S3BucketName": self.bucket, "TrailARN": self.arn, "HomeRegion": region}
        flags = {"IncludeGlobalServiceEvents": True, "IsMultiRegionTrail": False, "IsOrganizationTrail": False}
        custom = {"HasCustomEventSelectors": self.selectors != list(DEFAULT_SELECTORS), "LogFileValidationEnabled": False}
        return {**shown, **flags, **custom, **({"S3KeyPrefix": self.prefix} if self.prefix else {})}

    def status(self) -> dict[str, Any]:
        times = {"StartLoggingTime": self.started, "StopLoggingTime": self.stopped, "LatestDeliveryTime": self.delivered}
        shown: dict[str, Any] = {name: moment(seconds) for name, seconds in times.items() if seconds is not None}
        return {"IsLogging": self.is_logging, **shown, **({"LatestDeliveryError": self.error} if self.error else {})}

    def wants(self, call: ApiCall) -> bool:
        """Whether one of the event selectors takes the call. The trail's own log files are no events: each would make another."""
        return call.principal != PRINCIPAL and any(_takes(selector, call) for selector in self.selectors)

    def log_file(self, calls: Sequence[ApiCall], *, account: str, region: str) -> tuple[str, bytes] | None:
        """Key and content of the log file of these calls; None if the trail wants none of them."""
        events = [event_of(call, account=account, region=region) for call in calls_of(calls) if self.wants(call)]
        if not events:
            return None
        now = datetime.fromtimestamp(time.time(), UTC)
        name = f"{account}_CloudTrail_{region}_{now:%Y%m%dT%H%MZ}_{secrets.token_urlsafe(12).replace('_', 'x')}.json.gz"
        key = f"AWSLogs/{account}/CloudTrail/{region}/{now:%Y/%m/%d}/{name}"
        return "/".join(filter(None, (self.prefix, key))), gzip.compress(json.dumps({"Records": events}).encode())


def _takes(selector: Mapping[str, Any], call: ApiCall) -> bool:
    kind = selector.get("ReadWriteType", "All")
    if kind != "All" and (kind == "ReadOnly") != reads_only(call.name):
        return False
    if not is_data_event(call):
        return bool(selector.get("IncludeManagementEvents", True)) and call.source not in selector.get("ExcludeManagementEventSources", ())
    if call.source != "s3.amazonaws.com":
        return False
    prefixes = [value for resource in selector.get("DataResources", ()) for value in resource.get("Values", ())]
    return any(_is_below(check.resource, prefix) for check in call.checks[:1] for prefix in prefixes)


def _is_below(arn: str, prefix: str) -> bool:
    """Whether the object or bucket is below the prefix; `arn:aws:s3` takes every bucket, `arn:aws:s3:::name/` also the bucket."""
    return arn.startswith(prefix) or f"{arn}/" == prefix


def check_selectors(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The selectors of PutEventSelectors. Raises AwsError for those that are not honoured."""
    if "AdvancedEventSelectors" in request:
        raise AwsError("InvalidEventSelectorsException", "The local AWS does not honour AdvancedEventSelectors, only EventSelectors.")
    selectors: list[dict[str, Any]] = list(request.get("EventSelectors", []))
    if not selectors:
        raise AwsError("InvalidEventSelectorsException", "Specify EventSelectors.")
    for resource in (resource for selector in selectors for resource in selector.get("DataResources", ())):
        if resource.get("Type") != S3_OBJECT:
            text = f"The local AWS does not honour data resources of the type {resource.get('Type')}, only {S3_OBJECT}."
            raise AwsError("InvalidEventSelectorsException", text)
    return selectors
