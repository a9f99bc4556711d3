"""The seam between the front and the engines: what a service of the local AWS is made of.

An engine is a `Service`: its operations by AWS's names, the permissions each needs, its CloudFormation types and its state.
The front does everything else: it checks the signature, validates the request against botocore's model, asks IAM for every
`Permission`, calls the handler in a worker thread, pages, validates and serialises the answer, and saves the state.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

Members = dict[str, Any]  # of a request, of an answer, or of a structure in one


class AwsError(Exception):
    """An error answer: the code as botocore's model spells it, the text as AWS would write it, the HTTP status.

    `members` are those that the error's shape has besides the message.
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
    """Who called: a user or an assumed role, with the credentials that an engine may act with on its behalf."""

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
    """One operation. `handler` gets the parsed request members and returns the answer's members.

    Blobs are bytes, timestamps are aware datetimes on both sides. It runs in a worker thread, so it may block; raise AwsError for errors.
    A list operation's handler answers all items: the front reads the page token and cuts the page (`kit.paging`), unless
    `pages_itself` says that the handler does.
    """

    handler: Callable[[Caller, dict[str, Any]], dict[str, Any]]
    permissions: Callable[[Caller, dict[str, Any]], Sequence[Permission]]
    pages_itself: bool = False


class ClientFactory(Protocol):
    """Makes a boto3 client for a service, with fixed credentials, against this local AWS."""

    def __call__(self, service: str) -> Any: ...


@dataclass(frozen=True, kw_only=True)
class ResourceRequest:
    """What CloudFormation asks of a resource type. `client` acts with the deployment's credentials (stack role or caller)."""

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

    A failed `update` must leave the resource as it was: CloudFormation does not send it back.
    `properties` names every property that is honoured, `replacing` those whose change makes a new resource.
    `update` is None for a type all of whose properties are replacing.
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
        """The service's own folder, made on first use, readable by its owner only."""
        ...

    def client(self, service: str, credentials: Credentials) -> Any:
        """A boto3 client against this local AWS: what the engine does with it is authorised like any other call."""
        ...

    def assume_role(self, role_arn: str, *, service_principal: str, source_arn: str, session_name: str) -> Credentials:
        """A session of the role for a service, if the role's trust policy allows it. Raises AwsError (AccessDenied)."""
        ...

    def authorize(self, credentials: Credentials, permission: Permission) -> None:
        """Ask IAM one question about these credentials, for what is no operation. Raises AwsError (AccessDeniedException)."""
        ...

    def publish_event(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
        """Put an event of an AWS service on the default bus, soon. Any thread may; it never raises."""
        ...

    def changed(self) -> None:
        """Say that the service's state changed outside a call (a job ended), so that it is saved."""
        ...


class Service(Protocol):
    """`name` is botocore's. An operation of its model that is not in `operations` is refused by name."""

    name: str
    operations: Mapping[str, Operation]
    resource_types: Mapping[str, ResourceType]

    def get_state(self) -> dict[str, Any]:
        """Everything that must survive a kill, as JSON values. Called from the event loop: fast, and safe against running handlers."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the state back after a restart; what was running then is marked as AWS would mark it, or resumed."""
        ...

    def stop(self) -> None:
        """End child processes and threads; the process is going down."""
        ...
