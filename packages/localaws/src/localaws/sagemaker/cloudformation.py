"""AWS::SageMaker::ModelPackageGroup, Model, EndpointConfig and Endpoint. Each call is made with the deployment's own credentials."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localaws.kit.properties import as_api, input_shape, retag, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import as_list

_POLL_S = 0.1
_BUSY = ("Creating", "Updating", "RollingBack", "SystemUpdating")


class EndpointFailed(Exception):
    """The endpoint did not reach the template's configuration. The text is its failure reason."""


def _call(client: Any, operation: str, members: Mapping[str, Any]) -> Any:
    """Call an operation with the given properties. Raises botocore's errors."""
    shape = input_shape(client, operation)
    given = as_api(shape, {name: value for name, value in members.items() if name in shape.members})
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
    return getattr(client, snake)(**given)


def _provisioned(kind: str, described: Mapping[str, Any]) -> Provisioned:
    """The result of a creation. For these types, Ref is the ARN; GetAtt is the name or the ARN."""
    arn = str(described[f"{kind}Arn"])
    return Provisioned(physical_id=arn, attributes={f"{kind}Name": described[f"{kind}Name"], f"{kind}Arn": arn})


def _name(request: ResourceRequest) -> str:
    """The resource's name: the last part of its ARN."""
    return str(request.physical_id).rpartition("/")[2]


def _delete(operation: str, member: str) -> Callable[[ResourceRequest], None]:
    def delete(request: ResourceRequest) -> None:
        try:
            _call(request.client("sagemaker"), operation, {member: _name(request)})
        except ClientError as error:
            message = error.response["Error"]["Message"]
            if not (message.startswith("Could not find") or message.endswith("does not exist.")):
                raise

    return delete


def _create(kind: str) -> Callable[[ResourceRequest], Provisioned]:
    """Create a Model or an EndpointConfig. It is ready when the call returns."""

    def create(request: ResourceRequest) -> Provisioned:
        members = {f"{kind}Name": request.generated_name, **request.properties}
        answer = _call(request.client("sagemaker"), f"Create{kind}", members)
        return _provisioned(kind, {**members, **answer})

    return create


def _create_group(request: ResourceRequest) -> Provisioned:
    client = request.client("sagemaker")
    _call(client, "CreateModelPackageGroup", request.properties)
    return _provisioned_group(client.describe_model_package_group(ModelPackageGroupName=request.properties["ModelPackageGroupName"]))


def _update_group(request: ResourceRequest) -> Provisioned:
    """Update a ModelPackageGroup. Only the tags can change without a replacement."""
    client = request.client("sagemaker")
    _apply_tags(client, request)
    return _provisioned_group(client.describe_model_package_group(ModelPackageGroupName=_name(request)))


def _provisioned_group(described: Mapping[str, Any]) -> Provisioned:
    """Ref is the ARN. Unlike the other types, the name is no attribute: the template has it."""
    arn, created = str(described["ModelPackageGroupArn"]), described["CreationTime"].isoformat()
    attributes = {"ModelPackageGroupArn": arn, "CreationTime": created, "ModelPackageGroupStatus": described["ModelPackageGroupStatus"]}
    return Provisioned(physical_id=arn, attributes=attributes)


def _update_tags(kind: str) -> Callable[[ResourceRequest], Provisioned]:
    """Update a Model or an EndpointConfig. Only the tags can change without a replacement."""

    def update(request: ResourceRequest) -> Provisioned:
        client = request.client("sagemaker")
        _apply_tags(client, request)
        described = _call(client, f"Describe{kind}", {f"{kind}Name": _name(request)})
        return _provisioned(kind, described)

    return update


def _apply_tags(client: Any, request: ResourceRequest) -> None:
    retag(
        request,
        tag=lambda tags: client.add_tags(ResourceArn=request.physical_id, Tags=as_list(tags)),
        untag=lambda keys: client.delete_tags(ResourceArn=request.physical_id, TagKeys=keys),
    )


def _create_endpoint(request: ResourceRequest) -> Provisioned:
    client = request.client("sagemaker")
    members = {"EndpointName": request.generated_name, **request.properties}
    name = members["EndpointName"]
    _call(client, "CreateEndpoint", members)
    described = _settled(client, name)
    if described["EndpointStatus"] != "InService":
        # CloudFormation learns the resource's name only when this function returns, so it could not delete a failed endpoint.
        client.delete_endpoint(EndpointName=name)
        raise EndpointFailed(f"Resource {name} failed to stabilise: {described.get('FailureReason', described['EndpointStatus'])}")
    return _provisioned("Endpoint", described)


def _update_endpoint(request: ResourceRequest) -> Provisioned:
    client, name = request.client("sagemaker"), _name(request)
    wanted = str(request.properties["EndpointConfigName"])
    described = _settled(client, name)
    if described["EndpointConfigName"].lower() != wanted.lower():
        _call(client, "UpdateEndpoint", {**request.properties, "EndpointName": name})
        described = _settled(client, name)
        if described["EndpointStatus"] != "InService" or described["EndpointConfigName"].lower() != wanted.lower():
            raise EndpointFailed(f"Resource {name} stays on its old configuration: {described.get('FailureReason', 'unknown')}")
    _apply_tags(client, request)
    return _provisioned("Endpoint", described)


def _settled(client: Any, name: str) -> dict[str, Any]:
    """The endpoint's description, once no operation is in progress."""
    while (described := client.describe_endpoint(EndpointName=name))["EndpointStatus"] in _BUSY:
        time.sleep(_POLL_S)
    return dict(described)


_GROUP = words("ModelPackageGroupName ModelPackageGroupDescription")
_MODEL = words("ModelName PrimaryContainer Containers ExecutionRoleArn EnableNetworkIsolation")
_CONFIG = words("EndpointConfigName ProductionVariants KmsKeyId DataCaptureConfig AsyncInferenceConfig")
_ENDPOINT = words("EndpointConfigName DeploymentConfig RetainAllVariantProperties ExcludeRetainedVariantProperties RetainDeploymentConfig")

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::SageMaker::ModelPackageGroup": ResourceType(
        properties=_GROUP | {"Tags"},
        replacing=_GROUP,
        create=_create_group,
        update=_update_group,
        delete=_delete("DeleteModelPackageGroup", "ModelPackageGroupName"),
    ),
    "AWS::SageMaker::Model": ResourceType(
        properties=_MODEL | {"Tags"},
        replacing=_MODEL,
        create=_create("Model"),
        update=_update_tags("Model"),
        delete=_delete("DeleteModel", "ModelName"),
    ),
    "AWS::SageMaker::EndpointConfig": ResourceType(
        properties=_CONFIG | {"Tags"},
        replacing=_CONFIG,
        create=_create("EndpointConfig"),
        update=_update_tags("EndpointConfig"),
        delete=_delete("DeleteEndpointConfig", "EndpointConfigName"),
    ),
    "AWS::SageMaker::Endpoint": ResourceType(
        properties=_ENDPOINT | {"EndpointName", "Tags"},
        replacing=frozenset({"EndpointName"}),
        create=_create_endpoint,
        update=_update_endpoint,
        delete=_delete("DeleteEndpoint", "EndpointName"),
    ),
}
