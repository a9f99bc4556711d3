"""Makes CloudTrail's events of recorded calls. Source: AWS CloudTrail User Guide, "CloudTrail record contents"."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from localaws.kit.api_record import ApiCall
from localaws.kit.operation_names import reads_only
from localaws.kit.properties import words

_S3_DATA = """GetObject HeadObject PutObject CopyObject DeleteObject DeleteObjects ListObjects ListObjectVersions HeadBucket
    CreateMultipartUpload UploadPart CompleteMultipartUpload AbortMultipartUpload ListMultipartUploadParts GetObjectAcl PutObjectAcl
    GetObjectTagging PutObjectTagging DeleteObjectTagging GetObjectRetention PutObjectRetention GetObjectLegalHold PutObjectLegalHold
    GetObjectAttributes"""
# Operations that CloudTrail logs as data events, by event source. All others are management events.
_DATA: Mapping[str, frozenset[str]] = {
    "s3.amazonaws.com": words(_S3_DATA),
    "sns.amazonaws.com": frozenset({"Publish"}),
    "sagemaker.amazonaws.com": frozenset({"InvokeEndpoint"}),
    "monitoring.amazonaws.com": frozenset({"PutMetricData"}),
    "logs.amazonaws.com": frozenset({"PutLogEvents"}),
    "events.amazonaws.com": frozenset({"PutEvents"}),
}
_SPACE = uuid.UUID("6f0e2a54-9d5b-4b8e-9f4d-0c5a2b7d9e11")  # makes an event's id from its call


def is_data_event(call: ApiCall) -> bool:
    return call.name in _DATA.get(call.source, ())


def calls_of(calls: Iterable[ApiCall]) -> Iterator[ApiCall]:
    """The calls, with the calls to KMS that a service made for them. Those are events of their own."""
    for call in calls:
        keys = [check for check in call.checks if check.via]
        own = [check for check in call.checks if not check.via]
        yield replace(call, checks=own)
        for check in keys:
            service, _, name = check.action.partition(":")
            error = None if check.is_allowed else "AccessDenied"
            yield replace(call, source=f"{service}.amazonaws.com", name=name, invoked_by=check.via, checks=[check], error_code=error)


def event_of(call: ApiCall, *, account: str, region: str) -> dict[str, Any]:
    """The event. The local AWS does not record parameters and answers."""
    is_data = is_data_event(call)
    event: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": _identity(call, account),
        "eventTime": datetime.fromtimestamp(call.time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": call.source,
        "eventName": call.name,
        "awsRegion": region,
        "sourceIPAddress": call.invoked_by or "127.0.0.1",
        "userAgent": call.invoked_by or call.user_agent,
        "requestParameters": None,
        "responseElements": None,
        "requestID": call.request_id,
        "eventID": str(uuid.uuid5(_SPACE, f"{call.request_id} {call.source} {call.name}")),
        "readOnly": reads_only(call.name),
        "resources": [{"ARN": check.resource, "accountId": account} for check in call.checks[:1] if check.resource.startswith("arn:")],
        "eventType": "AwsApiCall",
        "managementEvent": not is_data,
        "recipientAccountId": account,
        "eventCategory": "Data" if is_data else "Management",
    }
    if call.error_code:
        event |= {"errorCode": call.error_code, "errorMessage": call.error_message or ""}
    return event


def _identity(call: ApiCall, account: str) -> dict[str, Any]:
    if not call.principal.startswith("arn:"):
        return {"type": "AWSService", "invokedBy": call.principal}
    invoked = {"invokedBy": call.invoked_by} if call.invoked_by else {}
    common = {"arn": call.principal, "accountId": account, "accessKeyId": call.access_key_id, **invoked}
    if ":assumed-role/" not in call.principal:
        return {"type": "IAMUser", "userName": call.principal.rpartition("/")[2], **common}
    role, session = call.principal.partition(":assumed-role/")[2].split("/")[-2:]
    issuer = {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{role}", "accountId": account, "userName": role}
    return {"type": "AssumedRole", "principalId": f"{role}:{session}", **common, "sessionContext": {"sessionIssuer": issuer}}


def user_name(event: Mapping[str, Any]) -> str:
    """LookupEvents' user name: the user's, or the name of the role's session."""
    identity = event["userIdentity"]
    return str(identity.get("userName") or identity.get("arn", "").rpartition("/")[2] or identity.get("invokedBy", ""))
