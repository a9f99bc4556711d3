"""PutLogEvents with the rules for a batch: its order, its span, and the ages of events that CloudWatch Logs takes.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_OLDEST_DAYS = 14


def refuse_wrong_batches() -> None:
    """Refuse a batch out of order or of more than a day, and leave out the events that are too old or too new."""
    from ministack.services import cloudwatch_logs as logs

    put = logs._put_log_events

    def put_fitting(request: Mapping[str, Any]) -> Any:
        times = [event["timestamp"] for event in request["logEvents"]]
        if times != sorted(times):
            text = "Log events in a single PutLogEvents request must be in chronological order."
            return logs.error_response_json("InvalidParameterException", text, 400)
        if times and times[-1] - times[0] > _DAY_MS:
            text = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            return logs.error_response_json("InvalidParameterException", text, 400)
        group = logs._log_groups.get(request["logGroupName"]) or {}
        first, end, rejected = _fitting(times, group.get("retentionInDays"))
        status, headers, body = put({**request, "logEvents": request["logEvents"][first:end]})
        if rejected and status < 400:
            body = json.dumps({**json.loads(body), "rejectedLogEventsInfo": rejected}).encode()
        return status, headers, body

    logs._put_log_events = put_fitting


def _fitting(times: Sequence[int], retention_days: int | None) -> tuple[int, int, dict[str, int]]:
    """The first event that is taken, the end of those taken, and what the answer says of the others."""
    now = time.time() * 1000
    expired = sum(at < now - retention_days * _DAY_MS for at in times) if retention_days else 0
    too_old = sum(at < now - _OLDEST_DAYS * _DAY_MS for at in times)
    too_new = sum(at > now + 2 * _HOUR_MS for at in times)
    told = {
        "tooNewLogEventStartIndex": (too_new, len(times) - too_new),
        "tooOldLogEventEndIndex": (too_old, too_old),
        "expiredLogEventEndIndex": (expired, expired),
    }
    rejected = {name: index for name, (count, index) in told.items() if count}
    return max(too_old, expired), len(times) - too_new, rejected
