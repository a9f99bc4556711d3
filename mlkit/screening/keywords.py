"""Values that stand beside a name like `password`: in source, in outputs, and as members of JSON.

The names and expressions are those of detect-secrets' KeywordDetector for Python. Beside them stand the forms that it does not know
(`password: str = "..."`, `--password ...`, `PASSWORD=...`, a value that begins with a sign) and names that need more than a value to give
a secret away (`token`), for which the value must look random.
"""

import ast
import bisect
import functools
import re
from collections.abc import Iterator
from typing import NamedTuple

from mlkit.screening.needles import Needles, windows
from mlkit.screening.placeholders import is_placeholder

RULE = "Secret Keyword"

_LONGEST_NAME = 100  # characters
_LONGEST_VALUE = 4000
_PLUGIN_REACH = (200, 600)  # characters before and behind the beginning of a name

_WEAK = ("token", "credential", "passphrase", "api-key", "access_key", "access-key", "accesskey", "secret-key", "signing_key", "bearer")
# Names that say something about a secret, or name one: what they hold is a secret only when it looks random.
_ABOUT = re.compile(
    r"(?:(?i:[_.\-](?:name|id|arn|path|file|dir|folder|column|field|label|type|kind|policy|header|param|parameter|ref|reference|env|var"
    r"|variable|version|region|prefix|suffix|length|size|count|format|hint|help|message|error|url|uri|alias|regex|pattern|provider|rotation"
    r"|date|time|at|age|store|manager|backend|key_id|location|source|description|title|status|state))|(?:Name|Id|Arn|ARN|Path|File|Type|Url|Uri))s?$"
)
# Names whose values are public, though random.
_PUBLIC = re.compile(
    r"(?:sha\d*|md5|digest|checksum|fingerprint|etag|uuid|commit|version_?id)$"
    r"|(?:next|continuation|client|request|idempotency|page|pagination|sequence|marker|start(?:ing)?)[_\-]?tokens?$",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(
    r"(?:\\*['\"`]|&quot;)?\]?[ \t]*"
    r"(?::[ \t]*[A-Za-z_][\w.\[\], |\t]*?(?==[^=]))?"  # an annotation
    r"(?P<operator>:=|=>|[=!]={1,2}|=|:|,)[ \t]*[rbfuRBFU]{0,2}"
    r"(?P<quote>\\*(?:\"\"\"|'''|['\"`])|&quot;)(?P<value>(?:(?!(?P=quote))(?:\\.|[^\\\n]))+)(?P=quote)"
)
_BARE = re.compile(r"(?P<operator>=|[ \t]*:[ \t]*|[ \t]+=[ \t]+)(?P<value>[^\s'\"`;,&<>()\[\]{}|\\=]{6,}={0,2})(?!=)")
_OPTION = re.compile(r"[ =](?P<value>[^\s'\"`;,&<>()\[\]{}|\\=]{6,}={0,2})(?!=)")
_LINE = re.compile(r"[^\n]+")
_QUOTE = re.compile(r"['\"`]")
_COMMAND = re.compile(r"[ \t]*[!%]")
_ALONE = re.compile(r"[A-Za-z0-9]{12,}")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")  # not at `Aa`: words begin so


class Assigned(NamedTuple):
    """`text[start:end]` is the value of a name that says secret."""

    start: int
    end: int


class _Name(NamedTuple):
    start: int
    end: int
    text: str
    strong: bool


def find(text: str, lowered: str, *, code: bool) -> Iterator[Assigned]:
    """The values beside secret names. In `code` a value without quotes is an expression, so only commands (`%env A=...`) have them."""
    names = list(_names(text, lowered))
    for name in names:
        line_end = text.find("\n", name.end, name.end + _LONGEST_VALUE)
        end = line_end if line_end >= 0 else min(len(text), name.end + _LONGEST_VALUE)
        line_start = text.rfind("\n", max(0, name.start - _LONGEST_VALUE), name.start) + 1
        found = _quoted(text, name, end)
        if found is None and (not code or _COMMAND.match(text, line_start)):
            found = _bare(text, name, end)
        if found is not None:
            yield found
    yield from _by_plugin(text, [name for name in names if name.strong])


def is_secret_member(name: str, value: str) -> bool:
    """Whether the member `name` of a JSON object holds a secret when its value is this."""
    names = list(_names(name, name.lower()))
    return any(_is_secret(one, value) for one in names)


def spoken(text: str) -> str:
    """The value of a literal's inside: escapes undone."""
    if "\\" in text:
        try:
            return str(ast.literal_eval(f'"{text}"'))
        except (SyntaxError, ValueError):
            pass
    return text


def looks_random(value: str) -> bool:
    """Letters and digits that change too often for a word, a date or a run id."""
    return any(_is_random(run[0]) for run in _ALONE.finditer(value)) and not is_placeholder(value)


def _is_random(run: str) -> bool:
    changes = len(_CHANGE.findall(run))
    return any(sign.isdigit() for sign in run) and any(sign.isalpha() for sign in run) and changes >= max(4, len(run) / 5)


@functools.cache
def _strong() -> tuple[str, ...]:
    """The names of KeywordDetector, each with and without the underline that it leaves open."""
    from detect_secrets.plugins.keyword import DENYLIST

    return tuple(dict.fromkeys(word.replace("_?", line) for word in DENYLIST for line in ("", "_")))


@functools.cache
def _needles() -> Needles:
    return Needles((*_strong(), *_WEAK))


def _names(text: str, lowered: str) -> Iterator[_Name]:
    last = 0
    for at in sorted(at for positions in _needles().positions(lowered).values() for at in positions):
        if at >= last:
            start, last = _word(text, at)
            if last - at < _LONGEST_NAME:
                yield _Name(start, last, text[start:last], any(one in lowered[start:last] for one in _strong()))


def _word(text: str, at: int) -> tuple[int, int]:
    start, end = at, at + 1
    first, last = max(0, at - _LONGEST_NAME), min(len(text), at + _LONGEST_NAME)
    while start > first and (text[start - 1].isalnum() or text[start - 1] in "_-."):
        start -= 1
    while end < last and (text[end].isalnum() or text[end] in "_-"):
        end += 1
    return start, end


def _is_secret(name: _Name, value: str, *, plain: bool = False) -> bool:
    """`plain`: a value that has only its place to speak for it."""
    if is_placeholder(value) or _PUBLIC.search(name.text):
        return False
    if plain or not name.strong or _ABOUT.search(name.text):
        return looks_random(value)
    return len(value) >= 4


def _quoted(text: str, name: _Name, end: int) -> Assigned | None:
    found = _ASSIGNED.match(text, name.end, end)
    if found is None or not _is_secret(name, found["value"], plain=found["operator"] == ","):
        return None
    return Assigned(*found.span("value"))


def _bare(text: str, name: _Name, end: int) -> Assigned | None:
    found = _OPTION.match(text, name.end, end) if name.text.startswith("--") else _BARE.match(text, name.end, end)
    if found is None:
        return None
    value = found["value"].rstrip(".:!?")
    tight = "operator" not in found.re.groupindex or found["operator"] == "="
    mixed = any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)
    if _is_secret(name, value, plain=not (tight and mixed)):
        return Assigned(found.start("value"), found.start("value") + len(value))
    return None


def _by_plugin(text: str, names: list[_Name]) -> Iterator[Assigned]:
    """What KeywordDetector itself finds; it looks at one line at a time."""
    from detect_secrets.plugins.keyword import FOLLOWED_BY_QUOTES_AND_SEMICOLON_REGEX, QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP

    near = windows((name.start for name in names), *_PLUGIN_REACH, len(text))
    lines = [line.span() for start, end in near for line in _LINE.finditer(text, start, end) if _QUOTE.search(line[0])]
    for expression, group in QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP.items():
        if expression is FOLLOWED_BY_QUOTES_AND_SEMICOLON_REGEX:
            continue  # C's: it takes the argument of a call for the secret
        for found in (found for span in lines for found in expression.finditer(text, *span)):
            first = bisect.bisect_left(names, found.start(), key=lambda name: name.end)
            if first < len(names) and names[first].start <= found.end() and _is_secret(names[first], found[group]):
                yield Assigned(*found.span(group))
