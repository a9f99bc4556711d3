"""LookupEvents: the management events of the record, the newest first."""

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from localaws.cloudtrail.trail_events import calls_of, event_of, is_data_event, user_name
from localaws.kit.api_record import ApiCall
from localaws.kit.service import AwsError
from localaws.kit.timestamps import moment

_PAGE = 50
_ATTRIBUTES: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "EventId": lambda event: event["eventID"],
    "EventName": lambda event: event["eventName"],
    "EventSource": lambda event: event["eventSource"],
    "ReadOnly": lambda event: str(event["readOnly"]).lower(),
    "Username": user_name,
    "AccessKeyId": lambda event: event["userIdentity"].get("accessKeyId"),
    "ResourceName": lambda event: next((resource["ARN"] for resource in event["resources"]), None),
}


def look_up(calls: list[ApiCall], request: Mapping[str, Any], *, account: str, region: str) -> dict[str, Any]:
    """One page. Its token fixes the end of the time, so that new events do not shift the pages. Raises AwsError."""
    until, start = _position(request)
    wanted = _wanted(request)
    since = request["StartTime"].timestamp() if "StartTime" in request else 0.0
    chosen = [call for call in calls_of(calls) if since <= call.time_s <= until and not is_data_event(call)]
    events = [(call, event_of(call, account=account, region=region)) for call in reversed(chosen)]
    found = [(call, event) for call, event in events if wanted(event)]
    end = start + request.get("MaxResults", _PAGE)
    answer: dict[str, Any] = {"Events": [_shown(call, event) for call, event in found[start:end]]}
    return {**answer, "NextToken": _token(until, end)} if end < len(found) else answer


def _wanted(request: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    if "EventCategory" in request:
        raise AwsError("InvalidEventCategoryException", "The local AWS does not honour EventCategory: it has no insights.")
    attributes = request.get("LookupAttributes", [])
    if len(attributes) > 1:
        raise AwsError("InvalidLookupAttributesException", "You can use only one lookup attribute.")
    for attribute in attributes:
        key, value = attribute["AttributeKey"], attribute["AttributeValue"]
        if key not in _ATTRIBUTES:
            raise AwsError("InvalidLookupAttributesException", f"The local AWS does not honour the attribute {key}.")
        return lambda event: _ATTRIBUTES[key](event) == value
    return lambda event: True


def _shown(call: ApiCall, event: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "ReadOnly": str(event["readOnly"]).lower(),
        "AccessKeyId": event["userIdentity"].get("accessKeyId"),
        "EventTime": moment(call.time_s),
        "EventSource": event["eventSource"],
        "Username": user_name(event),
        "Resources": [{"ResourceName": resource["ARN"]} for resource in event["resources"]],
        "CloudTrailEvent": json.dumps(event),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _position(request: Mapping[str, Any]) -> tuple[float, int]:
    if (token := request.get("NextToken")) is None:
        return request["EndTime"].timestamp() if "EndTime" in request else time.time(), 0
    try:
        until, start = json.loads(base64.urlsafe_b64decode(token))
        return float(until), int(start)
    except (ValueError, TypeError, binascii.Error) as error:
        raise AwsError("InvalidNextTokenException", "The NextToken is not valid.") from error


def _token(until: float, start: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([until, start]).encode()).decode()
