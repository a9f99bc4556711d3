"""The policies of the lab's roles as they are deployed, read before the clean-up deletes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from live.lab import Lab
from mlkit.aws.stacks import find_stack


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One action of one statement. `role` is the role's logical id in its template."""

    role: str
    sid: str
    action: str


def collect(lab: Lab) -> str:
    """Save every role of the lab's stacks with its policies."""
    names = lab.names
    stacks = [names.datalake_stack, *names.pipeline_stacks.values()]
    roles = {item["PhysicalResourceId"]: {"logical": logical, "policies": _documents(lab, item["PhysicalResourceId"])}
             for stack in stacks if find_stack(lab.aws, stack)
             for logical, item in lab.stack_resources(stack).items() if item["ResourceType"] == "AWS::IAM::Role"}  # fmt: skip
    lab.folder.save("roles.json", roles)
    return f"{len(roles)} roles with {sum(len(role['policies']) for role in roles.values())} policies"


def _documents(lab: Lab, role: str) -> list[dict[str, Any]]:
    iam = lab.client("iam")
    inline = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    attached = []
    for item in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=item["PolicyArn"])["Policy"]["DefaultVersionId"]
        attached.append(iam.get_policy_version(PolicyArn=item["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"])
    return [*inline, *attached]


def grants(roles: Mapping[str, Any]) -> Iterator[Grant]:
    """Each allowed action by role and statement."""
    for role in roles.values():
        for document in role["policies"]:
            for statement in document["Statement"]:
                for action in _listed(statement.get("Action", [])):
                    if statement["Effect"] == "Allow":
                        yield Grant(role=role["logical"], sid=statement.get("Sid", ""), action=action)


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
