"""An event has the time that its entry tells, not the time at which it was put."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from started import LocalAws, policy
from waiting import wait_until


def test_an_event_arrives_with_its_own_time(aws: Callable[[str], Any], local_aws: LocalAws) -> None:
    name = f"timed-{uuid.uuid4().hex[:8]}"
    topic = aws("sns").create_topic(Name=name)["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}
    aws("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement))
    aws("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=f"{name}@example.org")
    aws("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    aws("events").put_targets(Rule=name, Targets=[{"Id": "mail", "Arn": topic}])
    entry = {"Source": name, "DetailType": "d", "Detail": "{}"}
    aws("events").put_events(Entries=[{**entry, "Time": 1_700_000_000}, entry])

    def times() -> list[str]:
        file = local_aws.home / "mail.jsonl"
        mails = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
        return [json.loads(mail["message"])["time"] for mail in mails if mail["topic"] == topic]

    found = wait_until(times, "both mails are there", ok=lambda found: len(found) == 2)
    assert found[0] == "2023-11-14T22:13:20Z"
    assert found[1] > "2024"
