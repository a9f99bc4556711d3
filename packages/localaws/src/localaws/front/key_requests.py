"""Checks requests about KMS key pairs: the emulator fills in what is missing, and takes values that KMS refuses."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.members import ANY, Honoured, only, refuse_unhonoured
from localaws.kit.service import AwsError

_SIGNING: Mapping[str, Honoured] = {
    "KeyId": ANY,
    "Message": ANY,
    "MessageType": only("RAW", "DIGEST"),
    "SigningAlgorithm": ANY,
    "DryRun": only(False),
}
HONOURED_MEMBERS: Mapping[str, Mapping[str, Honoured]] = {
    "CreateKey": {
        "Policy": ANY,
        "Description": ANY,
        "KeyUsage": only("ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC"),
        "KeySpec": ANY,
        "CustomerMasterKeySpec": ANY,
        "Origin": only("AWS_KMS"),
        "BypassPolicyLockoutSafetyCheck": ANY,
        "Tags": ANY,
        "MultiRegion": only(False),
    },
    "Sign": _SIGNING,
    "Verify": {**_SIGNING, "Signature": ANY},
    "GetPublicKey": {"KeyId": ANY},
}
_USAGES = {
    "SYMMETRIC": ("ENCRYPT_DECRYPT",),
    "HMAC": ("GENERATE_VERIFY_MAC",),
    "RSA": ("ENCRYPT_DECRYPT", "SIGN_VERIFY"),
    "ECC": ("SIGN_VERIFY",),
}
_SYMMETRIC = "SYMMETRIC_DEFAULT"


def check_key_request(operation: str, members: Mapping[str, Any]) -> None:
    """Refuse members and values that KMS refuses, or that the emulator does not honour. Raises AwsError."""
    if operation not in HONOURED_MEMBERS:
        return
    refuse_unhonoured(members, HONOURED_MEMBERS[operation])
    if operation == "CreateKey":
        _check_usage(members.get("KeySpec") or members.get("CustomerMasterKeySpec") or _SYMMETRIC, members.get("KeyUsage"))


def _check_usage(spec: str, usage: str | None) -> None:
    """A key has one usage, and only some fit its kind."""
    allowed = _USAGES.get(spec.partition("_")[0], ())
    if usage is None and spec != _SYMMETRIC:
        raise AwsError("ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
    if usage is not None and usage not in allowed:
        raise AwsError("ValidationException", f"KeyUsage {usage} is not compatible with KeySpec {spec}.")
