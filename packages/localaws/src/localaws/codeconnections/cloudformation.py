"""AWS::CodeConnections::Connection and AWS::CodeStarConnections::Connection. Each call is made with the deployment's own credentials."""

from localaws.resources.making import gone_is_fine, only, tag_changes, tags_as_map, words
from localaws.service import Provisioned, ResourceRequest, ResourceType


def connection_type(service: str) -> ResourceType:
    """The type of the service's new or old name."""

    def described(request: ResourceRequest, arn: str) -> Provisioned:
        found = request.client(service).get_connection(ConnectionArn=arn)["Connection"]
        return Provisioned(physical_id=arn, attributes=only(found, "ConnectionArn", "ConnectionStatus", "OwnerAccountId"))

    def create(request: ResourceRequest) -> Provisioned:
        tags = [{"Key": key, "Value": value} for key, value in tags_as_map(request.properties.get("Tags")).items()]
        members = only(request.properties, "ConnectionName", "ProviderType")
        return described(request, request.client(service).create_connection(**members, **({"Tags": tags} if tags else {}))["ConnectionArn"])

    def update(request: ResourceRequest) -> Provisioned:
        client, arn = request.client(service), str(request.physical_id)
        changed, removed = tag_changes(request)
        if removed:
            client.untag_resource(ResourceArn=arn, TagKeys=removed)
        if changed:
            client.tag_resource(ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in changed.items()])
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
