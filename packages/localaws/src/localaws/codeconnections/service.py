"""The service CodeConnections, under its new name (codeconnections) and its old name (codestar-connections)."""

from collections.abc import Mapping
from typing import Any

from localaws.codeconnections.cloudformation import RESOURCE_TYPES
from localaws.codeconnections.connections import Connection, Connections
from localaws.kit.permissions import Asked, anywhere, named, on
from localaws.kit.service import AwsError, Caller, Host, Members, Operation, ResourceType
from localaws.kit.tags import as_list, tags_of_request


class CodeConnections:
    """One name of the service. The second name gets the `connections` of the first, so that both share them; the first saves them."""

    def __init__(self, host: Host, *, name: str = "codeconnections", connections: Connections | None = None) -> None:
        self.name = name
        self.connections = connections or Connections(host.account, host.region)
        self._owns = connections is None
        title = {"codeconnections": "CodeConnections", "codestar-connections": "CodeStarConnections"}[name]
        self.resource_types: Mapping[str, ResourceType] = {
            kind: made for kind, made in RESOURCE_TYPES.items() if kind.startswith(f"AWS::{title}::")
        }
        self.operations: Mapping[str, Operation] = {
            "CreateConnection": Operation(handler=self._create, permissions=self._creating()),
            "ListConnections": Operation(handler=self._list, permissions=anywhere(f"{name}:ListConnections")),
            **{
                action: Operation(handler=handler, permissions=on(f"{name}:{action}", named(member), tags_of=self._tags_of))
                for action, member, handler in (
                    ("GetConnection", "ConnectionArn", self._get),
                    ("DeleteConnection", "ConnectionArn", self._delete),
                    ("TagResource", "ResourceArn", self._change_tags),
                    ("UntagResource", "ResourceArn", self._change_tags),
                    ("ListTagsForResource", "ResourceArn", self._list_tags),
                )
            },
        }

    def get_state(self) -> dict[str, Any]:
        return {"connections": self.connections.to_json()} if self._owns else {}

    def load_state(self, state: dict[str, Any]) -> None:
        if self._owns:
            self.connections.load_json(state.get("connections", []))

    def stop(self) -> None:
        """The service has no processes or threads."""

    def _create(self, caller: Caller, request: Members) -> Members:
        if "HostArn" in request:
            raise AwsError(
                "ResourceUnavailableException", "The local AWS does not honour HostArn: it has no hosts for self-managed providers."
            )
        if request.get("ProviderType") != "GitHub":
            raise AwsError(
                "ResourceUnavailableException", f"The local AWS does not honour ProviderType {request.get('ProviderType')}, only GitHub."
            )
        made = self.connections.create(self.name, request["ConnectionName"], request["ProviderType"], tags_of_request(request))
        return {"ConnectionArn": made.arn, "Tags": as_list(made.tags)}

    def _get(self, caller: Caller, request: Members) -> Members:
        return {"Connection": _described(self.connections.get(request["ConnectionArn"]), caller.account)}

    def _list(self, caller: Caller, request: Members) -> Members:
        found = [
            connection
            for connection in self.connections.all()
            if request.get("ProviderTypeFilter", connection.provider) == connection.provider and "HostArnFilter" not in request
        ]
        return {"Connections": [_described(connection, caller.account) for connection in found]}

    def _delete(self, caller: Caller, request: Members) -> Members:
        self.connections.delete(request["ConnectionArn"])
        return {}

    def _change_tags(self, caller: Caller, request: Members) -> Members:
        self.connections.change_tags(request["ResourceArn"], request)
        return {}

    def _list_tags(self, caller: Caller, request: Members) -> Members:
        return {"Tags": as_list(self.connections.get(request["ResourceArn"]).tags)}

    def _creating(self) -> Asked:
        def anywhere(caller: Caller, request: Members) -> list[str]:
            return [f"arn:aws:{self.name}:{caller.region}:{caller.account}:connection/*"]

        return on(
            f"{self.name}:CreateConnection",
            anywhere,
            context=lambda request: {f"{self.name}:ProviderType": request.get("ProviderType", "")},
            tagging=f"{self.name}:TagResource",
        )

    def _tags_of(self, arn: str) -> Mapping[str, str]:
        try:
            return self.connections.get(arn).tags
        except AwsError:
            return {}


def _described(connection: Connection, account: str) -> Members:
    return {
        "ConnectionName": connection.name,
        "ConnectionArn": connection.arn,
        "ProviderType": connection.provider,
        "OwnerAccountId": account,
        "ConnectionStatus": connection.status,
    }
