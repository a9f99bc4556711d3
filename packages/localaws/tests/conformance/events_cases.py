"""EventBridge."""

import json
from typing import Any

from conformance_cases import AWS, Call, call, case

SERVICE = "events"
_GUIDE = f"{AWS}/eventbridge/latest/userguide"
_API = f"{AWS}/eventbridge/latest/APIReference"
_SCHEDULES = f"{_GUIDE}/eb-scheduled-rule-pattern.html"
_PATTERNS = f"{_GUIDE}/eb-create-pattern-operators.html"
SCENE = [call("sns.create_topic", {"topic": "TopicArn"}, Name="<name>")]
_EVENT = {
    "id": "1",
    "account": "123456789012",
    "source": "aws.codebuild",
    "time": "2024-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail-type": "CodeBuild Build State Change",
    "detail": {"build-status": "FAILED", "size": 5, "project": "mlkit-prep", "ip": "10.0.0.7", "none": None, "Case": "MiXed"},
}


def _rule(**asked: Any) -> Call:
    return call("events.put_rule", Name="<name>", **asked)


def _schedule(expression: str, is_valid: bool) -> Any:
    if is_valid:
        return case(f"{expression} is a schedule", _SCHEDULES, _rule(ScheduleExpression=expression), gives={"RuleArn": ...})
    error = "ValidationException: Parameter ScheduleExpression is not valid."
    return case(f"{expression} is no schedule", _SCHEDULES, _rule(ScheduleExpression=expression), error=error)


def _matches(says: str, pattern: Any, expected: bool = True) -> Any:
    one = call("events.test_event_pattern", EventPattern=json.dumps(pattern), Event=json.dumps(_EVENT))
    return case(says, _PATTERNS, one, gives={"Result": expected})


