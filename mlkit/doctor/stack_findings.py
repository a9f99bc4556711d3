"""The finding for a CloudFormation stack's status."""

from typing import TYPE_CHECKING

from mlkit.doctor.findings import Finding, fail, ok, warn
from mlkit.errors import DeploymentFailed

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import StackTypeDef

_DELETE = "`aws cloudformation delete-stack --stack-name {name}`, then deploy again"
# What these states mean to whoever deploys, and the command that leaves them.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
_DEAD_ENDS = {
    "ROLLBACK_COMPLETE": ("its creation failed, and CloudFormation refuses every update", _DELETE),
    "CREATE_FAILED": ("its creation failed, and its resources were kept", _DELETE),
    "ROLLBACK_FAILED": ("its creation failed, and so did its removal", _DELETE),
    "DELETE_FAILED": ("a resource could not be deleted", "`aws cloudformation delete-stack --stack-name {name}`, once its cause is gone"),
    "UPDATE_FAILED": ("its update failed and was not rolled back", "`aws cloudformation rollback-stack --stack-name {name}`"),
    "UPDATE_ROLLBACK_FAILED": (
        "its update failed, and so did the way back; CloudFormation refuses every update",
        "`aws cloudformation continue-update-rollback --stack-name {name}`",
    ),
}


def judge_stack(found: "StackTypeDef", *, leave: str = "") -> Finding:
    """`leave` is the command that leaves ROLLBACK_COMPLETE, where mlkit has a better one than CloudFormation's own."""
    name, status = found["StackName"], found["StackStatus"]
    told = f"{name} is {status}"
    events = f"`aws cloudformation describe-stack-events --stack-name {name}`: the first FAILED event is the cause."
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return ok(told)
    if status.endswith("_IN_PROGRESS"):
        return warn(told, "Wait until it has ended, then check again.")
    if status not in _DEAD_ENDS:
        if status.endswith("ROLLBACK_COMPLETE"):
            return warn(f"{told}: the last update failed and was rolled back", events)
        return fail(told, events, DeploymentFailed)
    meaning, command = _DEAD_ENDS[status]
    if leave and status == "ROLLBACK_COMPLETE":
        command = leave
    return fail(f"{told}: {meaning}", f"{command.format(name=name)}. Before that, read the cause: {events}", DeploymentFailed)
