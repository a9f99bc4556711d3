"""Computes at the end of a run the SHA-256 of objects that were read or written in parts."""

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from mlkit.aws.s3_objects import split_uri
from mlkit.aws.session import Session
from mlkit.errors import MlkitError
from mlkit.evidence.run_record import UNVERSIONED, Activity, ObjectRecord

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

MAX_BYTES = 1 << 30  # a quarter of a minute at S3's usual speed
MAX_OBJECTS = 1_000
_PIECE = 8 << 20


def complete_digests(aws: Session, activity: Activity, *, max_bytes: int = MAX_BYTES, max_objects: int = MAX_OBJECTS) -> Activity:
    """The activity with the missing digests, the smallest objects first, up to `max_bytes` and `max_objects`.

    The digest is of the content that the run met: the current object if it still has the recorded ETag, otherwise the recorded
    version. An object that was overwritten without versions, was deleted, or may not be read keeps None. Nothing is raised.
    """
    known = {item.content: item for item in activity.objects if item.sha256 is not None}
    missing = {item.content: item for item in activity.objects if item.sha256 is None and item.action != "deleted"}
    wanted = sorted((item for content, item in missing.items() if content not in known), key=lambda item: item.size_bytes or 0)
    for item in wanted[:max_objects]:
        try:
            digested = _digest(aws.client("s3"), item, max_bytes)
        except ClientError:
            continue
        except (BotoCoreError, MlkitError):
            break  # S3 cannot be reached; the other objects would only time out
        if digested is not None and digested.size_bytes is not None:
            known[item.content] = digested
            max_bytes -= digested.size_bytes
    return dataclasses.replace(activity, objects=tuple(_completed(item, known.get(item.content)) for item in activity.objects))


def _completed(item: ObjectRecord, known: ObjectRecord | None) -> ObjectRecord:
    if known is None or item.sha256 is not None or item.action == "deleted":
        return item
    return dataclasses.replace(item, sha256=known.sha256, size_bytes=known.size_bytes or item.size_bytes)


def _digest(s3: "S3Client", item: ObjectRecord, max_bytes: int) -> ObjectRecord | None:
    """None if the object is larger than `max_bytes`, or its content is no longer available."""
    if (item.size_bytes or 0) > max_bytes or (answer := _open(s3, item)) is None:
        return None
    with answer["Body"] as body:
        if answer["ContentLength"] > max_bytes:
            return None
        digest = hashlib.sha256()
        while piece := body.read(_PIECE):
            digest.update(piece)
    return dataclasses.replace(item, sha256=digest.hexdigest(), size_bytes=answer["ContentLength"])


def _open(s3: "S3Client", item: ObjectRecord) -> "GetObjectOutputTypeDef | None":
    """By ETag first, because that needs only s3:GetObject, which the run had; a version needs s3:GetObjectVersion."""
    bucket, key = split_uri(item.s3_uri)
    if item.etag is not None:
        try:
            answer = s3.get_object(Bucket=bucket, Key=key, IfMatch=item.etag)
        except ClientError as error:
            if item.version_id in UNVERSIONED or error.response["Error"]["Code"] not in ("PreconditionFailed", "NoSuchKey"):
                raise
        else:
            if item.version_id in (*UNVERSIONED, answer.get("VersionId")):
                return answer
            answer["Body"].close()
    return s3.get_object(Bucket=bucket, Key=key, VersionId=item.version_id) if item.version_id not in UNVERSIONED else None
