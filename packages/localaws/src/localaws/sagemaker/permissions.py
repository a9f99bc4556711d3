"""The permissions that SageMaker's operations need on its resources and roles."""

from collections.abc import Callable, Mapping
from typing import Any

from localaws.kit import permissions
from localaws.kit.permissions import Arns, Asked, TagsOf, named
from localaws.kit.service import Caller, Members, Permission, pass_role
from localaws.sagemaker.execution_roles import PRINCIPAL
from localaws.sagemaker.resource_tables import resource_arn


def on(
    action: str, *resources: tuple[str, str], tags_of: TagsOf, context: Callable[[Members], Mapping[str, Any]] = lambda request: {}
) -> Asked:
    """The action on existing resources, given as (kind in the ARN, request member with the name or the ARN)."""
    return permissions.on(f"sagemaker:{action}", _arns(resources), tags_of=tags_of, context=context)


def anywhere(action: str) -> Asked:
    return permissions.anywhere(f"sagemaker:{action}")


def tagging(action: str, *, tags_of: TagsOf) -> Asked:
    return permissions.on(f"sagemaker:{action}", named("ResourceArn"), tags_of=tags_of)


def creating(
    action: str,
    *resources: tuple[str, str],
    role: Callable[[Members], str | None] = lambda request: None,
    instances: Callable[[Members], list[str]] = lambda request: [],
    used: Arns = lambda caller, request: [],
) -> Asked:
    """For a creation: the action, AddTags if the request has tags, and PassRole for the resource's role.

    `used` are the ARNs of other resources that the creation needs the action on.
    """

    def context(request: Members) -> Members:
        return {"sagemaker:InstanceTypes": types} if (types := instances(request)) else {}

    def passed(caller: Caller, request: Members) -> list[Permission]:
        return [pass_role(arn, PRINCIPAL)] if (arn := role(request)) is not None else []

    def arns(caller: Caller, request: Members) -> list[str]:
        return [*_arns(resources)(caller, request), *used(caller, request)]

    return permissions.on(f"sagemaker:{action}", arns, context=context, tagging="sagemaker:AddTags", passed=passed)


def _arns(resources: tuple[tuple[str, str], ...]) -> Arns:
    return lambda caller, request: [arn_of(slug, request[member], caller) for slug, member in resources]


def arn_of(slug: str, given: str, caller: Caller) -> str:
    """The ARN that IAM checks, of a resource given by name or by ARN. An own ARN gets the case that the resource has."""
    is_arn = given.startswith("arn:")
    own = resource_arn(slug, given.partition("/")[2] if is_arn else given, account=caller.account, region=caller.region)
    return given if is_arn and given.lower() != own.lower() else own
