"""Downloads a job's input data from S3, prefixes and manifests, under the role."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.kit.s3 import Location, download, keys_below, parse_uri, path_inside

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


class DataUnavailable(Exception):
    """The data cannot be downloaded. In the job's failure reason, the text follows "ClientError: Data download failed:"."""


def relative_name(key: str, prefix: str) -> str:
    """The object's path in the channel's folder: its key after the prefix, or after the prefix's last folder."""
    if prefix.endswith("/") or not prefix:
        return key[len(prefix) :]
    return key[len(prefix) + 1 :] if key.startswith(prefix + "/") else key[prefix.rfind("/") + 1 :]


def has_objects(s3: "S3Client", location: Location) -> bool:
    try:
        return next(keys_below(s3, location), None) is not None
    except ClientError:
        return False


def download_channel(s3: "S3Client", source: Mapping[str, Any], folder: Path) -> None:
    """Download an S3DataSource to `folder`. Raises DataUnavailable with S3's own code and text."""
    location = parse_uri(source["S3Uri"])
    try:
        if source["S3DataType"] == "ManifestFile":
            names = list(_manifest(s3, location))
        else:
            names = [(location.bucket, key, relative_name(key, location.key)) for key in keys_below(s3, location)]
        if not names:
            raise DataUnavailable(f"No S3 objects found under S3 URL {source['S3Uri']!r}")
        for bucket, key, name in names:
            download(s3, Location(bucket=bucket, key=key), path_inside(folder, name))
    except ClientError as error:
        raise DataUnavailable(describe(error)) from error
    except (OSError, BotoCoreError, ValueError) as error:
        raise DataUnavailable(str(error)) from error


def describe(error: ClientError) -> str:
    """The error's code, status and text, as SageMaker quotes S3: "AccessDenied (403): ..."."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return f"{error.response['Error']['Code']} ({status}): {error.response['Error']['Message']}"


def _manifest(s3: "S3Client", location: Location) -> Iterator[tuple[str, str, str]]:
    """[{"prefix": "s3://bucket/some/prefix/"}, "relative/one", "two"]: bucket, key and name in the channel of each."""
    head, *names = json.loads(s3.get_object(Bucket=location.bucket, Key=location.key)["Body"].read())
    prefix = parse_uri(head["prefix"])
    for name in names:
        yield prefix.bucket, prefix.key + name, name
