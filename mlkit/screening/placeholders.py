"""Recognises values in the place of a secret that are none: references, templates, field names, addresses, paths, versions, times."""

import re

from mlkit.screening.secret_references import is_reference

_TEMPLATE = re.compile(r"<[^>]*>|\$?\{[^}]*\}|\$\w+|%\(\w+\)s|%s")
_NAMES = re.compile(  # of fields, which code maps to each other; `MyPassword1` does not match
    r"(?:aws|access|secrets?|keys?|ids?|tokens?|session|api|client|db|database|user|auth|private|public|account|service|manager|password"
    r"|passwd|passphrase|pass|pwd|value|string|name|text|credentials?|error|header|x|[_\- ])+"
    r"|none|null|nil|true|false|yes|no|str|optional|required|undefined|empty|hidden",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"arn:[\w\-]*:.*|[a-z][a-z0-9+.\-]*://[^@]*"  # names, and addresses without credentials
    r"|(?:~|\.{1,2})?(?:/[\w.\-]{1,38})+/?"  # paths; a part as long as AWS's secret keys does not match
    r"|[\W_]+|(.)\1+|v?\d+(?:\.\d+)+[\w.+\-]*"  # signs, a mask, versions
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.,+Z\-]*)?"  # times
    r"|(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"  # UUIDs
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|PWD|PASS)"  # the name of a variable
    r"|\[redacted: .*|[)\],;:}\s].*",  # a value does not begin so: the quote before it ended another text
    re.DOTALL,
)
_EXAMPLE = re.compile(r"(?i)EXAMPLE(?:KEY)?=*$")  # the end of the keys in AWS's documentation
_LEAST = 6  # with this many characters beside its fields, a text is not a template


def is_example(value: str) -> bool:
    """Whether the value is an example of AWS's documentation."""
    return _EXAMPLE.search(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether the value, in the place of a secret, is no secret."""
    if is_reference(value) or is_example(value) or _NAMES.fullmatch(value):
        return True
    if _OTHER.fullmatch(value) and not (len(value) == 40 and value.startswith("/")):
        return True
    return len(value) > 0 and _TEMPLATE.search(value) is not None and len(_TEMPLATE.sub("", value)) < _LEAST
