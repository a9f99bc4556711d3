"""CloudFormation stacks: create or update, watch, delete."""

import shlex
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mlkit.aws.session import Session, aws_errors, translate
from mlkit.errors import DeploymentFailed, NotFound
from mlkit.project.yaml_lines import load

if TYPE_CHECKING:
    from types_boto3_cloudformation.literals import CapabilityType
    from types_boto3_cloudformation.type_defs import ParameterTypeDef, StackEventTypeDef, StackTypeDef

_POLL_S = 5.0  # on AWS
NEVER_CREATED = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")  # states of a stack that was never there
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


def deploy_command(template: Path, name: str, parameters: Mapping[str, str], *, hidden: Collection[str] = ()) -> str:
    """The AWS CLI command that does the same as `deploy_stack`. `hidden` parameters become shell variables of the same names."""
    given = " ".join(f'{key}="${key}"' if key in hidden else shlex.quote(f"{key}={value}") for key, value in parameters.items())
    command = f"aws cloudformation deploy --template-file {template.as_posix()} --stack-name {name}"
    return f"{command} --capabilities CAPABILITY_IAM --parameter-overrides {given}"


def deploy_stack(
    aws: Session,
    name: str,
    template: Path,
    parameters: Mapping[str, str],
    *,
    capabilities: "tuple[CapabilityType, ...]" = (),
    tags: Mapping[str, str] | None = None,
    on_event: OnEvent | None = None,
) -> Stack:
    """Create the stack or update it, and wait. Raises DeploymentFailed with the first failed resource's reason.

    As with `aws cloudformation deploy`, a parameter that is not given keeps the value that the stack has. So do `tags`.
    """
    client = aws.client("cloudformation")
    if not template.is_file():
        raise NotFound(f"There is no template {template}", cure="Start from the repository's folder.")
    body = template.read_text()
    current = _describe(aws, name)
    if current is not None and current["StackStatus"] in NEVER_CREATED:
        delete_stack(aws, name, on_event=on_event)  # CloudFormation allows no other operation on a stack whose creation failed
        current = None
    if current is not None and current["StackStatus"].endswith("_IN_PROGRESS"):
        raise DeploymentFailed(
            f"Stack {name} is {current['StackStatus']}", cure="Another deployment is in progress. Wait until it has ended."
        )
    seen = _event_ids(aws, name) if current else set()
    given: list[ParameterTypeDef] = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    given += _kept(body, parameters, current) if current else []
    try:
        send = client.update_stack if current else client.create_stack
        told: dict[str, Any] = {} if tags is None else {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        send(StackName=name, TemplateBody=body, Parameters=given, Capabilities=capabilities, **told)
    except ClientError as error:
        if current and "No updates are to be performed" in str(error):
            return _stack(current, changed=False)
        raise _refused(name, error) from error
    return _wait(aws, name, seen, on_event, good=("CREATE_COMPLETE", "UPDATE_COMPLETE"))


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


def find_export(aws: Session, name: str) -> str | None:
    """The value that a stack exports under the name."""
    with aws_errors():
        for page in aws.client("cloudformation").get_paginator("list_exports").paginate():
            for item in page["Exports"]:
                if item["Name"] == name:
                    return str(item["Value"])
    return None


def _kept(template: str, given: Mapping[str, str], current: "StackTypeDef") -> "list[ParameterTypeDef]":
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


def _describe(aws: Session, name: str) -> "StackTypeDef | None":
    try:
        return aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise translate(error) from error
    except Exception:
        with aws_errors():
            raise


def _stack(described: "StackTypeDef", *, changed: bool) -> Stack:
    return Stack(
        name=described["StackName"],
        status=described["StackStatus"],
        changed=changed,
        outputs={item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", [])},
        parameters={item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])},
        tags={item["Key"]: item["Value"] for item in described.get("Tags", [])},
    )


def _events(aws: Session, name: str) -> "list[StackEventTypeDef]":
    with aws_errors():
        return list(aws.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"])


def _event_ids(aws: Session, name: str) -> set[str]:
    return {event["EventId"] for event in _events(aws, name)}


def _wait(aws: Session, name: str, seen: set[str], on_event: OnEvent | None, *, good: tuple[str, ...]) -> Stack:
    """The stack at the operation's end; each new event is reported once. Raises DeploymentFailed unless its state is one of the `good`."""
    failures: list[str] = []
    ended = Stack(name=name, status="DELETE_COMPLETE", changed=True)
    while (described := _describe(aws, name)) is not None:
        for event in reversed([event for event in _events(aws, name) if event["EventId"] not in seen]):
            seen.add(event["EventId"])
            line = f"{event['LogicalResourceId']} {event['ResourceStatus']} {event.get('ResourceStatusReason', '')}".strip()
            if event["ResourceStatus"].endswith("_FAILED"):
                failures.append(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}")
            if on_event:
                on_event(line)
        if not described["StackStatus"].endswith("_IN_PROGRESS"):
            ended = _stack(described, changed=True)
            break
        time.sleep(aws.poll_s(_POLL_S))
    if ended.status in good:
        return ended
    raise DeploymentFailed(f"Stack {ended.name} ended as {ended.status}. {failures[0] if failures else ''}".strip())
