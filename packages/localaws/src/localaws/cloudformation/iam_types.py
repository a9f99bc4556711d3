"""AWS::IAM::Role, Policy and ManagedPolicy, by the calls that CloudFormation makes to IAM."""

from collections.abc import Iterator, Mapping
from typing import Any

from localaws.kit.properties import as_json, changed, gone_is_fine, name_of, picked, retag, undone_on_failure, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import as_list

_GONE = "NoSuchEntity"
_OWNERS = {"Roles": "role", "Users": "user", "Groups": "group"}


def _create_role(request: ResourceRequest) -> Provisioned:
    iam, properties = request.client("iam"), request.properties
    name = name_of(request, properties.get("RoleName"), longest=64)
    made = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=as_json(properties["AssumeRolePolicyDocument"]),
        **picked(properties, "Path", "Description", "PermissionsBoundary", "Tags"),
        **({"MaxSessionDuration": int(properties["MaxSessionDuration"])} if "MaxSessionDuration" in properties else {}),
    )["Role"]
    with undone_on_failure(lambda: _remove_role(iam, name, properties)):
        _set_policies(iam, name, request)
    return Provisioned(physical_id=name, attributes={"Arn": made["Arn"], "RoleId": made["RoleId"]})


def _update_role(request: ResourceRequest) -> Provisioned:
    iam, properties, name = request.client("iam"), request.properties, str(request.physical_id)
    if changed(request, "AssumeRolePolicyDocument"):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=as_json(properties["AssumeRolePolicyDocument"]))
    if changed(request, "Description") or changed(request, "MaxSessionDuration"):
        seconds = int(properties.get("MaxSessionDuration", 3600))
        iam.update_role(RoleName=name, Description=properties.get("Description", ""), MaxSessionDuration=seconds)
    if changed(request, "PermissionsBoundary"):
        if boundary := properties.get("PermissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        else:
            iam.delete_role_permissions_boundary(RoleName=name)
    _set_policies(iam, name, request)
    retag(
        request,
        tag=lambda tags: iam.tag_role(RoleName=name, Tags=as_list(tags)),
        untag=lambda keys: iam.untag_role(RoleName=name, TagKeys=keys),
    )
    role = iam.get_role(RoleName=name)["Role"]
    return Provisioned(physical_id=name, attributes={"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _set_policies(iam: Any, name: str, request: ResourceRequest) -> None:
    """Change inline and managed policies from the old properties to the new ones. Policies that were added by hand stay."""
    old, new = ({policy["PolicyName"]: policy["PolicyDocument"] for policy in p.get("Policies", ())} for p in _both(request))
    for policy in old.keys() - new.keys():
        with gone_is_fine(_GONE):
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for policy, document in new.items():
        if old.get(policy) != document:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=as_json(document))
    before, after = (set(p.get("ManagedPolicyArns", ())) for p in _both(request))
    for arn in sorted(before - after):
        with gone_is_fine(_GONE):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    for arn in sorted(after - before):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)


def _both(request: ResourceRequest) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return request.old_properties, request.properties


def _delete_role(request: ResourceRequest) -> None:
    _remove_role(request.client("iam"), str(request.physical_id), request.properties)


def _remove_role(iam: Any, name: str, properties: Mapping[str, Any]) -> None:
    """Delete the role with the template's policies. If it has other policies, IAM refuses the deletion, as on AWS."""
    for policy in properties.get("Policies", ()):
        with gone_is_fine(_GONE):
            iam.delete_role_policy(RoleName=name, PolicyName=policy["PolicyName"])
    for arn in properties.get("ManagedPolicyArns", ()):
        with gone_is_fine(_GONE):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    with gone_is_fine(_GONE):
        iam.delete_role(RoleName=name)


def _owners(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for group, kind in _OWNERS.items():
        for name in properties.get(group, ()):
            yield kind, name


def _put_policy(request: ResourceRequest) -> Provisioned:
    iam, properties = request.client("iam"), request.properties
    name, old_name = properties["PolicyName"], request.old_properties.get("PolicyName")
    for kind, owner in _owners(properties):
        arguments = {f"{kind.title()}Name": owner, "PolicyName": name, "PolicyDocument": as_json(properties["PolicyDocument"])}
        getattr(iam, f"put_{kind}_policy")(**arguments)
    for kind, owner in _owners(request.old_properties):
        if (kind, owner) not in set(_owners(properties)) or name != old_name:
            _take_policy(iam, kind, owner, str(old_name))
    identifier = request.physical_id or request.generated_name
    return Provisioned(physical_id=identifier, attributes={"Id": identifier})


def _delete_policy(request: ResourceRequest) -> None:
    for kind, owner in _owners(request.properties):
        _take_policy(request.client("iam"), kind, owner, request.properties["PolicyName"])


def _take_policy(iam: Any, kind: str, owner: str, name: str) -> None:
    with gone_is_fine(_GONE):
        getattr(iam, f"delete_{kind}_policy")(**{f"{kind.title()}Name": owner, "PolicyName": name})


def _create_managed_policy(request: ResourceRequest) -> Provisioned:
    iam, properties = request.client("iam"), request.properties
    name = name_of(request, properties.get("ManagedPolicyName"), longest=128)
    document = as_json(properties["PolicyDocument"])
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document, **picked(properties, "Path", "Description"))["Policy"]["Arn"]
    with undone_on_failure(lambda: _remove_managed_policy(iam, arn, properties)):
        _attach(iam, arn, {}, properties)
    return Provisioned(physical_id=arn, attributes={"PolicyArn": arn})


def _update_managed_policy(request: ResourceRequest) -> Provisioned:
    iam, arn = request.client("iam"), str(request.physical_id)
    if changed(request, "PolicyDocument"):
        _drop_old_versions(iam, arn, keep=3)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=as_json(request.properties["PolicyDocument"]), SetAsDefault=True)
    _attach(iam, arn, *_both(request))
    return Provisioned(physical_id=arn, attributes={"PolicyArn": arn})


