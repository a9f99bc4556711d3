"""Publishes the events of pipelines, stages and actions, in AWS's shapes."""

from collections.abc import Mapping
from typing import Any, Protocol

from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution
from localaws.kit.timestamps import moment

SOURCE = "aws.codepipeline"
_TYPES = {"pipeline": "CodePipeline Pipeline Execution State Change", "stage": "CodePipeline Stage Execution State Change",
          "action": "CodePipeline Action Execution State Change"}  # fmt: skip


class Publish(Protocol):
    """Puts an event of an AWS service on the default bus."""

    def __call__(self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: list[str]) -> None: ...


class Events:
    """The events of one execution. `state` is in AWS's capitals."""

    def __init__(self, publish: Publish, region: str) -> None:
        self._publish, self._region = publish, region

    def pipeline(self, pipeline: Pipeline, execution: PipelineExecution, state: str) -> None:
        trigger = {"trigger-type": execution.trigger_type, "trigger-detail": execution.trigger_detail}
        more: dict[str, Any] = {"execution-trigger": trigger}
        if state in ("STOPPING", "STOPPED") and execution.stop_reason:
            more["stop-execution-comments"] = execution.stop_reason
        self._put("pipeline", pipeline, execution, state, execution.started, more)

    def stage(self, pipeline: Pipeline, execution: PipelineExecution, stage: str, state: str) -> None:
        self._put("stage", pipeline, execution, state, execution.stages[stage].started, {"stage": stage})

    def action(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun, declaration: Mapping[str, Any], state: str) -> None:
        bucket = pipeline.declarations[execution.version]["artifactStore"]["location"]
        more: dict[str, Any] = {
            "stage": run.stage,
            "action": run.action,
            "action-execution-id": run.id,
            "region": self._region,
            "type": {key: declaration["actionTypeId"][key] for key in ("owner", "provider", "category", "version")},
            "input-artifacts": _artifacts(bucket, run.inputs),
            "output-artifacts": _artifacts(bucket, run.outputs),
        }
        if state not in ("STARTED", "ABANDONED", "CANCELED") and (result := _result(run)):
            more["execution-result"] = result
        self._put("action", pipeline, execution, state, run.started, more)

    def _put(
        self, kind: str, pipeline: Pipeline, execution: PipelineExecution, state: str, started: float, more: Mapping[str, Any]
    ) -> None:
        detail = {
            "pipeline": pipeline.name,
            "execution-id": execution.id,
            "start-time": moment(started).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "state": state,
            "version": float(execution.version),
            "pipeline-execution-attempt": float(execution.attempt),
            **more,
        }
        self._publish(source=SOURCE, detail_type=_TYPES[kind], detail=detail, resources=[pipeline.arn])


def _artifacts(bucket: str, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "s3location": {"bucket": bucket, "key": key}} for name, key in keys.items()]


def _result(run: ActionRun) -> dict[str, str]:
    found = {
        "external-execution-url": run.external_url,
        "external-execution-summary": run.summary or run.error_message,
        "external-execution-id": run.external_id,
        "error-code": run.error_code,
    }
    return {name: value for name, value in found.items() if value}
