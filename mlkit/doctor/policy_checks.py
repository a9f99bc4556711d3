"""Checks of the deployed policies by IAM Access Analyzer, which knows faults that a deployment does not report. It costs nothing.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-policy-validation.html
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, skipped, warn

_TOLD = 3
# Access Analyzer's kinds of findings, the worst first, as one and as several are told.
_SEVERITIES = {
    "ERROR": ("error", "errors"),
    "SECURITY_WARNING": ("security warning", "security warnings"),
    "WARNING": ("warning", "warnings"),
    "SUGGESTION": ("suggestion", "suggestions"),
}
_IDENTITY = {"policyType": "IDENTITY_POLICY"}
_RESOURCE = {"policyType": "RESOURCE_POLICY"}
_TRUST = {**_RESOURCE, "validatePolicyResourceType": "AWS::IAM::AssumeRolePolicyDocument"}
_BUCKET = {**_RESOURCE, "validatePolicyResourceType": "AWS::S3::Bucket"}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A deployed policy: the resource that it belongs to, and the kind that Access Analyzer checks it as."""

    name: str
    document: str
    kind: Mapping[str, str]


def roles(account: Account) -> Finding:
    """What our roles may do, and who may take them on."""
    return _validate(account, {"AWS::IAM::Role": _of_role, "AWS::IAM::ManagedPolicy": _of_managed_policy})


def resources(account: Account) -> Finding:
    """Who may use our buckets, key and topic."""
    return _validate(account, {"AWS::S3::Bucket": _of_bucket, "AWS::KMS::Key": _of_key, "AWS::SNS::Topic": _of_topic})


Reader = Callable[[Account, str, str], Iterator[Policy]]  # account, the resource's name in its template, its id in AWS


def _validate(account: Account, readers: Mapping[str, Reader]) -> Finding:
    """Read and validate one policy after the other: without the right to validate, the first call ends the check."""
    policies = 0
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {severity: [] for severity in _SEVERITIES}
    for kind, logical_id, physical_id in account.stack_resources():
        for policy in readers[kind](account, logical_id, physical_id) if kind in readers else ():
            policies += 1
            pages = account.aws.client("accessanalyzer").get_paginator("validate_policy")
            for page in pages.paginate(policyDocument=policy.document, **policy.kind):
                for finding in page["findings"]:
                    found[finding["findingType"]].append((policy.name, finding))
    return _judge(policies, found)


def _judge(policies: int, found: Mapping[str, list[tuple[str, Mapping[str, Any]]]]) -> Finding:
    if not policies:
        return skipped("nothing is deployed yet")
    told = f"{policies} {'policy' if policies == 1 else 'policies'}"
    counts = [f"{len(items)} {_SEVERITIES[kind][len(items) > 1]}" for kind, items in found.items() if items]
    if not counts:
        return ok(f"{told}: Access Analyzer finds nothing")
    ranked = [(kind, name, finding) for kind, items in found.items() for name, finding in items]
    details = "; ".join(f"{_SEVERITIES[kind][0]} in {name}: {finding['findingDetails']}" for kind, name, finding in ranked[:_TOLD])
    more = f"; and {len(ranked) - _TOLD} more" if len(ranked) > _TOLD else ""
    detail = f"{told}, {', '.join(counts)}. {details}{more}"
    worst, _, finding = ranked[0]
    cure = f"{finding['issueCode']}: {finding['learnMoreLink']}"
    if worst == "ERROR":
        return fail(detail, cure)
    return ok(detail) if worst == "SUGGESTION" else warn(detail, cure)


def _of_role(account: Account, logical_id: str, name: str) -> Iterator[Policy]:
    iam = account.aws.client("iam")
    for page in iam.get_paginator("list_role_policies").paginate(RoleName=name):
        for policy in page["PolicyNames"]:
            found = iam.get_role_policy(RoleName=name, PolicyName=policy)
            yield Policy(name=logical_id, document=_text(found["PolicyDocument"]), kind=_IDENTITY)
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    yield Policy(name=f"{logical_id}'s trust", document=_text(trust), kind=_TRUST)


def _of_managed_policy(account: Account, logical_id: str, arn: str) -> Iterator[Policy]:
    iam = account.aws.client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    yield Policy(name=logical_id, document=_text(found), kind=_IDENTITY)


def _of_bucket(account: Account, logical_id: str, name: str) -> Iterator[Policy]:
    try:
        found = account.aws.client("s3").get_bucket_policy(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return
        raise
    yield Policy(name=logical_id, document=found["Policy"], kind=_BUCKET)


def _of_key(account: Account, logical_id: str, key_id: str) -> Iterator[Policy]:
    found = account.aws.client("kms").get_key_policy(KeyId=key_id, PolicyName="default")
    yield Policy(name=logical_id, document=found["Policy"], kind=_RESOURCE)


def _of_topic(account: Account, logical_id: str, arn: str) -> Iterator[Policy]:
    found = account.aws.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]
    yield Policy(name=logical_id, document=found["Policy"], kind=_RESOURCE)


def _text(document: object) -> str:
    """A policy as JSON. IAM answers with it percent-encoded, which boto3 decodes into a dictionary."""
    return unquote(document) if isinstance(document, str) else json.dumps(document)


CHECKS = (
    Check(name="role policies", run=roles, needs=("identity",), optional=True),
    Check(name="other policies", run=resources, needs=("identity",), optional=True),
)
