"""Compares CloudTrail's calls with the ledger of service-made calls, and with the permissions of the lab's roles."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

from live.calls import Call
from live.policies import Grant
from localaws.kit.service_calls import ServiceCall

_INTERNAL = "AWS Internal"  # CloudTrail's word for a service that it does not name
# Calls that a trail of management events and of S3's data events does not hold.
INVISIBLE = (
    "iam:PassRole",
    "logs:PutLogEvents",
    "logs:CreateLogStream",
    "events:PutEvents",
    "sns:Publish",
    "cloudwatch:PutMetricData",
    "sagemaker:InvokeEndpoint",
    "s3:GetObjectVersion",
    "s3:PutObjectAcl",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)


def unexpected(found: Mapping[Call, int], ledger: Iterable[ServiceCall]) -> list[Call]:
    """The calls that a service made and no line of the ledger has. CloudTrail's own calls are left out."""
    lines = list(ledger)
    return sorted(call for call in found if _is_by_service(call) and not any(_has(line, call) for line in lines))


def denied(found: Mapping[Call, int]) -> list[Call]:
    """The calls of roles and services that IAM or a policy refused."""
    return sorted(
        call
        for call in found
        if call.error in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation")
    )


def unused(found: Iterable[Call], grants: Iterable[Grant]) -> tuple[list[Grant], list[Grant]]:
    """The grants that no call used, and those whose use CloudTrail would not show."""
    made = {(call.who, call.action.lower()) for call in found}
    rest = [grant for grant in grants if not any(who == grant.role and fnmatchcase(action, grant.action.lower()) for who, action in made)]
    hidden = [grant for grant in rest if grant.action in INVISIBLE]
    return [grant for grant in rest if grant not in hidden], hidden


def report(found: Mapping[Call, int], ledger: Iterable[ServiceCall], grants: Iterable[Grant]) -> dict[str, Any]:
    """The comparison as JSON."""
    idle, hidden = unused(found, grants)
    return {
        "unexpected": [asdict(call) for call in unexpected(found, ledger)],
        "denied": [asdict(call) for call in denied(found)],
        "unused": [asdict(grant) for grant in idle],
        "not visible in CloudTrail": [asdict(grant) for grant in hidden],
    }


def _is_by_service(call: Call) -> bool:
    return bool(call.invoked_by) and call.invoked_by != "cloudtrail.amazonaws.com"


def _has(line: ServiceCall, call: Call) -> bool:
    if call.invoked_by not in (line.service, _INTERNAL):
        return False
    return any(fnmatchcase(call.action.lower(), action.lower()) for action in line.actions)
