"""A local AWS for tests, with clients of its administrator and of others, and policies in a line each."""

import functools
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from waiting import wait_until

from localaws import lifecycle
from localaws.kit.service import Credentials


@functools.cache
def _session() -> boto3.Session:
    """One for all clients: it keeps botocore's models, which take longer to read than most tests to run."""
    return boto3.Session()


@dataclass(frozen=True, kw_only=True)
class LocalAws:
    """A running local AWS; `environment` is what `localaws env` prints."""

    home: Path
    endpoint_url: str
    environment: Mapping[str, str]
    account: str
    region: str

    @property
    def credentials(self) -> Credentials:
        """The administrator's."""
        return Credentials(access_key_id=self.environment["AWS_ACCESS_KEY_ID"], secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"])

    def client(self, service: str, credentials: Credentials | None = None, **config: Any) -> Any:
        """A boto3 client; the administrator's unless other credentials are given. Errors are not retried."""
        credentials = credentials or self.credentials
        create: Any = _session().client
        return create(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )


def start_local_aws(home: Path) -> LocalAws:
    """Start one on a free port; the caller stops it with `lifecycle.down(home)`."""
    running = lifecycle.up(home, port=0)
    return LocalAws(
        home=home,
        endpoint_url=running.endpoint_url,
        environment=lifecycle.environment(home),
        account=running.account,
        region=running.region,
    )


def wait_until_saved(local: LocalAws, *told: str) -> None:
    """Wait until the server has written to its disk what it has answered so far.

    `told` are texts that an engine's state holds by its own work, such as the token of an approval: no answer waited for their save.
    """
    marker, ssm = f"/saved-{uuid.uuid4().hex}", local.client("ssm")
    ssm.put_parameter(Name=marker, Value="v", Type="String")
    wait_until(lambda: [file for file in local.home.rglob("ssm.json") if marker in file.read_text()], f"{marker} is on disk")
    ssm.get_parameter(Name=marker)  # is answered after the save that wrote the marker, which may have been the first of its files
    wait_until(
        lambda: [text for text in told if text not in _engines_state(local)], "these texts are on disk", ok=lambda missing: not missing
    )


def _engines_state(local: LocalAws) -> str:
    return "".join(file.read_text() for file in (local.home / "state").glob("*.json"))


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}
