"""CloudTrail on the running local AWS: who called what, looked up and delivered to a bucket, with the calls on AWS."""

import gzip
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from started import allow, policy
from waiting import wait_until

from localaws.cloudtrail.trail_events import event_of
from localaws.kit.api_record import ApiCall, ApiRecord

Aws = Callable[[str], Any]
SERVICE = {"Service": "cloudtrail.amazonaws.com"}


def found(aws: Aws, key: str, value: str, **more: Any) -> list[dict[str, Any]]:
    """The events with the attribute, all pages, the oldest first."""
    pages = aws("cloudtrail").get_paginator("lookup_events")
    chosen = pages.paginate(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}], **more)
    return [json.loads(event["CloudTrailEvent"]) for page in chosen for event in page["Events"]][::-1]


def bucket_policy(bucket: str, trail: str) -> str:
    """As AWS's guide writes it."""
    source = {"aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:123456789012:trail/{trail}"}
    acl, arn = {"s3:x-amz-acl": "bucket-owner-full-control", **source}, f"arn:aws:s3:::{bucket}"
    return policy(
        {**allow("s3:GetBucketAcl", arn), "Principal": SERVICE, "Condition": {"StringEquals": source}},
        {**allow("s3:PutObject", f"{arn}/AWSLogs/123456789012/*"), "Principal": SERVICE, "Condition": {"StringEquals": acl}},
    )


@pytest.fixture
def trail(aws: Aws, bucket: str) -> str:
    name = f"trail-{uuid.uuid4().hex[:8]}"
    aws("s3").put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, name))
    aws("cloudtrail").create_trail(Name=name, S3BucketName=bucket)
    return name


def delivered(aws: Aws, bucket: str) -> list[dict[str, Any]]:
    s3, events = aws("s3"), []
    for item in s3.list_objects_v2(Bucket=bucket, Prefix="AWSLogs/123456789012/CloudTrail/us-east-1/").get("Contents", []):
        assert item["Key"].endswith(".json.gz")
        events += json.loads(gzip.decompress(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()))["Records"]
    return events


def test_a_denied_call_of_a_role_is_found_with_its_error(aws: Aws, as_role: Callable[..., Aws]) -> None:
    name = f"topic-{uuid.uuid4().hex[:8]}"
    client = as_role(allow("sns:ListTopics"))("sns")
    with pytest.raises(ClientError):
        client.create_topic(Name=name)
    event = next(e for e in found(aws, "EventName", "CreateTopic") if name in json.dumps(e["resources"]))
    assert (event["eventSource"], event["errorCode"]) == ("sns.amazonaws.com", "AuthorizationError")
    assert "is not authorized to perform: sns:CreateTopic" in event["errorMessage"]
    identity = event["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["arn"].endswith("/test")
    assert identity["sessionContext"]["sessionIssuer"]["arn"].startswith("arn:aws:iam::123456789012:role/role-")
    assert "invokedBy" not in identity


def test_pages_hold_every_event_once_while_others_are_added(aws: Aws) -> None:
    group = f"/g/{uuid.uuid4().hex}"
    for number in range(7):
        aws("logs").create_log_group(logGroupName=f"{group}/{number}")
    pages = (
        aws("cloudtrail")
        .get_paginator("lookup_events")
        .paginate(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateLogGroup"}], PaginationConfig={"PageSize": 3})
    )
    ids = []
    for page in pages:
        ids += [event["EventId"] for event in page["Events"] if group in event["CloudTrailEvent"]]
        aws("logs").create_log_group(logGroupName=f"/later/{uuid.uuid4().hex}")
    assert len(ids) == len(set(ids)) == 7


def test_calls_of_a_service_name_the_service_and_the_role(aws: Aws, bucket: str, make_role: Callable[..., str]) -> None:
    name, role = f"stack-{uuid.uuid4().hex[:8]}", make_role(allow("logs:*"), service="cloudformation.amazonaws.com")
    body = {"Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}"}}}}
    aws("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(body), RoleARN=role)

    def made() -> list[dict[str, Any]]:
        return [event for event in found(aws, "EventName", "CreateLogGroup") if name in json.dumps(event["resources"])]

    event = wait_until(made, "the group is made")[0]
    assert event["userIdentity"]["invokedBy"] == event["userAgent"] == event["sourceIPAddress"] == "cloudformation.amazonaws.com"
    assert event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == role


def test_a_trail_delivers_management_events_and_the_data_events_of_its_selectors(aws: Aws, bucket: str, trail: str) -> None:
    cloudtrail, other = aws("cloudtrail"), f"other-{uuid.uuid4().hex[:8]}"
    aws("s3").create_bucket(Bucket=other)
    objects = {"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{other}/"]}
    selector = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [objects]}
    cloudtrail.put_event_selectors(TrailName=trail, EventSelectors=[selector])
    assert cloudtrail.get_event_selectors(TrailName=trail)["EventSelectors"] == [selector]
    cloudtrail.start_logging(Name=trail)
    aws("s3").put_object(Bucket=other, Key="k", Body=b"x")
    aws("s3").put_object(Bucket=bucket, Key="mine", Body=b"x")
    with pytest.raises(ClientError):
        aws("s3").get_object(Bucket=other, Key="none")
    aws("sns").create_topic(Name=other)
    assert cloudtrail.get_trail_status(Name=trail)["IsLogging"]
    cloudtrail.stop_logging(Name=trail)
    status = cloudtrail.get_trail_status(Name=trail)
    assert (status["IsLogging"], "LatestDeliveryError" in status, "LatestDeliveryTime" in status) == (False, False, True)
    events = delivered(aws, bucket)
    told = [(event["eventName"], event.get("errorCode")) for event in events if other in json.dumps(event["resources"])]
    assert [item for item in told if item[0] != "CreateBucket"] == [("PutObject", None), ("GetObject", "NoSuchKey"), ("CreateTopic", None)]
    assert not [event for event in events if "mine" in json.dumps(event["resources"])]
    assert {event["eventName"]: event["managementEvent"] for event in events}.items() >= {"PutObject": False, "CreateTopic": True}.items()
    cloudtrail.delete_trail(Name=trail)
    assert not cloudtrail.describe_trails(trailNameList=[trail])["trailList"]


