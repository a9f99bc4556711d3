"""Doctor's session for an account. It refuses every operation that is not read-only, before it is sent."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.model import OperationModel

from mlkit.aws.session import Session

_LOOKS = ("Get", "List", "Describe", "Head", "Simulate")
# Access Analyzer reads a policy that it is sent.
_LOOKS_TOO = {("accessanalyzer", "ValidatePolicy")}
# With these operations boto3 turns a profile into credentials. They change nothing in the account.
_SIGNS_IN = {
    ("sts", "AssumeRole"),
    ("sts", "AssumeRoleWithWebIdentity"),
    ("sts", "AssumeRoleWithSAML"),
    ("sso-oidc", "CreateToken"),
    ("signin", "CreateOAuth2Token"),
}
# A person waits, so an unreachable service is reported after some seconds.
_QUICK = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=20, user_agent_extra="mlkit-doctor")


class WouldChange(RuntimeError):
    """A check called an operation that is not read-only: a defect in the check."""


class ReadingSession(Session):
    """A read-only Session: its clients allow operations named Get*, List*, Describe*, Head*, Simulate*, and ValidatePolicy."""

    def __init__(self, boto_session: boto3.Session | None = None) -> None:
        super().__init__(boto_session, config=_QUICK)
        self.boto_session.events.register_first("before-call", _check_looks_only)


def _check_looks_only(model: OperationModel, **_: Any) -> None:
    """Raises WouldChange for another operation. botocore calls it just before it sends a request."""
    service = model.service_model.service_name
    if not model.name.startswith(_LOOKS) and (service, model.name) not in _SIGNS_IN | _LOOKS_TOO:
        raise WouldChange(f"doctor is read-only; {service}:{model.name} was not sent")
