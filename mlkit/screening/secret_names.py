"""Finds names like `password` in a text, and decides whether the value beside such a name is a secret.

Beside a strong name (most are those of detect-secrets' KeywordDetector), any value is a secret. Beside a weak name (`token`), or a name
that describes a secret (`password_length`), a value is a secret only if it looks random.
"""

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from mlkit.screening.placeholders import is_placeholder
from mlkit.screening.word_search import Needles

RULE = "Secret Keyword"

_LONGEST_NAME = 100  # characters
_SHORTEST_VALUE = 4
_KEYS = ("api", "auth", "service", "account", "db", "database", "priv", "private", "client")
_PASSES = ("db", "database", "key")
_WORDS = ("password", "passwd", "passwort", "mot_de_passe", "pwd", "secret", "contraseña", "contrasena")
STRONG = (
    *(f"{owner}{line}key" for owner in _KEYS for line in ("", "_")),
    *(f"{owner}{line}pass" for owner in _PASSES for line in ("", "_")),
    *_WORDS,
)
WEAK = (
    "token",
    "credential",
    "passphrase",
    "passcode",
    "api-key",
    "api key",
    "access_key",
    "access-key",
    "access key",
    "accesskey",
    "secret-key",
    "signing_key",
    "encryption_key",
    "bearer",
)
# Names that describe a secret. Their values are secrets only if they look random.
_ABOUT = re.compile(
    r"(?:(?i:[_.\-](?:name|id|arn|path|file|dir|folder|column|field|label|type|kind|policy|header|param|parameter|ref|reference|env|var"
    r"|variable|version|region|prefix|suffix|length|size|count|format|hint|help|message|error|url|uri|alias|regex|pattern|provider|rotation"
    r"|date|time|at|age|store|manager|backend|key_id|location|source|description|title|status|state|strength|score))"
    r"|(?:Name|Id|Arn|ARN|Path|File|Type|Url|Uri))s?$"
)
# Names with public values that look random. After `secretsmanager:`, for example, comes the name of a secret.
_PUBLIC = re.compile(
    r"^secretsmanager$|"
    r"(?:sha\d*|md5|digest|checksum|fingerprint|etag|uuid|commit|version_?id)$"
    r"|(?:next|continuation|client|request|idempotency|page|pagination|sequence|marker|start(?:ing)?)[_\-]?tokens?$",
    re.IGNORECASE,
)
_ALONE = re.compile(r"[A-Za-z0-9]{12,}")
_CHANGE = re.compile(
    r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])"
)  # not between a capital and a small letter: words begin so


class SecretName(NamedTuple):
    """`text` is the name, at `start` to `end` of the searched text."""

    start: int
    end: int
    text: str
    strong: bool


def names(text: str, lowered: str) -> Iterator[SecretName]:
    """The names in the text, each with the whole word or dotted path around it."""
    last = 0
    for at in sorted(at for positions in _needles().positions(lowered).values() for at in positions):
        if at >= last:
            start, last = _word(text, at)
            if last - at < _LONGEST_NAME:
                yield SecretName(start, last, text[start:last], any(one in lowered[start:last] for one in STRONG))


def is_secret(name: SecretName, value: str, *, plain: bool = False) -> bool:
    """Whether the value beside the name is a secret. With `plain`, only its place suggests it, so it must look random."""
    if is_placeholder(value) or _PUBLIC.search(name.text):
        return False
    if plain or not name.strong or _ABOUT.search(name.text):
        return looks_random(value)
    return len(value) >= _SHORTEST_VALUE


def is_secret_member(name: str, value: str) -> bool:
    """Whether a JSON object's member with this name and value holds a secret."""
    return any(is_secret(one, value) for one in names(name, name.lower()))


def looks_random(value: str) -> bool:
    """Whether letters and digits alternate more often than in a word, a date or a run id."""
    return any(_is_random(run[0]) for run in _ALONE.finditer(value)) and not is_placeholder(value)


def _is_random(run: str) -> bool:
    changes = len(_CHANGE.findall(run))
    return any(sign.isdigit() for sign in run) and any(sign.isalpha() for sign in run) and changes >= max(4, len(run) / 5)


@functools.cache
def _needles() -> Needles:
    return Needles((*STRONG, *WEAK))


def _word(text: str, at: int) -> tuple[int, int]:
    start, end = at, at + 1
    first, last = max(0, at - _LONGEST_NAME), min(len(text), at + _LONGEST_NAME)
    while start > first and (text[start - 1].isalnum() or text[start - 1] in "_-."):
        start -= 1
    while end < last and (text[end].isalnum() or text[end] in "_-"):
        end += 1
    return start, end
