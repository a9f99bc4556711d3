"""A rule whose input is no JSON delivers nothing, and the failure is a metric that an alarm sees."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from started import LocalAws, policy
from waiting import wait_until

Aws = Callable[[str], Any]


@pytest.fixture
def rule(aws: Aws) -> tuple[str, str]:
    """The names of a rule and its topic, whose subscriber is found in the mails by the rule's name."""
    name = f"rule-{uuid.uuid4().hex[:8]}"
    topic = aws("sns").create_topic(Name=name)["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}
    aws("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement))
    aws("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=f"{name}@example.org")
    aws("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    transformer = {"InputPathsMap": {"why": "$.detail.why"}, "InputTemplate": '"It failed: <why>"'}
    aws("events").put_targets(Rule=name, Targets=[{"Id": "mail", "Arn": topic, "InputTransformer": transformer}])
    alarm = {"Namespace": "AWS/Events", "MetricName": "FailedInvocations", "Dimensions": [{"Name": "RuleName", "Value": name}]}
    aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        **alarm,
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    return name, topic


def put(aws: Aws, name: str, why: str) -> None:
    aws("events").put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": json.dumps({"why": why})}])


def mails(local_aws: LocalAws, topic: str) -> list[str]:
    lines = (local_aws.home / "mail.jsonl").read_text().splitlines() if (local_aws.home / "mail.jsonl").is_file() else []
    return [json.loads(line)["message"] for line in lines if json.loads(line)["topic"] == topic]


def test_a_quote_in_the_text_loses_the_mail_and_sets_off_the_alarm(aws: Aws, local_aws: LocalAws, rule: tuple[str, str]) -> None:
    name, topic = rule

    def state() -> str:
        found: str = aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]
        return found

    put(aws, name, "plain")
    wait_until(lambda: mails(local_aws, topic), "the mail is there")
    assert (mails(local_aws, topic), state()) == (['"It failed: plain"'], "OK")
    put(aws, name, 'the "quoted" word')
    wait_until(state, "the alarm rings", ok=lambda found: found == "ALARM")
    assert len(mails(local_aws, topic)) == 1
