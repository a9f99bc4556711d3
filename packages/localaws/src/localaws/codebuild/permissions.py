"""What each operation asks of IAM, as AWS's service authorization reference has it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from localaws.codebuild.projects import PRINCIPAL, project_arn, role_arn
from localaws.service import Caller, Permission, pass_role

Members = dict[str, Any]
Asked = Callable[[Caller, Members], Sequence[Permission]]
TagsOf = Callable[[str], Mapping[str, str]]


def anywhere(action: str) -> Asked:
    """The action on no resource in particular."""
    return lambda caller, request: [Permission(action=f"codebuild:{action}")]


def on_projects(action: str, names: Callable[[Members], Iterable[str]], *, tags_of: TagsOf, role: str | None = None) -> Asked:
    """The action on projects, whose tags are condition keys; PassRole when the request's member `role` gives the build a role."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        found = []
        for name in dict.fromkeys(project_name(given) for given in names(request)):
            arn = project_arn(name, account=caller.account, region=caller.region)
            context = {f"aws:ResourceTag/{key}": value for key, value in tags_of(name).items()} | _request_tags(request)
            found.append(Permission(action=f"codebuild:{action}", resource=arn, context=context))
        return found + _pass(caller, request, role)

    return asked


def on_report_groups(action: str, groups: Callable[[Members], Iterable[str]]) -> Asked:
    """The action on report groups, which are given by name or ARN, or by the ARN of one of their reports."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        arns = dict.fromkeys(report_group_arn(given, account=caller.account, region=caller.region) for given in groups(request))
        return [Permission(action=f"codebuild:{action}", resource=arn, context=_request_tags(request)) for arn in arns]

    return asked


def project_name(given: str) -> str:
    """Of a project's name or ARN, or of a build's id or ARN."""
    return given.rpartition("/")[2].partition(":")[0]


def report_group_arn(given: str, *, account: str, region: str) -> str:
    name = given.rpartition("/")[2].partition(":")[0]
    return f"arn:aws:codebuild:{region}:{account}:report-group/{name}"


def _request_tags(request: Members) -> dict[str, Any]:
    tags = {tag["key"]: tag["value"] for tag in request.get("tags", [])}
    context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return context | ({"aws:TagKeys": list(tags)} if tags else {})


def _pass(caller: Caller, request: Members, role: str | None) -> list[Permission]:
    return [pass_role(role_arn(request[role], caller.account), PRINCIPAL)] if role is not None and role in request else []