def _drop_old_versions(iam: Any, arn: str, *, keep: int) -> None:
    """Delete the oldest versions, because IAM keeps five at most. The default version stays."""
    versions = [version for version in iam.list_policy_versions(PolicyArn=arn)["Versions"] if not version["IsDefaultVersion"]]
    for version in sorted(versions, key=lambda version: int(version["VersionId"][1:]), reverse=True)[keep:]:
        iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])


def _attach(iam: Any, arn: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    before, after = set(_owners(old)), set(_owners(new))
    for kind, owner in sorted(after - before):
        getattr(iam, f"attach_{kind}_policy")(**{f"{kind.title()}Name": owner, "PolicyArn": arn})
    for kind, owner in sorted(before - after):
        with gone_is_fine(_GONE):
            getattr(iam, f"detach_{kind}_policy")(**{f"{kind.title()}Name": owner, "PolicyArn": arn})


def _delete_managed_policy(request: ResourceRequest) -> None:
    _remove_managed_policy(request.client("iam"), str(request.physical_id), request.properties)


def _remove_managed_policy(iam: Any, arn: str, properties: Mapping[str, Any]) -> None:
    _attach(iam, arn, properties, {})
    with gone_is_fine(_GONE):
        _drop_old_versions(iam, arn, keep=0)
        iam.delete_policy(PolicyArn=arn)


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::IAM::Role": ResourceType(
        properties=words(
            "RoleName Path AssumeRolePolicyDocument Description MaxSessionDuration ManagedPolicyArns Policies PermissionsBoundary Tags"
        ),
        replacing=frozenset({"RoleName", "Path"}),
        create=_create_role,
        update=_update_role,
        delete=_delete_role,
    ),
    "AWS::IAM::Policy": ResourceType(
        properties=frozenset({"PolicyName", "PolicyDocument", *_OWNERS}),
        replacing=frozenset(),
        create=_put_policy,
        update=_put_policy,
        delete=_delete_policy,
    ),
    "AWS::IAM::ManagedPolicy": ResourceType(
        properties=frozenset({"ManagedPolicyName", "Path", "Description", "PolicyDocument", *_OWNERS}),
        replacing=frozenset({"ManagedPolicyName", "Path", "Description"}),
        create=_create_managed_policy,
        update=_update_managed_policy,
        delete=_delete_managed_policy,
    ),
}
