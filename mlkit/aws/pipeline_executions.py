"""A pipeline execution: start it, follow its actions, decide an approval, stop it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from mlkit.aws.session import Session, aws_errors
from mlkit.errors import NotFound, UsageError

if TYPE_CHECKING:
    from types_boto3_codepipeline.type_defs import ActionExecutionDetailTypeDef, ApprovalResultTypeDef, SourceRevisionOverrideTypeDef

ENDED = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
COMMENT_CHARACTERS = 512  # PutApprovalResult's limit
_LOG_LINES = 12


class AlreadyDecided(UsageError):
    """Somebody else answered the approval, or it is no longer pending."""


@dataclass(frozen=True, kw_only=True)
class ActionRun:
    """One attempt of an action. `external_id` is the build's or the change set's id; `summary` is the failure or the comment.

    `artifacts` maps output artifacts to their s3:// addresses, `variables` has the output variables. `decided_by` is the ARN of who
    answered an approval.
    """

    stage: str
    action: str
    provider: str
    status: str
    started: datetime
    ended: datetime | None
    summary: str
    external_id: str
    artifacts: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    decided_by: str = ""

    @property
    def name(self) -> str:
        """STAGE.ACTION."""
        return f"{self.stage}.{self.action}"

    @property
    def duration_s(self) -> float:
        """Until now, if it has not ended."""
        ended = self.ended or datetime.now(self.started.tzinfo)
        return max(0.0, (ended - self.started).total_seconds())


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A pending approval. The token ties the answer to this approval."""

    stage: str
    action: str
    token: str
    message: str


def pipeline_name(aws: Session, stack: str) -> str:
    """The name of the stack's pipeline. Raises NotFound."""
    from mlkit.aws.stacks import stack_outputs

    try:
        return stack_outputs(aws, stack)["Pipeline"]
    except NotFound as error:
        raise NotFound(
            f"There is no stack {stack}", cure="Deploy the pipeline with `mlkit pipeline deploy`, or use `mlkit local run`."
        ) from error


def start(aws: Session, pipeline: str, *, commit: str | None = None) -> str:
    """Start an execution, of `commit` if it is given. Returns its id."""
    client = aws.client("codepipeline")
    with aws_errors():
        if commit is None:
            return client.start_pipeline_execution(name=pipeline)["pipelineExecutionId"]
        revision: SourceRevisionOverrideTypeDef = {"actionName": "Source", "revisionType": "COMMIT_ID", "revisionValue": commit}
        return client.start_pipeline_execution(name=pipeline, sourceRevisions=[revision])["pipelineExecutionId"]


def status(aws: Session, pipeline: str, execution: str) -> str:
    with aws_errors():
        answer = aws.client("codepipeline").get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)
    return str(answer["pipelineExecution"]["status"])


def names(aws: Session) -> list[str]:
    """Every pipeline of the account and region."""
    with aws_errors():
        return [item["name"] for item in aws.client("codepipeline").get_paginator("list_pipelines").paginate().search("pipelines[]")]


def newest_execution(aws: Session, pipeline: str) -> tuple[str, str] | None:
    """Its id and status; None when the pipeline never ran."""
    with aws_errors():
        found = aws.client("codepipeline").list_pipeline_executions(pipelineName=pipeline, maxResults=1)["pipelineExecutionSummaries"]
    return (found[0]["pipelineExecutionId"], found[0]["status"]) if found else None


def action_runs(aws: Session, pipeline: str, execution: str) -> list[ActionRun]:
    """The execution's actions in the order in which they began, retries included."""
    pages = aws.client("codepipeline").get_paginator("list_action_executions")
    with aws_errors():
        found = pages.paginate(pipelineName=pipeline, filter={"pipelineExecutionId": execution}).search("actionExecutionDetails[]")
        details = sorted(found, key=lambda item: item["startTime"])
    return [_run(item) for item in details]


