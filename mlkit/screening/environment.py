"""Finds the environment variables that hold secrets, by their names."""

import os
import re
from collections.abc import Mapping
from urllib.parse import unquote

from mlkit.screening.known_secrets import SHORTEST
from mlkit.screening.secret_references import is_reference

_SECRET = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|ENCRYPTION_?KEY|SIGNING_?KEY|ACCOUNT_?KEY"
    r"|AUTHORIZATION|(?:^|_)(?:PASS|PWD|PAT|AUTH)$",
    re.IGNORECASE,
)
_ABOUT = re.compile(  # names of variables that describe a secret
    r"_(?:ID|NAME|ARN|FILE|PATH|DIR|URI|URL|ENDPOINT|HOST|PORT|REGION|PROVIDER|HELPER|TYPE|MODE|EXPIRATION|EXPIRY|TTL|TIMEOUT|VERSION|SOCK)$"
    r"|^(?:OLD)?PWD$|^TOKENIZERS_",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"://[^\s/:@]*:([^\s/]+)@")
# Values of examples and test suites. As secrets, they would be redacted in every text.
_NO_SECRETS = (
    "true",
    "false",
    "enabled",
    "disabled",
    "testing",
    "dummy",
    "example",
    "secret",
    "password",
    "changeme",
    "default",
    "localstack",
)


def secret_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The secret values by rule (`NAME in the environment`): values of variables with such a name, and passwords in URLs.

    References, existing paths, numbers, and values that are too short or too common do not count.
    """
    found = {}
    for name, value in environ.items():
        if _SECRET.search(name) and not _ABOUT.search(name) and _is_value(value.strip()):
            found[f"{name} in the environment"] = value.strip()
        elif (password := _IN_URL.search(value)) and _is_value(unquote(password[1])):
            found[f"{name} in the environment"] = unquote(password[1])
    return found


def _is_value(value: str) -> bool:
    return (
        len(value) >= SHORTEST
        and value.lower() not in _NO_SECRETS
        and not re.fullmatch(r"[\d.,:+\-]+", value)
        and not is_reference(value)
        and not value.startswith("arn:")
        and not _exists(value)
    )


def _exists(value: str) -> bool:
    try:
        return os.path.exists(value)
    except ValueError:  # a null character
        return False
