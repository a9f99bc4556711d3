"""S3 as a build uses it: the place of a source or an artifact, fetched and stored under the build's role."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.codebuild.failures import PhaseFailed, described

CLIENT_ERROR = "CLIENT_ERROR"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A bucket and a key, or a prefix that ends in a slash."""

    bucket: str
    key: str

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


def parse_location(location: str) -> Place:
    """`bucket/key`, also as an ARN. Raises ValueError when there is no key."""
    bucket, _, key = location.removeprefix("arn:aws:s3:::").partition("/")
    if not bucket or not key:
        raise ValueError(f"{location!r} is not of the form bucket/key")
    return Place(bucket=bucket, key=key)


def fetch(s3: Any, place: Place, target: Path, *, what: str, version_id: str | None = None) -> str | None:
    """Copies one object to a file and says its version, if the bucket keeps versions. Raises PhaseFailed naming what was wanted."""
    wanted = {"Bucket": place.bucket, "Key": place.key, **({"VersionId": version_id} if version_id else {})}
    try:
        answer = s3.get_object(**wanted)
        target.parent.mkdir(parents=True, exist_ok=True)
        with answer["Body"] as body, target.open("wb") as file:
            shutil.copyfileobj(body, file, 1 << 20)
    except (ClientError, BotoCoreError) as error:
        raise PhaseFailed(CLIENT_ERROR, f"{described(error)} for {what} {place.arn}") from error
    version = answer.get("VersionId")
    return None if version in (None, "null") else str(version)


def fetch_folder(s3: Any, place: Place, target: Path, *, what: str) -> None:
    """Copies every object below a prefix. Raises PhaseFailed."""
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=place.key)
        keys = [item["Key"] for page in pages for item in page.get("Contents", []) if not item["Key"].endswith("/")]
    except (ClientError, BotoCoreError) as error:
        raise PhaseFailed(CLIENT_ERROR, f"{described(error)} for {what} {place.arn}") from error
    for key in keys:
        path = target / key[len(place.key) :]
        if not path.resolve().is_relative_to(target.resolve()):
            raise PhaseFailed(CLIENT_ERROR, f"the key {key!r} is no file name")
        fetch(s3, Place(bucket=place.bucket, key=key), path, what=what)


def store(s3: Any, path: Path, place: Place, *, encryption: Mapping[str, str]) -> None:
    """Raises PhaseFailed with S3's own text."""
    try:
        with path.open("rb") as body:
            s3.put_object(Bucket=place.bucket, Key=place.key, Body=body, **encryption)
    except (ClientError, BotoCoreError) as error:
        raise PhaseFailed(CLIENT_ERROR, f"{described(error)} for artifact {place.arn}") from error


def encryption_of(key: str, *, account_default: str) -> dict[str, str]:
    """put_object's members for the project's key; with the account's default key the bucket's own setting holds."""
    return {} if key in (account_default, "alias/aws/s3") else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
