"""The cost of training: the seconds that SageMaker bills for each job, and USD if the instance type's price is given."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlkit.aws.job_results import Trained
from mlkit.aws.session import Session, aws_errors
from mlkit.notebook import shown_tables
from mlkit.training.budget import price_of

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef


def describe_costs(
    aws: Session, trained: Trained, usd_per_instance_hour: Mapping[str, float], *, untuned: Trained | None = None
) -> shown_tables.Table:
    """One row per training job, of a tuning job all of its jobs, and their sum: billable seconds x instances, and USD by the given prices.

    `untuned` is the job that ran before a tuning job.

    USD is empty for an instance type without a price. Raises UsageError for a price that is not a number.
    """
    price_of("", usd_per_instance_hour)
    rows = []
    before = [untuned.training_job] if untuned is not None and trained.tuning_job else []
    for name in [*before, *_jobs(aws, trained)]:
        with aws_errors():
            job = aws.client("sagemaker").describe_training_job(TrainingJobName=name)
        rows.append(_row(job, usd_per_instance_hour))
    prices = [row["USD"] for row in rows]
    total = {
        "job": "all",
        "billable instance seconds": sum(row["billable instance seconds"] for row in rows),
        "USD": "" if "" in prices else f"{sum(float(price) for price in prices):.4f}",
    }
    return shown_tables.rows([*rows, {**dict.fromkeys(rows[0], ""), **total}], index="job")


def _jobs(aws: Session, trained: Trained) -> Iterator[str]:
    if trained.tuning_job is None:
        yield trained.training_job
        return
    pages = aws.client("sagemaker").get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    with aws_errors():
        for page in pages.paginate(HyperParameterTuningJobName=trained.tuning_job):
            yield from (job["TrainingJobName"] for job in page["TrainingJobSummaries"])


def _row(job: "DescribeTrainingJobResponseTypeDef", usd_per_instance_hour: Mapping[str, float]) -> dict[str, Any]:
    """BillableTimeInSeconds is the clock's; SageMaker bills it for each instance. A job that never started has none."""
    resources = job["ResourceConfig"]
    seconds = int(job.get("BillableTimeInSeconds", 0)) * int(resources["InstanceCount"])
    price = price_of(resources["InstanceType"], usd_per_instance_hour)
    return {
        "job": job["TrainingJobName"],
        "status": job["TrainingJobStatus"],
        "instances": f"{resources['InstanceCount']} x {resources['InstanceType']}",
        "billable instance seconds": seconds,
        "USD": "" if price is None else f"{seconds / 3600 * price:.4f}",
    }
