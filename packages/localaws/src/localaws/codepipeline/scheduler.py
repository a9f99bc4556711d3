"""Moves executions through the stages: one execution in a stage at a time, run orders within it, newer ones first in mode SUPERSEDED.

All methods run under one lock and never block. `start_action` starts an action; `settle` receives its end.
"""

import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from threading import RLock
from typing import Any

from localaws.codepipeline.action import ActionFailed, ActionResult, failure
from localaws.codepipeline.action_variables import EXECUTION, PIPELINE, Unresolved, resolve
from localaws.codepipeline.artifact_store import artifact_key
from localaws.codepipeline.pipeline_events import Events
from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution, StageRun, names, run_order
from localaws.codepipeline.providers import provider_of

StartAction = Callable[[Pipeline, PipelineExecution, ActionRun], None]
EndAction = Callable[[ActionRun], None]
_SUFFIX = string.ascii_letters + string.digits
_MINUTES = 7 * 24 * 60  # AWS's default for an approval


class Scheduler:
    """Moves executions. `start_action` starts a run of an action, `end_action` drops one that was abandoned."""

    def __init__(self, *, events: Events, lock: RLock, now: Callable[[], float], start_action: StartAction, end_action: EndAction) -> None:
        self._events, self.lock, self._now = events, lock, now
        self._start_action, self._end_action = start_action, end_action

    def begin(self, pipeline: Pipeline, execution: PipelineExecution) -> None:
        """Put a new execution in front of the first stage and move it as far as possible."""
        pipeline.executions.append(execution)
        pipeline.forget_old()
        self._events.pipeline(pipeline, execution, "STARTED")
        self.advance(pipeline)

    def advance(self, pipeline: Pipeline) -> None:
        """Move executions until none can move. The oldest is always tried first, so that a queue keeps its order."""
        while any(self._move(pipeline, execution) for execution in pipeline.open_executions()):
            pass

    def settle(
        self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun, result: ActionResult | Exception, *, by: str | None = None
    ) -> bool:
        """Record the end of an action. False if the run was abandoned or has already ended."""
        if run.status != "InProgress":
            return False
        self._conclude(pipeline, execution, run, result, by)
        self.advance(pipeline)
        return True

    def _conclude(
        self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun, result: ActionResult | Exception, by: str | None
    ) -> None:
        stage = self._stage(pipeline, execution)
        declaration = next(action for action in stage["actions"] if action["name"] == run.action)
        run.updated, run.updated_by, run.token = self._now(), by, None
        if isinstance(result, ActionResult):
            self._succeed(execution, run, declaration, result)
        else:
            failed = failure(result)
            run.status, run.error_code, run.error_message = "Failed", failed.code, failed.message[:5000]
            run.summary = run.summary or failed.message
        self._events.action(pipeline, execution, run, declaration, run.status.upper())

    def forget(self, run: ActionRun) -> None:
        """Drop the run's timer, if it has one."""
        self._end_action(run)

    def stop(self, pipeline: Pipeline, execution: PipelineExecution, *, abandon: bool, reason: str | None) -> None:
        """Stop after the actions in progress, or abandon them and stop at once. As on AWS, their builds and deployments continue."""
        execution.stop, execution.stop_reason = "abandon" if abandon else "wait", reason or execution.stop_reason
        execution.status, execution.updated = "Stopping", self._now()
        self._events.pipeline(pipeline, execution, "STOPPING")
        stage = self._stage(pipeline, execution)["name"]
        if execution.entered and execution.stages[stage].status == "InProgress":
            execution.stages[stage].status = "Stopping"
            self._events.stage(pipeline, execution, stage, "STOPPING")
        self.advance(pipeline)

    def cancel(self, pipeline: Pipeline, execution: PipelineExecution) -> None:
        """Cancel the execution, because the pipeline was deleted or its structure changed."""
        self._drop_runs(pipeline, execution, "CANCELED")
        if execution.entered:
            self._end_stage(pipeline, execution, "Cancelled")
        self._end(pipeline, execution, "Cancelled")

    def retry(self, pipeline: Pipeline, execution: PipelineExecution, stage: str, *, everything: bool) -> None:
        """Run the stage's failed actions again, or all of its actions. The artifacts of earlier stages still exist."""
        for run in execution.live_runs(stage):
            if everything or run.status != "Succeeded":
                run.retried = True
        execution.stages[stage].status, execution.stages[stage].started = "InProgress", self._now()
        execution.stages[stage].retries += 1
        execution.attempt += 1
        execution.status, execution.stop, execution.updated, execution.summary = "InProgress", None, self._now(), None
        self._events.pipeline(pipeline, execution, "RESUMED")
        self._events.stage(pipeline, execution, stage, "RESUMED")
        self.advance(pipeline)

    def _move(self, pipeline: Pipeline, execution: PipelineExecution) -> bool:
        """One step of one execution. False if it must wait or has ended."""
        if not execution.is_open:
            return False
        if not execution.entered:
            if execution.stop:
                self._end(pipeline, execution, "Stopped")
                return True
            return self._enter(pipeline, execution)
        return self._go_on(pipeline, execution)

    def _enter(self, pipeline: Pipeline, execution: PipelineExecution) -> bool:
        stage = self._stage(pipeline, execution)["name"]
        here = [other for other in pipeline.open_executions() if self._stage(pipeline, other)["name"] == stage and other is not execution]
        if execution.mode == "SUPERSEDED":
            newer = pipeline.executions[pipeline.executions.index(execution) + 1 :]
            if overtaking := next((other for other in newer if other in here and not other.entered), None):
                execution.summary = f"Superseded by {overtaking.id}"
                self._end(pipeline, execution, "Superseded")
                return True
        if stage in pipeline.disabled or any(other.entered for other in here):
            return False
        execution.entered = True
        execution.stages[stage] = StageRun(started=self._now())
        self._events.stage(pipeline, execution, stage, "STARTED")
        return True

    def _go_on(self, pipeline: Pipeline, execution: PipelineExecution) -> bool:
        stage = self._stage(pipeline, execution)
        if execution.stop == "abandon":
            self._drop_runs(pipeline, execution, "ABANDONED")
        latest = {run.action: run for run in execution.live_runs(stage["name"])}
        if any(run.status == "InProgress" for run in latest.values()):
            return False
        if any(run.status in ("Failed", "Abandoned") for run in latest.values()) or execution.stop:
            end = "Stopped" if execution.stop else "Failed"
            self._end_stage(pipeline, execution, end)
            self._end(pipeline, execution, end)
            return True
        for order in sorted({run_order(action) for action in stage["actions"]}):
            missing = [action for action in stage["actions"] if run_order(action) == order and action["name"] not in latest]
            if missing:
                for action in missing:
                    self._run(pipeline, execution, stage["name"], action)
                return True
        self._end_stage(pipeline, execution, "Succeeded")
        if execution.stage + 1 == len(pipeline.stages_of(execution)):
            self._end(pipeline, execution, "Succeeded")
        else:
            execution.stage, execution.entered = execution.stage + 1, False
        return True

    def _run(self, pipeline: Pipeline, execution: PipelineExecution, stage: str, action: Mapping[str, Any]) -> None:
        now, store = self._now(), pipeline.name
        run = ActionRun(id=str(uuid.uuid4()), stage=stage, action=action["name"], started=now, updated=now)
        run.configuration = dict(action.get("configuration", {}))
        run.inputs = {name: execution.artifacts[name] for name in names(action.get("inputArtifacts"))}
        run.outputs = {name: artifact_key(store, name, _suffix()) for name in names(action.get("outputArtifacts"))}
        if action["actionTypeId"]["category"] == "Approval":
            run.expires = now + 60 * int(action.get("timeoutInMinutes", _MINUTES))
            run.work = {"token": str(uuid.uuid4()), "expires": run.expires}  # shown once the notification was sent
        execution.runs.append(run)
        execution.updated = now
        self._events.action(pipeline, execution, run, action, "STARTED")
        try:
            run.resolved = resolve(run.configuration, self._namespaces(execution))
            self._check_resolved(action, run.resolved)
        except (Unresolved, ActionFailed) as error:
            self._conclude(pipeline, execution, run, error, None)
            return
        self._start_action(pipeline, execution, run)

    def _check_resolved(self, action: Mapping[str, Any], resolved: dict[str, str]) -> None:
        """Check the configuration again after its variables were resolved."""
        provider = provider_of(action)
        found = provider.problems({**action, "configuration": resolved}) if provider else ()
        if found:
            raise ActionFailed(f"Invalid action configuration: {'; '.join(found)}", code="ConfigurationError")

    def _namespaces(self, execution: PipelineExecution) -> dict[str, dict[str, str]]:
        return {**execution.namespaces, EXECUTION: {"PipelineExecutionId": execution.id}, PIPELINE: execution.variables}

    def _succeed(self, execution: PipelineExecution, run: ActionRun, declaration: Mapping[str, Any], outcome: ActionResult) -> None:
        run.status, run.variables = "Succeeded", dict(outcome.variables)
        run.summary = outcome.summary or run.summary
        execution.artifacts.update(run.outputs)
        if namespace := declaration.get("namespace"):
            execution.namespaces[namespace] = run.variables
        if outcome.revision is not None:
            kept = [revision for revision in execution.revisions if revision.action != outcome.revision.action]
            execution.revisions = [*kept, outcome.revision]

    def _drop_runs(self, pipeline: Pipeline, execution: PipelineExecution, state: str) -> None:
        if not execution.entered:
            return
        stage = self._stage(pipeline, execution)
        for run in execution.live_runs(stage["name"]):
            if run.status == "InProgress":
                run.status, run.token, run.updated = "Abandoned", None, self._now()
                declaration = next(action for action in stage["actions"] if action["name"] == run.action)
                self._events.action(pipeline, execution, run, declaration, state)
                self._end_action(run)

    def _end_stage(self, pipeline: Pipeline, execution: PipelineExecution, status: str) -> None:
        stage = self._stage(pipeline, execution)["name"]
        execution.stages[stage].status = status
        self._events.stage(pipeline, execution, stage, _state(status))

    def _end(self, pipeline: Pipeline, execution: PipelineExecution, status: str) -> None:
        execution.status, execution.updated = status, self._now()
        self._events.pipeline(pipeline, execution, _state(status))

    def _stage(self, pipeline: Pipeline, execution: PipelineExecution) -> dict[str, Any]:
        return pipeline.stages_of(execution)[execution.stage]


def _state(status: str) -> str:
    """The state in the events' spelling: AWS writes "Cancelled" in its API and "CANCELED" in its events."""
    return status.upper().replace("CANCELLED", "CANCELED")


def _suffix() -> str:
    return "".join(secrets.choice(_SUFFIX) for _ in range(7))
