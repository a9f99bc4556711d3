"""EventBridge's rules about rules and events that the emulator does not keep.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/Welcome.html
"""

import json
from collections.abc import Mapping
from typing import Any

from dateutil.parser import isoparse

_MOST_TARGETS = 5
Request = Mapping[str, Any]


def follow_the_rules_of_eventbridge() -> None:
    """Keep rules that have targets, find no targets of a missing rule, and take events one by one."""
    from ministack.services import eventbridge

    _keep_rules_with_targets(eventbridge)
    _put_events_one_by_one(eventbridge)


def _keep_rules_with_targets(eventbridge: Any) -> None:
    delete, remove, put, show = (
        getattr(eventbridge, name) for name in ("_delete_rule", "_remove_targets", "_put_targets", "_list_targets_by_rule")
    )

    def key(request: Request, name: str) -> Any:
        return eventbridge._rule_key(request[name], request.get("EventBusName", "default"))

    def missing(request: Request) -> Any:
        if key(request, "Rule") in eventbridge._rules:
            return None
        text = f"Rule {request['Rule']} does not exist on EventBus default."
        return eventbridge.error_response_json("ResourceNotFoundException", text, 400)

    def delete_rule(request: Request) -> Any:
        if eventbridge._targets.get(key(request, "Name")):
            return eventbridge.error_response_json("ValidationException", "Rule can't be deleted since it has targets.", 400)
        return delete(request)

    def too_many(request: Request) -> Any:
        kept = {target["Id"] for target in eventbridge._targets.get(key(request, "Rule"), ())}
        if len(kept | {target["Id"] for target in request["Targets"]}) <= _MOST_TARGETS:
            return None
        return eventbridge.error_response_json("LimitExceededException", "The requested resource exceeds the maximum number allowed.", 400)

    eventbridge._delete_rule = delete_rule
    eventbridge._put_targets = lambda request: missing(request) or too_many(request) or put(request)
    eventbridge._remove_targets = lambda request: missing(request) or remove(request)
    eventbridge._list_targets_by_rule = lambda request: missing(request) or show(request)


def _put_events_one_by_one(eventbridge: Any) -> None:
    """Reject wrong events by their place, and give each event the time that its entry tells. The emulator takes the clock's."""
    put_events = eventbridge._put_events

    def put_each(request: Request, **more: Any) -> Any:
        answered = [_entry_error(entry) or put(request, entry, more) for entry in request["Entries"]]
        failed = sum("ErrorCode" in one for one in answered)
        return eventbridge.json_response({"FailedEntryCount": failed, "Entries": answered})

    def put(request: Request, entry: Request, more: Request) -> Any:
        now, told = eventbridge._now_ts, entry.get("Time")
        told_s = isoparse(told).timestamp() if isinstance(told, str) else told
        eventbridge._now_ts = now if told_s is None else lambda: told_s
        try:
            return json.loads(put_events({**request, "Entries": [entry]}, **more)[2])["Entries"][0]
        finally:
            eventbridge._now_ts = now

    eventbridge._put_events = put_each


def _entry_error(entry: Request) -> dict[str, str] | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": text}
    try:
        is_object = isinstance(json.loads(entry["Detail"]), dict)
    except (ValueError, RecursionError):
        is_object = False
    return None if is_object else {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
