"""Operations on executions: start, stop, retry, approve, transitions, and descriptions."""

import time
import uuid
from collections.abc import Mapping
from threading import RLock
from typing import Any

from localaws.codepipeline import shown_states
from localaws.codepipeline.action import ActionFailed, ActionResult
from localaws.codepipeline.change_detection import Start
from localaws.codepipeline.pipeline_operations import Pipelines
from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution
from localaws.codepipeline.scheduler import Scheduler
from localaws.kit.service import AwsError, Caller, Members
from localaws.kit.sessions import rule_of_session
from localaws.kit.timestamps import moment

_MOST_OPEN = 50


class Executions:
    """The operations on executions."""

    def __init__(self, pipelines: Pipelines, engine: Scheduler, lock: RLock) -> None:
        self._pipelines, self._engine, self._lock = pipelines, engine, lock

    def start(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            pipeline = self._pipelines.get(request["name"], caller)
            token = request.get("clientRequestToken")
            if token and (known := next((execution for execution in pipeline.executions if execution.token == token), None)):
                return {"pipelineExecutionId": known.id}
            _check_room(pipeline)
            trigger_type, trigger_detail = _trigger(caller)
            execution = _new(
                pipeline,
                trigger_type=trigger_type,
                trigger_detail=trigger_detail,
                variables=_variables(pipeline, request.get("variables", ())),
                wanted_revisions=_revisions(pipeline, request.get("sourceRevisions", ())),
                token=token,
            )
            self._engine.begin(pipeline, execution)
            return {"pipelineExecutionId": execution.id}

    def start_on_change(self, pipeline: Pipeline, start: Start) -> None:
        """Start an execution because a source changed. Raises AwsError, for example if a variable has no default."""
        with self._lock:
            _check_room(pipeline)
            execution = _new(
                pipeline,
                trigger_type=start.trigger_type,
                trigger_detail=start.trigger_detail,
                variables=_variables(pipeline, ()),
                wanted_revisions={start.action: start.commit} if start.commit else {},
                wanted_branches={start.action: start.branch} if start.branch else {},
            )
            self._engine.begin(pipeline, execution)

    def stop(self, caller: Caller, request: Members) -> Members:
        abandon = request.get("abandon", False)
        with self._lock:
            pipeline, execution = self._execution(caller, request)
            if not execution.is_open:
                text = f"The pipeline execution {execution.id} is in status {execution.status} and cannot be stopped"
                raise AwsError("PipelineExecutionNotStoppableException", text)
            if execution.stop and not (abandon and execution.stop == "wait"):
                raise AwsError("DuplicatedStopRequestException", f"The pipeline execution {execution.id} is being stopped already")
            self._engine.stop(pipeline, execution, abandon=abandon, reason=request.get("reason"))
            return {"pipelineExecutionId": execution.id}

    def retry(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            pipeline, execution = self._execution(caller, request)
            stage = _stage(pipeline, request["stageName"])
            if (latest := pipeline.latest_in(stage)) is None or latest is not execution:
                raise AwsError("NotLatestPipelineExecutionException", f"{execution.id} is not the latest execution in stage {stage}")
            if execution.is_open or execution.stages[stage].status not in ("Failed", "Stopped"):
                raise AwsError(
                    "StageNotRetryableException", f"Stage {stage} of {execution.id} is in status {execution.stages[stage].status}"
                )
            if pipeline.stages_of(execution) != pipeline.declaration["stages"]:
                raise AwsError("StageNotRetryableException", f"The structure of {pipeline.name} has changed since stage {stage} failed")
            self._engine.retry(pipeline, execution, stage, everything=request["retryMode"] == "ALL_ACTIONS")
            return {"pipelineExecutionId": execution.id}

    def answer_approval(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            pipeline = self._pipelines.get(request["pipelineName"], caller)
            execution, run = self._approval(pipeline, request)
            decision, summary = request["result"]["status"], request["result"]["summary"]
            run.summary = summary or f"{decision} by {caller.arn}"
            approved = decision == "Approved"
            result = ActionResult() if approved else ActionFailed(f"Rejected by {caller.arn}{f': {summary}' if summary else ''}")
            self._engine.settle(pipeline, execution, run, result, by=caller.arn)
            self._engine.forget(run)
            return {"approvedAt": moment(run.updated)}

    def enable_transition(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            pipeline, stage = self._transition(caller, request)
            pipeline.disabled.pop(stage, None)
            self._engine.advance(pipeline)
        return {}

    def disable_transition(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            pipeline, stage = self._transition(caller, request)
            pipeline.disabled[stage] = {"by": caller.arn, "at": time.time(), "reason": request["reason"]}
        return {}

    def state(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            return shown_states.pipeline_state(self._pipelines.get(request["name"], caller))

    def show(self, caller: Caller, request: Members) -> Members:
        with self._lock:
            return {"pipelineExecution": shown_states.execution(*self._execution(caller, request))}

    def list_all(self, caller: Caller, request: Members) -> Members:
        """ListPipelineExecutions, newest first."""
        with self._lock:
            pipeline = self._pipelines.get(request["pipelineName"], caller)
            wanted = request.get("filter", {}).get("succeededInStage", {}).get("stageName")
            found = [
                shown_states.execution_summary(execution)
                for execution in reversed(pipeline.executions)
                if wanted is None or (wanted in execution.stages and execution.stages[wanted].status == "Succeeded")
            ]
            return {"pipelineExecutionSummaries": found}

    def list_actions(self, caller: Caller, request: Members) -> Members:
        """ListActionExecutions, newest first."""
        asked = request.get("filter", {})
        latest = asked.get("latestInPipelineExecution", {})
        wanted = asked.get("pipelineExecutionId") or latest.get("pipelineExecutionId")
        with self._lock:
            pipeline = self._pipelines.get(request["pipelineName"], caller)
            chosen = pipeline.executions if wanted is None else [self._found(pipeline, wanted)]
            pairs = [(execution, run) for execution in chosen for run in execution.runs]
            if latest.get("startTimeRange") == "Latest":
                pairs = [(execution, run) for execution, run in pairs if not run.retried]
            pairs.sort(key=lambda pair: pair[1].started, reverse=True)
            found = [shown_states.action_execution(pipeline, execution, run, caller.region) for execution, run in pairs]
            return {"actionExecutionDetails": found}

    def _execution(self, caller: Caller, request: Members) -> tuple[Pipeline, PipelineExecution]:
        pipeline = self._pipelines.get(request["pipelineName"], caller)
        return pipeline, self._found(pipeline, request["pipelineExecutionId"])

    def _found(self, pipeline: Pipeline, execution_id: str) -> PipelineExecution:
        if (execution := pipeline.find(execution_id)) is None:
            text = f"The pipeline '{pipeline.name}' has no execution with id '{execution_id}'"
            raise AwsError("PipelineExecutionNotFoundException", text)
        return execution

    def _transition(self, caller: Caller, request: Members) -> tuple[Pipeline, str]:
        if request["transitionType"] != "Inbound":
            raise AwsError("ValidationException", "The local AWS does not honour transitionType Outbound, only Inbound")
        pipeline = self._pipelines.get(request["pipelineName"], caller)
        return pipeline, _stage(pipeline, request["stageName"])

    def _approval(self, pipeline: Pipeline, request: Members) -> tuple[PipelineExecution, ActionRun]:
        stage, action = _stage(pipeline, request["stageName"]), request["actionName"]
        if action not in [item["name"] for item in _declared(pipeline, stage)["actions"]]:
            raise AwsError("ActionNotFoundException", f"Stage '{stage}' of pipeline '{pipeline.name}' has no action '{action}'")
        runs = [
            (execution, run) for execution in pipeline.executions for run in execution.runs if (run.stage, run.action) == (stage, action)
        ]
        for execution, run in runs:
            if run.work.get("token") == request["token"]:
                if run.status == "InProgress":
                    return execution, run
                if run.status != "Abandoned" and run.updated_by:
                    raise AwsError("ApprovalAlreadyCompletedException", "The approval action has already been approved or rejected.")
        raise AwsError("InvalidApprovalTokenException", "The approval request already received a response or has expired.")


def _check_room(pipeline: Pipeline) -> None:
    if len(pipeline.open_executions()) >= _MOST_OPEN:
        raise AwsError("ConcurrentPipelineExecutionsLimitExceededException", f"{pipeline.name} has {_MOST_OPEN} executions in progress")


def _new(pipeline: Pipeline, **members: Any) -> PipelineExecution:
    now, mode = time.time(), pipeline.declaration["executionMode"]
    return PipelineExecution(id=str(uuid.uuid4()), version=pipeline.version, mode=mode, started=now, updated=now, **members)


def _trigger(caller: Caller) -> tuple[str, str]:
    """The trigger's type and detail: EventBridge's rule if its session called, otherwise the caller."""
    rule = rule_of_session(caller.arn)
    if rule is None:
        return "StartPipelineExecution", caller.arn
    return "CloudWatchEvent", f"arn:aws:events:{caller.region}:{caller.account}:rule/{rule}"


def _stage(pipeline: Pipeline, name: str) -> str:
    _declared(pipeline, name)
    return name


def _declared(pipeline: Pipeline, name: str) -> Mapping[str, Any]:
    for stage in pipeline.declaration["stages"]:
        if stage["name"] == name:
            found: Mapping[str, Any] = stage
            return found
    raise AwsError("StageNotFoundException", f"Pipeline '{pipeline.name}' has no stage with name '{name}'")


def _variables(pipeline: Pipeline, given: Any) -> dict[str, str]:
    """The values of the pipeline's variables: the given values, otherwise the defaults."""
    declared = {variable["name"]: variable.get("defaultValue") for variable in pipeline.declaration.get("variables", ())}
    values = {item["name"]: item["value"] for item in given}
    if unknown := sorted(values.keys() - declared.keys()):
        raise AwsError("ValidationException", f"The pipeline {pipeline.name} has no variable {', '.join(unknown)}")
    values = {name: values.get(name, default) for name, default in declared.items()}
    if missing := sorted(name for name, value in values.items() if value is None):
        raise AwsError("ValidationException", f"The pipeline {pipeline.name} needs a value for the variable {', '.join(missing)}")
    return values


def _revisions(pipeline: Pipeline, given: Any) -> dict[str, str]:
    sources = {action["name"]: action["actionTypeId"]["provider"] for action in pipeline.declaration["stages"][0]["actions"]}
    for item in given:
        if item["actionName"] not in sources:
            raise AwsError("ValidationException", f"The pipeline {pipeline.name} has no source action {item['actionName']}")
        kind = "S3_OBJECT_VERSION_ID" if sources[item["actionName"]] == "S3" else "COMMIT_ID"
        if item["revisionType"] != kind:
            text = f"The local AWS does not honour revisionType {item['revisionType']} for {item['actionName']}, only {kind}"
            raise AwsError("ValidationException", text)
    return {item["actionName"]: item["revisionValue"] for item in given}
