"""CodePipeline's engine with a clock and events of its own; actions end when the test says so."""

import json
from threading import RLock
from typing import Any

from localaws.codepipeline.action import ActionFailed, ActionResult
from localaws.codepipeline.pipeline_events import Events
from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution
from localaws.codepipeline.scheduler import Scheduler

ARN = "arn:aws:codepipeline:us-east-1:123456789012:p"


def manual(name: str, order: int = 1, **more: Any) -> dict[str, Any]:
    kind = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    return {"name": name, "actionTypeId": kind, "runOrder": order, "configuration": {}, "inputArtifacts": [], "outputArtifacts": [], **more}


def stack(name: str, order: int = 1, **more: Any) -> dict[str, Any]:
    kind = {"category": "Deploy", "owner": "AWS", "provider": "CloudFormation", "version": "1"}
    configuration = {"ActionMode": "DELETE_ONLY", "StackName": name, "RoleArn": "r"}
    return manual(name, order, **{"actionTypeId": kind, "configuration": configuration, **more})


class World:
    """An engine whose actions start when it says so and end when the test says so."""

    def __init__(self, *stages: tuple[str, list[dict[str, Any]]], mode: str = "SUPERSEDED", **members: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.started: list[str] = []
        self.ended: list[str] = []
        self.clock = 1000.0
        self.engine = Scheduler(
            events=Events(self.publish, "us-east-1"),
            lock=RLock(),
            now=self.tick,
            start_action=lambda pipeline, execution, run: self.started.append(f"{execution.id}:{run.action}"),
            end_action=lambda run: self.ended.append(run.action),
        )
        declaration = {
            "name": "p",
            "stages": [{"name": name, "actions": actions} for name, actions in stages],
            "artifactStore": {"type": "S3", "location": "bucket"},
            **members,
        }
        self.pipeline = Pipeline(name="p", arn=ARN, created=0.0, updated=0.0, version=1, declarations={1: declaration})
        self.mode = mode

    def tick(self) -> float:
        self.clock += 1
        return self.clock

    def publish(self, *, source: str, detail_type: str, detail: Any, resources: list[str]) -> None:
        assert (source, resources) == ("aws.codepipeline", [ARN])
        self.events.append(json.loads(json.dumps({"detail-type": detail_type, **detail})))

    def begin(self, name: str) -> PipelineExecution:
        execution = PipelineExecution(
            id=name, version=1, mode=self.mode, trigger_type="StartPipelineExecution", trigger_detail="me", started=self.tick(), updated=0.0
        )
        self.engine.begin(self.pipeline, execution)
        return execution

    def run(self, execution: PipelineExecution, action: str) -> ActionRun:
        return next(run for run in reversed(execution.runs) if run.action == action)

    def succeed(self, execution: PipelineExecution, action: str, **variables: str) -> None:
        assert self.engine.settle(self.pipeline, execution, self.run(execution, action), ActionResult(variables=variables))

    def fail(self, execution: PipelineExecution, action: str) -> None:
        assert self.engine.settle(self.pipeline, execution, self.run(execution, action), ActionFailed("broken"))

    def told(self, execution: PipelineExecution) -> list[str]:
        """Kind, name and state of every event about the execution."""
        found = []
        for event in self.events:
            if event["execution-id"] == execution.id:
                name = event.get("action") or event.get("stage") or "pipeline"
                found.append(f"{name} {event['state']}")
        return found
