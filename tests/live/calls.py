"""The calls of the lab as CloudTrail tells them: who, action, resource, result, error, and the service that made the call."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_MASKED = "000000000000"
# CloudTrail's event source, where IAM's prefix is another one.
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}
# Operations whose permission has another name: the Service Authorization Reference lists permissions, CloudTrail operations.
_PERMISSIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:CopyObject": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:UploadPartCopy": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:AbortMultipartUpload": "s3:AbortMultipartUpload",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:GetBucketLifecycle": "s3:GetLifecycleConfiguration",
    "s3:PutBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
}


@dataclass(frozen=True, kw_only=True, order=True)
class Call:
    """`who` is a role's logical id, `the script`, the approver, or the service that acts as itself."""

    who: str
    action: str
    resource: str
    error: str
    invoked_by: str

    @property
    def result(self) -> str:
        return self.error or "ok"


def of_lab(events: Iterable[Mapping[str, Any]], roles: Mapping[str, Any], marks: Sequence[str], account: str) -> Counter[Call]:
    """How often each call was made. An event belongs to the lab if it contains one of the marks."""
    found = Counter[Call]()
    for event in events:
        text = str(event)
        if any(mark in text for mark in marks):
            found[_call(event, roles, account)] += 1
    return found


def fixture(found: Mapping[Call, int]) -> list[dict[str, Any]]:
    """The calls as JSON, without the account's number."""
    return [{**asdict(call), "result": call.result, "times": times} for call, times in sorted(found.items())]


def _call(event: Mapping[str, Any], roles: Mapping[str, Any], account: str) -> Call:
    return Call(
        who=_who(event.get("userIdentity", {}), roles),
        action=action_of(event),
        resource=_resource(event).replace(account, _MASKED),
        error=event.get("errorCode", ""),
        invoked_by=_invoked_by(event),
    )


def action_of(event: Mapping[str, Any]) -> str:
    """The permission that the event's operation needs."""
    source = event["eventSource"].removesuffix(".amazonaws.com")
    operation = re.sub(r"20\d\d_?\d\d_?\d\d(v\d)?$", "", event["eventName"])
    name = f"{_PREFIXES.get(source, source)}:{operation}"
    return _PERMISSIONS.get(name, name)


def _who(identity: Mapping[str, Any], roles: Mapping[str, Any]) -> str:
    if identity.get("type") == "AWSService":
        return str(identity.get("invokedBy", "a service"))
    name = identity.get("sessionContext", {}).get("sessionIssuer", {}).get("userName") or ""
    if not name and ":assumed-role/" in identity.get("arn", ""):
        name = identity["arn"].split("/")[1]
    if name in roles:
        return str(roles[name]["logical"])
    return "the reviewer" if name.endswith("-live-reviewer") else "the script"


def _invoked_by(event: Mapping[str, Any]) -> str:
    """The service that made the call itself: the field, or the address where a service stands in for an address."""
    named = event.get("userIdentity", {}).get("invokedBy") or ""
    address = event.get("sourceIPAddress") or ""
    return str(named or (address if address.endswith(".amazonaws.com") or address == "AWS Internal" else ""))


def _resource(event: Mapping[str, Any]) -> str:
    """The first resource's ARN, or the request's own names."""
    for item in event.get("resources") or ():
        if arn := item.get("ARN") or item.get("arn"):
            return _without_ids(arn)
    request = event.get("requestParameters") or {}
    named = [
        f"{name}={value}"
        for name, value in sorted(request.items())
        if isinstance(value, str) and re.search("(name|arn|key|id)$", name, re.I)
    ]
    return _without_ids(" ".join(named))[:200]


def _without_ids(text: str) -> str:
    """The text without what is random in it: ids, and the random ends of names that CloudFormation makes."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "*", text)
    text = re.sub(r"\bml-[0-9a-f]{8}-[\w-]+", "ml-*", text)
    return re.sub(r"-[0-9A-Za-z]{12,13}(?=$|[/: ])", "-*", text)
