"""EventBridge's rules about rules and events that the emulator does not keep.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/Welcome.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_MOST_TARGETS = 5
Request = Mapping[str, Any]


def follow_the_rules_of_eventbridge() -> None:
    """Keep rules that have targets, find no targets of a missing rule, and reject wrong events by their place."""
    from ministack.services import eventbridge

    delete, remove, put_targets = eventbridge._delete_rule, eventbridge._remove_targets, eventbridge._put_targets
    list_targets, put_events = eventbridge._list_targets_by_rule, eventbridge._put_events

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

    def put_some_targets(request: Request) -> Any:
        kept = {target["Id"] for target in eventbridge._targets.get(key(request, "Rule"), ())}
        if len(kept | {target["Id"] for target in request["Targets"]}) > _MOST_TARGETS:
            text = "The requested resource exceeds the maximum number allowed."
            return missing(request) or eventbridge.error_response_json("LimitExceededException", text, 400)
        return missing(request) or put_targets(request)

    def put_right_events(request: Request, **more: Any) -> Any:
        wrong = {place: error for place, entry in enumerate(request["Entries"]) if (error := _entry_error(entry))}
        right = [entry for place, entry in enumerate(request["Entries"]) if place not in wrong]
        status, headers, body = put_events({**request, "Entries": right}, **more)
        return status, headers, _merged(json.loads(body), wrong, len(request["Entries"])) if wrong and status < 400 else body

    eventbridge._delete_rule, eventbridge._put_targets, eventbridge._put_events = delete_rule, put_some_targets, put_right_events
    eventbridge._remove_targets = lambda request: missing(request) or remove(request)
    eventbridge._list_targets_by_rule = lambda request: missing(request) or list_targets(request)


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


def _merged(answer: Mapping[str, Any], wrong: Mapping[int, dict[str, str]], count: int) -> bytes:
    accepted: Sequence[Any] = list(answer["Entries"])
    rest = iter(accepted)
    entries = [wrong[place] if place in wrong else next(rest) for place in range(count)]
    return json.dumps({"FailedEntryCount": answer["FailedEntryCount"] + len(wrong), "Entries": entries}).encode()
