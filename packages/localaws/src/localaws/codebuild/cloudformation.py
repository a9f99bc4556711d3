"""AWS::CodeBuild::Project. Each call is made with the deployment's own credentials."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from localaws.resources.making import name_of
from localaws.service import Provisioned, ResourceRequest, ResourceType

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
# What a property becomes that was taken out of the template: UpdateProject leaves alone what it is not given.
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


def _translated(shape: Shape, value: Any) -> Any:
    """A property as the API's member: names begin small, and numbers and booleans may have come from parameters as text."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return {_member(name): _translated(shape.members[_member(name)], item) for name, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_translated(shape.member, item) for item in value]
    if isinstance(value, bool) and shape.type_name == "string":
        return str(value).lower()
    if isinstance(value, int | float) and shape.type_name == "string":
        return str(value)
    if isinstance(value, str) and shape.type_name in ("integer", "long"):
        return int(value)
    if isinstance(value, str) and shape.type_name == "boolean":
        return value.lower() == "true"
    return value


def _member(name: str) -> str:
    return "buildspec" if name == "BuildSpec" else name[:1].lower() + name[1:]


def _members(client: Any, request: ResourceRequest) -> dict[str, Any]:
    shape = client.meta.service_model.operation_model("CreateProject").input_shape
    name = name_of(request, request.properties.get("Name"), longest=_LONGEST_NAME)
    found: dict[str, Any] = {**_translated(shape, request.properties), "name": name}
    return found


def _create(request: ResourceRequest) -> Provisioned:
    client = request.client("codebuild")
    return _provisioned(client.create_project(**_members(client, request)))


def _update(request: ResourceRequest) -> Provisioned:
    client = request.client("codebuild")
    gone = {_member(name) for name in request.old_properties.keys() - request.properties.keys()}
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