CASES = [
    _schedule("rate(1 minute)", True),
    _schedule("rate(5 minutes)", True),
    _schedule("rate(1 minutes)", False),
    _schedule("rate(5 minute)", False),
    _schedule("rate(0 minutes)", False),
    _schedule("cron(0 12 * * ? *)", True),
    _schedule("cron(0 12 * * * *)", False),
    _schedule("cron(0 12 * * ?)", False),
    case("a rule has a pattern or a schedule", f"{_API}/API_PutRule.html", _rule(), error="ValidationException: "),
    case(
        "a pattern's values are in lists",
        f"{_GUIDE}/eb-event-patterns.html",
        _rule(EventPattern='{"source": "aws.s3"}'),
        error="InvalidEventPatternException: Event pattern is not valid.",
    ),
    case(
        "a rule's name has none of the characters that its pattern excludes",
        "botocore: events PutRule.Name",
        call("events.put_rule", Name="a b", ScheduleExpression="rate(1 minute)"),
        error="ValidationException: 1 validation error detected: Value 'a b' at 'name'",
    ),
    case(
        "a rule with targets is not deleted",
        f"{_API}/API_DeleteRule.html",
        _rule(ScheduleExpression="rate(1 day)", State="DISABLED"),
        call("events.put_targets", Rule="<name>", Targets=[{"Id": "1", "Arn": "<topic>"}]),
        call("events.delete_rule", Name="<name>"),
        error="ValidationException: Rule can't be deleted since it has targets.",
    ),
    case(
        "a rule is deleted after its targets",
        f"{_API}/API_DeleteRule.html",
        _rule(ScheduleExpression="rate(1 day)", State="DISABLED"),
        call("events.put_targets", Rule="<name>", Targets=[{"Id": "1", "Arn": "<topic>"}]),
        call("events.remove_targets", Rule="<name>", Ids=["1"]),
        call("events.delete_rule", Name="<name>"),
        call("events.describe_rule", Name="<name>"),
        error="ResourceNotFoundException: Rule <name> does not exist",
    ),
    case(
        "targets of a rule that does not exist are not put",
        f"{_API}/API_PutTargets.html",
        call("events.put_targets", Rule="<name>", Targets=[{"Id": "1", "Arn": "<topic>"}]),
        error="ResourceNotFoundException: Rule <name> does not exist on EventBus default.",
    ),
    case(
        "targets of a rule that does not exist are not listed",
        f"{_API}/API_ListTargetsByRule.html",
        call("events.list_targets_by_rule", Rule="<name>"),
        error="ResourceNotFoundException: Rule <name> does not exist on EventBus default.",
    ),
    case(
        "targets of a rule that does not exist are not removed",
        f"{_API}/API_RemoveTargets.html",
        call("events.remove_targets", Rule="<name>", Ids=["1"]),
        error="ResourceNotFoundException: Rule <name> does not exist on EventBus default.",
    ),
    case(
        "a rule has at most five targets",
        f"{_API}/API_PutTargets.html",
        _rule(ScheduleExpression="rate(1 day)", State="DISABLED"),
        call("events.put_targets", Rule="<name>", Targets=[{"Id": str(place), "Arn": "<topic>"} for place in range(6)]),
        error="LimitExceededException: ",
    ),
    case(
        "targets are listed in pages",
        f"{_API}/API_ListTargetsByRule.html",
        _rule(ScheduleExpression="rate(1 day)", State="DISABLED"),
        call("events.put_targets", Rule="<name>", Targets=[{"Id": str(place), "Arn": "<topic>"} for place in range(3)]),
        call("events.list_targets_by_rule", Rule="<name>", Limit=2),
        gives={"Targets[].Id": ["0", "1"], "NextToken": ...},
    ),
    case(
        "an event whose detail is no JSON fails by its place",
        f"{_API}/API_PutEvents.html",
        call(
            "events.put_events",
            Entries=[{"Source": "a", "DetailType": "b", "Detail": "{"}, {"Source": "a", "DetailType": "b", "Detail": "{}"}],
        ),
        gives={"FailedEntryCount": 1, "Entries[0].ErrorCode": "MalformedDetail", "Entries[1].EventId": ...},
    ),
    case(
        "an event without a detail type fails",
        f"{_API}/API_PutEventsResultEntry.html",
        call("events.put_events", Entries=[{"Source": "a", "Detail": "{}"}]),
        gives={"FailedEntryCount": 1, "Entries[0].ErrorCode": "InvalidArgument"},
    ),
    case(
        "nobody puts events of AWS's own services",
        f"{_API}/API_PutEventsResultEntry.html",
        call("events.put_events", Entries=[{"Source": "aws.s3", "DetailType": "b", "Detail": "{}"}]),
        gives={"Entries[0].ErrorCode": "NotAuthorizedForSourceException"},
    ),
    case(
        "a tested event has all members of an event",
        f"{_API}/API_TestEventPattern.html",
        call("events.test_event_pattern", EventPattern='{"source": ["a"]}', Event='{"source": "a"}'),
        error="ValidationException: Parameter Event is not valid.",
    ),
    _matches("a pattern matches one of its values", {"source": ["aws.s3", "aws.codebuild"]}),
    _matches("all fields of a pattern must match", {"source": ["aws.codebuild"], "detail": {"build-status": ["SUCCEEDED"]}}, False),
    _matches("prefix matches the begin of a text", {"detail": {"project": [{"prefix": "mlkit-"}]}}),
    _matches("suffix matches the end of a text", {"detail": {"project": [{"suffix": "-prep"}]}}),
    _matches("anything-but excludes values", {"detail": {"build-status": [{"anything-but": ["FAILED"]}]}}, False),
    _matches("anything-but excludes a prefix", {"detail": {"project": [{"anything-but": {"prefix": "other"}}]}}),
    _matches("numeric compares numbers", {"detail": {"size": [{"numeric": [">", 0, "<=", 5]}]}}),
    _matches("exists asks for a field", {"detail": {"missing": [{"exists": False}], "size": [{"exists": True}]}}),
    _matches("wildcard matches any characters", {"detail": {"project": [{"wildcard": "ml*-pr*"}]}}),
    _matches("equals-ignore-case ignores case", {"detail": {"Case": [{"equals-ignore-case": "mixed"}]}}),
    _matches("cidr matches an address", {"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}),
    _matches("null matches null", {"detail": {"none": [None]}}),
    _matches("$or needs one of its patterns", {"detail": {"$or": [{"size": [6]}, {"build-status": ["FAILED"]}]}}),
    case(
        "an entry may tell the time of its event",
        f"{_API}/API_PutEventsRequestEntry.html",
        call("events.put_events", Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}", "Time": 1_700_000_000}]),
        gives={"FailedEntryCount": 0, "Entries[0].EventId": ...},
    ),
    case(
        "a target's retries",
        f"{_GUIDE}/eb-rule-retry-policy.html",
        _rule(ScheduleExpression="rate(1 day)", State="DISABLED"),
        call("events.put_targets", Rule="<name>", Targets=[{"Id": "1", "Arn": "<topic>", "RetryPolicy": {"MaximumRetryAttempts": 1}}]),
        refused="Targets.RetryPolicy is not honoured by the local AWS.",
    ),
    case(
        "a queue as a target",
        f"{_GUIDE}/eb-targets.html",
        _rule(ScheduleExpression="rate(1 day)"),
        call("events.put_targets", Rule="<name>", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:<account>:q"}]),
        refused="The local AWS delivers no events to arn:aws:sqs:us-east-1:<account>:q.",
    ),
    case(
        "a bus of one's own",
        f"{_API}/API_CreateEventBus.html",
        call("events.create_event_bus", Name="<name>"),
        refused="The local AWS does not honour events:CreateEventBus.",
    ),
]
