"""AWS::CodeBuild::Project. Each call is made with the deployment's own credentials."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.properties import as_api, input_shape, member_of, name_of
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType

_LONGEST_NAME = 150
_PROPERTIES = frozenset(
    {
        "Name",
        "Description",
        "ServiceRole",
        "Artifacts",
        "SecondaryArtifacts",
        "Source",
        "SourceVersion",
        "SecondarySources",
        "SecondarySourceVersions",
        "Environment",
        "TimeoutInMinutes",
        "QueuedTimeoutInMinutes",
        "LogsConfig",
        "EncryptionKey",
        "Cache",
        "Tags",
        "BadgeEnabled",
        "ConcurrentBuildLimit",
    }
)
# The value of a property that was removed from the template. UpdateProject keeps settings that it does not receive.
_ABSENT: Mapping[str, Any] = {
    "description": "",
    "secondaryArtifacts": [],
    "secondarySources": [],
    "secondarySourceVersions": [],
    "sourceVersion": "",
    "timeoutInMinutes": 60,
    "queuedTimeoutInMinutes": 480,
    "logsConfig": {"cloudWatchLogs": {"status": "ENABLED"}},
    "cache": {"type": "NO_CACHE"},
    "tags": [],
    "concurrentBuildLimit": -1,
}


def _members(client: Any, request: ResourceRequest) -> dict[str, Any]:
    name = name_of(request, request.properties.get("Name"), longest=_LONGEST_NAME)
    return {**as_api(input_shape(client, "CreateProject"), request.properties), "name": name}


def _create(request: ResourceRequest) -> Provisioned:
    client = request.client("codebuild")
    return _provisioned(client.create_project(**_members(client, request)))


def _update(request: ResourceRequest) -> Provisioned:
    client = request.client("codebuild")
    shape = input_shape(client, "CreateProject")
    gone = {member_of(shape, name) for name in request.old_properties.keys() - request.properties.keys()}
    if "encryptionKey" in gone:
        raise ValueError("The local AWS does not honour taking EncryptionKey out of a project: name alias/aws/s3, or replace the project.")
    absent = {name: value for name, value in _ABSENT.items() if name in gone}
    return _provisioned(client.update_project(**{**absent, **_members(client, request)}))


def _delete(request: ResourceRequest) -> None:
    request.client("codebuild").delete_project(name=request.physical_id)


def _provisioned(answer: Mapping[str, Any]) -> Provisioned:
    project = answer["project"]
    return Provisioned(physical_id=project["name"], attributes={"Arn": project["arn"], "Id": project["arn"]})


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::CodeBuild::Project": ResourceType(
        properties=_PROPERTIES, replacing=frozenset({"Name"}), create=_create, update=_update, delete=_delete
    ),
}
