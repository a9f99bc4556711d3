"""AWS::KMS::Key and Alias, AWS::SecretsManager::Secret and AWS::SSM::Parameter, by the calls that CloudFormation makes."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.properties import as_bool, as_json, changed, gone_is_fine, name_of, picked, retag, undone_on_failure, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import as_list, tags_in


def _create_key(request: ResourceRequest) -> Provisioned:
    kms, properties = request.client("kms"), request.properties
    more = picked(properties, "Description", "KeySpec", "KeyUsage")
    if "KeyPolicy" in properties:
        more["Policy"] = as_json(properties["KeyPolicy"])
    key = kms.create_key(**more, Tags=_key_tags(tags_in(properties.get("Tags"))))["KeyMetadata"]
    with undone_on_failure(lambda: kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)):
        if as_bool(properties.get("EnableKeyRotation", False)):
            kms.enable_key_rotation(KeyId=key["KeyId"])
        if not as_bool(properties.get("Enabled", True)):
            kms.disable_key(KeyId=key["KeyId"])
    return Provisioned(physical_id=key["KeyId"], attributes={"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _key_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


def _update_key(request: ResourceRequest) -> Provisioned:
    kms, properties, key_id = request.client("kms"), request.properties, str(request.physical_id)
    for name in ("KeySpec", "KeyUsage"):
        if changed(request, name):
            raise ValueError(f"The {name} of a KMS key cannot be changed.")
    if changed(request, "Description"):
        kms.update_key_description(KeyId=key_id, Description=properties.get("Description", ""))
    if changed(request, "KeyPolicy") and "KeyPolicy" in properties:
        kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=as_json(properties["KeyPolicy"]))
    if changed(request, "EnableKeyRotation"):
        (kms.enable_key_rotation if as_bool(properties.get("EnableKeyRotation", False)) else kms.disable_key_rotation)(KeyId=key_id)
    if changed(request, "Enabled"):
        (kms.enable_key if as_bool(properties.get("Enabled", True)) else kms.disable_key)(KeyId=key_id)
    retag(
        request,
        tag=lambda tags: kms.tag_resource(KeyId=key_id, Tags=_key_tags(tags)),
        untag=lambda keys: kms.untag_resource(KeyId=key_id, TagKeys=keys),
    )
    arn = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    return Provisioned(physical_id=key_id, attributes={"Arn": arn, "KeyId": key_id})


def _delete_key(request: ResourceRequest) -> None:
    days = int(request.properties.get("PendingWindowInDays", 30))
    with gone_is_fine("NotFoundException"):
        request.client("kms").schedule_key_deletion(KeyId=request.physical_id, PendingWindowInDays=days)


def _create_alias(request: ResourceRequest) -> Provisioned:
    alias = request.properties["AliasName"]
    request.client("kms").create_alias(AliasName=alias, TargetKeyId=request.properties["TargetKeyId"])
    return Provisioned(physical_id=alias, attributes={})


def _update_alias(request: ResourceRequest) -> Provisioned:
    request.client("kms").update_alias(AliasName=request.physical_id, TargetKeyId=request.properties["TargetKeyId"])
    return Provisioned(physical_id=str(request.physical_id), attributes={})


def _delete_alias(request: ResourceRequest) -> None:
    with gone_is_fine("NotFoundException"):
        request.client("kms").delete_alias(AliasName=request.physical_id)


def _create_secret(request: ResourceRequest) -> Provisioned:
    properties = request.properties
    tags = as_list(tags_in(properties.get("Tags")))
    name = name_of(request, properties.get("Name"), longest=512)
    more = picked(properties, "Description", "KmsKeyId", "SecretString")
    arn = request.client("secretsmanager").create_secret(Name=name, Tags=tags, **more)["ARN"]
    return Provisioned(physical_id=arn, attributes={"Id": arn})


def _update_secret(request: ResourceRequest) -> Provisioned:
    secrets, arn = request.client("secretsmanager"), str(request.physical_id)
    secrets.update_secret(SecretId=arn, **picked(request.properties, "Description", "KmsKeyId", "SecretString"))
    retag(
        request,
        tag=lambda tags: secrets.tag_resource(SecretId=arn, Tags=as_list(tags)),
        untag=lambda keys: secrets.untag_resource(SecretId=arn, TagKeys=keys),
    )
    return Provisioned(physical_id=arn, attributes={"Id": arn})


def _delete_secret(request: ResourceRequest) -> None:
    with gone_is_fine("ResourceNotFoundException"):
        request.client("secretsmanager").delete_secret(SecretId=request.physical_id, ForceDeleteWithoutRecovery=True)


def _put_parameter(request: ResourceRequest) -> Provisioned:
    properties, is_new = request.properties, request.physical_id is None
    if properties["Type"] not in ("String", "StringList"):
        raise ValueError(f"CloudFormation cannot create parameters of type {properties['Type']}.")
    name = name_of(request, properties.get("Name"), longest=255)
    more = picked(properties, "Type", "Value", "Description", "Tier", "AllowedPattern", "DataType")
    ssm = request.client("ssm")
    if is_new and (tags := tags_in(properties.get("Tags"))):
        more["Tags"] = as_list(tags)
    ssm.put_parameter(Name=name, Overwrite=not is_new, **more)
    if not is_new:
        _tag_parameter(ssm, name, request)
    return Provisioned(physical_id=name, attributes={"Type": properties["Type"], "Value": properties["Value"]})


def _tag_parameter(ssm: Any, name: str, request: ResourceRequest) -> None:
    parameter = {"ResourceType": "Parameter", "ResourceId": name}
    retag(
        request,
        tag=lambda tags: ssm.add_tags_to_resource(**parameter, Tags=as_list(tags)),
        untag=lambda keys: ssm.remove_tags_from_resource(**parameter, TagKeys=keys),
    )


def _delete_parameter(request: ResourceRequest) -> None:
    with gone_is_fine("ParameterNotFound"):
        request.client("ssm").delete_parameter(Name=request.physical_id)


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::KMS::Key": ResourceType(
        properties=words("KeyPolicy Description Enabled EnableKeyRotation KeySpec KeyUsage PendingWindowInDays Tags"),
        replacing=frozenset(),
        create=_create_key,
        update=_update_key,
        delete=_delete_key,
    ),
    "AWS::KMS::Alias": ResourceType(
        properties=frozenset({"AliasName", "TargetKeyId"}),
        replacing=frozenset({"AliasName"}),
        create=_create_alias,
        update=_update_alias,
        delete=_delete_alias,
    ),
    "AWS::SecretsManager::Secret": ResourceType(
        properties=words("Name Description KmsKeyId SecretString Tags"),
        replacing=frozenset({"Name"}),
        create=_create_secret,
        update=_update_secret,
        delete=_delete_secret,
    ),
    "AWS::SSM::Parameter": ResourceType(
        properties=words("Name Type Value Description Tier AllowedPattern DataType Tags"),
        replacing=frozenset({"Name"}),
        create=_put_parameter,
        update=_put_parameter,
        delete=_delete_parameter,
    ),
}
