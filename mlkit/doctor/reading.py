"""The session with which doctor looks at an account: an operation that is not a mere look is refused before it is sent."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.model import OperationModel

from mlkit.aws.session import Session

_LOOKS = ("Get", "List", "Describe", "Head", "Simulate")
# How boto3 itself turns a profile into credentials. It changes nothing in the account.
_SIGNS_IN = {
    ("sts", "AssumeRole"),
    ("sts", "AssumeRoleWithWebIdentity"),
    ("sts", "AssumeRoleWithSAML"),
    ("sso-oidc", "CreateToken"),
    ("signin", "CreateOAuth2Token"),
}
# A person waits: what cannot be reached is told after some seconds.
_QUICK = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=20, user_agent_extra="mlkit-doctor")


class WouldChange(RuntimeError):
    """A check tried something that is not a mere look: a mistake in the check, not the user's."""


class ReadingSession(Session):
    """A Session all of whose clients can only look: operations named Get*, List*, Describe*, Head*, Simulate*."""

    def __init__(self, boto_session: boto3.Session | None = None) -> None:
        super().__init__(boto_session, config=_QUICK)
        self.boto_session.events.register_first("before-call", _check_looks_only)


def _check_looks_only(model: OperationModel, **_: Any) -> None:
    """Raises WouldChange; botocore asks just before it sends a request."""
    service = model.service_model.service_name
    if not model.name.startswith(_LOOKS) and (service, model.name) not in _SIGNS_IN:
        raise WouldChange(f"doctor only looks; {service}:{model.name} was not sent")
