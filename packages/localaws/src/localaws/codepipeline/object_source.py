"""Source actions with Amazon S3: copy an archive from a bucket that keeps versions, under the action's role."""

from typing import Any

from botocore.exceptions import ClientError

from localaws.codeconnections.repositories import Repositories
from localaws.codepipeline.action import CONFIGURATION, ActionFailed, ActionResult, Job
from localaws.codepipeline.pipeline_records import Revision, names

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_MISSING = ("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "404")


def from_bucket(job: Job, _: Repositories) -> ActionResult:
    """Store the object's current version, or the wanted one, as the output artifact."""
    bucket, key, s3 = job.configuration["S3Bucket"], job.configuration["S3ObjectKey"], job.client("s3")
    _check_versions(s3, bucket)
    try:
        version = job.wanted_revision or s3.head_object(Bucket=bucket, Key=key)["VersionId"]
        found = s3.get_object(Bucket=bucket, Key=key, VersionId=version)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        raise ActionFailed(f"The object with key '{key}' does not exist in the bucket '{bucket}'.", code=CONFIGURATION) from error
    artifact = names(job.action["outputArtifacts"])[0]
    job.artifacts.write(job.outputs[artifact], found["Body"].read())
    etag = found["ETag"].strip('"')
    job.remember(external_id=version)
    summary = found.get("Metadata", {}).get("codepipeline-artifact-revision-summary") or f"Amazon S3 version id: {version}"
    revision = Revision(
        action=job.action["name"],
        artifact=artifact,
        revision_id=version,
        summary=summary[:2048],
        url=f"https://console.aws.amazon.com/s3/object/{bucket}?prefix={key}"[:2048],
        created=found["LastModified"].timestamp(),
    )
    variables = {"BucketName": bucket, "ETag": etag, "ObjectKey": key, "VersionId": version}
    return ActionResult(variables=variables, summary=summary, revision=revision)


def current_version(s3: Any, bucket: str, key: str) -> str | None:
    """The version that a poll sees; None if there is no object, or if the role may not see it."""
    try:
        return str(s3.head_object(Bucket=bucket, Key=key)["VersionId"])
    except (ClientError, KeyError):
        return None


def _check_versions(s3: Any, bucket: str) -> None:
    """Check that the bucket keeps versions, as AWS requires of a source bucket. Raises ActionFailed."""
    if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        raise ActionFailed(f"The source bucket '{bucket}' has no versioning. Enable versioning on it.", code=CONFIGURATION)
