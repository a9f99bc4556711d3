"""Names like `password`: where a text holds one, and whether a value that belongs to it is a secret.

Strong names (those of detect-secrets' KeywordDetector, most of them) give away any value. Weak ones (`token`) and names of what is about
a secret (`password_length`) give away values that look random.
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
# Names that say something about a secret, or name one: what they hold is a secret only when it looks random.
_ABOUT = re.compile(
    r"(?:(?i:[_.\-](?:name|id|arn|path|file|dir|folder|column|field|label|type|kind|policy|header|param|parameter|ref|reference|env|var"
    r"|variable|version|region|prefix|suffix|length|size|count|format|hint|help|message|error|url|uri|alias|regex|pattern|provider|rotation"
    r"|date|time|at|age|store|manager|backend|key_id|location|source|description|title|status|state|strength|score))"
    r"|(?:Name|Id|Arn|ARN|Path|File|Type|Url|Uri))s?$"
)
# Names whose values are public, though random: what stands behind `secretsmanager:` is a secret's name.
_PUBLIC = re.compile(
    r"^secretsmanager$|"
    r"(?:sha\d*|md5|digest|checksum|fingerprint|etag|uuid|commit|version_?id)$"
    r"|(?:next|continuation|client|request|idempotency|page|pagination|sequence|marker|start(?:ing)?)[_\-]?tokens?$",
    re.IGNORECASE,
)
_ALONE = re.compile(r"[A-Za-z0-9]{12,}")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")  # not at `Aa`: words begin so


class SecretName(NamedTuple):
    """`text` stands at `start` to `end` of what was searched."""

    start: int
    end: int
    text: str
    strong: bool


def names(text: str, lowered: str) -> Iterator[SecretName]:
    """The names that the text holds, each as the whole word or dotted path that it stands in."""
    last = 0
    for at in sorted(at for positions in _needles().positions(lowered).values() for at in positions):
        if at >= last:
            start, last = _word(text, at)
            if last - at < _LONGEST_NAME:
                yield SecretName(start, last, text[start:last], any(one in lowered[start:last] for one in STRONG))


def is_secret(name: SecretName, value: str, *, plain: bool = False) -> bool:
    """`plain`: a value that has only its place to speak for it."""
    if is_placeholder(value) or _PUBLIC.search(name.text):
        return False
    if plain or not name.strong or _ABOUT.search(name.text):
        return looks_random(value)
    return len(value) >= _SHORTEST_VALUE


def is_secret_member(name: str, value: str) -> bool:
    """Whether the member `name` of a JSON object holds a secret when its value is this."""
    return any(is_secret(one, value) for one in names(name, name.lower()))


def looks_random(value: str) -> bool:
    """Letters and digits that change too often for a word, a date or a run id."""
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
