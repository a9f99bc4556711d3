"""The permissions that an operation needs, as in AWS's service authorization reference.

They are the action on each resource that the request names, with tags as condition keys; the action that tags a new resource; and
iam:PassRole or the like for what the request passes on.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from localaws.kit.service import Caller, Members, Permission
from localaws.kit.tags import request_conditions, resource_conditions, tags_of_request

Asked = Callable[[Caller, Members], Sequence[Permission]]
Arns = Callable[[Caller, Members], Iterable[str]]
TagsOf = Callable[[str], Mapping[str, str]]


def anywhere(action: str) -> Asked:
    """The action without a resource (`*`)."""
    return lambda caller, request: [Permission(action=action)]


def on(
    action: str,
    arns: Arns,
    *,
    tags_of: TagsOf = lambda arn: {},
    context: Callable[[Members], Mapping[str, Any]] = lambda request: {},
    tagging: str | None = None,
    passed: Asked = lambda caller, request: [],
) -> Asked:
    """The action on each resource that `arns` returns, without duplicates.

    `tags_of` returns an existing resource's tags by its ARN, `context` other condition keys of the service. `tagging` is a second action,
    needed if the request creates the first resource with tags. `passed` are roles and connections that the request passes to a service.
    """

    def asked(caller: Caller, request: Members) -> list[Permission]:
        given = list(dict.fromkeys(arns(caller, request)))
        conditions = {**request_conditions(request), **context(request)}
        service = action.partition(":")[0]
        found = [
            Permission(action=action, resource=arn, context={**resource_conditions(service, tags_of(arn)), **conditions}) for arn in given
        ]
        if tagging is not None and tags_of_request(request):
            found.append(Permission(action=tagging, resource=given[0], context=found[0].context))
        return [*found, *passed(caller, request)]

    return asked


def named(member: str) -> Arns:
    """The resource whose ARN this member of the request holds."""
    return lambda caller, request: [request[member]]
