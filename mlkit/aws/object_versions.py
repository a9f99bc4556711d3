"""All versions of staged objects."""

from collections import defaultdict
from datetime import UTC, datetime

from mlkit.aws.s3_objects import object_errors, read_version, split_uri
from mlkit.aws.session import Session
from mlkit.errors import EvidenceRefused
from mlkit.evidence.archives import MOST_BYTES
from mlkit.evidence.layout import Staging
from mlkit.evidence.staged import StagedFile


def staged_files(aws: Session, place: Staging) -> list[StagedFile]:
    """What is staged for the execution, with the time of every version.

    Raises EvidenceRefused for a deleted file or a strange key, and for more than MOST_BYTES.
    """
    bucket, prefix = split_uri(place.executions)
    size = 0
    versions: dict[str, list[tuple[datetime, str, bool]]] = defaultdict(list)
    with object_errors(place.executions):
        for page in aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Versions", []):
                versions[item["Key"]].append((item["LastModified"].astimezone(UTC), item["VersionId"], item["IsLatest"]))
                size += item["Size"] if item["IsLatest"] else 0
                if size > MOST_BYTES:
                    raise EvidenceRefused(f"More than {MOST_BYTES >> 20} MB are staged, with s3://{bucket}/{item['Key']}")
            for marker in page.get("DeleteMarkers", []):
                raise EvidenceRefused(f"s3://{bucket}/{marker['Key']} was deleted")
    return [_file(aws, place, f"s3://{bucket}/{key}", found) for key, found in sorted(versions.items())]


def moments_written(aws: Session, s3_uri: str) -> list[tuple[str, datetime]]:
    """The address and time of every version and delete marker below a prefix."""
    bucket, prefix = split_uri(s3_uri)
    found = []
    with object_errors(s3_uri):
        for page in aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            versions, markers = page.get("Versions", []), page.get("DeleteMarkers", [])
            found += [(f"s3://{bucket}/{item['Key']}", item["LastModified"].astimezone(UTC)) for item in versions]
            found += [(f"s3://{bucket}/{item['Key']}", item["LastModified"].astimezone(UTC)) for item in markers]
    return found


def _file(aws: Session, place: Staging, s3_uri: str, versions: list[tuple[datetime, str, bool]]) -> StagedFile:
    parts = s3_uri.removeprefix(place.executions).split("/")
    if len(parts) != 3:
        raise EvidenceRefused(f"{s3_uri} lies where no build stages: <action>/<build>/<file> is expected")
    newest = next(version for _, version, is_latest in versions if is_latest)
    action, build, name = parts
    written = tuple(moment for moment, _, _ in versions)
    return StagedFile(action=action, build=build, name=name, data=read_version(aws, s3_uri, newest), written=written)
