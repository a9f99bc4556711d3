"""Checks of single operations of the emulated services: which are honoured, and which pass a role to a service."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from localaws.front.guard import Request
from localaws.front.honoured_operations import HONOURED, S3_PARAMETERS, S3_SUBRESOURCES
from localaws.kit.service import AwsError, Permission, pass_role

# Parameters of CloudFormation that the emulator stores without effect.
_STACK_PARAMETERS = re.compile(
    r"(NotificationARNs\.|StackPolicy|RollbackConfiguration\.|ResourceTypes\.|TimeoutInMinutes|ResourcesToImport|ImportExistingResources"
    r"|IncludeNestedStacks|DisableValidation|RetentionPolicy).*"
)
_COPY_CHANGES = (
    "x-amz-metadata-directive",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
    "x-amz-website-redirect-location",
    "x-amz-checksum-algorithm",
)
_UNCHANGED = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, "
    "website redirect location or encryption attributes."
)
_LONGEST_KEY = 1024  # bytes
_OBJECT_HEADERS = ("x-amz-acl", "x-amz-grant-read", "x-amz-grant-full-control", "x-amz-website-redirect-location")

# operation -> the members that hold a role's ARN, and the service that will act under it
_ROLE_MEMBERS: Mapping[str, tuple[Sequence[str], str]] = {
    "glue:CreateCrawler": (("Role",), "glue.amazonaws.com"),
    "glue:UpdateCrawler": (("Role",), "glue.amazonaws.com"),
    "events:PutRule": (("RoleArn",), "events.amazonaws.com"),
    "events:PutTargets": (("RoleArn", "Targets.RoleArn"), "events.amazonaws.com"),
}


# Services of the query protocol. S3 has its own protocol, CloudWatch accepts both, all others take JSON.
_FORMS = ("cloudformation", "iam", "sns", "sts")


def check_unambiguous(service: str, request: Request, body: bytes) -> None:
    """Refuse a request that the authorisation and the service could read as different operations."""
    if service == "s3":
        return
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    has_target = "x-amz-target" in request.headers
    expected = [is_form, not is_form][has_target] and (service == "monitoring" or is_form == (service in _FORMS))
    if request.method != "POST" or request.query or not expected:
        raise AwsError("InvalidRequest", f"The local AWS takes requests for {service} as the AWS SDKs send them.")
    if is_form:
        form_of(body)


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises AwsError for a field that is given twice."""
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    except ValueError as error:
        raise AwsError("MalformedQueryString", "The request's form cannot be read.") from error
    if twice := [name for name, values in fields.items() if len(values) > 1]:
        raise AwsError("MalformedQueryString", f"{', '.join(twice)} is given more than once.")
    return {name: values[0] for name, values in fields.items()}


def check_honoured(action: str, request: Request, body: bytes) -> None:
    """Refuse by name what the emulator would accept without effect. Raises AwsError."""
    service, _, operation = action.partition(":")
    if operation not in HONOURED.get(service, ()):
        code = "InvalidAction" if "x-amz-target" not in request.headers else "UnknownOperationException"
        raise AwsError(code, f"The local AWS does not honour {action}.")
    if service == "cloudformation":
        for name, value in form_of(body).items():
            if _STACK_PARAMETERS.fullmatch(name) and value not in ("", "false"):
                raise AwsError("ValidationError", f"The local AWS does not honour the parameter {name.split('.')[0]} of {operation}.")
    elif service == "s3":
        _check_object_request(operation, request)


def _check_object_request(operation: str, request: Request) -> None:
    """Refuse unknown parameters and a second sub-resource: authorisation and service must read the same operation."""
    subresources = [name for name in request.query if name in S3_SUBRESOURCES]
    for name in request.query:
        known = name in S3_PARAMETERS or name in S3_SUBRESOURCES or name.lower().startswith(("x-amz-", "response-"))
        if not known:
            raise AwsError("NotImplemented", f"The local AWS does not honour the parameter {name} of Amazon S3.", status=501)
    if len(subresources) > 1:
        raise AwsError("InvalidArgument", f"Conflicting query string parameters: {', '.join(subresources)}")
    if len(request.path.encode()) > len(f"/{request.path.split('/')[1]}/") + _LONGEST_KEY:
        raise AwsError("KeyTooLongError", "Your key is too long")
    _check_copy(request)
    is_bucket = len([part for part in request.path.split("/") if part]) == 1
    if is_bucket and request.method == "POST" and "delete" not in request.query:
        raise AwsError("NotImplemented", "The local AWS does not honour form uploads.", status=501)
    if operation in ("CreateBucket", "PutObject"):
        for name in _OBJECT_HEADERS:
            if request.headers.get(name, "private") not in ("private", "bucket-owner-full-control"):
                raise AwsError("NotImplemented", f"The local AWS does not honour the header {name}.", status=501)


def _check_copy(request: Request) -> None:
    """S3 copies no object onto itself without a change."""
    source = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/")
    changes = any(name.startswith(_COPY_CHANGES) for name in request.headers) or "uploadId" in request.query
    if source and f"/{source}" == request.path and not changes:
        raise AwsError("InvalidRequest", _UNCHANGED)


def passed_roles(action: str, body: bytes) -> list[Permission]:
    """iam:PassRole for every role that the request passes to a service."""
    if action not in _ROLE_MEMBERS:
        return []
    paths, service = _ROLE_MEMBERS[action]
    return [pass_role(role, service) for path in paths for role in _at(_members(body), path.split("."))]


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _at(value: Any, path: Sequence[str]) -> list[str]:
    if isinstance(value, list):
        return [role for item in value for role in _at(item, path)]
    if not path:
        return [value] if isinstance(value, str) and value else []
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else []
