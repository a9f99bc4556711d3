"""Creates all AWS clients, and translates their errors into MlkitErrors."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from mlkit.aws.error_codes import Meaning, meaning_of
from mlkit.errors import AccessDenied, AwsUnavailable, MlkitError, NotFound, QuotaExceeded

if TYPE_CHECKING:
    from mlkit.aws.client_types import ClientOf

_SIGN_IN = 'Sign in and choose a region (`aws configure`), or use the local AWS: `mlkit local up`, then `eval "$(mlkit local env)"`.'

_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=10, user_agent_extra="mlkit")
_HURRIED = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=2, user_agent_extra="mlkit")


class Session:
    """Clients for one account and region, found in the environment as boto3 does. Each is created on first use.

    The laptop differs from AWS by `AWS_ENDPOINT_URL`, region and credentials alone.
    """

    def __init__(self, boto_session: boto3.Session | None = None, *, config: Config = _PATIENT) -> None:
        with aws_errors():
            self.boto_session = boto_session or boto3.Session()
        self._config = config
        self.client = cast("ClientOf", functools.cache(self._client))
        # Set by the pipeline. A build's resources carry it, so that the sweeper finds what a killed build left behind.
        self.pipeline_execution_id = os.environ.get("PIPELINE_EXECUTION_ID", "")

    @property
    def region(self) -> str:
        if self.boto_session.region_name is None:
            raise AwsUnavailable("No AWS region is set", cure=_SIGN_IN, retry=False)
        return str(self.boto_session.region_name)

    def hurried(self) -> "Session":
        """A session for a process that is about to end: a call gives up after about four seconds and two attempts."""
        return Session(self.boto_session, config=_HURRIED)

    def poll_s(self, on_aws_s: float) -> float:
        """Seconds between two looks at a long operation: `on_aws_s`, as AWS limits the rate of calls; 0.5 if AWS_ENDPOINT_URL is set."""
        return min(on_aws_s, 0.5) if os.environ.get("AWS_ENDPOINT_URL") else on_aws_s

    def _client(self, service: str, region: str | None = None) -> Any:
        with aws_errors():
            client: Any = self.boto_session.client
            return client(service, region_name=region or self.region, config=self._config)


@contextmanager
def aws_errors(*, missing: str | None = None, cure: str | None = None) -> Iterator[None]:
    """Context in which an SDK's error is raised as the corresponding MlkitError.

    `missing` replaces the cure if something does not exist, `cure` that of every error.
    """
    try:
        yield
    except MlkitError:
        raise
    except ClientError as error:
        raise translate(error, cure, missing=missing) from error
    except Boto3Error as error:
        if isinstance(error.__context__, ClientError):  # boto3's transfers hide AWS's answer
            raise translate(error.__context__, cure, missing=missing) from error
        raise MlkitError(str(error), cure=cure or "Check the call's values.") from error
    except (NoCredentialsError, PartialCredentialsError, NoRegionError, ProfileNotFound) as error:
        raise AwsUnavailable(str(error), cure=cure or _SIGN_IN, retry=False) from error
    except (ConnectionError, HTTPClientError) as error:
        raise AwsUnavailable(str(error), cure=cure) from error
    except BotoCoreError as error:
        raise MlkitError(str(error), cure=cure or "Check the call's values.") from error


def translate(error: ClientError, cure: str | None = None, *, missing: str | None = None) -> MlkitError:
    """The MlkitError for AWS's error code, with AWS's text and the operation's name. Cures as in `aws_errors`."""
    answer = error.response.get("Error", {})
    code, message = str(answer.get("Code", "")), str(answer.get("Message") or "")
    text = f"{error.operation_name}: {message or code}"
    meaning = meaning_of(code, message, error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if "Could not assume role" in message:
        return AccessDenied(text, cure=cure or "Check the role's name and its trust policy: the service must be a principal.")
    match meaning:
        case Meaning.DENIED:
            return AccessDenied(text, cure=cure)
        case Meaning.UNKNOWN_CALLER:
            return AccessDenied(
                f"{text} ({code})", cure=cure or "The credentials are unknown or expired. Sign in again, or use `mlkit local env`."
            )
        case Meaning.MISSING:
            return NotFound(text, cure=cure or missing)
        case Meaning.QUOTA:
            return QuotaExceeded(f"{text} ({code})", cure=cure)
        case Meaning.THROTTLED:
            return AwsUnavailable(f"{text} ({code})", cure=cure or "AWS limits the rate of calls. Try again in a minute.")
        case Meaning.BROKEN:
            return AwsUnavailable(f"{text} ({code})", cure=cure or "The service failed or did not answer. Try again in a minute.")
    return MlkitError(f"{text} ({code})", cure=cure or "AWS's message names the cause.")
