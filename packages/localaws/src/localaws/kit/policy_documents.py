"""The grammar of policies: what IAM, STS and S3 refuse when a policy is put.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from localaws.kit.properties import words

_POLICY = words("Version Id Statement")
_STATEMENT = words("Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition")
_VERSIONS = ("2012-10-17", "2008-10-17")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_RESOURCE = re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:.+", re.DOTALL)
_ACCOUNT = re.compile(r"\d{12}|arn:aws[a-z-]*:iam::\d{12}:root")
_IDENTITY = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::(\d{12}):(?:role|user|assumed-role|federated-user)/.+")
_TRUST_ACTIONS = re.compile(r"sts:(?:AssumeRole\w*|TagSession|SetSourceIdentity|SetContext|\*)")
Exists = Callable[[str], bool]


class PolicyError(ValueError):
    """The service refuses the policy."""


def check_identity_policy(text: str) -> None:
    """Check a policy of a user, group or role, or a managed policy. Raises PolicyError with IAM's text."""
    for statement in _statements(text, "Syntax errors in policy."):
        if {"Principal", "NotPrincipal"} & set(statement):
            raise PolicyError("Policy document should not specify a principal.")
        _check_actions(statement, "Policy statement must contain actions.")
        if not _listed(statement, "Resource"):
            raise PolicyError("Policy statement must contain resources.")
        for resource in _listed(statement, "Resource"):
            if not _RESOURCE.fullmatch(resource):
                raise PolicyError(f'Resource {resource} must be in ARN format or "*".')


def check_trust_policy(text: str, exists: Exists) -> None:
    """Check a role's trust policy; `exists` tells whether the account has a user or role. Raises PolicyError with IAM's text."""
    for statement in _statements(text, "This policy contains invalid Json"):
        for name in ("Resource", "NotResource"):
            if name in statement:
                raise PolicyError(f"Has prohibited field {name}")
        _check_actions(statement, "Missing required field Action")
        if not all(_TRUST_ACTIONS.fullmatch(action) for action in _listed(statement, "Action")):
            raise PolicyError("AssumeRole policy may only specify STS AssumeRole actions.")
        check_principals(statement, exists)


def check_resource_policy(text: str, exists: Exists) -> None:
    """Check the policy of a key, topic or secret. Raises PolicyError."""
    for statement in _statements(text, "Syntax errors in policy."):
        if not _listed(statement, "Action"):
            raise PolicyError("Missing required field Action")
        check_principals(statement, exists)


def check_bucket_policy(text: str, bucket: str, exists: Exists, known_actions: Callable[[], Mapping[str, Any]]) -> None:
    """Check a bucket's policy. `known_actions` has S3's actions, in lower case, with their kinds of resource. Raises PolicyError."""
    for statement in _statements(text, "Policies must be valid JSON and the first byte must be '{'"):
        if not _listed(statement, "Action"):
            raise PolicyError("Missing required field Action")
        check_principals(statement, exists)
        for action in _listed(statement, "Action"):
            if not _is_known(action, known_actions()):
                raise PolicyError("Policy has invalid action")
        if not _listed(statement, "Resource"):
            raise PolicyError("Missing required field Resource")
        for resource in _listed(statement, "Resource"):
            if not re.fullmatch(rf"arn:aws[a-z-]*:s3:::{re.escape(bucket)}(/.*)?", resource, re.DOTALL):
                raise PolicyError("Policy has invalid resource")
        if "Resource" in statement and "Action" in statement:
            _check_actions_apply(statement, known_actions())


def _check_actions_apply(statement: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Each action names a kind of resource, bucket or object, that the statement has."""
    kinds = {"object" if "/" in resource else "bucket" for resource in _listed(statement, "Resource")}
    for action in _listed(statement, "Action"):
        wanted = set(known.get(action.partition(":")[2].lower(), {}).get("Resources", ())) & {"object", "bucket"}
        if wanted and not wanted & kinds:
            raise PolicyError("Action does not apply to any resource(s) in statement")


def _is_known(action: str, known: Mapping[str, Any]) -> bool:
    service, _, name = action.partition(":")
    if "*" in action or "?" in action:
        return action == "*" or service == "s3"
    return service == "s3" and name.lower() in known


def check_principals(statement: Mapping[str, Any], exists: Exists) -> None:
    """Every principal has a form that AWS knows, and those of the account exist. Raises PolicyError."""
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    if principal is None:
        raise PolicyError("Missing required field Principal")
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal:
        raise PolicyError("Invalid principal in policy")
    for kind, values in principal.items():
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str) or not _is_principal(kind, value, exists):
                raise PolicyError(f'Invalid principal in policy: "{_SHOWN.get(kind, kind)}":"{value}"')


_SHOWN = {"Service": "SERVICE", "Federated": "FEDERATED", "CanonicalUser": "CANONICALUSER"}


def _is_principal(kind: str, value: str, exists: Exists) -> bool:
    if kind == "AWS":
        return value == "*" or bool(_ACCOUNT.fullmatch(value)) or (bool(_IDENTITY.fullmatch(value)) and exists(value))
    if kind == "Service":
        return re.fullmatch(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)", value) is not None
    return kind in ("Federated", "CanonicalUser")


def _statements(text: str, no_json: str) -> Iterator[Mapping[str, Any]]:
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicyError(no_json) from error
    if not isinstance(policy, dict):
        raise PolicyError(no_json)
    if unknown := set(policy) - _POLICY:
        raise PolicyError(f"Syntax errors in policy: unknown element {min(unknown)}.")
    if policy.get("Version", _VERSIONS[1]) not in _VERSIONS:
        raise PolicyError("The policy must contain a valid version string")
    statements = policy.get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        raise PolicyError("Missing required field Statement")
    sids = [statement["Sid"] for statement in statements if isinstance(statement, dict) and "Sid" in statement]
    if len(set(map(str, sids))) < len(sids):
        raise PolicyError("Statement IDs (SID) in a single policy must be unique.")
    for statement in statements:
        _check_elements(statement)
        yield statement


def _check_elements(statement: Any) -> None:
    if not isinstance(statement, dict):
        raise PolicyError("Syntax errors in policy.")
    if unknown := set(statement) - _STATEMENT:
        raise PolicyError(f"Syntax errors in policy: unknown element {min(unknown)}.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"Invalid effect: {statement.get('Effect')}" if "Effect" in statement else "Missing required field Effect")
    for name in ("Action", "Resource", "Principal"):
        if name in statement and f"Not{name}" in statement:
            raise PolicyError(f"Statement has both {name} and Not{name}.")
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if not all(isinstance(value, str) for value in _values(statement, name)):
            raise PolicyError("Syntax errors in policy.")
    if not isinstance(statement.get("Condition", {}), dict):
        raise PolicyError("Syntax errors in policy.")


def _check_actions(statement: Mapping[str, Any], missing: str) -> None:
    if not _listed(statement, "Action"):
        raise PolicyError(missing)
    for action in _listed(statement, "Action"):
        if not _ACTION.fullmatch(action):
            raise PolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")


def _listed(statement: Mapping[str, Any], name: str) -> list[Any]:
    """The values of an element or of its `Not` form."""
    return _values(statement, name) + _values(statement, f"Not{name}")


def _values(statement: Mapping[str, Any], name: str) -> list[Any]:
    value = statement.get(name, [])
    return value if isinstance(value, list) else [value]
