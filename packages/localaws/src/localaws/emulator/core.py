"""The interface of the emulator: it identifies callers, checks permissions, answers requests and saves state."""

import asyncio
import contextlib
import contextvars
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote, urlencode

from localaws.emulator import deliveries, log_files, service_metrics
from localaws.emulator.emulator_settings import STATE_KEYS, Settings
from localaws.front.asgi_messages import Receive, Send
from localaws.front.guard import Request, Signature
from localaws.kit import service_calls
from localaws.kit.api_record import ApiCall, ApiRecord, Check, during
from localaws.kit.files import write_whole
from localaws.kit.service import AwsError, Caller, Credentials, Permission

_ALARMS_AFTER_S = 0.2
_ALARMS_EVERY_S = 10.0  # CloudWatch evaluates an alarm each minute, or every ten seconds if its period is that short


class Emulator:
    """The MiniStack of this process. Create only one, because it keeps its state in its own modules."""

    def __init__(self, settings: Settings, record: ApiRecord) -> None:
        settings.apply()
        from localaws.emulator import repairs

        self.settings, self.record = settings, record
        self._ms, self._ev, self._ia = repairs.apply(settings.emulator_dir)
        self._start_target: deliveries.StartTarget = lambda *_: None
        self._record_mail: deliveries.RecordMail = lambda _: None
        self._evaluates = False  # whether the alarms will be evaluated soon

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load the saved state. Call it on the event loop that will serve."""
        self._ms._MAIN_LOOP = asyncio.get_running_loop()
        self._ms._load_persisted_state()
        if "eventbridge" in self._ms._loaded_modules:
            self.start_schedules()
        self._evaluate_alarms_again()

    def start_schedules(self) -> None:
        """Let rules fire from now on and reach their targets. Calling it again has no effect."""
        deliveries.install(self.module("eventbridge"), self._start_target, self._note_publish, self.count_delivery)
        deliveries.install_mail(self.module("sns"), self._record_mail)
        self.module("eventbridge").start_scheduler()

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
        """Put a metric of an AWS service, once for each set of dimensions, and evaluate the alarms soon. Any thread may call it."""

        def put() -> None:
            self.module("cloudwatch")
            with self.scope():
                for found in dimensions:
                    service_metrics.put(namespace, name, value, found, unit=unit, time_s=time_s)
            if not self._evaluates:  # once for all metrics of a moment
                self._evaluates = True
                self._on_loop(self._evaluate_alarms, _ALARMS_AFTER_S)

        self._on_loop(put, delay_s)

    def _evaluate_alarms(self) -> None:
        self._evaluates = False
        with self.scope():
            service_metrics.evaluate_alarms()

    def _evaluate_alarms_again(self) -> None:
        """Evaluate the alarms every few seconds: periods pass, also without new data."""
        if "cloudwatch" in self._ms._loaded_modules:
            self._evaluate_alarms()
        self._on_loop(self._evaluate_alarms_again, _ALARMS_EVERY_S)

    def count_delivery(self, rule_name: str, metric: str) -> None:
        """Count an invocation of a rule's target, or its failure."""
        self.put_metric("AWS/Events", metric, 1, [{"RuleName": rule_name}], unit="Count", time_s=time.time())

    def deliver_log(self, trail_arn: str, bucket: str, key: str, body: bytes) -> None:
        """Write a log file of CloudTrail by the bucket's policy. Call it outside of the event loop. Raises AwsError."""

        async def put() -> None:
            with self.scope():
                log_files.put(self.module("s3"), bucket, key, body, trail_arn=trail_arn, record=self.record)

        loop = self._ms._MAIN_LOOP
        asyncio.run_coroutine_threadsafe(put(), loop).result()

    def _on_loop(self, work: Callable[[], None], delay_s: float = 0) -> None:
        """Do it soon on the event loop, or after a delay. Nothing happens while the process goes down."""
        loop = self._ms._MAIN_LOOP
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(*((loop.call_later, delay_s, work) if delay_s else (work,)))

    def _note_publish(self, topic_arn: str, is_allowed: bool) -> None:
        """Record that EventBridge asks a topic's policy whether it may publish."""
        principal, error = deliveries.PRINCIPAL, None if is_allowed else "AuthorizationError"
        checks = [Check(action=service_calls.ledger()["events-topic"].actions[0], resource=topic_arn, is_allowed=is_allowed)]
        call = ApiCall(time_s=time.time(), source=event_source("sns"), name="Publish", principal=principal, invoked_by=principal)
        call.checks, call.error_code = checks, error
        self.record.add(call)

    def save(self, services: Iterable[str]) -> None:
        """Write the state of these services, by signing name, if they were used. Each file is replaced atomically.

        Call it on the event loop, where no handler can run at the same time.
        """
        from ministack.core import persistence

        for name in services:
            key = STATE_KEYS.get(name, name)
            if key not in self._ms._loaded_modules:
                continue
            state = {"__ministack_format__": persistence._state_format_version(key), "payload": self.module(key).get_state()}
            text = json.dumps(state, default=persistence._json_default)
            self.settings.emulator_dir.mkdir(parents=True, exist_ok=True)
            write_whole(self.settings.emulator_dir / f"{key}.json", text)

    def scope(self) -> AbstractContextManager[None]:
        """The account and region for work that has no request."""
        from ministack.core.responses import request_scope

        scope: AbstractContextManager[None] = request_scope(self.settings.account, self.settings.region)
        return scope

    def module(self, name: str) -> Any:
        """One of the emulator's service modules, imported on first use."""
        return self._ms._get_module(name)

    def deliver_by(self, *, start_target: deliveries.StartTarget, record_mail: deliveries.RecordMail) -> None:
        """Set the functions that start a rule's build or pipeline and that record an e-mail."""
        self._start_target, self._record_mail = start_target, record_mail

    def publish(self, *, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
        """Put an event of an AWS service on the default bus. Any thread may call it; the event loop puts the event."""

        def put() -> None:
            self.start_schedules()
            with self.scope():
                deliveries.put(self.module("eventbridge"), source=source, detail_type=detail_type, detail=detail, resources=resources)

        self._on_loop(put)

    # --- requests -----------------------------------------------------------------------------------------------------

    async def answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await self._ms.app(scope, receive, send)

    def target_of(self, request: Request, body: bytes) -> tuple[str, str | None]:
        """The service to which the emulator would route the request, and the IAM action that it would check."""
        params = self._ms._routing_params(request.method, request.path, request.headers, body, request.query)
        service = self._ms.detect_service(request.method, request.path, request.headers, params)
        action = self._ia.extract_iam_action(service, request.method, request.path, request.headers, body, params)
        return service, action

    def pin(self, request: Request, signature: Signature, body: bytes) -> None:
        """Verify the request's signature and make it the subject of the checks below. Raises AwsError."""
        self._ev.pin_request_origin(request.client, True)
        self._ms.set_request_account_id(self._ms._request_account_scope(signature.access_key_id))
        self._ms.set_request_region(signature.region)
        self._ev.pin_signed_request(request.method, request.raw_path, request.query, list(request.raw_headers))
        self._ev.pin_signed_body(body)
        self._ev.pin_request_caller(request.headers, request.query)
        failure = self._ev.check_credentials(signature.access_key_id, signature.service)
        if failure is not None:
            raise self._authentication_error(signature.service, failure)

    def check(self, access_key_id: str, permission: Permission) -> None:
        """Ask IAM whether the key's owner has the permission. Raises AwsError with AWS's text if not."""
        service = permission.action.partition(":")[0]
        denied = self._ev.enforce(
            access_key_id,
            permission.action,
            {"cloudwatch": "monitoring"}.get(service, service),
            self.settings.region,
            resource_arn=permission.resource,
            service_context=dict(permission.context),
        )
        if denied is None:
            return
        if isinstance(denied, self._ev.AuthError):
            raise self._authentication_error(service, denied)
        resource = f'"{permission.resource}"' if service == "s3" else permission.resource
        text = self._ia.identity_denial_message(permission.action, denied.principal_arn, resource, denied.decision == "Deny")
        raise AwsError("AccessDeniedException", text)

    def check_alone(self, access_key_id: str, permission: Permission, *, invoked_by: str) -> None:
        """Ask IAM outside of a request, for a service, and record it as a call of the service. Raises AwsError with AWS's text."""
        source, _, name = permission.action.partition(":")
        call = ApiCall(time_s=time.time(), source=event_source(source), name=name, access_key_id=access_key_id, invoked_by=invoked_by)

        def check() -> None:
            self._ev.pin_request_origin("127.0.0.1", True)  # a service's call is encrypted, so a policy that demands TLS does not deny it
            with self.scope(), self.recorded(call):
                self.check(access_key_id, permission)

        contextvars.copy_context().run(check)

    @contextlib.contextmanager
    def recorded(self, call: ApiCall) -> Iterator[None]:
        """Record the call that the block makes, with its checks and its error."""
        try:
            with during(call):
                yield
        except AwsError as error:
            call.error_code, call.error_message = error.code, error.message
            raise
        finally:
            call.principal = call.principal or self.principal(call.access_key_id)
            self.record.add(call)

    def principal(self, access_key_id: str) -> str:
        """The ARN of the key's owner, "" for an unknown key."""
        try:
            return self.caller(access_key_id).arn
        except AwsError:
            return ""

    def caller(self, access_key_id: str) -> Caller:
        """The owner of the key. Raises AwsError for a key that is unknown, inactive or expired."""
        with self.scope():
            found = self._ev.resolve_credential(access_key_id, self.settings.account)
        if isinstance(found, self._ev.CredentialResolutionError):
            raise AwsError(found.code, found.message, status=403)
        keys = Credentials(access_key_id=access_key_id, secret_access_key=found.secret_access_key, session_token=found.session_token)
        return Caller(arn=found.principal_arn, account=found.account_id, region=self.settings.region, credentials=keys)

    def knows_key(self, access_key_id: str) -> bool:
        """Whether this is an active key of a user."""
        key = self.module("iam")._access_keys.get_scoped(self.settings.account, None, access_key_id)
        return key is not None and key["Status"] == "Active"

    def knows_user(self, name: str) -> bool:
        return self.module("iam")._users.get_scoped(self.settings.account, None, name) is not None

    def knows_role(self, name: str) -> bool:
        return self.module("iam")._roles.get_scoped(self.settings.account, None, name) is not None

    def is_root(self, access_key_id: str) -> bool:
        return bool(self._ev.is_root_access_key(access_key_id))

    def _authentication_error(self, service: str, failure: Any) -> AwsError:
        code, status, message = self._ia._auth_failure(service, failure.code, failure.message, {"x-amz-target": "x"})
        return AwsError(code, message, status=status)

    def has_bucket(self, name: str) -> bool:
        return name in self.module("s3")._buckets

    def secret_arn(self, reference: str) -> str:
        """The ARN of the secret that a dynamic reference names; an invented ARN if the secret does not exist."""
        name = ":".join(reference.split(":")[:7]) if reference.startswith("arn:") else reference.partition(":")[0]
        _, secret = self.module("secretsmanager")._resolve(name)
        prefix = f"arn:aws:secretsmanager:{self.settings.region}:{self.settings.account}:secret"
        return str(secret["ARN"]) if secret else f"{prefix}:{name}-??????"

    def is_deploying(self, stack_name: str) -> bool:
        """Whether an operation on the stack is in progress. Call it within a request, or within `scope`."""
        stack = self.module("cloudformation")._stacks.get(stack_name)
        return stack is not None and stack["StackStatus"].endswith("_IN_PROGRESS") and stack["StackStatus"] != "REVIEW_IN_PROGRESS"

    def has_stacks(self) -> bool:
        """Whether CloudFormation has state. The check does not import CloudFormation."""
        return "cloudformation" in self._ms._loaded_modules

    def stack_of_change_set(self, arn: str) -> str:
        """The name of the stack that a change set belongs to, or "" for an unknown one."""
        self.module("cloudformation")
        from ministack.services.cloudformation import changesets

        with self.scope():
            _, found = changesets._find_change_set(arn)
        return str(found.get("StackName", "")) if found else ""

    # --- identities ---------------------------------------------------------------------------------------------------

    async def iam(self, action: str, **parameters: str) -> bytes:
        """Call the emulator's IAM without a signature. Only for creating the first user."""
        body = urlencode({"Action": action, "Version": "2010-05-08", **parameters}).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        with self.scope():
            status, _, answer = await self.module("iam").handle_request("POST", "/", headers, body, {})
        if status >= 400:
            raise AwsError("InternalFailure", f"{action}: {answer.decode()}", status=500)
        return bytes(answer)

    def assume_role(self, role_arn: str, *, service_principal: str, source_arn: str, session_name: str, seconds: int) -> Credentials:
        """A session of the role for a service whose principal the role trusts. Raises AwsError (AccessDenied)."""
        call = ApiCall(
            time_s=time.time(), source=event_source("sts"), name="AssumeRole", principal=service_principal, invoked_by=service_principal
        )
        with self.recorded(call):
            keys = self._session_of(role_arn, service_principal, source_arn, session_name, seconds)
            call.checks.append(Check(action="sts:AssumeRole", resource=role_arn))
        return keys

    def _session_of(self, role_arn: str, service_principal: str, source_arn: str, session_name: str, seconds: int) -> Credentials:
        sts = self.module("sts")
        arn, error = sts._assumed_role_arn(role_arn, session_name)
        role = None if error else self._role(role_arn)
        if role is None or not self._trusts(role, role_arn, service_principal, source_arn):
            raise AwsError(
                "AccessDenied",
                f"User: {service_principal} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                status=403,
            )
        keys = Credentials(
            access_key_id=sts._gen_session_access_key(),
            secret_access_key=secrets.token_urlsafe(30),
            session_token=secrets.token_urlsafe(96),
        )
        session = {
            "Arn": arn,
            "UserId": f"{sts._role_id(role_arn)}:{session_name}",
            "SecretAccessKey": keys.secret_access_key,
            "SessionToken": keys.session_token,
            "Expiration": time.time() + seconds,
            "AccountId": self.settings.account,
            "PrincipalType": "AssumedRole",
            "SessionTags": [],
            "SessionPolicies": None,
        }
        sts.register_session(keys.access_key_id, session)
        return keys

    def _role(self, role_arn: str) -> Mapping[str, Any] | None:
        role = self.module("iam")._roles.get_scoped(self.settings.account, None, role_arn.rsplit("/", 1)[-1])
        return role if role and role.get("Arn") == role_arn else None

    def _trusts(self, role: Mapping[str, Any], role_arn: str, service: str, source_arn: str) -> bool:
        context = self._ev.EvalContext(
            principal_arn=service,
            principal_type="Service",
            principal_account=self.settings.account,
            action="sts:AssumeRole",
            resource_arn=role_arn,
            region=self.settings.region,
            secure_transport=True,
            service_context={"aws:sourceaccount": self.settings.account, "aws:sourcearn": source_arn},
        )
        document = role["AssumeRolePolicyDocument"]
        if isinstance(document, str):
            document = json.loads(document if document.lstrip().startswith("{") else unquote(document))
        effects = [
            statement["Effect"]
            for statement in _as_list(document["Statement"])
            if self._ev._service_principal_matches(statement.get("Principal"), service)
            and self._ev._action_matches("sts:AssumeRole", _as_list(statement.get("Action", [])), [])
            and self._ev._conditions_met(statement.get("Condition", {}), context)
        ]
        return "Allow" in effects and "Deny" not in effects


def event_source(service: str) -> str:
    """CloudTrail's name for the service of an IAM action."""
    return f"{service}.amazonaws.com"


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
