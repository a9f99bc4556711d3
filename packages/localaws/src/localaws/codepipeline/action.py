"""The interface between the runner and a provider: an action's job, its result and its failure."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.codepipeline.action_variables import Unresolved
from localaws.codepipeline.artifact_store import Artifacts, MissingFile
from localaws.codepipeline.pipeline_records import Revision
from localaws.kit.service import AwsError

JOB_FAILED, CONFIGURATION, PERMISSION = "JobFailed", "ConfigurationError", "PermissionError"
POLL_S = 0.2
_LATE, _SELDOM_S = 0.05, 2.0  # an end is noticed within this share of the time that the action took, and within two seconds
POLLING = "PollForSourceChanges"  # the trigger of an execution whose source CodePipeline polls
_DENIALS = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException")
_DENIED = "The provided role does not have permissions to perform this action. Underlying error: "


class ActionFailed(Exception):
    """The action failed. `code` is one of AWS's failure types."""

    def __init__(self, message: str, *, code: str = JOB_FAILED) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Ended(Exception):
    """The action was abandoned, or the server shuts down. The provider must record nothing more."""


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """The result of an action that succeeded."""

    variables: Mapping[str, str] = field(default_factory=dict)
    summary: str | None = None
    revision: Revision | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of an action.

    `configuration` has its variables resolved. `client` creates clients under the action's role. `require` checks the permissions of a
    line of the ledger of service-made calls on a resource; it raises AwsError. `remember(work=..., external_id=..., ...)`
    records fields of the action's run while it continues; after a restart, `work` has the recorded value.
    """

    pipeline: str
    stage: str
    action: Mapping[str, Any]
    configuration: Mapping[str, str]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    commits: Mapping[str, str]
    wanted_revision: str | None
    wanted_branch: str | None
    artifacts: Artifacts
    client: Callable[[str], Any]
    check_connection: Callable[[str, Mapping[str, str]], None]
    require: Callable[[str, str], None]
    region: str
    account: str
    work: Mapping[str, Any]
    remember: Callable[..., None]
    ended: Event
    began: float = field(default_factory=time.monotonic)

    def pause(self) -> None:
        """Wait between two status calls. The pause grows with the time that the action has run. Raises Ended."""
        running_s = time.monotonic() - self.began
        if self.ended.wait(max(POLL_S, min(_LATE * running_s, _SELDOM_S))):
            raise Ended

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the pipeline's account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def read(self, reference: str) -> bytes:
        """The content of the file "Artifact::path". Raises MissingFile."""
        artifact, _, path = reference.partition("::")
        return self.artifacts.read(self.inputs[artifact], artifact, path)


def failure(error: Exception) -> ActionFailed:
    """The exception as an action's failure. AWS's own texts stay, with service and code."""
    if isinstance(error, ActionFailed):
        return error
    if isinstance(error, ClientError):
        text, denied = describe(error), error.response["Error"]["Code"] in _DENIALS
        return ActionFailed(f"{_DENIED if denied else ''}{text}", code=PERMISSION if denied else JOB_FAILED)
    if isinstance(error, AwsError):
        denied = error.code in _DENIALS
        text = f"{error.message} (Error Code: {error.code})"
        return ActionFailed(f"{_DENIED if denied else ''}{text}", code=PERMISSION if denied else JOB_FAILED)
    if isinstance(error, Unresolved | MissingFile):
        return ActionFailed(str(error), code=CONFIGURATION)
    if isinstance(error, BotoCoreError):
        return ActionFailed(str(error))
    return ActionFailed(f"The local AWS failed: {error!r}")


def describe(error: ClientError) -> str:
    """The error's text with CodePipeline's addition: "... (Service: S3; Status Code: 403; Error Code: AccessDenied)"."""
    found, status = error.response["Error"], error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return f"{found['Message']} ({error.operation_name}; Status Code: {status}; Error Code: {found['Code']})"