def _run(item: "ActionExecutionDetailTypeDef") -> ActionRun:
    output = item.get("output", {})
    result = output.get("executionResult", {})
    return ActionRun(
        stage=item["stageName"],
        action=item["actionName"],
        provider=item["input"]["actionTypeId"]["provider"],
        status=item["status"],
        started=item["startTime"],
        ended=item["lastUpdateTime"] if item["status"] != "InProgress" else None,
        summary=result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary", ""),
        external_id=result.get("externalExecutionId", ""),
        artifacts={one["name"]: "s3://{bucket}/{key}".format(**one["s3location"]) for one in output.get("outputArtifacts", [])},
        variables=output.get("outputVariables", {}),
        decided_by=item.get("updatedBy", ""),
    )


def pending_approval(aws: Session, pipeline: str, execution: str) -> Approval | None:
    """The approval that the execution waits for; None if it does not wait."""
    with aws_errors():
        state = aws.client("codepipeline").get_pipeline_state(name=pipeline)
    for stage in state["stageStates"]:
        if stage.get("latestExecution", {}).get("pipelineExecutionId") != execution:
            continue
        for action in stage.get("actionStates", []):
            latest = action.get("latestExecution", {})
            if latest.get("status") == "InProgress" and latest.get("token"):
                message = latest.get("summary", "") or _custom_data(aws, pipeline, execution, action["actionName"])
                return Approval(stage=stage["stageName"], action=action["actionName"], token=latest["token"], message=message)
    return None


def _custom_data(aws: Session, pipeline: str, execution: str, action: str) -> str:
    pages = aws.client("codepipeline").get_paginator("list_action_executions")
    found = pages.paginate(pipelineName=pipeline, filter={"pipelineExecutionId": execution}).search("actionExecutionDetails[]")
    data = [item["input"].get("resolvedConfiguration", {}).get("CustomData", "") for item in found if item["actionName"] == action]
    return data[0] if data else ""


def check_comment(comment: str) -> None:
    """Raises UsageError for a comment that is empty, for example from an unset variable, or too long for CodePipeline."""
    if not comment.strip():
        raise UsageError(
            "The comment is empty; nothing was decided", cure='Give a comment: `mlkit local approve "as good as the last one"`.'
        )
    if len(comment) > COMMENT_CHARACTERS:
        raise UsageError(f"The comment has {len(comment)} characters", cure=f"Shorten it to {COMMENT_CHARACTERS}, CodePipeline's maximum.")


def decide(aws: Session, pipeline: str, approval: Approval, *, approved: bool, comment: str) -> None:
    """Answer the approval. Raises AlreadyDecided if somebody else answered first, UsageError as `check_comment` does."""
    check_comment(comment)
    result: ApprovalResultTypeDef = {"summary": comment, "status": "Approved" if approved else "Rejected"}
    try:
        aws.client("codepipeline").put_approval_result(
            pipelineName=pipeline, stageName=approval.stage, actionName=approval.action, token=approval.token, result=result
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in ("InvalidApprovalTokenException", "ApprovalAlreadyCompletedException"):
            raise AlreadyDecided(
                "This approval is no longer pending", cure="Somebody has decided. Look at the pipeline's state."
            ) from error
        with aws_errors():
            raise


def build_log(aws: Session, build_id: str) -> list[str]:
    """The last lines that a build's own commands printed."""
    with aws_errors():
        build = aws.client("codebuild").batch_get_builds(ids=[build_id])["builds"][0]
        where = build.get("logs", {})
        if not where.get("streamName"):
            return []
        events = aws.client("logs").filter_log_events(logGroupName=where["groupName"], logStreamNames=[where["streamName"]])["events"]
    printed = [line for event in events for line in event["message"].splitlines() if not line.startswith("[Container]")]
    return printed[-_LOG_LINES:]


def stop(aws: Session, pipeline: str, execution: str, *, reason: str) -> None:
    """Stop the execution and its builds. CodePipeline alone does not stop the builds."""
    runs = action_runs(aws, pipeline, execution)
    with suppress(ClientError):  # it may have ended meanwhile
        aws.client("codepipeline").stop_pipeline_execution(
            pipelineName=pipeline, pipelineExecutionId=execution, abandon=True, reason=reason[:200]
        )
    for run in runs:
        if run.status == "InProgress" and run.provider == "CodeBuild" and run.external_id:
            with suppress(ClientError):
                aws.client("codebuild").stop_build(id=run.external_id)
