"""What each operation asks of IAM, as AWS's service authorization reference has it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.sagemaker.resources import resource_arn
from localaws.sagemaker.roles import PRINCIPAL
from localaws.service import Caller, Permission, pass_role

Members = dict[str, Any]
Asked = Callable[[Caller, Members], Sequence[Permission]]
TagsOf = Callable[[str], Mapping[str, str]]


def on(action: str, *resources: tuple[str, str], tags_of: TagsOf) -> Asked:
    """The action on existing resources: (kind in the ARN, request member that names it). Their tags are condition keys."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        arns = [resource_arn(slug, request[member], account=caller.account, region=caller.region) for slug, member in resources]
        return [Permission(action=f"sagemaker:{action}", resource=arn, context=resource_tags(tags_of(arn))) for arn in arns]

    return asked


def anywhere(action: str) -> Asked:
    """The action on no resource in particular."""
    return lambda caller, request: [Permission(action=f"sagemaker:{action}")]


def creating(
    action: str, *resources: tuple[str, str], role: Callable[[Members], str | None], instances: Callable[[Members], list[str]]
) -> Asked:
    """Making something: the action, AddTags when it comes with tags, and PassRole for the role that it will run under."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        if tags:
            context["aws:TagKeys"] = list(tags)
        if types := instances(request):
            context["sagemaker:InstanceTypes"] = types
        arns = [resource_arn(slug, request[member], account=caller.account, region=caller.region) for slug, member in resources]
        found = [Permission(action=f"sagemaker:{action}", resource=arn, context=context) for arn in arns]
        if tags:
            found.append(Permission(action="sagemaker:AddTags", resource=arns[0], context=context))
        if (role_arn := role(request)) is not None:
            found.append(pass_role(role_arn, PRINCIPAL))
        return found

    return asked


def tagging(action: str, *, tags_of: TagsOf) -> Asked:
    """A tag operation on the resource that ResourceArn names."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        context = resource_tags(tags_of(request["ResourceArn"]))
        added = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        context |= {f"aws:RequestTag/{key}": value for key, value in added.items()}
        if keys := [*added, *request.get("TagKeys", [])]:
            context["aws:TagKeys"] = keys
        return [Permission(action=f"sagemaker:{action}", resource=request["ResourceArn"], context=context)]

    return asked


def resource_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    return {f"{prefix}:ResourceTag/{key}": value for prefix in ("aws", "sagemaker") for key, value in tags.items()}
