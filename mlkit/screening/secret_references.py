"""References to secrets: `ssm:/path` and `secretsmanager:name#key`."""

import re
from dataclasses import dataclass

from mlkit.errors import UsageError

_PREFIXES = ("ssm:", "secretsmanager:")
_SSM = re.compile(r"ssm:(?P<name>[A-Za-z0-9_.\-/:]+)")  # a name or an ARN, optionally with `:version` or `:label`
_SECRETS_MANAGER = re.compile(r"secretsmanager:(?P<name>[A-Za-z0-9/_+=.@:\-]+)(#(?P<key>.+))?")
_FORMS = "Write `ssm:/path/of/the/parameter`, `secretsmanager:name`, or `secretsmanager:name#key` for one key of a JSON secret."


@dataclass(frozen=True, kw_only=True)
class Reference:
    """`service` is `ssm` or `secretsmanager`; `key` names a member of a JSON secret."""

    service: str
    name: str
    key: str | None = None


def is_reference(value: object) -> bool:
    """Whether the value is a reference to a secret. A malformed reference counts; `parse_reference` refuses it."""
    return isinstance(value, str) and value.startswith(_PREFIXES)


def parse_reference(value: str) -> Reference:
    """The parts of the reference. Raises UsageError if it is malformed or no reference."""
    for service, form in (("ssm", _SSM), ("secretsmanager", _SECRETS_MANAGER)):
        if found := form.fullmatch(value):
            return Reference(service=service, **found.groupdict())
    raise UsageError(f"{value!r} is not a reference to a secret", cure=_FORMS)
