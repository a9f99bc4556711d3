"""Connections to providers of repositories. The handshake with the provider is simulated, because it needs AWS's console."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from threading import RLock
from typing import Any

from localaws.kit.service import AwsError
from localaws.kit.tags import changed

_MAX_TAGS = 200


@dataclass(kw_only=True)
class Connection:
    """A connection. It is AVAILABLE at once; on AWS it is PENDING until a user completes the handshake in the console."""

    arn: str
    name: str
    provider: str
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "AVAILABLE"

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]


class Connections:
    """All connections. The service's two names share them."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._by_id: dict[str, Connection] = {}
        self._lock = RLock()

    def create(self, service: str, name: str, provider: str, tags: Mapping[str, str]) -> Connection:
        """Create a connection. `service` is the service's name in its ARN. Two connections may have the same name, as on AWS."""
        arn = f"arn:aws:{service}:{self._region}:{self._account}:connection/{uuid.uuid4()}"
        connection = Connection(arn=arn, name=name, provider=provider, tags=dict(tags))
        with self._lock:
            self._by_id[connection.id] = connection
        return connection

    def get(self, arn: str) -> Connection:
        """The connection. Raises AwsError (ResourceNotFoundException)."""
        with self._lock:
            connection = self._by_id.get(arn.rpartition("/")[2])
        if connection is None or connection.arn.split(":")[3:] != arn.split(":")[3:]:
            raise AwsError("ResourceNotFoundException", f"Connection {arn} not found")
        return connection

    def is_available(self, arn: str) -> bool:
        try:
            return self.get(arn).status == "AVAILABLE"
        except AwsError:
            return False

    def all(self) -> list[Connection]:
        with self._lock:
            return sorted(self._by_id.values(), key=lambda connection: (connection.name, connection.id))

    def delete(self, arn: str) -> None:
        with self._lock:
            del self._by_id[self.get(arn).id]

    def change_tags(self, arn: str, request: Mapping[str, Any]) -> None:
        """TagResource and UntagResource."""
        with self._lock:
            connection = self.get(arn)
            connection.tags = changed(connection.tags, request, most=_MAX_TAGS, refused="LimitExceededException")

    def to_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(connection) for connection in self._by_id.values()]

    def load_json(self, rows: list[Mapping[str, Any]]) -> None:
        with self._lock:
            connections = [Connection(**row) for row in rows]
            self._by_id = {connection.id: connection for connection in connections}
