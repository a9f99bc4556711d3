"""What each operation asks of IAM, as AWS's service authorization reference has it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.codepipeline.sessions import PRINCIPAL
from localaws.service import Caller, Permission, pass_role

Members = dict[str, Any]
Asked = Callable[[Caller, Members], Sequence[Permission]]
TagsOf = Callable[[str], Mapping[str, str]]


def pipeline_arn(caller: Caller, *path: str) -> str:
    """The ARN of a pipeline, a stage or an action, by their names."""
    return f"arn:aws:codepipeline:{caller.region}:{caller.account}:{'/'.join(path)}"


def webhook_arn(caller: Caller, name: str) -> str:
    return f"arn:aws:codepipeline:{caller.region}:{caller.account}:webhook:{name}"


def on(action: str, *members: str, tags_of: TagsOf) -> Asked:
    """The action on the pipeline, stage or action that these request members name. The pipeline's tags are condition keys."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        arn = pipeline_arn(caller, *(request[member] for member in members))
        context = resource_tags(tags_of(pipeline_arn(caller, request[members[0]])))
        return [Permission(action=f"codepipeline:{action}", resource=arn, context=context)]

    return asked


def anywhere(action: str) -> Asked:
    """The action on no pipeline in particular."""
    return lambda caller, request: [Permission(action=f"codepipeline:{action}")]


def saving(action: str, *, tags_of: TagsOf) -> Asked:
    """CreatePipeline and UpdatePipeline: PassRole for the roles, PassConnection for the connections."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        declaration = request["pipeline"]
        arn = pipeline_arn(caller, declaration["name"])
        context = {**resource_tags(tags_of(arn)), **request_tags(request)}
        found = [Permission(action=f"codepipeline:{action}", resource=arn, context=context)]
        if request.get("tags"):
            found.append(Permission(action="codepipeline:TagResource", resource=arn, context=context))
        actions = [item for stage in declaration["stages"] for item in stage["actions"]]
        roles = dict.fromkeys([declaration["roleArn"], *(item["roleArn"] for item in actions if "roleArn" in item)])
        found += [pass_role(role, PRINCIPAL) for role in roles]
        connections = dict.fromkeys(item.get("configuration", {}).get("ConnectionArn") for item in actions)
        return [*found, *(_pass_connection(connection) for connection in connections if connection)]

    return asked


def tagging(action: str, *, tags_of: TagsOf) -> Asked:
    """A tag operation on the pipeline or webhook that resourceArn names."""

    def asked(caller: Caller, request: Members) -> list[Permission]:
        context = {**resource_tags(tags_of(request["resourceArn"])), **request_tags(request)}
        return [Permission(action=f"codepipeline:{action}", resource=request["resourceArn"], context=context)]

    return asked


def resource_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()}


def request_tags(request: Members) -> dict[str, Any]:
    tags = {tag["key"]: tag["value"] for tag in request.get("tags", ())}
    context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if keys := [*tags, *request.get("tagKeys", ())]:
        context["aws:TagKeys"] = keys
    return context


def _pass_connection(arn: str) -> Permission:
    service = arn.split(":")[2] if arn.count(":") > 2 else "codeconnections"
    return Permission(action=f"{service}:PassConnection", resource=arn, context={f"{service}:PassedToService": PRINCIPAL})
