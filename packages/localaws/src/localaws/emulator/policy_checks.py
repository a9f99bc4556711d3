"""Lets services refuse policies as AWS does."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from localaws.kit.policy_documents import PolicyError, check_bucket_policy, check_identity_policy, check_resource_policy, check_trust_policy

_IDENTITY_POLICIES = ("PutRolePolicy", "PutUserPolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion")
_TRUST_POLICIES = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}
Handler = Callable[[Mapping[str, Any]], Any]
Refuse = Callable[[str], Any]


def refuse_wrong_policies() -> None:
    """Check each policy before the emulator stores it."""
    from ministack.services import iam

    _check_bucket_policies()
    _check_resource_policies()
    for name in (*_IDENTITY_POLICIES, *_TRUST_POLICIES):
        iam._IAM_HANDLERS[name] = _checked(iam, name, iam._IAM_HANDLERS[name])


def _check_bucket_policies() -> None:
    from ministack.services import s3

    put = s3._put_bucket_policy

    def put_bucket_policy(name: str, body: bytes) -> Any:
        if name in s3._buckets:
            try:
                check_bucket_policy(body.decode("utf-8", "replace"), name, _exists, _s3_actions)
            except PolicyError as error:
                return s3._error("MalformedPolicy", str(error), 400)
        return put(name, body)

    s3._put_bucket_policy = put_bucket_policy


def _check_resource_policies() -> None:
    """Check the policies of keys, topics and secrets."""
    from ministack.services import kms, secretsmanager, sns

    def malformed(service: Any) -> Refuse:
        return lambda text: service.error_response_json("MalformedPolicyDocumentException", text, 400)

    for name in ("_create_key", "_put_key_policy"):
        setattr(kms, name, _refusing(getattr(kms, name), lambda request: request.get("Policy"), malformed(kms)))
    secretsmanager._put_resource_policy = _refusing(
        secretsmanager._put_resource_policy, lambda request: request["ResourcePolicy"], malformed(secretsmanager)
    )
    sns._set_topic_attributes = _refusing(
        sns._set_topic_attributes,
        lambda given: sns._p(given, "AttributeValue") if sns._p(given, "AttributeName") == "Policy" else None,
        lambda text: sns._error("InvalidParameter", f"Invalid parameter: Policy Error: {text}", 400),
    )


def _refusing(original: Handler, policy_of: Callable[[Mapping[str, Any]], str | None], refuse: Refuse) -> Handler:
    def put(request: Mapping[str, Any]) -> Any:
        try:
            if policy := policy_of(request):
                check_resource_policy(policy, _exists)
        except PolicyError as error:
            return refuse(str(error))
        return original(request)

    return put


def _checked(iam: Any, name: str, original: Handler) -> Handler:
    def put(given: Mapping[str, Any]) -> Any:
        try:
            if name in _TRUST_POLICIES:
                check_trust_policy(iam._p(given, _TRUST_POLICIES[name]), _exists)
            else:
                check_identity_policy(iam._p(given, "PolicyDocument"))
        except PolicyError as error:
            return iam._error(400, "MalformedPolicyDocument", str(error), ns="iam")
        return original(given)

    return put


def _exists(arn: str) -> bool:
    """Whether a user or role exists. Those of other accounts are taken to exist."""
    from ministack.core.responses import get_account_id
    from ministack.services import iam

    account, resource = arn.split(":", 5)[4:]
    kind, _, rest = resource.partition("/")
    if account != get_account_id() or kind not in ("role", "user", "assumed-role"):
        return True
    name = rest.split("/")[0] if kind == "assumed-role" else rest.rsplit("/", 1)[-1]
    found = (iam._users if kind == "user" else iam._roles).get(name)
    return found is not None and (kind == "assumed-role" or found["Arn"] == arn)


@cache
def _s3_actions() -> Mapping[str, Any]:
    """S3's actions in lower case, with their kinds of resource, from the service authorization reference that cfn-lint contains."""
    spec = find_spec("cfnlint")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data/AdditionalSpecs/Policies.json"
    actions: Mapping[str, Any] = json.loads(path.read_text())["s3"]["Actions"]
    return actions
