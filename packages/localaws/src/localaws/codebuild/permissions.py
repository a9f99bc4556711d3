"""The permissions that CodeBuild's operations need on projects and report groups."""

from collections.abc import Callable, Iterable

from localaws.codebuild.build_projects import PRINCIPAL, project_arn, role_arn
from localaws.kit import permissions
from localaws.kit.permissions import Asked, TagsOf
from localaws.kit.service import Caller, Members, Permission, pass_role


def anywhere(action: str) -> Asked:
    return permissions.anywhere(f"codebuild:{action}")


def on_projects(action: str, names: Callable[[Members], Iterable[str]], *, tags_of: TagsOf, role: str | None = None) -> Asked:
    """The action on projects, and iam:PassRole if the request's member `role` gives the build a role."""

    def arns(caller: Caller, request: Members) -> list[str]:
        return [project_arn(project_name(given), account=caller.account, region=caller.region) for given in names(request)]

    def passed(caller: Caller, request: Members) -> list[Permission]:
        return [pass_role(role_arn(request[role], caller.account), PRINCIPAL)] if role is not None and role in request else []

    return permissions.on(f"codebuild:{action}", arns, tags_of=tags_of, passed=passed)


def on_report_groups(action: str, groups: Callable[[Members], Iterable[str]]) -> Asked:
    """The action on report groups. A request gives their names or ARNs, or the ARN of one of their reports."""

    def arns(caller: Caller, request: Members) -> list[str]:
        return [report_group_arn(given, account=caller.account, region=caller.region) for given in groups(request)]

    return permissions.on(f"codebuild:{action}", arns)


def project_name(given: str) -> str:
    """The project's name, from a project's name or ARN, or from a build's id or ARN."""
    return given.rpartition("/")[2].partition(":")[0]


def report_group_arn(given: str, *, account: str, region: str) -> str:
    name = given.rpartition("/")[2].partition(":")[0]
    return f"arn:aws:codebuild:{region}:{account}:report-group/{name}"
