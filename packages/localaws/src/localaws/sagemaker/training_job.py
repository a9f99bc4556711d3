"""A training job's record: its statuses, and its description in Describe and List."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from localaws.kit.timestamps import moment
from localaws.sagemaker.log_metrics import Metric
from localaws.sagemaker.resource_tables import Resource

# SecondaryStatus -> TrainingJobStatus
_STATUS = {
    "Starting": "InProgress",
    "Downloading": "InProgress",
    "Training": "InProgress",
    "Uploading": "InProgress",
    "Stopping": "Stopping",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "Completed": "Completed",
    "Failed": "Failed",
}
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
}
ENDED = frozenset({"Completed", "Failed", "Stopped"})

_MAX_REASON = 1024  # the service keeps this many characters of a failure reason

# Members of the request that DescribeTrainingJob shows unchanged.
_ECHOED = (
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "CheckpointConfig",
    "Environment",
    "ProfilerConfig",
    "DebugHookConfig",
    "RemoteDebugConfig",
    "InfraCheckConfig",
)
_FLAGS = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")


class Transition(TypedDict):
    """One of DescribeTrainingJob's SecondaryStatusTransitions, with times in seconds. The last one has no end while the job runs."""

    Status: str
    StartTime: float
    EndTime: NotRequired[float]
    StatusMessage: str


@dataclass(kw_only=True)
class TrainingJob(Resource):
    """`request` is CreateTrainingJob's, with AWS's defaults filled in. Times are seconds since the epoch."""

    request: dict[str, Any]
    transitions: list[Transition] = field(default_factory=list)
    tuning_job_arn: str | None = None
    failure_reason: str | None = None
    started: float | None = None
    ended: float | None = None
    metrics: list[Metric] = field(default_factory=list)

    @property
    def secondary_status(self) -> str:
        return self.transitions[-1]["Status"]

    @property
    def status(self) -> str:
        return _STATUS[self.secondary_status]

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    @property
    def artifact_uri(self) -> str:
        return f"{self.output_prefix}/output/model.tar.gz"

    @property
    def output_prefix(self) -> str:
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}"

    def enter(self, secondary_status: str, now: float) -> None:
        """Change the status. A job that has ended does not change; a job that is stopping can only end."""
        if self.transitions:
            if self.is_ended or (self.secondary_status == "Stopping" and _STATUS[secondary_status] == "InProgress"):
                return
            self.transitions[-1]["EndTime"] = now
        self.transitions.append({"Status": secondary_status, "StartTime": now, "StatusMessage": _MESSAGES[secondary_status]})
        self.modified = now
        if secondary_status == "Downloading":
            self.started = now
        if self.is_ended:
            self.ended = self.transitions[-1]["EndTime"] = now

    def fail(self, reason: str, now: float) -> None:
        if not self.is_ended:
            self.failure_reason = reason[:_MAX_REASON]
            self.enter("Failed", now)

    def describe(self) -> dict[str, Any]:
        """DescribeTrainingJob's answer."""
        answer: dict[str, Any] = {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "ModelArtifacts": {"S3ModelArtifacts": self.artifact_uri},
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary_status,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(self.modified),
            "SecondaryStatusTransitions": [_timed(transition) for transition in self.transitions],
            **{name: self.request.get(name, False) for name in _FLAGS},
            **{name: self.request[name] for name in _ECHOED if self.request.get(name)},
        }
        if "ProfilerConfig" in self.request:
            answer["ProfilingStatus"] = "Disabled"
        if self.metrics:
            answer["FinalMetricDataList"] = [{**metric, "Timestamp": moment(metric["Timestamp"])} for metric in self.metrics]
        if self.tuning_job_arn:
            answer["TuningJobArn"] = self.tuning_job_arn
        if self.failure_reason:
            answer["FailureReason"] = self.failure_reason
        return {**answer, **self._duration()}

    def summary(self) -> dict[str, Any]:
        """The job in ListTrainingJobs' answer."""
        answer = {
            "TrainingJobName": self.name,
            "TrainingJobArn": self.arn,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(self.modified),
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.secondary_status,
        }
        if self.ended is not None:
            answer["TrainingEndTime"] = moment(self.ended)
        return answer

    def _duration(self) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        if self.started is not None:
            answer["TrainingStartTime"] = moment(self.started)
        if self.ended is not None:
            answer["TrainingEndTime"] = moment(self.ended)
        if self.started is not None and self.ended is not None:
            seconds = max(1, math.ceil(self.ended - self.started))
            answer |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        return answer


def _timed(transition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: moment(value) if name.endswith("Time") else value for name, value in transition.items()}


def failure_reason(text: str, exit_code: int) -> str:
    """A container's failure in SageMaker's words. `text` is the content of output/failure, empty if there is no such file."""
    text = text.strip()
    if not text.startswith(("ClientError:", "AlgorithmError:")):
        text = f"AlgorithmError: {text}"
    ending = f", exit code: {exit_code}"
    return text[: _MAX_REASON - len(ending)] + ending
