"""Deploys every resource of a stack with the stack's role, or with the caller's credentials if the stack has no role."""

import asyncio
import contextvars
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from localaws.cloudformation.template_checks import check_properties, check_source, check_types, missing_attribute
from localaws.emulator import Emulator, interruptions, stack_engine
from localaws.front.emulated_operations import form_of
from localaws.kit.service import AwsError, Caller, ClientFactory, Credentials, Permission, ResourceType, pass_role
from localaws.server.engine_host import EngineHost

SERVICE = "cloudformation.amazonaws.com"
_SETTLE_S = 1.5
_STARTING = {
    "CreateStack", "UpdateStack", "DeleteStack", "CreateChangeSet", "ExecuteChangeSet", "RollbackStack", "ContinueUpdateRollback",
    "CancelUpdateStack",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One operation on one stack, and its credentials."""

    stack_name: str
    credentials: Credentials
    host: EngineHost = field(repr=False)
    emulator: Emulator = field(repr=False)

    @property
    def client(self) -> ClientFactory:
        return lambda service: self.host.client(service, self.credentials)

    def check_reference(self, reference: str) -> None:
        """Check that the credentials may read the reference. Raises ValueError.

        The check asks IAM directly, because it runs on the event loop: a request to this server would wait for itself.
        """
        service, _, name = reference.strip("{}").removeprefix("resolve:").partition(":")
        if service == "secretsmanager":
            self._check(Permission(action="secretsmanager:GetSecretValue", resource=self.emulator.secret_arn(name)))
        else:
            self.check_parameter(name.partition(":")[0])

    def check_parameter(self, name: str) -> None:
        """Check that the credentials may read an SSM parameter. Raises ValueError."""
        resource = f"arn:aws:ssm:{self.host.region}:{self.host.account}:parameter/{name.lstrip('/')}"
        self._check(Permission(action="ssm:GetParameters", resource=resource))

    def _check(self, permission: Permission) -> None:
        try:
            self.host.authorize(self.credentials, permission)
        except AwsError as error:
            raise ValueError(error.message) from error


_CURRENT: contextvars.ContextVar[Deployment] = contextvars.ContextVar("deployment")


class _Account:
    """What templates are checked against, with the rights of the operation. ValidateTemplate has no operation."""

    def __init__(self, types: Mapping[str, ResourceType]) -> None:
        self._types = types

    def stack_name(self) -> str:
        current = _CURRENT.get(None)
        return current.stack_name if current else ""

    def check_parameter(self, name: str) -> None:
        if current := _CURRENT.get(None):
            current.check_parameter(name)

    def check_types(self, template: Mapping[str, Any], conditions: Mapping[str, bool]) -> None:
        check_types(template, conditions, self._types)

    def check_properties(self, template: Mapping[str, Any], conditions: Mapping[str, bool]) -> None:
        check_properties(template, conditions, self._types)

    check_source = staticmethod(check_source)
    missing_attribute = staticmethod(missing_attribute)


class Deployments:
    """The front's checks of CloudFormation requests. Its state is the role of each stack and change set."""

    def __init__(self, *, host: EngineHost, emulator: Emulator, types: Mapping[str, ResourceType], changed: Callable[[], None]) -> None:
        self._host, self._emulator, self._types, self._changed = host, emulator, types, changed
        self._roles: dict[str, str] = {}
        self._callers: dict[str, str] = {}
        self._installed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def get_state(self) -> dict[str, Any]:
        return {"roles": dict(self._roles), "callers": dict(self._callers)}

    def load_state(self, state: dict[str, Any]) -> None:
        self._roles, self._callers = dict(state["roles"]), dict(state["callers"])

    def install(self) -> None:
        """Install the resource types. It happens with the first request, because importing CloudFormation takes time."""
        if not self._installed:
            stack_engine.install(
                types=self._types,
                deployment=_CURRENT.get,
                account=_Account(self._types),
                role_of=self._roles.get,
                changed=self._changed,
            )
            self._installed = True

    def recover(self) -> None:
        """Resume the operations that a kill interrupted, with their old credentials. Call it on the event loop."""
        if not self._emulator.has_stacks():
            return
        self.install()
        with self._emulator.scope():
            for stack_name in interruptions.interrupted():
                context = contextvars.copy_context()
                context.run(self._resume, stack_name)

    def _resume(self, stack_name: str) -> None:
        caller = self._emulator.caller(self._callers[stack_name])
        self._begin(stack_name, self._roles.get(stack_name), caller)
        self._tasks.add(task := asyncio.get_running_loop().create_task(interruptions.recover(stack_name, self._changed)))
        task.add_done_callback(self._tasks.discard)

    def admit(self, body: bytes, caller: Caller, check: Callable[[Permission], None]) -> Callable[[], None]:
        """Check what the emulator does not check, and set the operation's credentials. Call the result once it was accepted."""
        self.install()
        members = {name: value for name, value in form_of(body).items() if value}
        action = members.get("Action", "")
        if url := members.get("TemplateURL"):
            check(self._read_template(url))
        role = members.get("RoleARN")
        if role is not None and action in _STARTING:
            check(pass_role(role, SERVICE))
        if action not in _STARTING:
            return lambda: None
        stack_name, change_set = self._names(members)
        is_new = action == "CreateStack" or members.get("ChangeSetType") == "CREATE"
        kept = None if is_new else self._roles.get(f"{stack_name}/{change_set}") or self._roles.get(stack_name)
        role = role or kept
        self._begin(stack_name, role, caller)
        return lambda: self._remember(action, stack_name, change_set, role, caller, is_new=is_new)

    def _begin(self, stack_name: str, role: str | None, caller: Caller) -> None:
        credentials = self._credentials(role, stack_name, caller)
        _CURRENT.set(Deployment(stack_name=stack_name, credentials=credentials, host=self._host, emulator=self._emulator))

    async def settle(self) -> None:
        """Wait up to _SETTLE_S for the operation that was just accepted, so that a small stack is ready before the answer.

        The AWS CLI checks a stack at once, and then only every half minute.
        """
        current = _CURRENT.get(None)
        deadline = asyncio.get_running_loop().time() + _SETTLE_S
        while current and self._emulator.is_deploying(current.stack_name) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)

    def _credentials(self, role: str | None, stack_name: str, caller: Caller) -> Credentials:
        if role is None:
            return caller.credentials
        source = f"arn:aws:cloudformation:{self._host.region}:{self._host.account}:stack/{stack_name}/*"
        try:
            return self._host.assume_role(role, service_principal=SERVICE, source_arn=source, session_name="AWSCloudFormation")
        except AwsError as error:
            raise AwsError("ValidationError", f"Role {role} is invalid or cannot be assumed") from error

    def _remember(self, action: str, stack_name: str, change_set: str, role: str | None, caller: Caller, *, is_new: bool) -> None:
        self._callers[stack_name] = caller.credentials.access_key_id
        if is_new:  # forget the roles of a deleted stack of the same name
            for name in [name for name in self._roles if name.split("/")[0] == stack_name]:
                del self._roles[name]
        if role is not None:
            self._roles[f"{stack_name}/{change_set}" if action == "CreateChangeSet" else stack_name] = role

    def _names(self, members: Mapping[str, str]) -> tuple[str, str]:
        """The names of the stack and of the change set. A request may give them as ARNs."""
        change_set, stack = members.get("ChangeSetName", ""), members.get("StackName", "")
        if change_set.startswith("arn:"):
            stack = stack or self._emulator.stack_of_change_set(change_set)
            change_set = change_set.split("/")[1]
        return (stack.split("/")[1] if stack.startswith("arn:") else stack), change_set

    def _read_template(self, url: str) -> Permission:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host not in ("127.0.0.1", "localhost") and not re.fullmatch(r"s3[.-]?[a-z0-9-]*\.amazonaws\.com", host):
            raise AwsError("ValidationError", f"TemplateURL must reference a valid S3 object to which you have access: {url}")
        return Permission(action="s3:GetObject", resource=f"arn:aws:s3:::{unquote(parts.path.lstrip('/'))}")
