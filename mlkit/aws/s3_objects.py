"""S3 objects by their `s3://` address: read, write, list, digest."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mlkit.aws.session import Session, aws_errors, translate
from mlkit.errors import InvalidData, NotFound, UsageError
from mlkit.notebook.handoff import StoredObject

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3.type_defs import ObjectTypeDef


def split_uri(s3_uri: str) -> tuple[str, str]:
    """(bucket, key). Raises UsageError for anything but s3://bucket/key."""
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", s3_uri)
    if not match:
        raise UsageError(f"{s3_uri!r} is not an S3 address", cure="Use s3://bucket/key.")
    return match[1], match[2] or ""


@contextmanager
def object_errors(s3_uri: str) -> Iterator[None]:
    """As `aws_errors`; NotFound names the address, because S3's own message names neither bucket nor key."""
    try:
        with aws_errors():
            yield
    except NotFound as error:
        raise NotFound(f"{s3_uri}: {error}", cure="Check the address, the region and the credentials.") from error.__cause__


def read_object(aws: Session, s3_uri: str) -> bytes:
    bucket, key = split_uri(s3_uri)
    with object_errors(s3_uri):
        return aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def read_dated(aws: Session, s3_uri: str) -> tuple[bytes, datetime]:
    """The object's bytes, and when they were written: UTC, in whole seconds, as S3 tells it."""
    bucket, key = split_uri(s3_uri)
    with object_errors(s3_uri):
        answer = aws.client("s3").get_object(Bucket=bucket, Key=key)
        return answer["Body"].read(), answer["LastModified"].astimezone(UTC)


def written_at(aws: Session, s3_uri: str) -> datetime:
    """When the object was written: UTC, in whole seconds."""
    bucket, key = split_uri(s3_uri)
    with object_errors(s3_uri):
        return aws.client("s3").head_object(Bucket=bucket, Key=key)["LastModified"].astimezone(UTC)


def read_version(aws: Session, s3_uri: str, version_id: str) -> bytes:
    """One version of the object, whatever was written to the key later."""
    bucket, key = split_uri(s3_uri)
    with object_errors(s3_uri):
        return aws.client("s3").get_object(Bucket=bucket, Key=key, VersionId=version_id)["Body"].read()


def read_verified(aws: Session, stored: StoredObject) -> bytes:
    """The object's bytes. Raises InvalidData if they do not match the digest."""
    data = read_object(aws, stored.s3_uri)
    if hashlib.sha256(data).hexdigest() != stored.sha256:
        raise InvalidData(f"{stored.s3_uri} has changed since it was written", cure="Run the notebook that wrote it again.")
    return data


def write_object(aws: Session, s3_uri: str, data: bytes, *, content_type: str = "application/octet-stream") -> StoredObject:
    """Store the bytes with a checksum that S3 verifies on arrival."""
    bucket, key = split_uri(s3_uri)
    with object_errors(s3_uri):
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type, ChecksumAlgorithm="SHA256")
    return StoredObject(s3_uri=s3_uri, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def write_once(aws: Session, s3_uri: str, data: bytes, *, content_type: str = "application/octet-stream") -> str:
    """Write an object that is never replaced. Returns its version id, which is "null" in a bucket without versions.

    The same bytes may be written again. Raises InvalidData if the key holds other bytes.
    """
    bucket, key = split_uri(s3_uri)
    client = aws.client("s3")
    try:
        answer = client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=content_type, IfNoneMatch="*", ChecksumAlgorithm="SHA256")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise translate(error) from error
        with aws_errors():
            held = client.get_object(Bucket=bucket, Key=key)
        if held["Body"].read() != data:
            raise InvalidData(
                f"{s3_uri} already holds something else", cure="mlkit never replaces evidence. Start a new execution."
            ) from error
        return held.get("VersionId", "null")
    return answer.get("VersionId", "null")


def digest_object(aws: Session, s3_uri: str) -> StoredObject:
    """The object's size and SHA-256, read in pieces so that its size does not matter."""
    bucket, key = split_uri(s3_uri)
    with object_errors(s3_uri):
        return _digest(s3_uri, aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"])


def digest_version(aws: Session, s3_uri: str, version_id: str) -> str:
    """The SHA-256 of one version of the object."""
    bucket, key = split_uri(s3_uri)
    with object_errors(s3_uri):
        return _digest(s3_uri, aws.client("s3").get_object(Bucket=bucket, Key=key, VersionId=version_id)["Body"]).sha256


def _digest(s3_uri: str, body: "StreamingBody") -> StoredObject:
    digest, size = hashlib.sha256(), 0
    for piece in body.iter_chunks(8 << 20):
        digest.update(piece)
        size += len(piece)
    return StoredObject(s3_uri=s3_uri, sha256=digest.hexdigest(), size_bytes=size)


def list_objects(aws: Session, s3_uri: str) -> "Iterator[ObjectTypeDef]":
    """The objects below a prefix, as ListObjectsV2 describes them."""
    bucket, prefix = split_uri(s3_uri)
    with object_errors(s3_uri):
        for page in aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Contents", [])