def test_a_bucket_whose_policy_does_not_let_cloudtrail_write_is_refused(aws: Aws, bucket: str) -> None:
    with pytest.raises(ClientError, match="InsufficientS3BucketPolicyException"):
        aws("cloudtrail").create_trail(Name="none-at-all", S3BucketName=bucket)


@pytest.mark.parametrize(
    ("operation", "members", "named"),
    [
        ("create_trail", {"S3BucketName": "b-b-b", "Name": "n-n", "IsMultiRegionTrail": True}, "IsMultiRegionTrail"),
        ("create_trail", {"S3BucketName": "b-b-b", "Name": "n-n", "KmsKeyId": "k"}, "KmsKeyId"),
        ("lookup_events", {"EventCategory": "insight"}, "EventCategory"),
        ("list_channels", {}, "ListChannels"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(aws: Aws, operation: str, members: dict[str, Any], named: str) -> None:
    with pytest.raises(ClientError, match=f"does not honour.*{named}|{named}.*is not honoured"):
        getattr(aws("cloudtrail"), operation)(**members)


def test_selectors_that_are_not_honoured_are_refused_by_name(aws: Aws, trail: str) -> None:
    functions = {"Type": "AWS::Lambda::Function", "Values": ["arn:aws:lambda"]}
    with pytest.raises(ClientError, match="AWS::Lambda::Function"):
        aws("cloudtrail").put_event_selectors(TrailName=trail, EventSelectors=[{"DataResources": [functions]}])


def test_the_record_keeps_two_files_of_a_limited_size(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.kit.api_record._MAX_BYTES", 2000)
    record = ApiRecord(tmp_path)
    for number in range(200):
        record.add(ApiCall(time_s=float(number), source="s.amazonaws.com", name="N", principal="arn:p"))
    kept = record.all()
    assert kept[-1].time_s == 199.0
    assert len(kept) < 30
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5000


def test_a_service_without_a_role_is_an_aws_service() -> None:
    call = ApiCall(time_s=0.0, source="sts.amazonaws.com", name="AssumeRole", principal="codebuild.amazonaws.com", invoked_by="x")
    identity = event_of(call, account="1", region="us-east-1")["userIdentity"]
    assert identity == {"type": "AWSService", "invokedBy": "codebuild.amazonaws.com"}
