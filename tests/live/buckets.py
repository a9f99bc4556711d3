"""Deletes a bucket with all versions of its objects."""

from typing import Any

from botocore.exceptions import ClientError

from live.lab import Lab
from mlkit.errors import UsageError

_AT_ONCE = 1000  # DeleteObjects' limit


def delete_bucket(lab: Lab, name: str) -> None:
    """Raises UsageError for a bucket without the run's initials; deletes nothing then."""
    if not name.startswith(f"{lab.names.initials}-"):
        raise UsageError(f"{name} does not begin with {lab.names.initials}-; it was not deleted", cure="Look who made it.")
    lab.until(lambda: _is_deleted(lab, name), f"{name} is deleted", minutes=10)


def _is_deleted(lab: Lab, name: str) -> bool:
    """Delete what is there now. False if a service wrote something meanwhile, as CloudTrail does for some minutes."""
    s3 = lab.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        keys: list[dict[str, Any]] = [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found]
        for begin in range(0, len(keys), _AT_ONCE):
            s3.delete_objects(Bucket=name, Delete={"Objects": keys[begin : begin + _AT_ONCE], "Quiet": True})
    try:
        s3.delete_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "BucketNotEmpty":
            return False
        raise
    return True
