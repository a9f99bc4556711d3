"""The policies that AWS manages, with their documents; the refusal to attach a policy that does not exist.

The documents are in `managed_policies.json.xz`, which `make managed-policies` takes from moto. They are read when the first one is needed.
"""

import functools
import hashlib
import json
import lzma
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_suffix(".json.xz")
_PREFIX = "arn:aws:iam::aws:policy/"
_FOR_SERVICES = "/aws-service-role/"  # the path of policies that only roles of AWS's own have
_ATTACHING = ("AttachRolePolicy", "AttachUserPolicy", "AttachGroupPolicy")


def serve_documents() -> None:
    """Let IAM answer with AWS's policies and evaluate them; attaching an unknown policy is an error, as on AWS."""
    from ministack.services import iam

    original = iam._lookup_policy

    def lookup(arn: str) -> Any:
        if arn.startswith(_PREFIX):
            _load()
        return original(arn)

    iam._lookup_policy = lookup
    handlers = iam._IAM_HANDLERS
    handlers["ListPolicies"] = _loaded_first(handlers["ListPolicies"])
    for name in _ATTACHING:
        handlers[name] = _of_an_attachable_policy(handlers[name])


@functools.cache
def _load() -> None:
    """Replace the emulator's few documents by all of AWS's."""
    from ministack.services import iam

    iam._aws_managed_policies.clear()
    for name, policy in json.loads(lzma.decompress(_FILE.read_bytes())).items():
        iam._aws_managed_policies[f"{_PREFIX}{name}"] = _record(name, policy)


def _record(name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
    """The emulator's record of a policy. `name` has the path, as in the ARN."""
    path, _, base = f"/{name}".rpartition("/")
    version = {
        "VersionId": policy["version"],
        "Document": json.dumps(policy["document"]),
        "IsDefaultVersion": True,
        "CreateDate": policy["updated"],
    }
    return {
        "PolicyName": base,
        "Arn": f"{_PREFIX}{name}",
        "PolicyId": f"ANPA{hashlib.sha256(name.encode()).hexdigest()[:17].upper()}",
        "CreateDate": policy["created"],
        "UpdateDate": policy["updated"],
        "DefaultVersionId": policy["version"],
        "AttachmentCount": 0,
        "IsAttachable": f"{path}/" != _FOR_SERVICES,
        "Path": f"{path}/",
        "Description": "",
        "Tags": [],
        "Versions": {policy["version"]: version},
    }


def _loaded_first(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(parameters: Any) -> Any:
        _load()
        return handler(parameters)

    return answer


def _of_an_attachable_policy(handler: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The handler, after the check that the policy exists and that a customer may attach it."""
    from ministack.services import iam

    def answer(parameters: Any) -> Any:
        arn = iam._p(parameters, "PolicyArn")
        policy = iam._lookup_policy(arn)
        if policy is None:
            return iam._error(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", ns="iam")
        if not policy.get("IsAttachable", True):
            return iam._error(400, "PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.", ns="iam")
        return handler(parameters)

    return answer
