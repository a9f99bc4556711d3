"""Acting as an execution role: every call that a job or an endpoint makes is authorised as its role's."""

from collections.abc import Sequence
from typing import Any

from mlkit.local.sagemaker.algorithms import Algorithm, find_algorithm
from mlkit.local.service import AwsError, Host

PRINCIPAL = "sagemaker.amazonaws.com"


def role_client(host: Host, service: str, *, role_arn: str, source_arn: str) -> Any:
    """A client with a fresh session of the role. Raises AwsError if the role does not trust SageMaker."""
    credentials = host.assume_role(role_arn, service_principal=PRINCIPAL, source_arn=source_arn, session_name="SageMaker")
    return host.client(service, credentials)


def check_role(host: Host, *, role_arn: str, source_arn: str) -> None:
    """Raises the ValidationException with which AWS refuses a role that SageMaker cannot take."""
    try:
        host.assume_role(role_arn, service_principal=PRINCIPAL, source_arn=source_arn, session_name="SageMaker")
    except AwsError as error:
        text = (
            f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal '{PRINCIPAL}' to assume the role."
        )
        raise AwsError("ValidationException", text) from error


def require_algorithm(image: str | None, algorithms: Sequence[Algorithm]) -> Algorithm:
    """The algorithm of the image. Raises ValidationException, since no other container can run here."""
    algorithm = find_algorithm(image or "", algorithms)
    if algorithm is None:
        known = ", ".join(sorted(a.repository for a in algorithms)) or "none"
        text = f"The image {image!r} is not honoured by the local AWS, which runs no containers; algorithms it has: {known}."
        raise AwsError("ValidationException", text)
    return algorithm
