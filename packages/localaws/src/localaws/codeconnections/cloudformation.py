"""AWS::CodeConnections::Connection and AWS::CodeStarConnections::Connection. Each call is made with the deployment's own credentials."""

from collections.abc import Mapping

from localaws.kit.properties import gone_is_fine, picked, retag, words
from localaws.kit.service import Provisioned, ResourceRequest, ResourceType
from localaws.kit.tags import as_list, tags_in


def _connection(service: str) -> ResourceType:
    """The resource type for the service's new or old name."""

    def described(request: ResourceRequest, arn: str) -> Provisioned:
        found = request.client(service).get_connection(ConnectionArn=arn)["Connection"]
        return Provisioned(physical_id=arn, attributes=picked(found, "ConnectionArn", "ConnectionStatus", "OwnerAccountId"))

    def create(request: ResourceRequest) -> Provisioned:
        tags = as_list(tags_in(request.properties.get("Tags")))
        members = picked(request.properties, "ConnectionName", "ProviderType")
        return described(request, request.client(service).create_connection(**members, **({"Tags": tags} if tags else {}))["ConnectionArn"])

    def update(request: ResourceRequest) -> Provisioned:
        client, arn = request.client(service), str(request.physical_id)
        retag(
            request,
            tag=lambda tags: client.tag_resource(ResourceArn=arn, Tags=as_list(tags)),
            untag=lambda keys: client.untag_resource(ResourceArn=arn, TagKeys=keys),
        )
        return described(request, arn)

    def delete(request: ResourceRequest) -> None:
        with gone_is_fine("ResourceNotFoundException"):
            request.client(service).delete_connection(ConnectionArn=request.physical_id)

    return ResourceType(
        properties=words("ConnectionName ProviderType Tags"),
        replacing=words("ConnectionName ProviderType"),
        create=create,
        update=update,
        delete=delete,
    )


# The service has two names, each with its own resource type.
RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::CodeConnections::Connection": _connection("codeconnections"),
    "AWS::CodeStarConnections::Connection": _connection("codestar-connections"),
}
