"""The results of a finished training or tuning job, for a notebook to show and pass on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlkit.aws.session import Session, aws_errors
from mlkit.notebook import shown_tables
from mlkit.training.algorithm_type import MAXIMIZE, Algorithm

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished training job, and the tuning job that started it, if one did; `reused` if it is an earlier run's job."""

    algorithm: Algorithm
    training_job: str
    tuning_job: str | None
    model_data_url: str
    hyperparameters: Mapping[str, str]
    metrics: Mapping[str, float]
    billable_seconds: int
    jobs: shown_tables.Table
    reused: bool = False

    def summary(self) -> shown_tables.Table:
        rows = {
            "training job": self.training_job,
            "tuning job": self.tuning_job or "none",
            "billable seconds": self.billable_seconds,
            "taken over": "yes: an earlier run's job with the same key" if self.reused else "no",
            "model": self.model_data_url,
            **{name: round(value, 4) for name, value in sorted(self.metrics.items()) if name in self.algorithm.quality_metrics},
        }
        return shown_tables.facts(rows)

    def maximizes(self, objective: str) -> bool:
        """Whether a higher value of the metric is better."""
        return self.algorithm.direction(objective) == MAXIMIZE


def trained_by(
    job: "DescribeTrainingJobResponseTypeDef",
    algorithm: Algorithm,
    *,
    tuning_job: str | None,
    jobs: shown_tables.Table,
    reused: bool = False,
) -> Trained:
    """From DescribeTrainingJob's answer."""
    metrics = {item["MetricName"]: float(item["Value"]) for item in job.get("FinalMetricDataList", [])}
    hyperparameters = {key: value for key, value in job["HyperParameters"].items() if not key.startswith("_")}
    return Trained(
        algorithm=algorithm,
        training_job=job["TrainingJobName"],
        tuning_job=tuning_job,
        model_data_url=job["ModelArtifacts"]["S3ModelArtifacts"],
        hyperparameters=hyperparameters,
        metrics=metrics,
        billable_seconds=int(job.get("BillableTimeInSeconds", 0)),
        jobs=jobs,
        reused=reused,
    )


def job_row(job: "DescribeTrainingJobResponseTypeDef", algorithm: Algorithm) -> dict[str, Any]:
    """The job's row, in the format of `tuning_jobs`."""
    metrics = {item["MetricName"]: float(item["Value"]) for item in job.get("FinalMetricDataList", [])}
    return {"job": job["TrainingJobName"], "status": job["TrainingJobStatus"], "objective": metrics.get(algorithm.objective)}


def tuning_jobs(aws: Session, name: str) -> shown_tables.Table:
    """One row per training job: the values tried and the objective reached."""
    rows = []
    pages = aws.client("sagemaker").get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    for page in pages.paginate(HyperParameterTuningJobName=name):
        for job in page["TrainingJobSummaries"]:
            objective = job.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value")
            rows.append(
                {
                    "job": job["TrainingJobName"],
                    "status": job["TrainingJobStatus"],
                    **job["TunedHyperParameters"],
                    "objective": objective,
                }
            )
    return shown_tables.Table(rows)


def training_history(aws: Session, trained: Trained) -> pd.DataFrame:
    """The loss after each epoch (pass or boosting round), from the job's log: columns epoch, train, validation where it was measured."""
    patterns = {name: re.compile(pattern) for name, pattern in trained.algorithm.history.items()}
    found: dict[int, dict[str, float]] = {}
    with aws_errors():
        pages = (
            aws.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{trained.training_job}/")
        )
        for page in pages:
            for event in page["events"]:
                for name, pattern in patterns.items():
                    if match := pattern.search(event["message"]):
                        found.setdefault(int(match["step"]) + 1, {})[name] = float(match["value"])
    history = pd.DataFrame.from_dict(found, orient="index", columns=list(patterns)).sort_index()
    return history.rename_axis("epoch").reset_index()
