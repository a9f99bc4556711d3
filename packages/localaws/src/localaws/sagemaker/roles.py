"""Acting as an execution role: every call that a job or an endpoint makes is authorised as its role's."""

import time
from collections.abc import Sequence
from threading import Lock
from typing import Any

from localaws.sagemaker.algorithms import Algorithm, find_algorithm, has_version
from localaws.service import AwsError, Credentials, Host

PRINCIPAL = "sagemaker.amazonaws.com"
_NOT_ASSUMED = f"Could not assume role {{role}}. Please ensure that the role exists and allows principal '{PRINCIPAL}' to assume the role."
_SESSION_S = 900  # a session is used again for this long: a new one costs a new client for each service


class Roles:
    """Sessions of execution roles. What a session may do is decided at each call, so a changed policy holds at once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._sessions: dict[tuple[str, str], tuple[float, Credentials]] = {}
        self._lock = Lock()

    def client(self, service: str, *, role_arn: str, source_arn: str) -> Any:
        """A client of the role, on behalf of the job, model or endpoint. Raises AwsError if the role does not trust SageMaker."""
        return self._host.client(service, self._session(role_arn, source_arn))

    def check(self, *, role_arn: str, source_arn: str) -> None:
        """Raises the ValidationException with which AWS refuses a role that SageMaker cannot take."""
        try:
            self._session(role_arn, source_arn)
        except AwsError as error:
            raise AwsError("ValidationException", _NOT_ASSUMED.format(role=role_arn)) from error

    def _session(self, role_arn: str, source_arn: str) -> Credentials:
        now, key = time.monotonic(), (role_arn, source_arn)
        with self._lock:
            self._sessions = {known: session for known, session in self._sessions.items() if session[0] > now}
            if key not in self._sessions:
                credentials = self._host.assume_role(role_arn, service_principal=PRINCIPAL, source_arn=source_arn, session_name="SageMaker")
                self._sessions[key] = (now + _SESSION_S, credentials)
            return self._sessions[key][1]


def require_algorithm(image: str | None, algorithms: Sequence[Algorithm]) -> Algorithm:
    """The algorithm of the image. Raises ValidationException, since no other container can run here."""
    algorithm = find_algorithm(image or "", algorithms)
    if algorithm is None:
        known = ", ".join(sorted(":".join([a.repository, *a.versions]) for a in algorithms)) or "none"
        text = f"The image {image!r} is not honoured by the local AWS, which runs no containers; algorithms it has: {known}."
        raise AwsError("ValidationException", text)
    if not has_version(algorithm, image or ""):
        versions = " or ".join(f"{algorithm.repository}:{version}" for version in algorithm.versions)
        text = f"The image {image!r} is not honoured by the local AWS: of {algorithm.repository} it has {versions} only."
        raise AwsError("ValidationException", text)
    return algorithm
