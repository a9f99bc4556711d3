"""The finding for a CloudFormation stack's status."""

from collections.abc import Mapping
from typing import Any

from mlkit.doctor.findings import Finding, fail, ok, warn
from mlkit.errors import DeploymentFailed


def judge_stack(found: Mapping[str, Any]) -> Finding:
    name, status = found["StackName"], found["StackStatus"]
    told = f"{name} is {status}"
    events = f"`aws cloudformation describe-stack-events --stack-name {name}`: the first FAILED event is the cause."
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return ok(told)
    if status.endswith("_IN_PROGRESS"):
        return warn(told, "Wait until it has ended, then check again.")
    if status.endswith("ROLLBACK_COMPLETE") and status != "ROLLBACK_COMPLETE":
        return warn(f"{told}: the last update failed and was rolled back", events)
    return fail(told, events, DeploymentFailed)
