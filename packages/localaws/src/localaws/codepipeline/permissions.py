"""The permissions that CodePipeline's operations need on pipelines, stages, actions, webhooks and roles."""

from collections.abc import Callable

from localaws.codepipeline.action_roles import PRINCIPAL
from localaws.kit import permissions
from localaws.kit.permissions import Asked, TagsOf, named
from localaws.kit.service import Caller, Members, Permission, pass_role


def pipeline_arn(caller: Caller, *path: str) -> str:
    """The ARN of a pipeline, a stage or an action, from their names."""
    return f"arn:aws:codepipeline:{caller.region}:{caller.account}:{'/'.join(path)}"


def webhook_arn(caller: Caller, name: str) -> str:
    return f"arn:aws:codepipeline:{caller.region}:{caller.account}:webhook:{name}"


def anywhere(action: str) -> Asked:
    return permissions.anywhere(f"codepipeline:{action}")


def on(action: str, *members: str, tags_of: TagsOf) -> Asked:
    """The action on the pipeline, stage or action that these request members name."""

    def arns(caller: Caller, request: Members) -> list[str]:
        return [pipeline_arn(caller, *(request[member] for member in members))]

    return permissions.on(f"codepipeline:{action}", arns, tags_of=tags_of)


def on_webhook(action: str, name: Callable[[Members], str], *, tags_of: TagsOf) -> Asked:
    return permissions.on(f"codepipeline:{action}", lambda caller, request: [webhook_arn(caller, name(request))], tags_of=tags_of)


def saving(action: str, *, tags_of: TagsOf) -> Asked:
    """For CreatePipeline and UpdatePipeline: PassRole for the roles, PassConnection for the connections."""

    def passed(caller: Caller, request: Members) -> list[Permission]:
        declaration = request["pipeline"]
        actions = [item for stage in declaration["stages"] for item in stage["actions"]]
        roles = dict.fromkeys([declaration["roleArn"], *(item["roleArn"] for item in actions if "roleArn" in item)])
        connections = dict.fromkeys(item.get("configuration", {}).get("ConnectionArn") for item in actions)
        return [*(pass_role(role, PRINCIPAL) for role in roles), *(_pass_connection(arn) for arn in connections if arn)]

    return permissions.on(
        f"codepipeline:{action}",
        lambda caller, request: [pipeline_arn(caller, request["pipeline"]["name"])],
        tags_of=tags_of,
        tagging="codepipeline:TagResource",
        passed=passed,
    )


def tagging(action: str, *, tags_of: TagsOf) -> Asked:
    """For a tag operation: the action on the pipeline or webhook that resourceArn names."""
    return permissions.on(f"codepipeline:{action}", named("resourceArn"), tags_of=tags_of)


def _pass_connection(arn: str) -> Permission:
    service = arn.split(":")[2] if arn.count(":") > 2 else "codeconnections"
    return Permission(action=f"{service}:PassConnection", resource=arn, context={f"{service}:PassedToService": PRINCIPAL})
