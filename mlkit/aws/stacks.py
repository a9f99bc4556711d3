"""CloudFormation stacks: create or update, watch, delete."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from mlkit.aws.session import Session, aws_errors, translate
from mlkit.errors import DeploymentFailed, NotFound
from mlkit.project.yaml_lines import load

_POLL_S = 5.0  # on AWS
OnEvent = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack after an operation. `changed` is False if there was nothing to update."""

    name: str
    status: str
    changed: bool
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def deploy_command(template: Path, name: str, parameters: Mapping[str, str]) -> str:
    """The AWS CLI command that does the same as `deploy_stack`."""
    given = " ".join(f"{key}={value}" for key, value in parameters.items())
    command = f"aws cloudformation deploy --template-file {template.as_posix()} --stack-name {name}"
    return f"{command} --capabilities CAPABILITY_IAM --parameter-overrides {given}"


def deploy_stack(
    aws: Session,
    name: str,
    template: Path,
    parameters: Mapping[str, str],
    *,
    capabilities: tuple[str, ...] = (),
    on_event: OnEvent | None = None,
) -> Stack:
    """Create the stack or update it, and wait. Raises DeploymentFailed with the first failed resource's reason.

    As with `aws cloudformation deploy`, a parameter that is not given keeps the value that the stack has.
    """
    client = aws.client("cloudformation")
    if not template.is_file():
        raise NotFound(f"There is no template {template}", cure="Start from the repository's folder.")
    request: dict[str, Any] = {
        "StackName": name,
        "TemplateBody": template.read_text(),
        "Capabilities": list(capabilities),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    }
    current = _describe(aws, name)
    if current is not None and current["StackStatus"] in ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"):
        delete_stack(aws, name, on_event=on_event)  # CloudFormation allows no other operation on a stack whose creation failed
        current = None
    if current is not None and current["StackStatus"].endswith("_IN_PROGRESS"):
        raise DeploymentFailed(
            f"Stack {name} is {current['StackStatus']}", cure="Another deployment is in progress. Wait until it has ended."
        )
    seen = _event_ids(aws, name) if current else set()
    request["Parameters"] += _kept(request["TemplateBody"], parameters, current or {})
    try:
        (client.update_stack if current else client.create_stack)(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return _stack(_describe(aws, name) or {}, changed=False)
        raise _refused(name, error) from error
    return _stack(_wait(aws, name, seen, on_event, good=("CREATE_COMPLETE", "UPDATE_COMPLETE")), changed=True)


def delete_stack(aws: Session, name: str, *, on_event: OnEvent | None = None) -> bool:
    """Delete the stack and wait; False if there was none. Raises DeploymentFailed if a resource could not be deleted."""
    current = _describe(aws, name)
    if current is None:
        return False
    seen = _event_ids(aws, name)
    with aws_errors():
        aws.client("cloudformation").delete_stack(StackName=name)
    _wait(aws, current["StackId"], seen, on_event, good=("DELETE_COMPLETE",))
    return True


def find_stack(aws: Session, name: str) -> Stack | None:
    """The stack as it is now; None when there is none."""
    current = _describe(aws, name)
    return _stack(current, changed=False) if current else None


def stack_outputs(aws: Session, name: str) -> dict[str, str]:
    """The stack's outputs. Raises NotFound."""
    current = find_stack(aws, name)
    if current is None:
        raise NotFound(f"There is no stack {name}")
    return dict(current.outputs)


def _kept(template: str, given: Mapping[str, str], current: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stack's parameters that are not given; without them an update would reset them to the template's defaults."""
    if not current.get("Parameters"):
        return []
    try:
        declared = set(load(template)["Parameters"]) - set(given)
    except (ValueError, KeyError, TypeError):
        return []  # not a template with parameters; CloudFormation reports it
    names = [item["ParameterKey"] for item in current["Parameters"] if item["ParameterKey"] in declared]
    return [{"ParameterKey": name, "UsePreviousValue": True} for name in names]


def _refused(name: str, error: ClientError) -> Exception:
    message = error.response["Error"]["Message"]
    if error.response["Error"]["Code"] == "ValidationError" and "not authorized" not in message:
        return DeploymentFailed(f"Stack {name}: {message}", cure="Correct the template or its parameters.")
    return translate(error)


def _describe(aws: Session, name: str) -> dict[str, Any] | None:
    try:
        stack: dict[str, Any] = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise translate(error) from error
    except Exception:
        with aws_errors():
            raise
    return stack


def _stack(described: Mapping[str, Any], *, changed: bool) -> Stack:
    return Stack(
        name=described["StackName"],
        status=described["StackStatus"],
        changed=changed,
        outputs={item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])},
        parameters={item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])},
        tags={item["Key"]: item["Value"] for item in described.get("Tags", [])},
    )


def _events(aws: Session, name: str) -> list[dict[str, Any]]:
    with aws_errors():
        return list(aws.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"])


def _event_ids(aws: Session, name: str) -> set[str]:
    return {event["EventId"] for event in _events(aws, name)}


def _wait(aws: Session, name: str, seen: set[str], on_event: OnEvent | None, *, good: tuple[str, ...]) -> dict[str, Any]:
    """Poll until the operation ends; report each new event once. Raises DeploymentFailed unless it ends in one of the `good` states."""
    failures: list[str] = []
    while True:
        described = _describe(aws, name)
        if described is None:
            described = {"StackName": name, "StackStatus": "DELETE_COMPLETE"}
            break
        for event in reversed([event for event in _events(aws, name) if event["EventId"] not in seen]):
            seen.add(event["EventId"])
            line = f"{event['LogicalResourceId']} {event['ResourceStatus']} {event.get('ResourceStatusReason', '')}".strip()
            if event["ResourceStatus"].endswith("_FAILED"):
                failures.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}")
            if on_event:
                on_event(line)
        if not described["StackStatus"].endswith("_IN_PROGRESS"):
            break
        time.sleep(aws.poll_s(_POLL_S))
    if described["StackStatus"] in good:
        return described
    raise DeploymentFailed(f"Stack {described['StackName']} ended as {described['StackStatus']}. {failures[0] if failures else ''}".strip())
