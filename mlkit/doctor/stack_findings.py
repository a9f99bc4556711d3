"""The finding for a CloudFormation stack's status."""

from typing import TYPE_CHECKING

from mlkit.doctor.findings import Finding, fail, ok, warn
from mlkit.errors import DeploymentFailed

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import StackTypeDef


def judge_stack(found: "StackTypeDef") -> Finding:
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
