"""Turns calls to SageMaker into the journal's events about jobs and endpoints."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlkit.evidence.activity_log import NOT_CREATED, Event

Members = Mapping[str, Any]

# SageMaker's word for a kind of job; its operations are Create..., Describe... and Stop..., its members ...Name and ...Status.
NOUNS = {
    "training": "TrainingJob",
    "tuning": "HyperParameterTuningJob",
    "processing": "ProcessingJob",
    "transform": "TransformJob",
}
_OPERATIONS = {f"{verb}{noun}": (verb, kind) for kind, noun in NOUNS.items() for verb in ("Create", "Describe", "Stop")}


def announced(operation: str, params: Members) -> list[Event]:
    """The events of a job that is about to be created."""
    verb, kind = _OPERATIONS.get(operation, ("", ""))
    return [_job(kind, params, started=True)] if verb == "Create" else []


def refused(operation: str, params: Members, answer: Members) -> list[Event]:
    """The events of an announced job that SageMaker did not create. After a server error or a retry there are none: the job may run."""
    verb, kind = _OPERATIONS.get(operation, ("", ""))
    about = answer.get("ResponseMetadata", {})
    is_certain = 400 <= about.get("HTTPStatusCode", 500) < 500
    # A name that is taken after a retry may have been taken by the first try, whose answer was lost.
    if answer.get("Error", {}).get("Code") == "ResourceInUse" and about.get("RetryAttempts"):
        is_certain = False
    return [_job(kind, params, status=NOT_CREATED)] if verb == "Create" and is_certain else []


def answered(operation: str, params: Members, answer: Members) -> list[Event]:
    """The events of SageMaker's answer about jobs and endpoints."""
    match _OPERATIONS.get(operation, (operation, "")):
        case "Create", kind:
            return [_job(kind, params, started=True, status="InProgress")]
        case "Stop", kind:
            return [_job(kind, params, status="Stopping")]
        case "Describe", kind:
            name = params.get("HyperParameterTuningJobName") if kind == "tuning" else None
            best = [answer["BestTrainingJob"]] if answer.get("BestTrainingJob") else []
            return [_described(kind, answer), *(_of_tuning(job, name) for job in best)]
        case "ListTrainingJobsForHyperParameterTuningJob", _:
            return [_of_tuning(job, params["HyperParameterTuningJobName"]) for job in answer["TrainingJobSummaries"]]
        case "DescribeEndpoint", _:
            return [{"kind": "served", "served": served} for served in _served(answer)]
    return []


def _job(kind: str, members: Members, *, started: bool = False, status: str | None = None, **more: Any) -> Event:
    image, instance_type, instance_count = _resources(kind, members)
    digest = (image or "").partition("@")[2]
    job = {
        "kind": kind,
        "name": members[f"{NOUNS[kind]}Name"],
        "status": status,
        "image": image,
        "image_digest": digest or None,
        "instance_type": instance_type,
        "instance_count": instance_count,
        **more,
    }
    return {"kind": "job", "job": job, "started": started}


def _described(kind: str, answer: Members) -> Event:
    event = _job(kind, answer, status=answer[f"{NOUNS[kind]}Status"], billable_seconds=answer.get("BillableTimeInSeconds"))
    if tuning_job := answer.get("TuningJobArn"):
        event["tuning_job"] = tuning_job.rpartition("/")[2]
    return event


def _of_tuning(summary: Members, tuning_job: str | None) -> Event:
    return _job("training", summary, status=summary["TrainingJobStatus"]) | {"tuning_job": tuning_job}


def _resources(kind: str, members: Members) -> tuple[str | None, str | None, int | None]:
    """Image, instance type and instance count of a job's request or description; None for missing ones."""
    if kind == "transform":
        resources = members.get("TransformResources", {})
        return None, resources.get("InstanceType"), resources.get("InstanceCount")
    if kind == "processing":
        cluster = members.get("ProcessingResources", {}).get("ClusterConfig", {})
        return members.get("AppSpecification", {}).get("ImageUri"), cluster.get("InstanceType"), cluster.get("InstanceCount")
    jobs = [members]
    if kind == "tuning":
        jobs = members.get("TrainingJobDefinitions") or [members.get("TrainingJobDefinition", {})]
    types, counts = zip(*(_machines(job.get("ResourceConfig", {})) for job in jobs), strict=True)
    return _the_one(job.get("AlgorithmSpecification", {}).get("TrainingImage") for job in jobs), _the_one(types), _the_one(counts)


def _machines(config: Members) -> tuple[str | None, int | None]:
    if groups := config.get("InstanceGroups"):
        return ", ".join(sorted({group["InstanceType"] for group in groups})), sum(group["InstanceCount"] for group in groups)
    return config.get("InstanceType"), config.get("InstanceCount")


def _the_one(values: Iterable[Any]) -> Any:
    """The value that all share; None if they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _served(answer: Members) -> list[dict[str, Any]]:
    return [
        {
            "endpoint": answer["EndpointName"],
            "endpoint_config": answer["EndpointConfigName"],
            "variant": variant["VariantName"],
            "image": image.get("SpecifiedImage"),
            "image_digest": image.get("ResolvedImage", "").partition("@")[2] or None,
        }
        for variant in answer.get("ProductionVariants", [])
        for image in variant.get("DeployedImages", [])
    ]
