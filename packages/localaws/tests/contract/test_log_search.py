"""FilterLogEvents answers for the streams that the request names, in pages."""

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

Aws = Callable[[str], Any]


@pytest.fixture
def group(aws: Aws) -> Iterator[str]:
    """A log group with the streams `job-1/a`, `job-1/b` and `job-10/a`, each of which tells its own name three times."""
    logs, name = aws("logs"), f"/search/{uuid.uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name)
    begun = int(time.time() * 1000) - 60_000
    for place, stream in enumerate(("job-1/a", "job-1/b", "job-10/a")):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
        events = [{"timestamp": begun + 10 * number + place, "message": f"{stream} step={number}"} for number in range(3)]
        logs.put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)
    yield name
    logs.delete_log_group(logGroupName=name)


def found(aws: Aws, group: str, **asked: Any) -> list[str]:
    pages = aws("logs").get_paginator("filter_log_events").paginate(logGroupName=group, **asked)
    return [event["message"] for page in pages for event in page["events"]]


def streams(aws: Aws, group: str, **asked: Any) -> set[str]:
    return {message.partition(" ")[0] for message in found(aws, group, **asked)}


def test_a_prefix_finds_its_streams_alone(aws: Aws, group: str) -> None:
    assert streams(aws, group, logStreamNamePrefix="job-1/") == {"job-1/a", "job-1/b"}
    assert streams(aws, group, logStreamNamePrefix="job-10") == {"job-10/a"}
    assert streams(aws, group, logStreamNamePrefix="other") == set()
    assert streams(aws, group, logStreamNames=["job-1/b", "job-10/a"]) == {"job-1/b", "job-10/a"}
    assert streams(aws, group) == {"job-1/a", "job-1/b", "job-10/a"}


def test_pages_hold_every_event_once_in_the_order_of_time(aws: Aws, group: str) -> None:
    whole = found(aws, group)
    assert [message.rpartition("=")[2] for message in whole] == ["0"] * 3 + ["1"] * 3 + ["2"] * 3
    assert found(aws, group, PaginationConfig={"PageSize": 2}) == whole
    assert found(aws, group, PaginationConfig={"PageSize": 2}, filterPattern='"step=1"') == whole[3:6]


def test_times_are_inclusive(aws: Aws, group: str) -> None:
    times = sorted(event["timestamp"] for event in aws("logs").filter_log_events(logGroupName=group)["events"])
    assert len(found(aws, group, startTime=times[1], endTime=times[4])) == 4


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"logStreamNames": ["job-1/a"], "logStreamNamePrefix": "job"}, "Only one of"),
        ({"nextToken": "x"}, "nextToken"),
        ({"nextToken": "Y3VyOjE="}, "nextToken"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(aws: Aws, group: str, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as error:
        aws("logs").filter_log_events(logGroupName=group, **asked)
    assert error.value.response["Error"]["Code"] == "InvalidParameterException"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        aws("logs").filter_log_events(logGroupName=f"{group}/none")
