"""S3 access of a build under its role: locations of sources and artifacts, download and upload."""

from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from localaws.codebuild.phase_failures import PhaseFailed, described
from localaws.kit.s3 import Encryption, Location, download, encrypted_with, keys_below, path_inside, upload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CLIENT_ERROR = "CLIENT_ERROR"


def parse_location(location: str) -> Location:
    """The location of `bucket/key`, also as an ARN. Raises ValueError if the key is missing."""
    bucket, _, key = location.removeprefix("arn:aws:s3:::").partition("/")
    if not bucket or not key:
        raise ValueError(f"{location!r} is not of the form bucket/key")
    return Location(bucket=bucket, key=key)


def fetch(s3: "S3Client", place: Location, target: Path, *, what: str, version_id: str | None = None) -> str | None:
    """Download one object. Returns its version id if the bucket keeps versions. Raises PhaseFailed, which names `what`."""
    try:
        return download(s3, place, target, version_id=version_id)
    except (ClientError, BotoCoreError) as error:
        raise PhaseFailed(CLIENT_ERROR, f"{described(error)} for {what} {place.arn}") from error


def fetch_folder(s3: "S3Client", place: Location, target: Path, *, what: str) -> None:
    """Download every object below a prefix. Raises PhaseFailed."""
    try:
        keys = list(keys_below(s3, place))
        paths = [path_inside(target, key[len(place.key) :]) for key in keys]
    except (ClientError, BotoCoreError) as error:
        raise PhaseFailed(CLIENT_ERROR, f"{described(error)} for {what} {place.arn}") from error
    except ValueError as error:
        raise PhaseFailed(CLIENT_ERROR, str(error)) from error
    for key, path in zip(keys, paths, strict=True):
        fetch(s3, Location(bucket=place.bucket, key=key), path, what=what)


def store(s3: "S3Client", path: Path, place: Location, *, encryption: Encryption) -> None:
    """Upload a file. Raises PhaseFailed with S3's own text."""
    try:
        upload(s3, path, place, encryption=encryption)
    except (ClientError, BotoCoreError) as error:
        raise PhaseFailed(CLIENT_ERROR, f"{described(error)} for artifact {place.arn}") from error


def encryption_of(key: str, *, account_default: str) -> Encryption:
    """PutObject's members for the project's key. With the account's default key, the bucket's own setting applies."""
    return encrypted_with(None if key in (account_default, "alias/aws/s3") else key)
