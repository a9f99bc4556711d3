"""S3 as services use it under a role: locations, listings, downloads, uploads. Errors are botocore's; each service words them itself."""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CHUNK_BYTES = 1 << 20


class Encryption(TypedDict, total=False):
    """PutObject's members for encryption; without them the bucket's own setting holds."""

    ServerSideEncryption: Literal["AES256", "aws:kms"]
    SSEKMSKeyId: str


@dataclass(frozen=True, kw_only=True)
class Location:
    """A bucket and a key, or a prefix of keys."""

    bucket: str
    key: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


def parse_uri(uri: str, *, schemes: Collection[str] = ("s3",)) -> Location:
    """The location of s3://bucket/key; the key may be missing. Raises ValueError for any other text."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in schemes or not bucket:
        raise ValueError(f"{uri!r} is not an S3 URI")
    return Location(bucket=bucket, key=key)


def keys_below(s3: "S3Client", location: Location) -> Iterator[str]:
    """The keys under a prefix, without the folder markers that the S3 console creates."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=location.key)
    for listed in pages:
        yield from (item["Key"] for item in listed.get("Contents", []) if not item["Key"].endswith("/"))


def download(s3: "S3Client", location: Location, target: Path, *, version_id: str | None = None) -> str | None:
    """Stream one object to a file. Returns its version id if the bucket keeps versions."""
    target.parent.mkdir(parents=True, exist_ok=True)
    bucket, key = location.bucket, location.key
    answer = s3.get_object(Bucket=bucket, Key=key, VersionId=version_id) if version_id else s3.get_object(Bucket=bucket, Key=key)
    with answer["Body"] as body, target.open("wb") as file:
        shutil.copyfileobj(body, file, _CHUNK_BYTES)
    version = answer.get("VersionId")
    return None if version == "null" else version


def upload(s3: "S3Client", path: Path, location: Location, *, encryption: Encryption) -> None:
    with path.open("rb") as body:
        s3.put_object(Bucket=location.bucket, Key=location.key, Body=body, **encryption)


def encrypted_with(key: str | None) -> Encryption:
    """The members for a KMS key; none without one."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


def path_inside(folder: Path, name: str) -> Path:
    """The path for an object with this relative name. Raises ValueError for a name outside of the folder, or without a file name."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/"):
        raise ValueError(f"the key {name!r} is no file name")
    return folder.joinpath(*parts)
