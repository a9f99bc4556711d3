"""The services codeconnections and codestar-connections: one and the same, under its new name and its old one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localaws.codeconnections.cloudformation import connection_type
from localaws.codeconnections.connections import Connection, Connections
from localaws.service import AwsError, Caller, Host, Operation, Permission, ResourceType

Members = dict[str, Any]
_PAGE = 100


class CodeConnections:
    """`connections` is given for the second name, so that both see the same ones; the first saves them."""

    def __init__(self, host: Host, *, name: str = "codeconnections", connections: Connections | None = None) -> None:
        self.name = name
        self.connections = connections or Connections(host.account, host.region)
        self._owns = connections is None
        title = {"codeconnections": "CodeConnections", "codestar-connections": "CodeStarConnections"}[name]
        self.resource_types: Mapping[str, ResourceType] = {f"AWS::{title}::Connection": connection_type(name)}
        on_connection, on_resource = self._on("ConnectionArn"), self._on("ResourceArn")
        self.operations: Mapping[str, Operation] = {
            "CreateConnection": Operation(handler=self._create, permissions=self._creating),
            "GetConnection": Operation(handler=self._get, permissions=on_connection("GetConnection")),
            "ListConnections": Operation(handler=self._list, permissions=lambda c, r: [Permission(action=f"{name}:ListConnections")]),
            "DeleteConnection": Operation(handler=self._delete, permissions=on_connection("DeleteConnection")),
            "TagResource": Operation(handler=self._tag, permissions=on_resource("TagResource")),
            "UntagResource": Operation(handler=self._untag, permissions=on_resource("UntagResource")),
            "ListTagsForResource": Operation(handler=self._list_tags, permissions=on_resource("ListTagsForResource")),
        }

    def get_state(self) -> dict[str, Any]:
        return {"connections": self.connections.to_json()} if self._owns else {}

    def load_state(self, state: dict[str, Any]) -> None:
        if self._owns:
            self.connections.load_json(state.get("connections", []))

    def stop(self) -> None:
        """Nothing runs."""

    def _create(self, caller: Caller, request: Members) -> Members:
        if "HostArn" in request:
            raise AwsError("ResourceUnavailableException", "The local AWS does not honour HostArn: it knows no installed providers.")
        if request.get("ProviderType") != "GitHub":
            raise AwsError(
                "ResourceUnavailableException", f"The local AWS does not honour ProviderType {request.get('ProviderType')}, only GitHub."
            )
        made = self.connections.create(self.name, request["ConnectionName"], request["ProviderType"], _tags(request))
        return {"ConnectionArn": made.arn, "Tags": _listed(made.tags)}

    def _get(self, caller: Caller, request: Members) -> Members:
        return {"Connection": _described(self.connections.get(request["ConnectionArn"]), caller.account)}

    def _list(self, caller: Caller, request: Members) -> Members:
        found = [
            connection
            for connection in self.connections.all()
            if request.get("ProviderTypeFilter", connection.provider) == connection.provider and "HostArnFilter" not in request
        ]
        start = int(request["NextToken"]) if request.get("NextToken", "").isdigit() else 0
        end = start + (request.get("MaxResults") or _PAGE)
        answer: Members = {"Connections": [_described(connection, caller.account) for connection in found[start:end]]}
        return {**answer, "NextToken": str(end)} if end < len(found) else answer

    def _delete(self, caller: Caller, request: Members) -> Members:
        self.connections.delete(request["ConnectionArn"])
        return {}

    def _tag(self, caller: Caller, request: Members) -> Members:
        self.connections.tag(request["ResourceArn"], _tags(request))
        return {}

    def _untag(self, caller: Caller, request: Members) -> Members:
        self.connections.untag(request["ResourceArn"], request["TagKeys"])
        return {}

    def _list_tags(self, caller: Caller, request: Members) -> Members:
        return {"Tags": _listed(self.connections.get(request["ResourceArn"]).tags)}

    def _creating(self, caller: Caller, request: Members) -> Sequence[Permission]:
        tags = _tags(request)
        context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        context[f"{self.name}:ProviderType"] = request.get("ProviderType", "")
        anywhere = f"arn:aws:{self.name}:{caller.region}:{caller.account}:connection/*"
        asked = [Permission(action=f"{self.name}:CreateConnection", resource=anywhere, context=context)]
        return [*asked, Permission(action=f"{self.name}:TagResource", resource=anywhere, context=context)] if tags else asked

    def _on(self, member: str) -> Callable[[str], Callable[[Caller, Members], Sequence[Permission]]]:
        def of(action: str) -> Callable[[Caller, Members], Sequence[Permission]]:
            return lambda caller, request: [
                Permission(action=f"{self.name}:{action}", resource=request[member], context=self._tag_context(request[member]))
            ]

        return of

    def _tag_context(self, arn: str) -> dict[str, str]:
        try:
            return {f"aws:ResourceTag/{key}": value for key, value in self.connections.get(arn).tags.items()}
        except AwsError:
            return {}


def _tags(request: Members) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _described(connection: Connection, account: str) -> Members:
    return {
        "ConnectionName": connection.name,
        "ConnectionArn": connection.arn,
        "ProviderType": connection.provider,
        "OwnerAccountId": account,
        "ConnectionStatus": connection.status,
    }
