"""SSM parameters with AWS's tiers, and SecureStrings that are unreadable without decryption.

The emulator returns the encoded text of a SecureString to a reader who does not ask for decryption.
"""

import base64
import os
from collections.abc import Mapping
from typing import Any

_STANDARD, _ADVANCED = 4096, 8192  # characters of a value
_KMS_CIPHERTEXT = bytes.fromhex("0102020078")  # the first bytes of KMS's ciphertexts
_TOO_LONG = {
    "Standard": (
        f"Standard tier parameters support a maximum parameter value of {_STANDARD} characters. To create a larger parameter value, "
        "upgrade the parameter to use the advanced-parameter tier. For more information, see "
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
    ),
    "Advanced": f"Advanced tier parameters support a maximum parameter value of {_ADVANCED} characters.",
}


def keep_tiers_and_secrets() -> None:
    """Refuse values that are too long for their tier, and show a ciphertext in place of a SecureString."""
    from ministack.core import iam_evaluator as ev
    from ministack.services import ssm

    put = ssm._put_parameter

    def put_parameter(request: Mapping[str, Any]) -> Any:
        length, asked = len(request["Value"]), request.get("Tier", "Standard")
        existing = ssm._parameters.get(request["Name"]) or {}
        tier = "Advanced" if existing.get("Tier") == "Advanced" else asked
        if tier == "Intelligent-Tiering":
            tier = "Advanced" if length > _STANDARD else "Standard"
        if length > (_STANDARD if tier == "Standard" else _ADVANCED):
            return ssm.error_response_json("ValidationException", _TOO_LONG[tier], 400)
        answer = put({**request, "Tier": tier})
        if answer[0] < 400:
            _note(ssm, request["Name"], ev.caller_arn())
        return answer

    ssm._put_parameter = put_parameter


def _note(ssm: Any, name: str, caller: str) -> None:
    """Complete what was stored: the caller, and the ciphertext of a SecureString."""
    record, version = ssm._parameters[name], ssm._parameter_history[name][-1]
    record["LastModifiedUser"] = version["LastModifiedUser"] = caller
    if record["Type"] == "SecureString":
        record["Value"] = version["Value"] = base64.b64encode(_KMS_CIPHERTEXT + os.urandom(179)).decode()
