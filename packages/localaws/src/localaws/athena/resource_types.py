"""AWS::Athena::WorkGroup for CloudFormation."""

from collections.abc import Mapping
from typing import Any

from localaws.resources.making import as_bool, tag_changes, undone_on_failure, words
from localaws.service import Provisioned, ResourceRequest, ResourceType


def _tags(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags", [])]


def _configuration(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The template's configuration with the API's types: a template may spell numbers and booleans as text."""
    found = dict(properties.get("WorkGroupConfiguration", {}))
    for name, value in found.items():
        if isinstance(value, str) and value.lower() in ("true", "false"):
            found[name] = value.lower() == "true"
    if "BytesScannedCutoffPerQuery" in found:
        found["BytesScannedCutoffPerQuery"] = int(found["BytesScannedCutoffPerQuery"])
    return found


def _attributes(client: Any, name: str) -> dict[str, Any]:
    group = client.get_work_group(WorkGroup=name)["WorkGroup"]
    engine = group["Configuration"]["EngineVersion"]["EffectiveEngineVersion"]
    return {
        "CreationTime": str(int(group["CreationTime"].timestamp())),
        "WorkGroupConfiguration.EngineVersion.EffectiveEngineVersion": engine,
    }


def _create(request: ResourceRequest) -> Provisioned:
    client, properties = request.client("athena"), request.properties
    name = properties["Name"]
    asked = {"Description": properties.get("Description"), "Configuration": _configuration(properties), "Tags": _tags(properties)}
    client.create_work_group(Name=name, **{member: value for member, value in asked.items() if value})
    with undone_on_failure(lambda: client.delete_work_group(WorkGroup=name)):
        if properties.get("State", "ENABLED") != "ENABLED":
            client.update_work_group(WorkGroup=name, State=properties["State"])
        return Provisioned(physical_id=name, attributes=_attributes(client, name))


def _update(request: ResourceRequest) -> Provisioned:
    client, properties, name = request.client("athena"), request.properties, request.properties["Name"]
    configuration = _configuration(properties)
    updates: dict[str, Any] = {key: configuration[key] for key in configuration if key != "ResultConfiguration"}
    updates.setdefault("EnforceWorkGroupConfiguration", True)
    if "BytesScannedCutoffPerQuery" not in configuration:
        updates["RemoveBytesScannedCutoffPerQuery"] = True
    result = dict(configuration.get("ResultConfiguration", {}))
    for member in ("OutputLocation", "EncryptionConfiguration", "ExpectedBucketOwner"):
        if member not in result:
            result[f"Remove{member}"] = True
    updates["ResultConfigurationUpdates"] = result
    client.update_work_group(
        WorkGroup=name,
        Description=properties.get("Description", ""),
        ConfigurationUpdates=updates,
        State=properties.get("State", "ENABLED"),
    )
    _retag(client, request)
    return Provisioned(physical_id=name, attributes=_attributes(client, name))


def _retag(client: Any, request: ResourceRequest) -> None:
    set_tags, removed = tag_changes(request)
    if not set_tags and not removed:
        return
    account = request.client("sts").get_caller_identity()["Account"]
    arn = f"arn:aws:athena:{client.meta.region_name}:{account}:workgroup/{request.physical_id}"
    if removed:
        client.untag_resource(ResourceARN=arn, TagKeys=removed)
    if set_tags:
        client.tag_resource(ResourceARN=arn, Tags=[{"Key": key, "Value": value} for key, value in set_tags.items()])


def _delete(request: ResourceRequest) -> None:
    client, name = request.client("athena"), request.physical_id
    try:
        client.get_work_group(WorkGroup=name)
    except client.exceptions.InvalidRequestException:
        return
    client.delete_work_group(WorkGroup=name, RecursiveDeleteOption=as_bool(request.properties.get("RecursiveDeleteOption", False)))


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::Athena::WorkGroup": ResourceType(
        properties=words("Name Description State Tags WorkGroupConfiguration RecursiveDeleteOption"),
        replacing=words("Name"),
        create=_create,
        update=_update,
        delete=_delete,
    )
}
