"""Permission checks for parameters and secrets: each parameter by its ARN, and the key that encrypts the value.

With a customer's key, reading a SecureString or a secret needs kms:Decrypt, writing a SecureString needs kms:Encrypt, and writing a
secret needs kms:GenerateDataKey and kms:Decrypt. AWS's own keys (`aws/ssm`, `aws/secretsmanager`) need no permission. The values
themselves are not encrypted: encryption at rest is recorded only.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localaws.emulator.encryption import key_arn

_READS = ("GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory")
_TARGETS = {"ssm": "AmazonSSM", "secretsmanager": "secretsmanager"}
_Checks = Iterator[tuple[str, str]]  # pairs of an action and its resource


def ask_for_parameters_and_keys(ev: Any) -> None:
    """Add the checks to IAM's evaluation. Apply it last: the earlier wrappers of the evaluator write the texts of its denials."""
    original = ev.enforce

    def enforce(key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None) -> Any:
        asked = _asked(ev, service, action)
        names = _names(service, asked) if asked else []
        for resource in [_parameter_arn(name, region) for name in names] or [resource_arn]:
            denied = original(key, action, service, region, resource_arn=resource, service_context=service_context)
            if denied is not None:
                return denied
        for needed, arn in _key_checks(service, action.partition(":")[2], asked) if asked else []:
            context = {"kms:ViaService": f"{service}.{region}.amazonaws.com", "kms:CallerAccount": arn.split(":")[4]}
            denied = original(key, needed, "kms", region, resource_arn=arn, service_context=context)
            if denied is not None:
                return denied
        return None

    ev.enforce = enforce


def _asked(ev: Any, service: str, action: str) -> Mapping[str, Any] | None:
    """The request's members if the request calls this operation; None if another service's call asks about this action."""
    request = ev._signed_request.get()
    if service not in _TARGETS or request is None:
        return None
    if request.headers.get("x-amz-target") != f"{_TARGETS[service]}.{action.partition(':')[2]}":
        return None
    members = json.loads(request.body or b"{}")
    return members if isinstance(members, dict) else None


def _names(service: str, asked: Mapping[str, Any]) -> list[str]:
    if service != "ssm":
        return []
    single = asked.get("Name") or asked.get("Path")
    return [single] if isinstance(single, str) else [str(name) for name in asked.get("Names", [])]


def _parameter_arn(name: str, region: str) -> str:
    from ministack.core.responses import get_account_id
    from ministack.services.ssm import _split_selector

    base, _ = _split_selector(name)
    return str(base) if base.startswith("arn:") else f"arn:aws:ssm:{region}:{get_account_id()}:parameter/{base.lstrip('/')}"


def _key_checks(service: str, operation: str, asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    wanted = _parameter_keys(operation, asked) if service == "ssm" else _secret_keys(operation, asked)
    return [(action, arn) for action, key in wanted if (arn := key_arn(key))]


def _parameter_keys(operation: str, asked: Mapping[str, Any]) -> _Checks:
    from ministack.services import ssm

    if operation == "PutParameter" and asked.get("Type") == "SecureString":
        yield "kms:Encrypt", asked.get("KeyId") or ""
    if operation not in _READS or not asked.get("WithDecryption"):
        return
    for name in _names("ssm", asked):
        if operation == "GetParametersByPath":
            found = [record for key, record in ssm._parameters.items() if key.startswith(f"{name.rstrip('/')}/")]
        else:
            found = [record for record in [ssm._select_parameter(name)[0]] if record]
        yield from (("kms:Decrypt", record.get("KeyId") or "") for record in found)


def _secret_keys(operation: str, asked: Mapping[str, Any]) -> _Checks:
    from ministack.services import secretsmanager

    _, secret = secretsmanager._resolve(asked.get("SecretId") or "")
    key = asked.get("KmsKeyId") or (secret or {}).get("KmsKeyId") or ""
    writes = operation in ("CreateSecret", "PutSecretValue", "UpdateSecret") and ("SecretString" in asked or "SecretBinary" in asked)
    if operation == "GetSecretValue" or writes:
        yield "kms:Decrypt", key
    if writes:
        yield "kms:GenerateDataKey", key
