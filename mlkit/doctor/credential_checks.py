"""Checks of endpoint, region, credentials, identity and clock."""

import os
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from mlkit.aws.session import aws_errors
from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, skipped, warn
from mlkit.errors import AwsUnavailable

_SKEW_REFUSED = timedelta(minutes=5)  # AWS refuses signatures that are older, or from the future
_SKEW_SEEN = timedelta(seconds=30)
_SHORT = timedelta(minutes=15)
_SIGN_IN = "Sign in: `aws sso login`, `aws configure`, or AWS_PROFILE with the name of a profile."
_NEEDED = {"sagemaker": "SageMaker", "codepipeline": "CodePipeline"}
_DATE = re.compile(r"\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT")


def points_to_aws() -> bool:
    """Whether this environment has credentials, a profile or an endpoint. Does not ask the metadata service."""
    if os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_PROFILE"):
        return True
    session = botocore.session.get_session()
    try:
        providers = session.get_component("credential_provider")
        providers.remove("iam-role")
        return providers.load_credentials() is not None
    except BotoCoreError:
        return True  # there are settings; the checks report what is wrong with them


def endpoint(account: Account) -> Finding:
    """AWS itself, or another endpoint in its place."""
    url = account.aws.client("sts").meta.endpoint_url
    if re.fullmatch(r"https://[\w.-]+\.(amazonaws\.com(\.cn)?|api\.aws)", url):
        return ok("AWS")
    if account.is_account:
        return warn(
            f"{url} answers in place of an account", "`unset AWS_ENDPOINT_URL`, or open another terminal, and use your account's profile."
        )
    return ok(f"{url}, not an account")


def region(account: Account) -> Finding:
    name = account.aws.region
    boto_session: boto3.Session = account.aws.boto_session
    partition = boto_session.get_partition_for_region(name)
    missing = [
        title for service, title in _NEEDED.items() if name not in boto_session.get_available_regions(service, partition_name=partition)
    ]
    if not missing:
        return ok(f"{name}, which has {' and '.join(_NEEDED.values())}")
    told = f"{name}: this boto3 has no endpoint of {' and '.join(missing)} there"
    return warn(told, "Correct the region, for example `export AWS_DEFAULT_REGION=us-east-1`.")


def enabled(account: Account) -> Finding:
    """Whether the account has enabled the region. In one that it has not, AWS calls good credentials invalid."""
    name = account.aws.region
    if account.aws.boto_session.get_partition_for_region(name) != "aws":
        return ok("this partition has no regions to enable")
    status = account.aws.client("account").get_region_opt_status(RegionName=name)["RegionOptStatus"]
    if status.startswith("ENABLED"):
        return ok(f"{name} is {status.replace('_', ' ').lower()}")
    if status == "ENABLING":
        return warn(f"{name} is being enabled", "Wait: this takes minutes to hours.")
    return fail(f"{name} is {status.lower()}", f"`aws account enable-region --region-name {name}`, then wait: minutes to hours.")


def keys(account: Account) -> Finding:
    """The source of the credentials, and their expiry. Deferred ones, of a profile with a role, are fetched here."""
    with aws_errors(cure=_SIGN_IN):
        found: Any = account.aws.boto_session.get_credentials()
        if found is None:
            return fail("none found", f"{_SIGN_IN} Without an account: `mlkit local up`.", AwsUnavailable)
        token = found.get_frozen_credentials().token
    ends: datetime | None = getattr(found, "_expiry_time", None)
    if ends is None:
        return ok(f"from {found.method}, {'temporary, expiry unknown' if token else 'permanent'}")
    left = ends - account.now()
    told = f"from {found.method}, until {ends.astimezone(UTC):%H:%M} UTC, {left.total_seconds() / 60:.0f} minutes from now"
    if left < _SHORT:
        return warn(told, "Sign in again before a long command; jobs that it started run on without it.")
    return ok(told)


def clock(account: Account) -> Finding:
    """The difference to AWS's clock. A refusal has AWS's time too."""
    before = account.now()
    try:
        headers = account.caller["ResponseMetadata"]["HTTPHeaders"]
    except Exception as error:
        cause = error.__cause__
        if not isinstance(cause, ClientError):
            raise
        headers = cause.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    date = _DATE.search(headers.get("date", ""))
    if date is None:
        return skipped("the answer has no date")
    # The date has whole seconds, and the answer took some time.
    skew = max(timedelta(0), abs(before - parsedate_to_datetime(date[0])) - timedelta(seconds=1))
    told = f"{skew.total_seconds():.0f} s from AWS's"
    if skew > _SKEW_REFUSED:
        return fail(f"{told}: AWS refuses every signature", "Set the clock: `sudo timedatectl set-ntp true`.")
    if skew > _SKEW_SEEN:
        return warn(told, "Set the clock before the difference is five minutes: `sudo timedatectl set-ntp true`.")
    return ok("agrees with AWS's")


def identity(account: Account) -> Finding:
    arn = str(account.caller["Arn"])
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind == "root":
        return warn(f"account {account.id}, its root user", "Sign in as a user or role: root's rights cannot be limited.")
    if kind == "assumed-role":
        role, _, session = name.partition("/")
        return ok(f"account {account.id}, role {role} (session {session})")
    return ok(f"account {account.id}, {kind} {name}")


CHECKS = (
    Check(name="region", run=region),
    Check(name="endpoint", run=endpoint, needs=("region",)),
    Check(name="credentials", run=keys, needs=("region",)),
    Check(name="clock", run=clock, needs=("credentials",)),
    Check(name="region enabled", run=enabled, needs=("clock",), optional=True),
    Check(name="identity", run=identity, needs=("clock",)),
)
