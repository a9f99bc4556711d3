"""CloudWatch Logs."""

import time
from typing import Any

from conformance_cases import AWS, Call, call, case

SERVICE = "logs"
_PATTERNS = f"{AWS}/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"
_API = f"{AWS}/AmazonCloudWatchLogs/latest/APIReference"
_BEGIN = int(time.time() * 1000) - 60_000
_TEXTS = ("[ERROR 400] BAD REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST", "[ERROR 419] MISSING ARGUMENTS", "[WARN] MISSING HEADER")
_LINES = (
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.2 Dev frank [10/Oct/2000:13:35:22 -0700] "GET /about/index.html HTTP/1.0" 500 5324',
    '127.0.0.1 Prod john [10/Oct/2000:13:50:35 -0700] "GET /readme.txt HTTP/1.0" 200 1215',
)
_JSON = (
    '{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another"], "flag": true, "size": 5.5}',
    '{"eventType": "DeleteTrail", "sourceIPAddress": "123.123.1.1", "objectList": [{"name": "a", "id": 1}], "flag": false, "none": null}',
)


def _stream(name: str, messages: tuple[str, ...]) -> list[Call]:
    events = [{"timestamp": _BEGIN + place, "message": message} for place, message in enumerate(messages)]
    return [
        call("logs.create_log_stream", logGroupName="<name>", logStreamName=name),
        call("logs.put_log_events", logGroupName="<name>", logStreamName=name, logEvents=events),
    ]


SCENE = [
    call("logs.create_log_group", logGroupName="<name>"),
    *_stream("text", _TEXTS),
    *_stream("line", _LINES),
    *_stream("json", _JSON),
]


def _filter(stream: str, pattern: str) -> Call:
    return call("logs.filter_log_events", logGroupName="<scene>", logStreamNames=[stream], filterPattern=pattern)


def _finds(says: str, stream: str, pattern: str, *places: int) -> Any:
    source: tuple[str, ...] = {"text": _TEXTS, "line": _LINES, "json": _JSON}[stream]
    return case(says, _PATTERNS, _filter(stream, pattern), gives={"events[].message": [source[place] for place in places]})


