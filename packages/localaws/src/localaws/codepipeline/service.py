"""The CodePipeline service: its operations with their permissions, its CloudFormation types, its state."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import RLock
from typing import Any

from localaws.codeconnections.connections import Connections
from localaws.codeconnections.pushes import Push, Pushes
from localaws.codepipeline.action_roles import Sessions
from localaws.codepipeline.action_runner import Runner
from localaws.codepipeline.change_detection import Start, starts
from localaws.codepipeline.cloudformation import RESOURCE_TYPES
from localaws.codepipeline.execution_operations import Executions
from localaws.codepipeline.object_polls import ObjectPolls
from localaws.codepipeline.permissions import anywhere, on, saving, tagging
from localaws.codepipeline.pipeline_events import Events
from localaws.codepipeline.pipeline_operations import Pipelines
from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution, from_json, to_json
from localaws.codepipeline.scheduler import Scheduler
from localaws.codepipeline.webhooks import Webhooks
from localaws.kit.service import AwsError, Caller, Host, Members, Operation
from localaws.kit.tags import as_list

_log = logging.getLogger("localaws")
Handler = Callable[[Caller, Members], Members]


class CodePipeline:
    """`name` is botocore's. `connections` are those that source actions may name; `pushes` start pipelines."""

    name = "codepipeline"

    def __init__(self, host: Host, connections: Connections, pushes: Pushes) -> None:
        self.host, self.lock = host, RLock()
        pushes.listen(self._start_on_push)
        sessions = self._sessions = Sessions(host)
        self.runner = Runner(host, sessions, connections, lock=self.lock, settle=self._settle)
        events = Events(host.publish_event, host.region)
        self.engine = Scheduler(events=events, lock=self.lock, now=time.time, start_action=self.runner.start, end_action=self.runner.end)
        self.pipelines = Pipelines(sessions, self.engine, self.lock)
        self.executions = Executions(self.pipelines, self.engine, self.lock)
        self.polls = ObjectPolls(lambda: list(self.pipelines), self._s3_of, self._start)
        self.webhooks = Webhooks(self.lock, self._is_source)
        self.resource_types = RESOURCE_TYPES
        self.operations: Mapping[str, Operation] = {
            **self._pipeline_operations(),
            **self._execution_operations(),
            **self._tag_operations(),
            **self.webhooks.operations,
        }

    def get_state(self) -> dict[str, Any]:
        with self.lock:
            return {"pipelines": [to_json(pipeline) for pipeline in self.pipelines], "webhooks": self.webhooks.to_json()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Load the state and continue actions in progress: builds and stacks are followed, approvals keep their tokens."""
        with self.lock:
            self.pipelines.load([from_json(row) for row in state.get("pipelines", [])])
            self.webhooks.load_json(state.get("webhooks", []))
            for pipeline in self.pipelines:
                for execution in pipeline.open_executions():
                    for run in [run for run in execution.runs if run.status == "InProgress"]:
                        self.runner.start(pipeline, execution, run)
                self.engine.advance(pipeline)

    def stop(self) -> None:
        self.polls.stop()
        self.runner.shut_down()

    def _settle(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun, result: Any) -> None:
        with self.lock:
            self.engine.settle(pipeline, execution, run, result)
        self.host.changed()

    def _start_on_push(self, push: Push) -> None:
        """Start each pipeline whose source actions detect the push."""
        for pipeline in self.pipelines:
            for start in starts(pipeline.declaration, push, partial(self.webhooks.arn_for, pipeline.name)):
                self._start(pipeline, start)

    def _start(self, pipeline: Pipeline, start: Start) -> None:
        try:
            self.executions.start_on_change(pipeline, start)
        except AwsError as error:
            _log.warning("a change of %s did not start %s: %s", start.action, pipeline.name, error.message)
        self.host.changed()

    def _s3_of(self, pipeline: Pipeline, action_role: str | None) -> Any:
        role = pipeline.declaration["roleArn"]
        return self._sessions.client("s3", pipeline=pipeline.name, pipeline_arn=pipeline.arn, role=role, action_role=action_role)

    def _is_source(self, pipeline: str, action: str) -> bool:
        found = self.pipelines.find(pipeline)
        return found is not None and any(item["name"] == action for item in found.declaration["stages"][0]["actions"])

    def _pipeline_operations(self) -> dict[str, Operation]:
        pipelines, tags_of = self.pipelines, self.pipelines.tags_of
        return {
            "CreatePipeline": Operation(handler=pipelines.create, permissions=saving("CreatePipeline", tags_of=tags_of)),
            "UpdatePipeline": Operation(handler=pipelines.update, permissions=saving("UpdatePipeline", tags_of=tags_of)),
            "GetPipeline": Operation(handler=pipelines.show, permissions=on("GetPipeline", "name", tags_of=tags_of)),
            "DeletePipeline": Operation(handler=pipelines.delete, permissions=on("DeletePipeline", "name", tags_of=tags_of)),
            "ListPipelines": Operation(handler=pipelines.list_all, permissions=anywhere("ListPipelines")),
        }

    def _execution_operations(self) -> dict[str, Operation]:
        executions, stage = self.executions, ("pipelineName", "stageName")

        made: dict[str, tuple[Handler, tuple[str, ...]]] = {
            "StartPipelineExecution": (executions.start, ("name",)),
            "GetPipelineState": (executions.state, ("name",)),
            "StopPipelineExecution": (executions.stop, ("pipelineName",)),
            "GetPipelineExecution": (executions.show, ("pipelineName",)),
            "ListPipelineExecutions": (executions.list_all, ("pipelineName",)),
            "ListActionExecutions": (executions.list_actions, ("pipelineName",)),
            "RetryStageExecution": (executions.retry, stage),
            "EnableStageTransition": (executions.enable_transition, stage),
            "DisableStageTransition": (executions.disable_transition, stage),
            "PutApprovalResult": (executions.answer_approval, (*stage, "actionName")),
        }
        return {
            name: Operation(handler=handler, permissions=on(name, *members, tags_of=self.pipelines.tags_of))
            for name, (handler, members) in made.items()
        }

    def _tag_operations(self) -> dict[str, Operation]:
        def change(caller: Caller, request: Members) -> Members:
            self.pipelines.change_tags(self._tags(request["resourceArn"]), request)
            return {}

        def show(caller: Caller, request: Members) -> Members:
            return {"tags": as_list(self._tags(request["resourceArn"]), lower=True)}

        handlers = {"TagResource": change, "UntagResource": change, "ListTagsForResource": show}
        return {
            name: Operation(handler=handler, permissions=tagging(name, tags_of=self._tags_or_none)) for name, handler in handlers.items()
        }

    def _tags(self, arn: str) -> dict[str, str]:
        pipeline = self.pipelines.find(arn.rpartition(":")[2])
        tags = pipeline.tags if pipeline is not None and pipeline.arn == arn else self.webhooks.tags_of(arn)
        if tags is None:
            raise AwsError("ResourceNotFoundException", f"The resource {arn} was not found")
        return tags

    def _tags_or_none(self, arn: str) -> dict[str, str]:
        try:
            return self._tags(arn)
        except AwsError:
            return {}
