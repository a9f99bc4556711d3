"""Replaces the resource types of the emulator's CloudFormation by ours.

The emulator's stacks remain: events, deployment, rollback, change sets. `template_engine` replaces how it reads templates.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from localaws.emulator import exports, interruptions, stack_requests
from localaws.emulator.template_engine import Account, TemplateEngine
from localaws.kit.service import AwsError, ClientFactory, Provisioned, ResourceRequest, ResourceType

_TAGS_AS_MAP = ("AWS::SSM::Parameter", "AWS::Glue::Crawler")


class StackDeployment(Protocol):
    """The stack and the credentials with which the handlers act."""

    @property
    def stack_name(self) -> str: ...

    @property
    def client(self) -> ClientFactory: ...

    def check_reference(self, reference: str) -> None:
        """Refuse a `{{resolve:...}}` that the deployment's credentials may not read."""
        ...


def install(
    *,
    types: Mapping[str, ResourceType],
    deployment: Callable[[], StackDeployment],
    account: Account,
    role_of: Callable[[str], str | None],
    changed: Callable[[], None],
) -> None:
    """Make `types` the only resource types. The checks raise ValueError; its text becomes the operation's error."""
    from ministack.services.cloudformation import changesets, handlers, provisioners, stacks

    provisioners._RESOURCE_HANDLERS = {name: _handlers(name, kind, deployment, provisioners) for name, kind in types.items()}
    changesets._RESOURCE_HANDLERS = provisioners._RESOURCE_HANDLERS
    provisioners._REPLACING_PROPERTIES = {
        name: tuple(sorted(kind.replacing if kind.update else kind.properties)) for name, kind in types.items()
    }
    provisioners._CUSTOM_NAME_REPLACEMENT = {}
    provisioners._STACK_TAG_PROPERTY = {
        name: ("Tags", "map" if name in _TAGS_AS_MAP else "list") for name, kind in types.items() if "Tags" in kind.properties
    }
    stacks._runs_on_worker_thread = lambda resource_type: resource_type in types
    stacks._PROPERTY_ENUMS = {}
    TemplateEngine(account).install()
    _guard_references(stacks, deployment)
    _announce(stacks, changed)
    stacks._resolve_stack_outputs = exports.resolve_outputs
    stack_requests.install(role_of)
    interruptions.remember(handlers, changesets)


def _handlers(name: str, kind: ResourceType, deployment: Callable[[], StackDeployment], provisioners: Any) -> dict[str, Any]:
    def request(logical_id: str, properties: Mapping[str, Any], stack_name: str, **more: Any) -> ResourceRequest:
        return ResourceRequest(
            generated_name=_generated_name(name, stack_name, logical_id, provisioners),
            properties=_honoured(kind, properties),
            client=deployment().client,
            **more,
        )

    def create(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        if not provisioners._NAME_SEED.get():  # without a seed, a stack that is created again would get the old names
            provisioners._NAME_SEED.set(uuid.uuid4().hex[:8])
        return _answer(kind.create, request(logical_id, properties, stack_name))

    def update(
        physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str, logical_id: str
    ) -> tuple[str, dict[str, Any]]:
        assert kind.update is not None
        old = _honoured(kind, old)
        return _answer(kind.update, request(logical_id, new, stack_name, physical_id=physical_id, old_properties=old))

    def delete(physical_id: str, properties: Mapping[str, Any], logical_id: str) -> None:
        _call(kind.delete, request(logical_id, properties, deployment().stack_name, physical_id=physical_id))

    found: dict[str, Any] = {"create": create, "delete": delete, "delete_with_logical_id": True}
    if kind.update is not None:
        found |= {"update": update, "update_with_logical_id": True}
    return found


def _answer(handler: Callable[[ResourceRequest], Provisioned], request: ResourceRequest) -> tuple[str, dict[str, Any]]:
    made = _call(handler, request)
    return made.physical_id, dict(made.attributes)


def _call(handler: Callable[[ResourceRequest], Any], request: ResourceRequest) -> Any:
    """The handler's result. An AWS error becomes CloudFormation's text for it, with the service's message and code."""
    from botocore.exceptions import ClientError

    try:
        return handler(request)
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        raise ValueError(f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})') from error
    except AwsError as error:
        raise ValueError(f'Resource handler returned message: "{error.message}" (HandlerErrorCode: {error.code})') from error


def _generated_name(resource_type: str, stack_name: str, logical_id: str, provisioners: Any) -> str:
    """stack-logical-SUFFIX, as CloudFormation names most resources. SageMaker's resources begin with the logical id."""
    name: str = provisioners._physical_name(stack_name, logical_id)
    if resource_type.startswith("AWS::SageMaker::"):
        name = f"{logical_id}-{name.rpartition('-')[2]}"
    return name


def _honoured(kind: ResourceType, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties without those that only say AWS's default, and without the `aws:` tags that no service accepts from a caller."""
    found = {name: value for name, value in properties.items() if name in kind.properties}
    tags = found.pop("Tags", None)
    if isinstance(tags, Mapping):
        tags = {key: value for key, value in tags.items() if not key.startswith("aws:")}
    elif tags:
        tags = [tag for tag in tags if not tag["Key"].startswith("aws:")]
    return found | {"Tags": tags} if tags else found


def _guard_references(stacks: Any, deployment: Callable[[], StackDeployment]) -> None:
    """Read dynamic references with the deployment's rights, as AWS does."""
    from ministack.services.cloudformation import engine

    original = stacks._resolve_dynamic_references

    def resolve(value: Any, *more: Any, **named: Any) -> Any:
        found: set[str] = set()
        engine._find_dynamic_references(value, found)
        for reference in sorted(found):
            deployment().check_reference(reference)
        return original(value, *more, **named)

    stacks._resolve_dynamic_references = resolve


def _announce(stacks: Any, changed: Callable[[], None]) -> None:
    """Report a changed state with every stack event, because a deployment continues after its request was answered."""
    original = stacks._add_event

    def add_event(*arguments: Any, **named: Any) -> None:
        original(*arguments, **named)
        changed()

    stacks._add_event = add_event
