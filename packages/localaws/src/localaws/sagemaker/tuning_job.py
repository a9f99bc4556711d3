"""A tuning job's record, and the descriptions of it and of its training jobs in Describe and List."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from localaws.kit.timestamps import moment
from localaws.sagemaker.resource_tables import Resource
from localaws.sagemaker.training_job import TrainingJob


@dataclass(kw_only=True)
class TuningJob(Resource):
    """`request` is CreateHyperParameterTuningJob's. `tuned` has each training job's proposed values by its name, in order."""

    request: dict[str, Any]
    status: str = "InProgress"
    failure_reason: str | None = None
    ended: float | None = None
    tuned: dict[str, dict[str, str]] = field(default_factory=dict)
    proposed: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.request["HyperParameterTuningJobConfig"])

    @property
    def objective(self) -> dict[str, str]:
        return dict(self.config["HyperParameterTuningJobObjective"])

    def end(self, status: str, now: float, *, reason: str | None = None) -> None:
        self.status, self.ended, self.modified, self.failure_reason = status, now, now, reason

    def objective_value(self, job: TrainingJob) -> float | None:
        """The job's final objective metric, None if it has none yet."""
        name = self.objective["MetricName"]
        return next((metric["Value"] for metric in job.metrics if metric["MetricName"] == name), None)

    def objective_status(self, job: TrainingJob) -> str:
        if not job.is_ended:
            return "Pending"
        return "Succeeded" if job.status != "Failed" and self.objective_value(job) is not None else "Failed"

    def best(self, jobs: Sequence[TrainingJob]) -> TrainingJob | None:
        """The completed job with the best objective; of two equal ones, the earlier."""
        sign = -1 if self.objective["Type"] == "Maximize" else 1
        scored = [(sign * value, job) for job in jobs if job.status == "Completed" and (value := self.objective_value(job)) is not None]
        return min(scored, key=lambda pair: pair[0])[1] if scored else None

    def describe(self, jobs: Sequence[TrainingJob]) -> dict[str, Any]:
        """DescribeHyperParameterTuningJob's answer. `jobs` are the tuning job's training jobs."""
        answer = {
            "HyperParameterTuningJobName": self.name,
            "HyperParameterTuningJobArn": self.arn,
            "HyperParameterTuningJobConfig": self.config,
            "TrainingJobDefinition": self.request["TrainingJobDefinition"],
            **self._progress(jobs),
        }
        if (best := self.best(jobs)) is not None:
            answer["BestTrainingJob"] = self.training_job(best)
        if self.failure_reason:
            answer["FailureReason"] = self.failure_reason
        return answer

    def summary(self, jobs: Sequence[TrainingJob]) -> dict[str, Any]:
        return {
            "HyperParameterTuningJobName": self.name,
            "HyperParameterTuningJobArn": self.arn,
            "Strategy": self.config["Strategy"],
            "ResourceLimits": self.config["ResourceLimits"],
            **self._progress(jobs),
        }

    def training_job(self, job: TrainingJob) -> dict[str, Any]:
        """A HyperParameterTrainingJobSummary."""
        answer: dict[str, Any] = {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "CreationTime": moment(job.created),
            "TrainingJobStatus": job.status,
            "TunedHyperParameters": self.tuned[job.name],
            "ObjectiveStatus": self.objective_status(job),
        }
        if job.started is not None:
            answer["TrainingStartTime"] = moment(job.started)
        if job.ended is not None:
            answer["TrainingEndTime"] = moment(job.ended)
        if job.failure_reason:
            answer["FailureReason"] = job.failure_reason
        if (value := self.objective_value(job)) is not None:
            answer["FinalHyperParameterTuningJobObjectiveMetric"] = {**self.objective, "Value": value}
        return answer

    def _progress(self, jobs: Sequence[TrainingJob]) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "HyperParameterTuningJobStatus": self.status,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(max([self.modified, *(job.modified for job in jobs)])),
            "TrainingJobStatusCounters": {
                "Completed": sum(job.status == "Completed" for job in jobs),
                "InProgress": sum(not job.is_ended for job in jobs),
                "RetryableError": 0,
                "NonRetryableError": sum(job.status == "Failed" for job in jobs),
                "Stopped": sum(job.status == "Stopped" for job in jobs),
            },
            "ObjectiveStatusCounters": {
                status: sum(self.objective_status(job) == status for job in jobs) for status in ("Succeeded", "Pending", "Failed")
            },
        }
        if self.ended is not None:
            answer["HyperParameterTuningEndTime"] = moment(self.ended)
        return answer
