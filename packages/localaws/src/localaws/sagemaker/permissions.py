"""The permissions that SageMaker's operations need on its resources and roles."""

from collections.abc import Callable

from localaws.kit import permissions
from localaws.kit.permissions import Arns, Asked, TagsOf, named
from localaws.kit.service import Caller, Members, Permission, pass_role
from localaws.sagemaker.execution_roles import PRINCIPAL
from localaws.sagemaker.resource_tables import resource_arn


def on(action: str, *resources: tuple[str, str], tags_of: TagsOf) -> Asked:
    """The action on existing resources, given as (kind in the ARN, request member with the name)."""
    return permissions.on(f"sagemaker:{action}", _arns(resources), tags_of=tags_of)


def anywhere(action: str) -> Asked:
    return permissions.anywhere(f"sagemaker:{action}")


def tagging(action: str, *, tags_of: TagsOf) -> Asked:
    return permissions.on(f"sagemaker:{action}", named("ResourceArn"), tags_of=tags_of)


def creating(
    action: str, *resources: tuple[str, str], role: Callable[[Members], str | None], instances: Callable[[Members], list[str]]
) -> Asked:
    """For a creation: the action, AddTags if the request has tags, and PassRole for the resource's role."""

    def context(request: Members) -> Members:
        return {"sagemaker:InstanceTypes": types} if (types := instances(request)) else {}

    def passed(caller: Caller, request: Members) -> list[Permission]:
        return [pass_role(arn, PRINCIPAL)] if (arn := role(request)) is not None else []

    return permissions.on(f"sagemaker:{action}", _arns(resources), context=context, tagging="sagemaker:AddTags", passed=passed)


def _arns(resources: tuple[tuple[str, str], ...]) -> Arns:
    return lambda caller, request: [
        resource_arn(slug, request[member], account=caller.account, region=caller.region) for slug, member in resources
    ]
