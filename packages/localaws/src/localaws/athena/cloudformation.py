"""AWS::Athena::WorkGroup for CloudFormation."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.properties import as_api, as_bool, changed, input_shape, retag, undone_on_failure, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import as_list, tags_in


def _configuration(client: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    shape = input_shape(client, "CreateWorkGroup").members["Configuration"]
    return dict(as_api(shape, properties.get("WorkGroupConfiguration", {})))


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
    asked = {
        "Description": properties.get("Description"),
        "Configuration": _configuration(client, properties),
        "Tags": as_list(tags_in(properties.get("Tags"))),
    }
    client.create_work_group(Name=name, **{member: value for member, value in asked.items() if value})
    with undone_on_failure(lambda: client.delete_work_group(WorkGroup=name)):
        if properties.get("State", "ENABLED") != "ENABLED":
            client.update_work_group(WorkGroup=name, State=properties["State"])
        return Provisioned(physical_id=name, attributes=_attributes(client, name))


def _update(request: ResourceRequest) -> Provisioned:
    # UpdateWorkGroup keeps what it is not given. A property that was removed from the template goes back to its default.
    client, properties, name = request.client("athena"), request.properties, request.properties["Name"]
    configuration = _configuration(client, properties)
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
    if not changed(request, "Tags"):
        return
    account = request.client("sts").get_caller_identity()["Account"]
    arn = f"arn:aws:athena:{client.meta.region_name}:{account}:workgroup/{request.physical_id}"
    retag(
        request,
        tag=lambda tags: client.tag_resource(ResourceARN=arn, Tags=as_list(tags)),
        untag=lambda keys: client.untag_resource(ResourceARN=arn, TagKeys=keys),
    )


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
