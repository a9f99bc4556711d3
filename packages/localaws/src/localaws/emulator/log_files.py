"""Writes CloudTrail's log files to a bucket as the service itself: the bucket's policy decides, not a role."""

import time
from typing import Any

from localaws.kit import service_calls
from localaws.kit.api_record import ApiCall, ApiRecord, Check
from localaws.kit.service import AwsError, Permission

PRINCIPAL = service_calls.ledger()["cloudtrail-log-file"].service


def put(s3: Any, bucket: str, key: str, body: bytes, *, trail_arn: str, record: ApiRecord) -> None:
    """Write the object; only check the policy if the body is empty. Call it on the event loop, within the emulator's scope."""
    if bucket not in s3._buckets:
        raise AwsError("S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!")
    for line, resource in (("cloudtrail-bucket", f"arn:aws:s3:::{bucket}"), ("cloudtrail-log-file", f"arn:aws:s3:::{bucket}/{key}")):
        for permission in service_calls.permissions(line, resource):
            is_allowed = _may(s3._bucket_policies.get(bucket) or "", permission, trail_arn)
            record.add(_call(permission, is_allowed=is_allowed))
            if not is_allowed:
                raise AwsError("InsufficientS3BucketPolicyException", f"Incorrect S3 bucket policy is detected for bucket: {bucket}")
    if body:
        s3._put_object(bucket, key, body, {"content-type": "application/x-gzip"})


def _call(permission: Permission, *, is_allowed: bool) -> ApiCall:
    checks = [Check(action=permission.action, resource=permission.resource, is_allowed=is_allowed)]
    name, error = permission.action.partition(":")[2], None if is_allowed else "AccessDenied"
    made = ApiCall(time_s=time.time(), source="s3.amazonaws.com", name=name, principal=PRINCIPAL, invoked_by=PRINCIPAL)
    made.checks, made.error_code = checks, error
    return made


def _may(policy: str, permission: Permission, trail_arn: str) -> bool:
    from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

    region, account = trail_arn.split(":")[3:5]
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=permission.action,
        resource_arn=permission.resource,
        region=region,
        secure_transport=True,
        service_context={"s3:x-amz-acl": "bucket-owner-full-control", "aws:sourceaccount": account, "aws:sourcearn": trail_arn},
    )
    return bool(policy and evaluate_resource_policy(policy, context, service=PRINCIPAL).decision == "Allow")
