"""Policies name resources as AWS names them: streams below log groups, databases, tables, alarms, sources of events."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from started import allow

ACCOUNT = "us-east-1:123456789012"


def refused(call, **members) -> str:
    with pytest.raises(ClientError) as error:
        call(**members)
    assert error.value.response["Error"]["Code"] in ("AccessDeniedException", "AccessDenied")
    return error.value.response["Error"]["Message"]


def test_a_policy_on_a_log_group_s_streams_lets_a_role_write_there_only(aws, as_role):
    mine, other = f"/mine-{uuid.uuid4().hex}", f"/other-{uuid.uuid4().hex}"
    for name in (mine, other):
        aws("logs").create_log_group(logGroupName=name)
    logs = as_role(allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{ACCOUNT}:log-group:{mine}:*"))("logs")
    logs.create_log_stream(logGroupName=mine, logStreamName="one")
    logs.put_log_events(logGroupName=mine, logStreamName="one", logEvents=[{"timestamp": 1_700_000_000_000, "message": "x"}])
    assert f"log-group:{other}:log-stream:one" in refused(logs.create_log_stream, logGroupName=other, logStreamName="one")


def test_databases_and_tables_have_arns_of_their_own(aws, as_role):
    database = f"db-{uuid.uuid4().hex}"
    aws("glue").create_database(DatabaseInput={"Name": database})
    for table in ("one", "two"):
        aws("glue").create_table(DatabaseName=database, TableInput={"Name": table, "StorageDescriptor": {"Columns": []}})
    glue = as_role(
        allow("glue:GetDatabase", f"arn:aws:glue:{ACCOUNT}:database/{database}"),
        allow("glue:GetTable", f"arn:aws:glue:{ACCOUNT}:table/{database}/one"),
    )("glue")
    assert glue.get_database(Name=database)["Database"]["Name"] == database
    assert glue.get_table(DatabaseName=database, Name="one")["Table"]["Name"] == "one"
    assert f"table/{database}/two" in refused(glue.get_table, DatabaseName=database, Name="two")
    assert "database/another" in refused(glue.get_database, Name="another")


def test_an_alarm_is_deleted_by_who_may_delete_it(aws, as_role):
    prefix = uuid.uuid4().hex
    cloudwatch = as_role(allow(["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"], f"arn:aws:cloudwatch:{ACCOUNT}:alarm:{prefix}-*"))(
        "cloudwatch"
    )
    cloudwatch.put_metric_alarm(
        AlarmName=f"{prefix}-mine",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.delete_alarms(AlarmNames=[f"{prefix}-mine"])
    assert "alarm:somebody-else" in refused(cloudwatch.delete_alarms, AlarmNames=["somebody-else"])


def test_a_role_puts_only_events_of_its_source(as_role):
    events = as_role(
        allow("events:PutEvents", f"arn:aws:events:{ACCOUNT}:event-bus/default", Condition={"StringEquals": {"events:source": "mine"}})
    )("events")

    def entry(source: str) -> dict[str, str]:
        return {"Source": source, "DetailType": "Something", "Detail": json.dumps({})}

    assert events.put_events(Entries=[entry("mine")])["FailedEntryCount"] == 0
    refused(events.put_events, Entries=[entry("yours")])
    refused(events.put_events, Entries=[entry("mine"), entry("yours")])
