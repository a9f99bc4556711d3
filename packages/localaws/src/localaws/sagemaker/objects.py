"""S3 as SageMaker uses it for a job: URIs, prefixes, manifests, downloads under the role."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError


class DataUnavailable(Exception):
    """The data cannot be had; the text is what follows "ClientError: Data download failed:" in a job's failure reason."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """A bucket and a key or a prefix of keys."""

    bucket: str
    key: str


def parse_uri(uri: str) -> Location:
    """Raises ValueError if it is not an s3:// URI."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"{uri!r} is not an S3 URI")
    return Location(bucket=bucket, key=key)


def relative_name(key: str, prefix: str) -> str:
    """Where a prefix's object goes in the channel's folder: what follows the prefix, or its last folder when the prefix ends in a name."""
    if prefix.endswith("/") or not prefix:
        return key[len(prefix) :]
    return key[len(prefix) + 1 :] if key.startswith(prefix + "/") else key[prefix.rfind("/") + 1 :]


def keys_below(s3: Any, location: Location) -> Iterator[str]:
    """The keys under a prefix without the folder markers that consoles make."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=location.bucket, Prefix=location.key)
    for listed in pages:
        yield from (item["Key"] for item in listed.get("Contents", []) if not item["Key"].endswith("/"))


def has_objects(s3: Any, location: Location) -> bool:
    try:
        return next(keys_below(s3, location), None) is not None
    except ClientError:
        return False


def download_channel(s3: Any, source: Mapping[str, Any], folder: Path) -> None:
    """Copies an S3DataSource into `folder`. Raises DataUnavailable with S3's own code and text."""
    location = parse_uri(source["S3Uri"])
    try:
        if source["S3DataType"] == "ManifestFile":
            names = list(_manifest(s3, location))
        else:
            names = [(location.bucket, key, relative_name(key, location.key)) for key in keys_below(s3, location)]
        if not names:
            raise DataUnavailable(f"No S3 objects found under S3 URL {source['S3Uri']!r}")
        for bucket, key, name in names:
            download(s3, Location(bucket=bucket, key=key), _inside(folder, name))
    except ClientError as error:
        raise DataUnavailable(describe(error)) from error
    except (OSError, BotoCoreError, ValueError) as error:
        raise DataUnavailable(str(error)) from error


def download(s3: Any, location: Location, target: Path) -> None:
    """Streams one object to a file. Raises botocore's ClientError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    body = s3.get_object(Bucket=location.bucket, Key=location.key)["Body"]
    with body, target.open("wb") as file:
        shutil.copyfileobj(body, file, 1 << 20)


def describe(error: ClientError) -> str:
    """Code, status and text, as SageMaker quotes S3: "AccessDenied (403): ..."."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return f"{error.response['Error']['Code']} ({status}): {error.response['Error']['Message']}"


def _manifest(s3: Any, location: Location) -> Iterator[tuple[str, str, str]]:
    """[{"prefix": "s3://bucket/some/prefix/"}, "relative/one", "two"]: bucket, key and name in the channel of each."""
    head, *names = json.loads(s3.get_object(Bucket=location.bucket, Key=location.key)["Body"].read())
    prefix = parse_uri(head["prefix"])
    for name in names:
        yield prefix.bucket, prefix.key + name, name


def _inside(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/"):
        raise DataUnavailable(f"the key {name!r} is no file name")
    return folder.joinpath(*parts)
