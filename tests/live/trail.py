"""A CloudTrail trail of the run: management events, and data events of the lab's buckets; how its files are read and removed.

https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
"""

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from live.buckets import delete_bucket
from live.lab import Lab, TookTooLong

_MINUTES = 20  # AWS delivers a file within about five minutes, and names no limit
_MARKER = "DescribeTrails"


def begin(lab: Lab) -> str:
    """Make the bucket and the trail, and start it."""
    bucket, name = lab.trail_bucket, lab.trail
    s3, cloudtrail = lab.client("s3"), lab.client("cloudtrail")
    place = {} if lab.options.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": lab.options.region}}
    s3.create_bucket(Bucket=bucket, **place)
    lab.folder.note(trail=name, trail_bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_policy(lab)))
    made = cloudtrail.create_trail(Name=name, S3BucketName=bucket, IncludeGlobalServiceEvents=True, IsMultiRegionTrail=False)
    lab.folder.note(trail_began=datetime.now(UTC).isoformat())
    watch(lab, [lab.names.bucket])
    cloudtrail.start_logging(Name=name)
    return f"{made['TrailARN']} writes to {bucket}"


def watch(lab: Lab, buckets: Iterable[str]) -> None:
    """Record the data events of these buckets from now on, beside all management events."""
    if not lab.folder.fact("trail_began"):
        return  # its step failed; LookupEvents still knows the management events
    objects = [f"arn:{_partition(lab)}:s3:::{bucket}/" for bucket in buckets]
    data = [{"Type": "AWS::S3::Object", "Values": objects}]
    selector = {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": data}
    lab.client("cloudtrail").put_event_selectors(TrailName=lab.trail, EventSelectors=[selector])


def events(lab: Lab) -> list[dict[str, Any]]:
    """Every event of the trail's files, once a file holds the call that this function makes first. Without them, LookupEvents' answer."""
    if not lab.folder.fact("trail_began"):
        return _looked_up(lab)
    asked = datetime.now(UTC)
    lab.client("cloudtrail").describe_trails(trailNameList=[lab.trail])
    seen = dict[str, list[dict[str, Any]]]()

    def delivered() -> int:
        _read_new(lab, seen)
        return sum(len(records) for records in seen.values())

    try:
        lab.until(delivered, "events delivered", ok=lambda _: _has_marker(seen, asked), minutes=_MINUTES, every_s=20)
    except TookTooLong as error:
        lab.say(f"The list may end early. {error}")
    return sorted((event for records in seen.values() for event in records), key=lambda event: event["eventTime"])


def remove(lab: Lab) -> None:
    """Stop and delete the trail, and delete its bucket with the files."""
    if lab.folder.fact("trail_began"):
        lab.client("cloudtrail").stop_logging(Name=lab.trail)
        lab.client("cloudtrail").delete_trail(Name=lab.trail)
    if lab.folder.fact("trail_bucket"):
        delete_bucket(lab, lab.trail_bucket)


def _read_new(lab: Lab, seen: dict[str, list[dict[str, Any]]]) -> None:
    s3 = lab.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=lab.trail_bucket, Prefix=f"AWSLogs/{lab.options.account}/CloudTrail/")
    for item in pages.search("Contents[]"):
        if item and item["Key"] not in seen:
            body = s3.get_object(Bucket=lab.trail_bucket, Key=item["Key"])["Body"].read()
            seen[item["Key"]] = json.loads(gzip.decompress(body))["Records"]


def _has_marker(seen: dict[str, list[dict[str, Any]]], asked: datetime) -> bool:
    since = f"{asked:%Y-%m-%dT%H:%M:%SZ}"
    return any(event["eventName"] == _MARKER and event["eventTime"] >= since for records in seen.values() for event in records)


def _looked_up(lab: Lab) -> list[dict[str, Any]]:
    """Management events alone. An event may be missing for some minutes."""
    began = datetime.fromisoformat(lab.folder.fact("began"))
    pages = lab.client("cloudtrail").get_paginator("lookup_events").paginate(StartTime=began, EndTime=datetime.now(UTC))
    return [json.loads(event["CloudTrailEvent"]) for event in pages.search("Events[]")]


def _partition(lab: Lab) -> str:
    return str(lab.aws.boto_session.get_partition_for_region(lab.options.region))


def _policy(lab: Lab) -> dict[str, Any]:
    partition, options, bucket = _partition(lab), lab.options, lab.trail_bucket
    source = {"aws:SourceArn": f"arn:{partition}:cloudtrail:{options.region}:{options.account}:trail/{lab.trail}"}
    service = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    arn = f"arn:{partition}:s3:::{bucket}"
    looks = {**service, "Action": "s3:GetBucketAcl", "Resource": arn, "Condition": {"StringEquals": source}}
    writes = {
        **service,
        "Action": "s3:PutObject",
        "Resource": f"{arn}/AWSLogs/{options.account}/*",
        "Condition": {"StringEquals": {**source, "s3:x-amz-acl": "bucket-owner-full-control"}},
    }
    return {"Version": "2012-10-17", "Statement": [looks, writes]}
