"""What a finished training job, or a search of many, left for a notebook to show and hand on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mlkit import tables
from mlkit.aws.session import Session, aws_errors

OBJECTIVE = "test:binary_classification_accuracy"
_EPOCH_METRIC = re.compile(r"#quality_metric: .*epoch=(\d+), train binary_classification_cross_entropy <loss>=([0-9.eE+-]+)")
_QUALITY = re.compile(r"^(train|test):(binary_\w+|rmse)$")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished training job, and the tuning job that started it, if one did; `reused` when an earlier run paid for it."""

    training_job: str
    tuning_job: str | None
    model_data_url: str
    hyperparameters: Mapping[str, str]
    metrics: Mapping[str, float]
    billable_seconds: int
    jobs: tables.Table
    reused: bool = False

    def summary(self) -> tables.Table:
        rows = {
            "training job": self.training_job,
            "tuning job": self.tuning_job or "none",
            "billable seconds": self.billable_seconds,
            "taken over": "yes: an earlier run's job with the same key" if self.reused else "no",
            "model": self.model_data_url,
            **{name: round(value, 4) for name, value in sorted(self.metrics.items()) if _QUALITY.search(name)},
        }
        return tables.facts(rows)


def trained_by(job: Mapping[str, Any], *, tuning_job: str | None, jobs: tables.Table, reused: bool = False) -> Trained:
    """From DescribeTrainingJob's answer."""
    metrics = {item["MetricName"]: float(item["Value"]) for item in job.get("FinalMetricDataList", [])}
    hyperparameters = {key: value for key, value in job["HyperParameters"].items() if not key.startswith("_")}
    return Trained(
        training_job=job["TrainingJobName"],
        tuning_job=tuning_job,
        model_data_url=job["ModelArtifacts"]["S3ModelArtifacts"],
        hyperparameters=hyperparameters,
        metrics=metrics,
        billable_seconds=int(job.get("BillableTimeInSeconds", 0)),
        jobs=jobs,
        reused=reused,
    )


def job_row(job: Mapping[str, Any]) -> dict[str, Any]:
    """The line of the one job, as `tuning_jobs` has one for each."""
    metrics = {item["MetricName"]: float(item["Value"]) for item in job.get("FinalMetricDataList", [])}
    return {"job": job["TrainingJobName"], "status": job["TrainingJobStatus"], "objective": metrics.get(OBJECTIVE)}


def tuning_jobs(aws: Session, name: str) -> tables.Table:
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
    return tables.Table(rows)


def training_history(aws: Session, trained: Trained) -> pd.DataFrame:
    """Each epoch's metrics on the training rows, read from the job's log: columns epoch, train (cross entropy in nats)."""
    rows = []
    with aws_errors():
        pages = (
            aws.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{trained.training_job}/")
        )
        for page in pages:
            for event in page["events"]:
                match = _EPOCH_METRIC.search(event["message"])
                if match:
                    rows.append({"epoch": int(match[1]) + 1, "train": float(match[2])})
    history = pd.DataFrame(rows, columns=["epoch", "train"])
    return history.drop_duplicates("epoch", keep="last").sort_values("epoch", ignore_index=True)
