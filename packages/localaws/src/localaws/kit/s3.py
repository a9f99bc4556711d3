"""S3 as services use it under a role: places, listings, downloads, uploads. Errors are botocore's own: each service words them its way."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Location:
    """A bucket and a key, or a prefix of keys."""

    bucket: str
    key: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


def parse_uri(uri: str, *, schemes: Collection[str] = ("s3",)) -> Location:
    """The place of s3://bucket/key; the key may be missing. Raises ValueError for anything else."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in schemes or not bucket:
        raise ValueError(f"{uri!r} is not an S3 URI")
    return Location(bucket=bucket, key=key)


def keys_below(s3: Any, location: Location) -> Iterator[str]:
    """The keys under a prefix without the folder markers that consoles make."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=location.key)
    for listed in pages:
        yield from (item["Key"] for item in listed.get("Contents", []) if not item["Key"].endswith("/"))


def download(s3: Any, location: Location, target: Path, *, version_id: str | None = None) -> str | None:
    """Streams one object to a file; gives its version if the bucket keeps versions."""
    asked = {"Bucket": location.bucket, "Key": location.key, **({"VersionId": version_id} if version_id else {})}
    target.parent.mkdir(parents=True, exist_ok=True)
    answer = s3.get_object(**asked)
    with answer["Body"] as body, target.open("wb") as file:
        shutil.copyfileobj(body, file, _CHUNK_BYTES)
    version = answer.get("VersionId")
    return None if version in (None, "null") else str(version)


def upload(s3: Any, path: Path, location: Location, *, encryption: Mapping[str, str]) -> None:
    with path.open("rb") as body:
        s3.put_object(Bucket=location.bucket, Key=location.key, Body=body, **encryption)


def encrypted_with(key: str | None) -> dict[str, str]:
    """PutObject's members for a KMS key; without one the bucket's own setting holds."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


def path_inside(folder: Path, name: str) -> Path:
    """Where an object of this relative name goes. Raises ValueError for a name that would leave the folder, or that names no file."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/"):
        raise ValueError(f"the key {name!r} is no file name")
    return folder.joinpath(*parts)
