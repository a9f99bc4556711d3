"""What stands where a secret could and is none: references, templates, names of fields, addresses, paths, versions, times."""

import re

from mlkit.screening.secret_references import is_reference

_TEMPLATE = re.compile(r"<[^>]*>|\$?\{[^}]*\}|\$\w+|%\(\w+\)s|%s")
_NAMES = re.compile(  # of fields, as code maps them to each other; `MyPassword1` is none
    r"(?:aws|access|secrets?|keys?|ids?|tokens?|session|api|client|db|database|user|auth|private|public|account|service|manager|password"
    r"|passwd|passphrase|pass|pwd|value|string|name|text|credentials?|error|header|x|[_\- ])+"
    r"|none|null|nil|true|false|yes|no|str|optional|required|undefined|empty|hidden",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"arn:[\w\-]*:.*|[a-z][a-z0-9+.\-]*://[^@]*"  # names and addresses, as far as they hold no credentials
    r"|(?:~|\.{1,2})?(?:/[\w.\-]{1,38})+/?"  # paths; one part as long as AWS's secret keys is none
    r"|[\W_]+|(.)\1+|v?\d+(?:\.\d+)+[\w.+\-]*"  # signs, a mask, versions
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.,+Z\-]*)?"  # times
    r"|(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"  # UUIDs
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|PWD|PASS)"  # the name of a variable
    r"|\[redacted: .*|[)\],;:}\s].*",  # no value begins so: the quote before it ended another text
    re.DOTALL,
)
_EXAMPLE = re.compile(r"(?i)EXAMPLE(?:KEY)?=*$")  # how AWS's documentation ends its keys
_LEAST = 6  # characters beside a template's fields that make it more than one


def is_example(value: str) -> bool:
    """Whether the value is one of a documentation's."""
    return _EXAMPLE.search(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether the value, where a secret could stand, is none."""
    if is_reference(value) or is_example(value) or _NAMES.fullmatch(value):
        return True
    if _OTHER.fullmatch(value) and not (len(value) == 40 and value.startswith("/")):
        return True
    return len(value) > 0 and _TEMPLATE.search(value) is not None and len(_TEMPLATE.sub("", value)) < _LEAST
