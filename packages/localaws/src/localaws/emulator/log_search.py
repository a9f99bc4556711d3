"""FilterLogEvents with patterns, stream prefixes and pages.

The emulator ignores `logStreamNamePrefix`, drops what exceeds one page, and finds everything by a JSON pattern.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from localaws.emulator.log_patterns import InvalidPatternError, Matches, PatternNotHonouredError, compile_pattern

_PAGE = 10_000  # events of one answer, as in CloudWatch Logs' API reference


def search_by_pattern_and_page() -> None:
    """Let FilterLogEvents search the streams that the request names, and answer page by page."""
    from ministack.services import cloudwatch_logs as logs

    find = logs._filter_log_events

    def search(request: Mapping[str, Any]) -> Any:
        names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
        if names and prefix:
            return _refused(logs, "Only one of logStreamNames and logStreamNamePrefix can be specified.")
        start = _start(request.get("nextToken"))
        if start is None:
            return _refused(logs, "The specified nextToken is invalid.")
        group = logs._log_groups.get(logs._resolve_log_group_name(request))
        if group is None:
            return find(request)  # which tells that there is no such group
        wanted = set(names or (name for name in group["streams"] if name.startswith(prefix or "")))
        limit = min(request.get("limit", _PAGE), _PAGE)
        try:
            matches = compile_pattern(request.get("filterPattern", ""))
            found = _events(logs, request, {name: stream for name, stream in group["streams"].items() if name in wanted}, matches)
        except InvalidPatternError:
            return _refused(logs, "Invalid filter pattern")
        except PatternNotHonouredError as error:
            return _refused(logs, f"The local AWS does not honour in a filter pattern: {error}.")
        answer: dict[str, Any] = {"events": found[start : start + limit], "searchedLogStreams": []}
        if start + limit < len(found):
            answer["nextToken"] = base64.b64encode(f"events/{start + limit}".encode()).decode()
        return logs.json_response(answer)

    logs._filter_log_events = search


def _events(logs: Any, request: Mapping[str, Any], streams: Mapping[str, Any], matches: Matches) -> list[dict[str, Any]]:
    """The matching events of the streams, the oldest first. `startTime` and `endTime` are milliseconds and inclusive."""
    first, last = request.get("startTime", 0), request.get("endTime", float("inf"))
    with logs._log_events_lock:
        inside = [
            {**event, "logStreamName": name}
            for name, stream in streams.items()
            for event in stream["events"]
            if first <= event["timestamp"] <= last
        ]
    inside.sort(key=lambda event: (event["timestamp"], event.get("ingestionTime", 0)))
    return [event for event in inside if matches(event.get("message", ""))]


def _start(token: str | None) -> int | None:
    """The position of the page; None for a token that no answer gave."""
    if token is None:
        return 0
    try:
        kind, _, position = base64.b64decode(token, validate=True).decode().partition("/")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return int(position) if kind == "events" and position.isdecimal() else None


def _refused(logs: Any, message: str) -> Any:
    return logs.error_response_json("InvalidParameterException", message, 400)
