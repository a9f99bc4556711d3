"""Finds and ends what an execution leaves behind when a build is killed: running jobs and the QA endpoint."""

from dataclasses import dataclass

from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import delete_stack
from mlkit.aws.stopping import stop_job
from mlkit.errors import MlkitError
from mlkit.naming import EXECUTION_TAG, LabNames, job_prefix


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One resource to end. `kind` is training job, tuning job or stack."""

    kind: str
    name: str


def find_leftovers(aws: Session, pipeline_execution_id: str, your_initials: str) -> list[Leftover]:
    """The execution's jobs that still run, and its QA stack."""
    sagemaker, found, prefix = aws.client("sagemaker"), [], job_prefix(pipeline_execution_id)
    tuning, training = sagemaker.get_paginator("list_hyper_parameter_tuning_jobs"), sagemaker.get_paginator("list_training_jobs")
    with aws_errors():
        for tunings in tuning.paginate(NameContains=prefix, StatusEquals="InProgress"):
            names = (job["HyperParameterTuningJobName"] for job in tunings["HyperParameterTuningJobSummaries"])
            found += [Leftover(kind="tuning job", name=name) for name in names]
        for page in training.paginate(NameContains=prefix, StatusEquals="InProgress"):
            found += [Leftover(kind="training job", name=job["TrainingJobName"]) for job in page["TrainingJobSummaries"]]
        found = [job for job in found if job.name.startswith(prefix)]  # SageMaker also lists names that contain it elsewhere
        stack = LabNames(initials=your_initials).endpoint_stack("qa")
        for described in aws.client("cloudformation").get_paginator("describe_stacks").paginate().search("Stacks[]"):
            tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
            if described["StackName"] == stack and tags.get(EXECUTION_TAG) == pipeline_execution_id:
                found.append(Leftover(kind="stack", name=stack))
    return found


def sweep(aws: Session, leftovers: list[Leftover]) -> None:
    """End them all, and wait for stacks. One that has ended meanwhile is no error.

    A refused stop does not keep the others from being ended; the first refusal is raised at the end, with the names of all.
    """
    refused: list[tuple[Leftover, MlkitError]] = []
    for leftover in leftovers:
        try:
            if leftover.kind == "stack":
                delete_stack(aws, leftover.name)
            else:
                stop_job(aws, leftover.kind.removesuffix(" job"), leftover.name)
        except MlkitError as problem:
            refused.append((leftover, problem))
    if refused:
        first = refused[0][1]
        names = ", ".join(f"{leftover.kind} {leftover.name}" for leftover, _ in refused)
        raise type(first)(f"{str(first).rstrip('.')}. Not ended: {names}.", cure=first.cure)
