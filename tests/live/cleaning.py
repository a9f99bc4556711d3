"""Removes what the run made, by names with its initials, and says what stays by design."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from botocore.exceptions import ClientError

from live import reviewer, training_log
from live.buckets import delete_bucket
from live.lab import Lab
from mlkit.aws import pipeline_executions
from mlkit.aws.session import aws_errors
from mlkit.aws.stacks import delete_stack, find_stack
from mlkit.cli.console import StackEvents
from mlkit.errors import DeploymentFailed, MlkitError
from mlkit.naming import ENVIRONMENTS, job_prefix

_REPLACED = {"AWS::SageMaker::EndpointConfig": "EndpointConfig", "AWS::SageMaker::Model": "Model"}


def clean_up(lab: Lab) -> str:
    """Each part is tried whatever came before. Raises DeploymentFailed that names the parts which failed."""
    parts = _parts(lab)
    failed = [f"{part}: {told}" for part, run in parts.items() if (told := _failure(lab, part, run))]
    lab.folder.save("stays.txt", "\n".join(_stays(lab)) + "\n")
    if failed:
        raise DeploymentFailed(
            f"Not removed: {'; '.join(failed)}", cure="Remove these by hand; docs/aws.md, section 8, shows the commands."
        )
    return f"removed {len(parts)} things; what stays by design: {'; '.join(_stays(lab))}"


def _parts(lab: Lab) -> dict[str, Callable[[], object]]:
    """What to remove, in an order that CloudFormation allows."""
    names, endpoints = lab.names, [lab.names.endpoint_stack(one) for one in ENVIRONMENTS]
    replaced = [found for stack in endpoints for found in _replaced(lab, stack)]
    others = [*reversed(names.pipeline_stacks.values()), names.datalake_stack]
    return {
        "executions": partial(_stop_executions, lab),
        **{f"stack {stack}": partial(_delete, lab, stack) for stack in endpoints},
        "reviewer's role": partial(reviewer.remove, lab),
        **{f"stack {stack}": partial(_delete, lab, stack) for stack in others},
        **{f"{kind} {name}": partial(_delete_replaced, lab, kind, name) for kind, name in replaced},
        **{f"bucket {name}": partial(_delete_bucket, lab, name) for name in _buckets(lab)},
        "evidence": partial(_delete_empty_evidence, lab),
        "logs": partial(_delete_logs, lab),
    }


def _failure(lab: Lab, part: str, run: Callable[[], object]) -> str:
    try:
        with aws_errors():
            run()
    except MlkitError as error:
        lab.say(f"{part} was not removed: {error}")
        return str(error)
    return ""


def _stop_executions(lab: Lab) -> None:
    """Stop what a failed or interrupted step left running, jobs included."""
    if not (pipeline := lab.folder.fact("pipeline")):
        return
    for execution in _executions(lab):
        if pipeline_executions.status(lab.aws, pipeline, execution) not in pipeline_executions.ENDED:
            pipeline_executions.stop(lab.aws, pipeline, execution, reason="the first hour on AWS: clean-up")
        sagemaker = lab.client("sagemaker")
        named = {"NameContains": job_prefix(execution), "StatusEquals": "InProgress"}
        for job in sagemaker.list_training_jobs(**named)["TrainingJobSummaries"]:
            sagemaker.stop_training_job(TrainingJobName=job["TrainingJobName"])


def _executions(lab: Lab) -> list[str]:
    return [found for name in ("first_execution", "second_execution") if (found := lab.folder.fact(name))]


def _replaced(lab: Lab, stack: str) -> list[tuple[str, str]]:
    """Kind and name of each model and endpoint configuration that the stack ever had: an update keeps the old ones."""
    if find_stack(lab.aws, stack) is None:
        return []
    pages = lab.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    found = {(_REPLACED[item["ResourceType"]], item["PhysicalResourceId"].rpartition("/")[2])
             for item in pages.search("StackEvents[]") if item["ResourceType"] in _REPLACED and item.get("PhysicalResourceId")}  # fmt: skip
    return sorted(found)


def _delete_replaced(lab: Lab, kind: str, name: str) -> None:
    client = lab.client("sagemaker")
    delete = client.delete_model if kind == "Model" else client.delete_endpoint_config
    try:
        delete(**{f"{kind}Name": name})
    except ClientError as error:
        if not error.response["Error"]["Message"].startswith("Could not find"):
            raise


def _delete(lab: Lab, stack: str) -> None:
    delete_stack(lab.aws, stack, on_event=StackEvents())


def _buckets(lab: Lab) -> list[str]:
    """Those whose objects are not locked."""
    made = lab.folder.fact("buckets", {})
    return [lab.names.bucket, *(made[name] for name in ("ArtifactBucket", "StagingBucket") if name in made)]


def _delete_bucket(lab: Lab, name: str) -> None:
    if name in (item["Name"] for item in lab.client("s3").list_buckets()["Buckets"]):
        delete_bucket(lab, name)


def _delete_empty_evidence(lab: Lab) -> None:
    """If nothing was sealed, nothing is locked: then bucket and keys go too, the keys after AWS's shortest waiting time."""
    evidence = lab.folder.fact("buckets", {}).get("EvidenceBucket")
    if not evidence or "Versions" in lab.client("s3").list_object_versions(Bucket=evidence, MaxKeys=1):
        return
    delete_bucket(lab, evidence)
    for key in lab.folder.fact("keys", []):
        lab.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    lab.folder.note(buckets={}, keys=[])


def _delete_logs(lab: Lab) -> None:
    """SageMaker's logs of the run: the endpoints' groups, and the jobs' streams in a group that all jobs of the account share."""
    logs = lab.client("logs")
    for environment in ENVIRONMENTS:
        with suppress(logs.exceptions.ResourceNotFoundException):
            logs.delete_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{lab.names.endpoint(environment)}")
    for execution in _executions(lab):
        with suppress(logs.exceptions.ResourceNotFoundException):
            pages = logs.get_paginator("describe_log_streams").paginate(
                logGroupName=training_log.GROUP, logStreamNamePrefix=job_prefix(execution)
            )
            for stream in list(pages.search("logStreams[]")):
                logs.delete_log_stream(logGroupName=training_log.GROUP, logStreamName=stream["logStreamName"])


def _stays(lab: Lab) -> list[str]:
    """What nobody can delete yet, with the commands for later."""
    evidence = lab.folder.fact("buckets", {}).get("EvidenceBucket")
    found = (
        [f"the evidence bucket {evidence}, locked for one day: then delete its versions and `aws s3 rb s3://{evidence}`"]
        if evidence
        else []
    )
    schedule = "aws kms schedule-key-deletion --pending-window-in-days 7 --key-id"
    found += [f"a key of the evidence: `{schedule} {key}`" for key in lab.folder.fact("keys", [])]
    if not lab.folder.fact("had_default", True):
        found.append("Athena's Glue database `default`, if it made one: `aws glue delete-database --name default`, once no table is in it")
    return [*found, "the records of the training jobs, which SageMaker never deletes, and the connection to GitHub, which is yours"]