CASES = [
    _finds("one term finds the events that contain it", "text", "ERROR", 0, 1, 2),
    _finds("terms are case sensitive", "text", "error"),
    _finds("several terms must all be there", "text", "ERROR ARGUMENTS", 2),
    _finds("a question mark makes terms optional: ?HEADER ?ARGUMENTS", "text", "?HEADER ?ARGUMENTS", 2, 3),
    _finds("a minus excludes a term", "text", "ERROR -ARGUMENTS", 0, 1),
    _finds("an exact phrase is in quotes", "text", '"BAD REQUEST"', 0),
    _finds("an empty phrase finds every event", "text", '""', 0, 1, 2, 3),
    _finds("a regular expression is between percent signs", "text", "%40[01]%", 0, 1),
    _finds("a JSON pattern compares a field with a text", "json", '{ $.eventType = "UpdateTrail" }', 0),
    _finds("a JSON pattern compares a field with != and a wildcard", "json", "{ $.sourceIPAddress != 123.123.* }", 0),
    _finds("a JSON pattern reads an item of a list", "json", '{ $.arrayKey[0] = "value" }', 0),
    _finds("a JSON pattern reads a field of an object in a list", "json", "{ $.objectList[0].id = 1 }", 1),
    _finds("a JSON pattern compares a number", "json", "{ $.size > 5 }", 0),
    _finds("a JSON pattern reads a number in scientific notation", "json", "{ $.size < 1e1 }", 0),
    _finds("a JSON pattern knows IS TRUE", "json", "{ $.flag IS TRUE }", 0),
    _finds("a JSON pattern knows IS NULL", "json", "{ $.none IS NULL }", 1),
    _finds("a JSON pattern knows NOT EXISTS", "json", "{ $.size NOT EXISTS }", 1),
    _finds("JSON conditions are joined by && and ||", "json", '{ ($.flag IS TRUE && $.size = 5.5) || $.eventType = "None" }', 0),
    _finds("a JSON pattern compares with a regular expression", "json", "{ $.eventType = %^Delete% }", 1),
    _finds("a JSON pattern finds no text that is no JSON", "text", '{ $.eventType = "UpdateTrail" }'),
    _finds("a space-delimited pattern has a field for each word", "line", "[ip, id, user, timestamp, request, status_code, size]", 0, 1, 2),
    _finds("a space-delimited pattern with another number of fields finds nothing", "line", "[ip, id]"),
    _finds("an ellipsis stands for any number of fields", "line", "[..., status_code = 4*, size]", 0),
    _finds("a space-delimited pattern compares numbers", "line", "[ip, id, user, timestamp, request, status_code, size > 1500]", 0, 1),
    _finds("a field of a space-delimited pattern knows ||", "line", "[ip, id, user=john || user=jane, ...]", 2),
    _finds("a field compares with a text that has wildcards", "line", "[ip, id, user, timestamp, request = *html*, ...]", 0, 1),
    case(
        "a JSON pattern that does not close is refused",
        f"{_API}/API_FilterLogEvents.html",
        _filter("json", "{ $.a = 1"),
        error="InvalidParameterException: Invalid filter pattern",
    ),
    case(
        "a token that no page gave is refused",
        f"{_API}/API_FilterLogEvents.html",
        call("logs.filter_log_events", logGroupName="<scene>", nextToken="none"),
        error="InvalidParameterException: The specified nextToken is invalid.",
    ),
    case(
        "a page has as many events as `limit` says, and a token for the next one",
        f"{_API}/API_FilterLogEvents.html",
        call("logs.filter_log_events", logGroupName="<scene>", limit=2),
        gives={"length(events)": 2, "nextToken": ...},
    ),
    case(
        "the next page goes on where the last one ended",
        f"{_API}/API_FilterLogEvents.html",
        call("logs.filter_log_events", {"token": "nextToken"}, logGroupName="<scene>", logStreamNames=["text"], limit=3),
        call("logs.filter_log_events", logGroupName="<scene>", logStreamNames=["text"], limit=3, nextToken="<token>"),
        gives={"events[].message": [_TEXTS[3]], "nextToken": None},
    ),
    case(
        "streams by name and by prefix exclude each other",
        f"{_API}/API_FilterLogEvents.html",
        call("logs.filter_log_events", logGroupName="<scene>", logStreamNames=["a"], logStreamNamePrefix="b"),
        error="InvalidParameterException: ",
    ),
    case(
        "events of a group that does not exist are not found",
        f"{_API}/API_GetLogEvents.html",
        call("logs.get_log_events", logGroupName="<name>", logStreamName="a"),
        error="ResourceNotFoundException: The specified log group does not exist",
    ),
    case(
        "GetLogEvents from the head gives the oldest events first",
        f"{_API}/API_GetLogEvents.html",
        call("logs.get_log_events", logGroupName="<scene>", logStreamName="text", startFromHead=True, limit=1),
        gives={"events[].message": [_TEXTS[0]], "nextForwardToken": ...},
    ),
    case(
        "a group's name has none of the characters that its pattern excludes",
        "botocore: logs CreateLogGroup.logGroupName",
        call("logs.create_log_group", logGroupName="a b"),
        error="InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint",
    ),
    case(
        "a group that exists is not created again",
        f"{_API}/API_CreateLogGroup.html",
        call("logs.create_log_group", logGroupName="<scene>"),
        error="ResourceAlreadyExistsException: The specified log group already exists",
    ),
    case(
        "a retention is one of the days that CloudWatch Logs knows",
        f"{_API}/API_PutRetentionPolicy.html",
        call("logs.put_retention_policy", logGroupName="<scene>", retentionInDays=2),
        error="InvalidParameterException: ",
    ),
    case(
        "events older than 14 days are rejected by their place",
        f"{_API}/API_PutLogEvents.html",
        call("logs.create_log_stream", logGroupName="<scene>", logStreamName="<name>"),
        call("logs.put_log_events", logGroupName="<scene>", logStreamName="<name>", logEvents=[{"timestamp": 1, "message": "old"}]),
        gives={"rejectedLogEventsInfo.tooOldLogEventEndIndex": ...},
    ),
    case(
        "events of one call are in the order of time",
        f"{_API}/API_PutLogEvents.html",
        call("logs.create_log_stream", logGroupName="<scene>", logStreamName="<name>"),
        call(
            "logs.put_log_events",
            logGroupName="<scene>",
            logStreamName="<name>",
            logEvents=[{"timestamp": _BEGIN + 1, "message": "b"}, {"timestamp": _BEGIN, "message": "a"}],
        ),
        error="InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order.",
    ),
    case(
        "groups are listed by prefix, in pages",
        f"{_API}/API_DescribeLogGroups.html",
        call("logs.create_log_group", logGroupName="<name>-a"),
        call("logs.create_log_group", logGroupName="<name>-b"),
        call("logs.describe_log_groups", logGroupNamePrefix="<name>", limit=1),
        gives={"logGroups[].logGroupName": ["<name>-a"], "nextToken": ...},
    ),
    case(
        "a query of Logs Insights",
        f"{_API}/API_StartQuery.html",
        call("logs.start_query", logGroupName="<scene>", startTime=0, endTime=1, queryString="fields @message"),
        refused="The local AWS does not honour logs:StartQuery.",
    ),
    case(
        "a metric filter",
        f"{_API}/API_PutMetricFilter.html",
        call("logs.put_metric_filter", logGroupName="<scene>", filterName="f", filterPattern="", metricTransformations=[]),
        refused="The local AWS does not honour logs:PutMetricFilter.",
    ),
    case(
        "optional terms beside others",
        _PATTERNS,
        _filter("text", "?ERROR MISSING"),
        refused="The local AWS does not honour",
    ),
]
