"""Descriptions of pipelines and executions for CodePipeline's answers."""

from collections.abc import Mapping
from typing import Any

from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution, Revision
from localaws.kit.service import Members
from localaws.kit.timestamps import moment


def pipeline_state(pipeline: Pipeline) -> Members:
    return {
        "pipelineName": pipeline.name,
        "pipelineVersion": pipeline.version,
        "stageStates": [_stage_state(pipeline, index, stage) for index, stage in enumerate(pipeline.declaration["stages"])],
        "created": moment(pipeline.created),
        "updated": moment(pipeline.updated),
    }


def _stage_state(pipeline: Pipeline, index: int, stage: Mapping[str, Any]) -> Members:
    name = stage["name"]
    state: Members = {
        "stageName": name,
        "actionStates": [_action_state(pipeline, name, action["name"]) for action in stage["actions"]],
    }
    if index > 0:
        state["inboundTransitionState"] = _transition(pipeline.disabled.get(name))
    waiting = [execution for execution in pipeline.open_executions() if not execution.entered and _waits_for(pipeline, execution) == name]
    if waiting:
        inbound = [{"pipelineExecutionId": execution.id, "status": execution.status, "type": "STANDARD"} for execution in waiting]
        state |= {"inboundExecution": inbound[0], "inboundExecutions": inbound}
    if (latest := pipeline.latest_in(name)) is not None:
        run = latest.stages[name]
        state["latestExecution"] = {"pipelineExecutionId": latest.id, "status": run.status, "type": "STANDARD"}
        if run.retries:
            state["retryStageMetadata"] = {"manualStageRetryAttempt": run.retries, "latestRetryTrigger": "ManualStageRetry"}
    return state


def _waits_for(pipeline: Pipeline, execution: PipelineExecution) -> str:
    return str(pipeline.stages_of(execution)[execution.stage]["name"])


def _transition(disabled: Mapping[str, Any] | None) -> Members:
    if disabled is None:
        return {"enabled": True}
    return {
        "enabled": False,
        "lastChangedBy": disabled["by"],
        "lastChangedAt": moment(disabled["at"]),
        "disabledReason": disabled["reason"],
    }


def _action_state(pipeline: Pipeline, stage: str, action: str) -> Members:
    state: Members = {"actionName": action}
    runs = [(execution, run) for execution in pipeline.executions for run in execution.runs if (run.stage, run.action) == (stage, action)]
    if not runs:
        return state
    execution, run = max(runs, key=lambda pair: pair[1].started)
    state["latestExecution"] = _latest(run)
    revision = next((revision for revision in execution.revisions if revision.action == action), None)
    if revision is not None and execution.stages.get(stage):
        state["currentRevision"] = {
            "revisionId": revision.revision_id,
            "revisionChangeId": revision.revision_id,
            "created": moment(revision.created),
        }
        state["revisionUrl"] = revision.url
    return state


def _latest(run: ActionRun) -> Members:
    found: Members = {
        "actionExecutionId": run.id,
        "status": run.status,
        "lastStatusChange": moment(run.updated),
        "summary": run.summary[:2048] if run.summary else None,
        "token": run.token if run.status == "InProgress" else None,
        "lastUpdatedBy": run.updated_by,
        "externalExecutionId": run.external_id,
        "externalExecutionUrl": run.external_url,
        "errorDetails": _error(run),
    }
    return {name: value for name, value in found.items() if value}


def _error(run: ActionRun) -> Members | None:
    return {"code": run.error_code, "message": run.error_message or "-"} if run.error_code else None


def execution(pipeline: Pipeline, found: PipelineExecution) -> Members:
    """GetPipelineExecution's answer."""
    shown: Members = {
        "pipelineName": pipeline.name,
        "pipelineVersion": found.version,
        "pipelineExecutionId": found.id,
        "status": found.status,
        "artifactRevisions": [_artifact_revision(revision) for revision in found.revisions],
        "variables": [{"name": name, "resolvedValue": value} for name, value in found.variables.items()],
        "trigger": _trigger(found),
        "executionMode": found.mode,
        "executionType": "STANDARD",
    }
    return {**shown, "statusSummary": found.summary} if found.summary else shown


def _trigger(found: PipelineExecution) -> Members:
    return {"triggerType": found.trigger_type, "triggerDetail": found.trigger_detail[:1024]}


def _artifact_revision(revision: Revision) -> Members:
    shown = {
        "name": revision.artifact,
        "revisionId": revision.revision_id,
        "revisionSummary": revision.summary,
        "created": moment(revision.created),
        "revisionUrl": revision.url,
    }
    return {name: value for name, value in shown.items() if value != ""}


def execution_summary(found: PipelineExecution) -> Members:
    """One entry of ListPipelineExecutions."""
    shown: Members = {
        "pipelineExecutionId": found.id,
        "status": found.status,
        "startTime": moment(found.started),
        "lastUpdateTime": moment(max([found.updated, *(run.updated for run in found.runs)])),
        "sourceRevisions": [_source_revision(revision) for revision in found.revisions],
        "trigger": _trigger(found),
        "executionMode": found.mode,
        "executionType": "STANDARD",
    }
    if found.summary:
        shown["statusSummary"] = found.summary
    if found.stop_reason:
        shown["stopTrigger"] = {"reason": found.stop_reason}
    return shown


def _source_revision(revision: Revision) -> Members:
    shown = {
        "actionName": revision.action,
        "revisionId": revision.revision_id,
        "revisionSummary": revision.summary,
        "revisionUrl": revision.url,
    }
    return {name: value for name, value in shown.items() if value}


def action_execution(pipeline: Pipeline, found: PipelineExecution, run: ActionRun, region: str) -> Members:
    """One entry of ListActionExecutions."""
    declared = pipeline.declarations[found.version]
    stage = next(stage for stage in declared["stages"] if stage["name"] == run.stage)
    action = next(action for action in stage["actions"] if action["name"] == run.action)
    bucket = declared["artifactStore"]["location"]
    given: Members = {
        "actionTypeId": action["actionTypeId"],
        "configuration": run.configuration,
        "resolvedConfiguration": run.resolved,
        "roleArn": action.get("roleArn"),
        "region": action.get("region", region),
        "inputArtifacts": _artifacts(bucket, run.inputs),
        "namespace": action.get("namespace"),
    }
    result = {
        "externalExecutionId": run.external_id,
        "externalExecutionSummary": run.summary,
        "externalExecutionUrl": run.external_url,
        "errorDetails": _error(run),
    }
    shown: Members = {
        "pipelineExecutionId": found.id,
        "actionExecutionId": run.id,
        "pipelineVersion": found.version,
        "stageName": run.stage,
        "actionName": run.action,
        "startTime": moment(run.started),
        "lastUpdateTime": moment(run.updated),
        "status": run.status,
        "input": {name: value for name, value in given.items() if value is not None},
        "output": {
            "outputArtifacts": _artifacts(bucket, run.outputs if run.status == "Succeeded" else {}),
            "executionResult": {name: value for name, value in result.items() if value},
            "outputVariables": run.variables,
        },
    }
    return {**shown, "updatedBy": run.updated_by} if run.updated_by else shown


def _artifacts(bucket: str, keys: Mapping[str, str]) -> list[Members]:
    return [{"name": name, "s3location": {"bucket": bucket, "key": key}} for name, key in keys.items()]
