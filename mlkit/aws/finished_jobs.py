"""Finds finished training and tuning jobs by their key, so that a run can take one over instead of paying again."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from mlkit.aws.s3_objects import split_uri
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import NotFound
from mlkit.naming import JOB_KEY_TAG, job_prefix
from mlkit.notebook import journal
from mlkit.notebook.handoff import Channel, PreparedData
from mlkit.reuse.finished_steps import REUSE, digest, lock_digests, project_code
from mlkit.settings import Project

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeHyperParameterTuningJobResponseTypeDef, DescribeTrainingJobResponseTypeDef

_IN_NAME = 8  # hex digits of the key: a tuning job's name has 32 characters in all


def job_key(kind: str, prepared: PreparedData, request: Mapping[str, Any]) -> str:
    """SHA-256 of all inputs of the job: its request, the objects of its channels, the encoding, code and locks.

    `kind` is `training` or `tuning`. The objects' prefix is not included, because each preparation has its own.
    """
    root = _project_root()
    facts = {
        "kind": kind,
        "request": dict(request),
        "bucket": prepared.bucket,
        "encoding": prepared.encoding.sha256,
        "channels": {"train": _objects(prepared.train), "validation": _objects(prepared.validation)},
        "code": project_code(root),
        "locks": lock_digests(root),
    }
    return digest(facts)


def in_name(key: str) -> str:
    """The part of the key in a job's name; SageMaker lists jobs by name only."""
    return key[:_IN_NAME]


def is_reusing() -> bool:
    """Whether this process was started with --reuse; never in JupyterLab."""
    return os.environ.get(REUSE) == "1"


def find_training_job(aws: Session, key: str) -> "DescribeTrainingJobResponseTypeDef | None":
    """DescribeTrainingJob of the newest completed job with the key whose model is unchanged; None if there is none.

    In a pipeline, only jobs of the same execution count.
    """
    client = aws.client("sagemaker")
    with aws_errors():
        for page in client.get_paginator("list_training_jobs").paginate(**_completed(key)):
            for summary in page["TrainingJobSummaries"]:
                if _is_own(aws, summary["TrainingJobName"]) and _has_key(aws, summary["TrainingJobArn"], key):
                    job = client.describe_training_job(TrainingJobName=summary["TrainingJobName"])
                    if is_intact(aws, job):
                        return job
    return None


def find_tuning_job(aws: Session, key: str) -> "DescribeHyperParameterTuningJobResponseTypeDef | None":
    """DescribeHyperParameterTuningJob of the newest completed tuning job with the key whose best model is unchanged.

    In a pipeline, only jobs of the same execution count.
    """
    client = aws.client("sagemaker")
    with aws_errors():
        for page in client.get_paginator("list_hyper_parameter_tuning_jobs").paginate(**_completed(key)):
            for summary in page["HyperParameterTuningJobSummaries"]:
                if _is_own(aws, summary["HyperParameterTuningJobName"]) and _has_key(aws, summary["HyperParameterTuningJobArn"], key):
                    job = client.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=summary["HyperParameterTuningJobName"])
                    best = job.get("BestTrainingJob", {}).get("TrainingJobName")
                    if best and is_intact(aws, client.describe_training_job(TrainingJobName=best)):
                        return job
    return None


def is_intact(aws: Session, job: "DescribeTrainingJobResponseTypeDef") -> bool:
    """Whether the completed job's model exists and was not written after the job's end."""
    bucket, key = split_uri(job["ModelArtifacts"]["S3ModelArtifacts"])
    try:
        with aws_errors():
            found = aws.client("s3").head_object(Bucket=bucket, Key=key)
    except NotFound:
        return False
    return bool(job["TrainingJobStatus"] == "Completed" and found["LastModified"] <= job["TrainingEndTime"])


def tell_reused(kind: str, name: str, job: "DescribeTrainingJobResponseTypeDef") -> None:
    """Report to the runner that the job of that name was taken over; `job` is the training job of the model."""
    facts = {
        "kind": kind,
        "name": name,
        "status": "Completed",
        "image": job["AlgorithmSpecification"]["TrainingImage"],
        "instance_type": job["ResourceConfig"]["InstanceType"],
        "instance_count": job["ResourceConfig"]["InstanceCount"],
        "reused": True,
    }
    journal.tell("job", job=facts)


class _Listed(TypedDict):
    """The filter of a listing of jobs."""

    NameContains: str
    StatusEquals: Literal["Completed"]
    SortBy: Literal["CreationTime"]
    SortOrder: Literal["Descending"]


def _completed(key: str) -> _Listed:
    """Lists the completed jobs with this part of the key in their names, the newest first."""
    return {"NameContains": f"-{in_name(key)}-", "StatusEquals": "Completed", "SortBy": "CreationTime", "SortOrder": "Descending"}


def _is_own(aws: Session, name: str) -> bool:
    """In a pipeline, whether the execution's own builds made the job: a build of any other commit could make one with this key."""
    return not aws.pipeline_execution_id or name.startswith(job_prefix(aws.pipeline_execution_id))


def _has_key(aws: Session, arn: str, key: str) -> bool:
    with aws_errors():
        pages = aws.client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
        return any(tag["Key"] == JOB_KEY_TAG and tag["Value"] == key for page in pages for tag in page["Tags"])


def _objects(channel: Channel) -> list[list[str]]:
    """Name below the channel's prefix and SHA-256 of each object; the name counts, because algorithms may read in that order."""
    return [[item.s3_uri.removeprefix(channel.s3_uri), item.sha256] for item in channel.objects]


def _project_root() -> Path:
    """The project's folder; outside of a project the current folder, where the imported library is all the code."""
    try:
        return Project.here().root
    except NotFound:
        return Path.cwd()
