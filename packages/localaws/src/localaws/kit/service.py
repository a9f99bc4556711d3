"""The interface between the front and the engines: the parts of a service of the local AWS.

An engine is a `Service`: its operations by AWS's names, the permissions each needs, its CloudFormation types and its state.
The front does everything else: it checks the signature, validates the request against botocore's model, asks IAM for every
`Permission`, calls the handler in a worker thread, pages, validates and serialises the answer, and saves the state.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Members = dict[str, Any]  # members of a request, of an answer, or of a structure in one of them


class AwsError(Exception):
    """An error answer: the code as botocore's model spells it, the text as AWS would write it, the HTTP status.

    `members` are the error shape's members beside the message.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status
        self.members: Mapping[str, Any] = members or {}


@dataclass(frozen=True, kw_only=True)
class Credentials:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The user or assumed role that called, with its credentials. An engine may act with them on the caller's behalf."""

    arn: str
    account: str
    region: str
    credentials: Credentials


@dataclass(frozen=True, kw_only=True)
class Permission:
    """One question to IAM. `context` holds service condition keys, for example `iam:PassedToService`."""

    action: str
    resource: str = "*"
    context: Mapping[str, Any] = field(default_factory=dict)


def pass_role(role_arn: str, service_principal: str) -> Permission:
    return Permission(action="iam:PassRole", resource=role_arn, context={"iam:PassedToService": service_principal})


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation. `handler` takes the parsed request members and returns the answer's members.

    Blobs are bytes and timestamps are aware datetimes, in request and answer. The handler runs in a worker thread, so it may block. It
    raises AwsError for errors. The handler of a list operation returns all items; the front reads the page token and cuts the page
    (`kit.paging`), unless `pages_itself` is true.
    """

    handler: Callable[[Caller, dict[str, Any]], dict[str, Any]]
    permissions: Callable[[Caller, dict[str, Any]], Sequence[Permission]]
    pages_itself: bool = False


class ClientFactory(Protocol):
    """Creates a boto3 client for a service of this local AWS, with fixed credentials."""

    def __call__(self, service: str) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class ResourceRequest:
    """What CloudFormation passes to a resource type. `client` acts with the deployment's credentials (stack role or caller)."""

    generated_name: str
    properties: Mapping[str, Any]
    client: ClientFactory
    physical_id: str | None = None
    old_properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    physical_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A CloudFormation type. Handlers run in a worker thread, may block until the resource is stable, and raise to fail.

    A failed `update` must leave the resource unchanged, because CloudFormation does not undo it. `properties` names every property that is
    honoured, `replacing` those whose change creates a new resource. `update` is None if every property is replacing.
    """

    properties: frozenset[str]
    replacing: frozenset[str]
    create: Callable[[ResourceRequest], Provisioned]
    delete: Callable[[ResourceRequest], None]
    update: Callable[[ResourceRequest], Provisioned] | None = None


class Host(Protocol):
    """What the front gives to an engine."""

    account: str
    region: str

    def home(self, service: str) -> Path:
        """The service's own folder, created on first use. Only the owner can read it."""
        ...

    def client(self, service: str, credentials: Credentials) -> Any:
        """A boto3 client for this local AWS. Its calls are authorised like any others."""
        ...

    def assume_role(self, role_arn: str, *, service_principal: str, source_arn: str, session_name: str) -> Credentials:
        """A session of the role for a service, if the role's trust policy allows it. Raises AwsError (AccessDenied)."""
        ...

    def authorize(self, credentials: Credentials, permission: Permission) -> None:
        """Check one permission of these credentials, outside of an operation. Raises AwsError (AccessDeniedException)."""
        ...

    def publish_event(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
        """Put an event of an AWS service on the default bus soon. Any thread may call it; it never raises."""
        ...

    def put_metric(
        self,
        namespace: str,
        name: str,
        value: float,
        dimensions: Sequence[Mapping[str, str]],
        *,
        unit: str,
        time_s: float,
        delay_s: float = 0.0,
    ) -> None:
        """Put a metric of an AWS service soon, once for each set of dimensions. Any thread may call it; it never raises."""
        ...

    def changed(self) -> None:
        """Report that the service's state changed outside of a call (for example, a job ended), so that it is saved."""
        ...


class Service(Protocol):
    """`name` is botocore's. An operation of its model that is not in `operations` is refused by name."""

    name: str
    operations: Mapping[str, Operation]
    resource_types: Mapping[str, ResourceType]

    def get_state(self) -> dict[str, Any]:
        """The state that must survive a kill, as JSON values. It is called on the event loop, so it must be fast and thread-safe."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Load the state after a restart. Work that was running is resumed, or marked as AWS would mark it."""
        ...

    def stop(self) -> None:
        """End child processes and threads before the process exits."""
        ...
