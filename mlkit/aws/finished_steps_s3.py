"""Finished runs in S3, and the check that the objects of a run have not changed."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from mlkit.aws.s3_objects import digest_object, list_objects, read_object, split_uri
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import NotFound
from mlkit.evidence.run_record import Activity, ObjectRecord

_AT_ONCE = 8
_LAST = "record.json"  # written last; a folder without it is incomplete


class S3Place:
    """A `steps.Place` below an S3 prefix. The bucket's lifecycle rules delete old runs."""

    def __init__(self, aws: Session, s3_uri: str) -> None:
        self.aws, self.s3_uri = aws, s3_uri.rstrip("/")
        split_uri(s3_uri)

    def folders(self, notebook: str) -> list[str]:
        prefix = split_uri(f"{self.s3_uri}/")[1]
        keys = (item["Key"].removeprefix(prefix) for item in list_objects(self.aws, f"{self.s3_uri}/{notebook}/"))
        return [key.removesuffix(f"/{_LAST}") for key in keys if key.endswith(f"/{_LAST}")]

    def read(self, folder: str, name: str) -> bytes:
        return read_object(self.aws, self.address(folder, name))

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        for name, data in sorted(files.items(), key=lambda item: item[0] == _LAST):
            bucket, key = split_uri(self.address(folder, name))
            with aws_errors():
                self.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data, ChecksumAlgorithm="SHA256")

    def address(self, folder: str, name: str) -> str:
        return f"{self.s3_uri}/{folder}/{name}"


def changed_objects(aws: Session, activity: Activity) -> list[str]:
    """The objects that changed since the run read or wrote them, in words. Another version with the same content has not changed."""
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        found = workers.map(lambda item: _difference(aws, item), expected_objects(activity))
        return [f"{item.s3_uri} {words}" for item, words in zip(expected_objects(activity), found, strict=True) if words]


def expected_objects(activity: Activity) -> list[ObjectRecord]:
    """The expected state of the objects: as written, otherwise as read. Results of the run's own queries may be deleted."""
    own_queries = tuple(query.query_execution_id for query in activity.queries)
    left = {item.s3_uri: item for item in activity.objects if item.action != "read"}
    read = (item for item in activity.objects if item.action == "read" and item.s3_uri not in left)
    return [*left.values(), *(item for item in read if not item.s3_uri.rpartition("/")[2].startswith(own_queries))]


def _difference(aws: Session, expected: ObjectRecord) -> str:
    bucket, key = split_uri(expected.s3_uri)
    try:
        with aws_errors():
            now = aws.client("s3").head_object(Bucket=bucket, Key=key)
    except NotFound:
        return "" if expected.action == "deleted" else "was deleted"
    if expected.action == "deleted":
        return "exists again"
    if expected.version_id not in (None, "null") and now.get("VersionId") == expected.version_id:
        return ""
    if expected.size_bytes not in (None, now["ContentLength"]):
        return "has changed"
    if expected.etag and expected.etag.strip('"') == now["ETag"].strip('"'):
        return ""
    same = expected.sha256 is not None and digest_object(aws, expected.s3_uri).sha256 == expected.sha256
    return "" if same else "has changed"
