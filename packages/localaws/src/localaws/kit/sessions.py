"""Sessions of the roles that a service acts under. IAM checks each call of a session, so a changed policy takes effect at once."""

import re
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from localaws.kit.service import Credentials, Host

_RULE = "rule-"  # how the sessions of EventBridge's rules are called
_SESSION_S = 900  # reuse a session for this long, because each new session needs new clients


def rule_session(rule_name: str) -> str:
    """The name of the session in which EventBridge calls a rule's target."""
    return re.sub(r"[^\w+=,.@-]", "-", f"{_RULE}{rule_name}")[:64]


def rule_of_session(caller_arn: str) -> str | None:
    """The rule in whose session somebody called; None for any other caller."""
    name = caller_arn.rpartition("/")[2]
    is_rule = ":assumed-role/" in caller_arn and name.startswith(_RULE)
    return name.removeprefix(_RULE) if is_rule else None


class RoleSessions:
    """The sessions of one service. The roles must trust the service's `principal`."""

    def __init__(self, host: Host, *, principal: str, now: Callable[[], float] = time.monotonic) -> None:
        self._host, self._principal, self._now = host, principal, now
        self._kept: dict[tuple[str, ...], tuple[float, Credentials]] = {}
        self._lock = Lock()

    def client(self, service: str, credentials: Credentials) -> Any:
        return self._host.client(service, credentials)

    def assume(self, role_arn: str, *, source_arn: str, session_name: str) -> Credentials:
        """A new session on behalf of the resource `source_arn`. Raises AwsError if the role does not trust the service."""
        return self._host.assume_role(role_arn, service_principal=self._principal, source_arn=source_arn, session_name=session_name)

    def get(self, role_arn: str, *, source_arn: str, session_name: str, then: str | None = None) -> Credentials:
        """A cached session of the role. With `then`, the role assumes the role `then`, and the session is of that role.

        Raises AwsError if the role does not trust the service, and botocore's ClientError if `then` does not trust the role.
        """
        own = self._once((role_arn, source_arn), lambda: self.assume(role_arn, source_arn=source_arn, session_name=session_name))
        if then is None:
            return own
        return self._once((role_arn, source_arn, then), lambda: self._chained(own, then, session_name))

    def _once(self, key: tuple[str, ...], make: Callable[[], Credentials]) -> Credentials:
        now = self._now()
        with self._lock:
            self._kept = {known: session for known, session in self._kept.items() if session[0] > now}
            if key in self._kept:
                return self._kept[key][1]
        made = make()  # outside of the lock, so that sessions of different roles do not wait for each other
        with self._lock:
            self._kept[key] = (now + _SESSION_S, made)
        return made

    def _chained(self, own: Credentials, role_arn: str, session_name: str) -> Credentials:
        found = self._host.client("sts", own).assume_role(RoleArn=role_arn, RoleSessionName=session_name)["Credentials"]
        return Credentials(
            access_key_id=found["AccessKeyId"], secret_access_key=found["SecretAccessKey"], session_token=found["SessionToken"]
        )
