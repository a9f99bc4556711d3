"""Checks the key permissions of SSE-KMS: writing needs kms:GenerateDataKey, reading needs kms:Decrypt, both through S3.

The permissions are AWS's. The objects themselves are not encrypted: encryption at rest is recorded only.
"""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

_ALGORITHM = "x-amz-server-side-encryption"
_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"


def ask_for_key_permissions(ia: Any, ev: Any) -> None:
    """Add the checks to S3's own. The emulator would evaluate them by S3's policies, so `enforce` sends them to KMS's."""
    original_checks, original_enforce = ia.s3_additional_checks, ev.enforce

    def checks(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [*original_checks(method, path, headers, body, query), *_key_checks(method, path, headers, query)]

    def enforce(key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None) -> Any:
        if service == "s3" and action.startswith("kms:"):
            service = "kms"
            via = {"kms:ViaService": f"s3.{region}.amazonaws.com", "kms:CallerAccount": resource_arn.split(":")[4]}
            service_context = {**(service_context or {}), **via}
        return original_enforce(key, action, service, region, resource_arn=resource_arn, service_context=service_context)

    ia.s3_additional_checks, ev.enforce = checks, enforce


def key_arn(name: str) -> str | None:
    """The ARN of the key that an id, an ARN or an alias stands for; None for one that does not exist."""
    from ministack.services import kms

    record = kms._resolve_key(name)
    return str(record["Arn"]) if record else None


def _key_checks(method: str, path: str, headers: Mapping[str, str], query: Mapping[str, Any]) -> list[tuple[str, str]]:
    bucket, _, key = path.lstrip("/").partition("/")
    if not bucket or not key:
        return []
    found = []
    if source := headers.get("x-amz-copy-source"):
        found += _reading(*_copy_source(source))
    if method == "GET" and set(query).isdisjoint({"tagging", "acl", "retention", "legal-hold", "attributes", "uploadId"}):
        found += _reading(bucket, key, (query.get("versionId") or [None])[0])
    if _writes_an_object(method, query):
        found += _writing(bucket, headers)
    return found


def _writes_an_object(method: str, query: Mapping[str, Any]) -> bool:
    if method == "PUT":
        return set(query).isdisjoint({"tagging", "acl", "retention", "legal-hold", "uploadId"})
    return method == "POST" and "uploads" in query


def _writing(bucket: str, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    from ministack.services import s3

    asked = headers if headers.get(_ALGORITHM) else s3._bucket_default_sse_headers(bucket)
    if asked.get(_ALGORITHM) != "aws:kms" or not (arn := key_arn(asked.get(_KEY_ID, ""))):
        return []
    return [("kms:GenerateDataKey", arn)]


def _reading(bucket: str, key: str, version: str | None) -> list[tuple[str, str]]:
    """The check for reading an object that was written with a key. The emulator stores the key with each version."""
    from ministack.services import s3

    record = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(key)
    if version is not None and (record is None or record.get("version_id") != version):
        versions = s3._object_versions.get((bucket, key)) or []
        record = next((item for item in versions if item["version_id"] == version), None)
    stored = (record or {}).get("preserved_headers") or {}
    if stored.get(_ALGORITHM) != "aws:kms" or not (arn := key_arn(stored.get(_KEY_ID, ""))):
        return []
    return [("kms:Decrypt", arn)]


def _copy_source(header: str) -> tuple[str, str, str | None]:
    path, _, version = unquote(header).lstrip("/").partition("?versionId=")
    bucket, _, key = path.partition("/")
    return bucket, key, version or None


def encrypt_by_default() -> None:
    """Let a write that names no key use AWS's own: `aws/s3` for aws:kms, and S3's own where nothing is asked. A named key must exist.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    from ministack.services import s3

    resolve, default = s3._resolve_sse_write_headers, s3._bucket_default_sse_headers

    def resolved(headers: Mapping[str, str], bucket: str) -> Any:
        asked = headers.get(_ALGORITHM, "")
        if asked == "aws:kms:dsse":
            return None, s3._error("NotImplemented", "The local AWS does not honour aws:kms:dsse.", 501)
        key = headers.get(_KEY_ID) or "alias/aws/s3"
        if asked == "aws:kms" and (arn := _s3_key_arn(key)) is None:
            return None, s3._error("KMS.NotFoundException", f"Key '{key}' does not exist", 400)
        found, error = resolve({**headers, _KEY_ID: arn} if asked == "aws:kms" else headers, bucket)
        return (found or {_ALGORITHM: "AES256"}, error) if error is None else (found, error)

    def default_of(bucket: str) -> dict[str, str]:
        found: dict[str, str] = default(bucket)
        if found.get(_ALGORITHM) == "aws:kms":
            key = found.get(_KEY_ID, "alias/aws/s3")
            found[_KEY_ID] = _s3_key_arn(key) or key
        return found

    s3._resolve_sse_write_headers, s3._bucket_default_sse_headers = resolved, default_of


def _s3_key_arn(name: str) -> str | None:
    """The ARN of the key that an object is encrypted with, None for a key that does not exist.

    AWS's own key `aws/s3` serves every caller of the account and is no key of the emulator's KMS, so no permission is asked for it.
    """
    from ministack.core.responses import get_account_id, get_region

    own = f"arn:aws:kms:{get_region()}:{get_account_id()}:key/{uuid.uuid5(uuid.NAMESPACE_URL, f'aws/s3/{get_account_id()}')}"
    if name in ("alias/aws/s3", own) or name.endswith(":alias/aws/s3"):
        return own
    return key_arn(name)


def rotate_symmetric_keys_only() -> None:
    """Refuse the rotation of key pairs, as KMS does; the emulator would only record it."""
    from ministack.services import kms

    original = kms._reject_rotation_for_hmac

    def reject(record: Any, operation: str) -> Any:
        if record["KeySpec"].startswith(("RSA_", "ECC_")):
            return kms.error_response_json("UnsupportedOperationException", f"{record['Arn']}: {operation} is for symmetric keys.", 400)
        return original(record, operation)

    kms._reject_rotation_for_hmac = reject
