"""Source actions: store a commit of the local folder that replaces the repository, as a zip file without history."""

import contextlib
import json
from collections.abc import Iterator, Mapping

from botocore.exceptions import ClientError

from localaws.codeconnections.repositories import Commit, Repositories, RepositoryProblem
from localaws.codepipeline.action import CONFIGURATION, PERMISSION, ActionFailed, ActionResult, Job
from localaws.codepipeline.pipeline_records import Revision, names
from localaws.kit.service import AwsError


def from_connection(job: Job, repositories: Repositories) -> ActionResult:
    """Run CodeStarSourceConnection. The pipeline's role needs the permission to use the connection."""
    wanted = job.configuration
    name, arn = wanted["FullRepositoryId"], wanted["ConnectionArn"]
    branch = job.wanted_branch or wanted["BranchName"]
    job.check_connection(arn, {"FullRepositoryId": name, "BranchName": branch, "ProviderAction": "GetBranch"})
    commit = _commit(job, repositories, name, branch)
    variables = {
        "AuthorDate": commit.author_date,
        "BranchName": branch,
        "CommitId": commit.id,
        "CommitMessage": commit.message,
        "ConnectionArn": arn,
        "FullRepositoryName": name,
    }
    link = f"https://{job.region}.console.aws.amazon.com/codesuite/settings/connections/redirect?connectionArn={arn}"
    url = f"{link}&referenceType=COMMIT&FullRepositoryId={name}&Commit={commit.id}"
    summary = json.dumps({"ProviderType": "GitHub", "CommitMessage": commit.message})
    with _upload_errors():
        job.require("codepipeline-source-acl", _object_arn(job))
        job.require("codepipeline-source-bucket", f"arn:aws:s3:::{job.artifacts.bucket}")
        return _outcome(job, commit, variables, url, summary)


def from_token(job: Job, repositories: Repositories) -> ActionResult:
    """Run GitHub, version 1. A local folder needs no token, so the token is not checked."""
    wanted = job.configuration
    name, branch = f"{wanted['Owner']}/{wanted['Repo']}", wanted["Branch"]
    commit = _commit(job, repositories, name, branch)
    url = f"https://github.com/{name}/commit/{commit.id}"
    variables = {
        "AuthorDate": commit.author_date,
        "BranchName": branch,
        "CommitId": commit.id,
        "CommitMessage": commit.message,
        "CommitUrl": url,
        "CommitterDate": commit.committer_date,
        "RepositoryName": wanted["Repo"],
    }
    return _outcome(job, commit, variables, url, commit.message)


def from_codecommit(job: Job, repositories: Repositories) -> ActionResult:
    """Run CodeCommit. The action's role needs AWS's permissions on the repository."""
    name, branch = job.configuration["RepositoryName"], job.configuration["BranchName"]
    job.require("codepipeline-codecommit", job.arn("codecommit", name))
    commit = _commit(job, repositories, name, branch)
    variables = {
        "AuthorDate": commit.author_date,
        "BranchName": branch,
        "CommitId": commit.id,
        "CommitMessage": commit.message,
        "CommitterDate": commit.committer_date,
        "RepositoryName": name,
    }
    url = f"https://{job.region}.console.aws.amazon.com/codesuite/codecommit/repositories/{name}/commit/{commit.id}"
    return _outcome(job, commit, variables, url, commit.message)


def _commit(job: Job, repositories: Repositories, name: str, branch: str) -> Commit:
    try:
        return repositories.commit(name, branch, revision=job.wanted_revision)
    except RepositoryProblem as error:
        raise ActionFailed(str(error), code=CONFIGURATION) from error


@contextlib.contextmanager
def _upload_errors() -> Iterator[None]:
    """The text of AWS around S3's own: public reports show it for a role that lacks s3:PutObjectAcl."""
    try:
        yield
    except (AwsError, ClientError) as error:
        text = error.message if isinstance(error, AwsError) else error.response["Error"]["Message"]
        code = error.code if isinstance(error, AwsError) else error.response["Error"]["Code"]
        told = f"{text} (Error Code: {code.removesuffix('Exception')})"
        raise ActionFailed(f"[GitHub] Upload to S3 failed with the following error: {told}", code=PERMISSION) from error


def _object_arn(job: Job) -> str:
    """The object of the source's output artifact."""
    artifact = names(job.action["outputArtifacts"])[0]
    return f"arn:aws:s3:::{job.artifacts.bucket}/{job.outputs[artifact]}"


def _outcome(job: Job, commit: Commit, variables: Mapping[str, str], url: str, summary: str) -> ActionResult:
    artifact = names(job.action["outputArtifacts"])[0]
    job.artifacts.write(job.outputs[artifact], commit.archive)
    job.remember(external_id=commit.id, external_url=url)
    revision = Revision(
        action=job.action["name"],
        artifact=artifact,
        revision_id=commit.id,
        summary=summary[:2048],
        url=url[:2048],
        created=commit.committed,
    )
    # A commit may have an empty message, but a variable needs a value.
    return ActionResult(variables={key: value or "-" for key, value in variables.items()}, summary=summary, revision=revision)
