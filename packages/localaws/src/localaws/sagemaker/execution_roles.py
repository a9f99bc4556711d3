"""Sessions of execution roles. Every call of a job or an endpoint is authorised as its role's."""

from collections.abc import Sequence
from typing import Any

from localaws.kit.service import AwsError, Credentials, Host
from localaws.kit.sessions import RoleSessions
from localaws.sagemaker.algorithm_images import Algorithm, find_algorithm, has_version

PRINCIPAL = "sagemaker.amazonaws.com"
_NOT_ASSUMED = f"Could not assume role {{role}}. Please ensure that the role exists and allows principal '{PRINCIPAL}' to assume the role."


class Roles:
    """Sessions of execution roles."""

    def __init__(self, host: Host) -> None:
        self._sessions = RoleSessions(host, principal=PRINCIPAL)

    def client(self, service: str, *, role_arn: str, source_arn: str) -> Any:
        """A client of the role, on behalf of the job, model or endpoint. Raises AwsError if the role does not trust SageMaker."""
        return self._sessions.client(service, self._session(role_arn, source_arn))

    def check(self, *, role_arn: str, source_arn: str) -> None:
        """Check that SageMaker can assume the role. Raises AWS's ValidationException if not."""
        try:
            self._session(role_arn, source_arn)
        except AwsError as error:
            raise AwsError("ValidationException", _NOT_ASSUMED.format(role=role_arn)) from error

    def _session(self, role_arn: str, source_arn: str) -> Credentials:
        return self._sessions.get(role_arn, source_arn=source_arn, session_name="SageMaker")


def require_algorithm(image: str | None, algorithms: Sequence[Algorithm]) -> Algorithm:
    """The algorithm of the image. Raises ValidationException for other images, because no container can run here."""
    algorithm = find_algorithm(image or "", algorithms)
    if algorithm is None:
        known = ", ".join(sorted(":".join([a.repository, *a.versions]) for a in algorithms)) or "none"
        text = f"The image {image!r} is not honoured by the local AWS, which runs no containers; algorithms it has: {known}."
        raise AwsError("ValidationException", text)
    if not has_version(algorithm, image or ""):
        similar = f" and runs it for {', '.join(algorithm.similar_versions)}" if algorithm.similar_versions else ""
        versions = ", ".join(algorithm.versions)
        text = f"The image {image!r} is not honoured by the local AWS: of {algorithm.repository} it has version {versions}{similar}."
        raise AwsError("ValidationException", text)
    return algorithm
