"""What the local AWS offers to an engine: clients, roles, a folder, events, and a way to report that its state changed."""

import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.emulator import Emulator
from localaws.emulator.deliveries import FAILED
from localaws.home import Home
from localaws.kit.service import Credentials, Permission
from localaws.kit.service_models import LOADER
from localaws.kit.sessions import rule_session

_SESSION_SECONDS = 12 * 3600
_EVENTS = "events.amazonaws.com"
_log = logging.getLogger("localaws")


class LocalHost:
    """The part that all engines share. `of` gives an engine's own `Host`."""

    def __init__(self, *, emulator: Emulator, home: Home, changed: Callable[..., None]) -> None:
        self.account, self.region = emulator.settings.account, emulator.settings.region
        self.emulator, self.changed = emulator, changed
        self._endpoint = f"http://127.0.0.1:{emulator.settings.port}"
        self._home = home
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._secret = secrets.token_urlsafe(12)  # the mark of our own clients, which no other caller knows

    def of(self, principal: str) -> "EngineHost":
        """The host of the service with this principal. Its calls are recorded as the service's."""
        return EngineHost(self, principal)

    def home(self, service: str) -> Path:
        return self._home.folder(service)

    def invoked_by(self, user_agent: str) -> str:
        """The principal of the service that sent a request; "" for a request of anybody else."""
        principal, _, secret = user_agent.partition(" ")[0].partition("/")
        return principal if secrets.compare_digest(secret.encode(), self._secret.encode()) else ""

    def client(self, service: str, credentials: Credentials, *, principal: str) -> Any:
        """A boto3 client, cached by access key: creating a client takes longer than most calls."""
        key = (service, credentials.access_key_id, principal)
        with self._lock:
            if key not in self._clients:
                while len(self._clients) >= 64:
                    del self._clients[next(iter(self._clients))]
                self._clients[key] = self._new_client(service, credentials, principal)
            return self._clients[key]

    def _new_client(self, service: str, credentials: Credentials, principal: str) -> Any:
        from botocore.config import Config

        self._session = self._session or _session()
        agent = f"{principal}/{self._secret}"
        return self._session.client(
            service,
            endpoint_url=self._endpoint,
            region_name=self.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=32, proxies={}, user_agent=agent),
        )

    def assume_role(self, role_arn: str, *, service_principal: str, source_arn: str, session_name: str) -> Credentials:
        credentials = self.emulator.assume_role(
            role_arn, service_principal=service_principal, source_arn=source_arn, session_name=session_name, seconds=_SESSION_SECONDS
        )
        self.changed("sts")
        return credentials

    def publish_event(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
        self.emulator.publish(source=source, detail_type=detail_type, detail=detail, resources=resources)
        self.changed("events", "sns")

    def start_target(self, target_arn: str, role_arn: str, rule_arn: str, overrides: Mapping[str, Any]) -> None:
        """Start the build or the pipeline that a rule has as its target, in a new thread, under the target's role."""

        def start() -> None:
            name, service = rule_arn.rpartition("/")[2], target_arn.split(":")[2]
            try:
                session = rule_session(name)
                role = self.assume_role(role_arn, service_principal=_EVENTS, source_arn=rule_arn, session_name=session)
                client = self.client(service, role, principal=_EVENTS)
                if service == "codebuild":
                    client.start_build(**{**overrides, "projectName": target_arn.rpartition("/")[2]})
                else:
                    client.start_pipeline_execution(name=target_arn.rpartition(":")[2])
            except Exception as error:
                self.emulator.count_delivery(name, FAILED)
                _log.warning("events: %s did not start %s: %s", rule_arn, target_arn, error)

        threading.Thread(target=start, name="event-target", daemon=True).start()

    def deliver_log(self, trail_arn: str, bucket: str, key: str, body: bytes) -> None:
        """Write a log file of CloudTrail, if the bucket's policy lets CloudTrail write it. Raises AwsError."""
        self.emulator.deliver_log(trail_arn, bucket, key, body)
        self.changed("s3")

    def record_mail(self, mail: Mapping[str, str]) -> None:
        """Append the e-mail that a subscriber would get to `mail.jsonl` in the home. The local AWS sends no e-mail."""
        record = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **mail}
        target = self._home.folder() / "mail.jsonl"
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as file:
            file.write(json.dumps(record) + "\n")


class EngineHost:
    """The `Host` of one engine. `principal` is the service's, for example codebuild.amazonaws.com."""

    def __init__(self, shared: LocalHost, principal: str) -> None:
        self.account, self.region = shared.account, shared.region
        self._shared, self._principal = shared, principal

    def home(self, service: str) -> Path:
        return self._shared.home(service)

    def client(self, service: str, credentials: Credentials) -> Any:
        return self._shared.client(service, credentials, principal=self._principal)

    def assume_role(self, role_arn: str, *, service_principal: str, source_arn: str, session_name: str) -> Credentials:
        return self._shared.assume_role(role_arn, service_principal=service_principal, source_arn=source_arn, session_name=session_name)

    def authorize(self, credentials: Credentials, permission: Permission) -> None:
        self._shared.emulator.check_alone(credentials.access_key_id, permission, invoked_by=self._principal)

    def publish_event(self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]) -> None:
        self._shared.publish_event(source, detail_type, detail, resources)

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
        self._shared.emulator.put_metric(namespace, name, value, dimensions, unit=unit, time_s=time_s, delay_s=delay_s)
        self._shared.changed("monitoring", "sns")

    def changed(self) -> None:
        self._shared.changed()


def _session() -> Any:
    """A boto3 session that reads no model of a service that the server has read."""
    import boto3
    from botocore.session import get_session

    core = get_session()
    core.register_component("data_loader", LOADER)
    return boto3.Session(botocore_session=core)
