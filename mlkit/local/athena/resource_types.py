"""AWS::Athena::WorkGroup for CloudFormation."""

import contextlib
from collections.abc import Mapping
from typing import Any

from mlkit.local.service import Provisioned, ResourceRequest, ResourceType

_UPDATABLE = ("EnforceWorkGroupConfiguration", "PublishCloudWatchMetricsEnabled", "BytesScannedCutoffPerQuery", "RequesterPaysEnabled")


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
    return {"CreationTime": str(int(group["CreationTime"].timestamp())), "WorkGroupConfiguration.EngineVersion.EffectiveEngineVersion": engine}


def _create(request: ResourceRequest) -> Provisioned:
    client, properties = request.client("athena"), request.properties
    name = properties["Name"]
    asked = {"Description": properties.get("Description"), "Configuration": _configuration(properties), "Tags": _tags(properties)}
    client.create_work_group(Name=name, **{member: value for member, value in asked.items() if value})
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
    tags, old = _tags(request.properties), _tags(request.old_properties)
    if tags == old:
        return
    name = request.properties["Name"]
    arn = _arn(client, name)
    gone = {tag["Key"] for tag in old} - {tag["Key"] for tag in tags}
    if gone:
        client.untag_resource(ResourceARN=arn, TagKeys=sorted(gone))
    if tags:
        client.tag_resource(ResourceARN=arn, Tags=tags)


def _arn(client: Any, name: str) -> str:
    raise_unknown = f"WorkGroup {name}"
    raise LookupError(raise_unknown)


def _delete(request: ResourceRequest) -> None:
    from botocore.exceptions import ClientError

    client, name = request.client("athena"), request.physical_id
    recursive = str(request.properties.get("RecursiveDeleteOption", "false")).lower() == "true"
    with contextlib.suppress(client.exceptions.ResourceNotFoundException if hasattr(client.exceptions, "x") else ClientError):
        client.delete_work_group(WorkGroup=name, RecursiveDeleteOption=recursive)
