"""Texts and figures as the page shows them. What a step or a commit says is cut, and its invisible characters become visible."""

import re
from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup, escape

# C0 and C1 controls, zero-width characters, halves of surrogate pairs, and the marks that turn the direction of text, by which a diff
# could be read wrongly.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]")
_PLACES = re.compile(r"([_/]|\.(?!\d))(?=\w)")
_LONG_WORD = re.compile(r"\S{24,}")
_LONGEST = 300
_IMPLAUSIBLE = 10**18  # bytes or seconds: no machine did that


def visible(text: str) -> str:
    """The text with an escape such as `\\u202e` in place of each invisible character."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def bounded(text: object, longest: int = _LONGEST) -> str:
    """The beginning of a text in visible characters; line breaks stay."""
    whole = str(text)
    return visible(whole if len(whole) <= longest else f"{whole[:longest].rstrip()} ...")


def short_commit(commit: str) -> str:
    """The first ten characters, as the approval's message has them."""
    return bounded(commit, 80)[:10]


def short_digest(digest: str) -> str:
    """The beginning of a SHA-256, enough to tell two apart; any other text as it is."""
    return f"{digest[:12]}..." if re.fullmatch("[0-9a-f]{64}", digest) else bounded(digest)


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def breakable(text: object, longest: int = _LONGEST) -> Markup:
    """The beginning of a text, escaped, in which words of 24 characters and more may break after `_`, `/`, and a dot that is no decimal."""
    return Markup(_LONG_WORD.sub(lambda word: _PLACES.sub("\\1<wbr>", word[0]), str(escape(bounded(text, longest)))))


def clock(time: str) -> str:
    """An ISO 8601 time as `2026-03-14 09:26:53 UTC`; any other text bounded."""
    moment = _moment(time)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else bounded(time, 40)


def duration(started: str, ended: str) -> str:
    """`1 min 23 s` between two ISO 8601 times; empty if one is missing."""
    begin, end = _moment(started), _moment(ended)
    if begin is None or end is None or (begin.tzinfo is None) != (end.tzinfo is None):
        return ""
    return seconds((end - begin).total_seconds())


def seconds(number: float) -> str:
    """`0.4 s`, `12 s`, `1 min 23 s`, `2 h 5 min`."""
    if number >= _IMPLAUSIBLE:
        return "implausible"
    if number < 10:
        return f"{max(0.0, number):.1f} s"
    whole = round(number)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(number: int) -> str:
    """Bytes as `812 B`, `12 kB`, `3.4 MB`."""
    if number >= _IMPLAUSIBLE:
        return "implausible"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.{0 if unit == 'kB' else 1}f} {unit}"
    return f"{number} B"


def _moment(time: str) -> datetime | None:
    try:
        return datetime.fromisoformat(time)
    except (ValueError, TypeError):
        return None
