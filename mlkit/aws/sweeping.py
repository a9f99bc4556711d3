"""Finds and ends what an execution leaves behind: running jobs, the QA endpoint, and a model that waits for a decision.

What updates of endpoints have replaced counts too, whichever execution made it.
"""

from contextlib import suppress
from dataclasses import dataclass

from mlkit.aws import registry, superseded
from mlkit.aws.endpoint_states import settled
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import delete_stack, find_stack
from mlkit.aws.stopping import stop_job
from mlkit.errors import MlkitError, NotFound
from mlkit.naming import ENDPOINT_STACK_SUFFIX, EXECUTION_TAG, LabNames, job_prefix


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """One resource to end. `kind` is training job, tuning job, stack, endpoint configuration, model, or model package (it is rejected)."""

    kind: str
    name: str


def find_leftovers(aws: Session, pipeline_execution_id: str, your_initials: str) -> list[Leftover]:
    """The execution's running jobs, its QA stack, its model in the registry if that is still pending, and what endpoints no longer use."""
    sagemaker, found, prefix = aws.client("sagemaker"), [], job_prefix(pipeline_execution_id)
    names_of_lab = LabNames(initials=your_initials)
    tuning, training = sagemaker.get_paginator("list_hyper_parameter_tuning_jobs"), sagemaker.get_paginator("list_training_jobs")
    with aws_errors():
        for tunings in tuning.paginate(NameContains=prefix, StatusEquals="InProgress"):
            names = (job["HyperParameterTuningJobName"] for job in tunings["HyperParameterTuningJobSummaries"])
            found += [Leftover(kind="tuning job", name=name) for name in names]
        for page in training.paginate(NameContains=prefix, StatusEquals="InProgress"):
            found += [Leftover(kind="training job", name=job["TrainingJobName"]) for job in page["TrainingJobSummaries"]]
        found = [job for job in found if job.name.startswith(prefix)]  # SageMaker also lists names that contain it elsewhere
    stack = find_stack(aws, names_of_lab.endpoint_stack("qa"))
    if stack is not None and stack.tags.get(EXECUTION_TAG) == pipeline_execution_id:
        found.append(Leftover(kind="stack", name=stack.name))
    pending = registry.pending(aws, names_of_lab.model_group, pipeline_execution_id)
    found += [Leftover(kind="model package", name=arn) for arn in pending]
    return found + [Leftover(kind=part.kind, name=part.name) for part in superseded.find_superseded(aws, names_of_lab)]


def _delete_endpoint_stack(aws: Session, name: str) -> None:
    """A test that was killed may have left the endpoint in an update, in which it cannot be deleted."""
    with suppress(NotFound):  # the stack's creation failed, for example
        settled(aws, name.removesuffix(ENDPOINT_STACK_SUFFIX))
    delete_stack(aws, name)


def sweep(aws: Session, leftovers: list[Leftover]) -> None:
    """End them all, and wait for stacks. One that has ended meanwhile is no error.

    A refused stop does not keep the others from being ended; the first refusal is raised at the end, with the names of all.
    """
    refused: list[tuple[Leftover, MlkitError]] = []
    for leftover in leftovers:
        try:
            if leftover.kind == "stack":
                _delete_endpoint_stack(aws, leftover.name)
            elif leftover.kind == "model package":
                registry.decide(aws, leftover.name, approved=False, comment="Its execution ended before production served it.")
            elif leftover.kind in (superseded.CONFIGURATION, superseded.MODEL):
                superseded.delete(aws, leftover.kind, leftover.name)
            else:
                stop_job(aws, leftover.kind.removesuffix(" job"), leftover.name)
        except MlkitError as problem:
            refused.append((leftover, problem))
    if refused:
        first = refused[0][1]
        names = ", ".join(f"{leftover.kind} {leftover.name}" for leftover, _ in refused)
        raise type(first)(f"{str(first).rstrip('.')}. Not ended: {names}.", cure=first.cure)
