"""AWS's error codes: every spelling of one answer ends in one error, with its exit code."""

import botocore.session
import pytest
from botocore.exceptions import ClientError

from mlkit.aws.error_codes import Meaning, meaning_of
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import AccessDenied, AwsUnavailable, MlkitError, NotFound, QuotaExceeded

SERVICES = [
    "s3",
    "athena",
    "glue",
    "sagemaker",
    "sagemaker-runtime",
    "cloudformation",
    "codepipeline",
    "codebuild",
    "codeconnections",
    "iam",
    "sts",
    "kms",
    "logs",
    "events",
    "sns",
    "secretsmanager",
    "ssm",
    "cloudwatch",
    "service-quotas",
]


def refused(code: str, message: str = "no", status: int = 400) -> MlkitError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(MlkitError) as raised, aws_errors():
        raise ClientError(answer, "DescribeIt")  # type: ignore[arg-type]
    return raised.value


@pytest.mark.parametrize(
    ("code", "message", "status", "kind"),
    [
        ("ThrottlingException", "Rate exceeded", 400, AwsUnavailable),
        ("Throttling", "Rate exceeded", 400, AwsUnavailable),
        ("ThrottledException", "no", 400, AwsUnavailable),
        ("RequestLimitExceeded", "no", 503, AwsUnavailable),
        ("TooManyRequestsException", "no", 429, AwsUnavailable),
        ("ProvisionedThroughputExceededException", "no", 400, AwsUnavailable),
        ("LimitExceededException", "Rate exceeded for user", 400, AwsUnavailable),
        ("SlowDown", "Reduce your request rate", 503, AwsUnavailable),
        ("InternalFailure", "no", 500, AwsUnavailable),
        ("InternalServerException", "no", 500, AwsUnavailable),
        ("ServiceUnavailableException", "no", 503, AwsUnavailable),
        ("503", "Service Unavailable", 503, AwsUnavailable),
        ("Whatever", "no", 502, AwsUnavailable),
        ("RequestTimeout", "no", 400, AwsUnavailable),
        ("ResourceLimitExceeded", "The account-level service limit is 0 Instances", 400, QuotaExceeded),
        ("ServiceQuotaExceededException", "no", 402, QuotaExceeded),
        ("LimitExceededException", "too many roles", 409, QuotaExceeded),
        ("AccountLimitExceededException", "Cannot have more than 0 builds in queue for the account", 400, QuotaExceeded),
        ("NoSuchEntity", "no", 404, NotFound),
        ("PipelineNotFoundException", "no", 400, NotFound),
        ("NoSuchUpload", "no", 404, NotFound),
        ("ParameterNotFound", "no", 400, NotFound),
        ("404", "Not Found", 404, NotFound),
        ("ValidationError", "Stack with id x does not exist", 400, NotFound),
        ("ValidationException", "Could not find model", 400, NotFound),
        ("AccessDenied", "no", 403, AccessDenied),
        ("KMSAccessDeniedException", "no", 400, AccessDenied),
        ("ExpiredTokenException", "no", 400, AccessDenied),
        ("RequestExpired", "no", 400, AccessDenied),
        ("ValidationException", "1 validation error", 400, MlkitError),
        ("BucketAlreadyExists", "no", 409, MlkitError),
    ],
)
def test_a_code_ends_in_its_error(code, message, status, kind):
    error = refused(code, message, status)
    assert type(error) is kind
    assert error.retry is (kind is AwsUnavailable)
    assert error.cure


@pytest.mark.parametrize("service", SERVICES)
def test_the_error_shapes_of_a_service_mean_what_their_names_say(service):
    shapes = botocore.session.get_session().get_service_model(service).error_shapes
    assert shapes
    for shape in shapes:
        error = shape.metadata.get("error") or {}
        code, status = error.get("code") or shape.name, error.get("httpStatusCode", 400)
        meaning = meaning_of(code, "", status)
        if "NotFound" in code or "NoSuch" in code or "DoesNotExist" in code:
            assert meaning is Meaning.MISSING, code
        if "Throttl" in code or "TooManyRequests" in code:
            assert meaning is Meaning.THROTTLED, code
        if status >= 500:
            assert meaning in (Meaning.BROKEN, Meaning.THROTTLED), code


def test_long_operations_are_looked_at_often_only_at_an_endpoint_of_ones_own(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert Session().poll_s(10.0) == 0.5
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert Session().poll_s(10.0) == 10.0
