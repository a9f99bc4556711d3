"""Finds known secrets in every form in which a notebook may show them."""

import base64
import codecs
import contextlib
import html
import json
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from mlkit.screening import plain_views
from mlkit.screening.rule import Hit
from mlkit.screening.secret_names import is_secret_member, looks_random

SHORTEST = 6  # characters; shorter values occur in ordinary text
_CUT = 50  # pandas cuts off a cell after this many characters
_BASE64 = re.compile(r"[A-Za-z0-9+/_=\-]*")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")


class KnownValues:
    """The known values by rule. `generation` grows with each new one, so that a text is searched once for each value. Thread-safe."""

    def __init__(self) -> None:
        self.generation = 0
        self._rules: dict[str, str] = {}
        self._forms: tuple[tuple[str, str, bool], ...] = ()
        self._line_forms: tuple[tuple[str, str, bool], ...] = ()
        self._lock = threading.Lock()

    def add(self, rule: str, value: str) -> None:
        """Add a value, its lines if it has several, and its secret members if it is a JSON object."""
        with self._lock:
            before = len(self._rules)
            for one in _parts(value):
                self._rules.setdefault(one, rule)
            if len(self._rules) != before:
                self._forms = tuple(_all_forms(self._rules))
                self._line_forms = tuple(
                    (line, rule, encoded) for form, rule, encoded in self._forms if (line := plain_views.one_line(form))
                )
                self.generation += 1

    def find(self, text: str, *, one_line: bool = False) -> Iterator[Hit]:
        """The places of known values in the text, in any form. For base64 it is the whole token, because its ends hold parts of the value.

        With `one_line`, the text has no line breaks.
        """
        for form, rule, encoded in self._line_forms if one_line else self._forms:
            at = text.find(form)
            while at >= 0:
                end = at + len(form)
                yield Hit(*(_token(text, at, end) if encoded else (at, end)), rule)
                at = text.find(form, end)

    def in_bytes(self, data: bytes) -> str | None:
        """The rule of a known value in the bytes."""
        return next((rule for form, rule, _ in self._forms if form.encode("utf-8", "surrogatepass") in data), None)

    @property
    def longest(self) -> int:
        return max((len(form) for form, _, _ in self._forms), default=0)

    @property
    def rules(self) -> frozenset[str]:
        return frozenset(self._rules.values())


def forms(value: str) -> tuple[tuple[str, bool], ...]:
    """The value and its encodings, the longest first, each with a flag for base64."""
    data = value.encode("utf-8", "surrogatepass")
    plain = {value, data.hex(), data.hex().upper(), repr(data)[2:-1]}
    for one in (quote(data, safe=""), quote(data), quote_plus(data), quote(data, safe="~()*!.'")):
        plain |= {one, _ESCAPE.sub(lambda found: found[0].lower(), one), quote(one, safe="")}
    layer = {value}
    for _ in range(2):  # JSON in JSON, JSON in HTML
        layer = {escaped for one in layer for escaped in _escaped(one)}
        plain |= layer
    twice = base64.b64encode(data).rstrip(b"=")
    plain |= _disguised(value)
    encoded = {core for core in (*_base64_cores(data), *_base64_cores(twice)) if core not in plain}
    found = [(one, False) for one in plain] + [(one, True) for one in encoded]
    return tuple(sorted(found, key=lambda form: (-len(form[0]), form)))


def _disguised(value: str) -> set[str]:
    """The value backwards, in rot13, base32 and base85, cut off as by pandas, and in upper and lower case if it is not a plain word."""
    data = value.encode("utf-8", "surrogatepass")
    found = {
        value[::-1],
        codecs.encode(value, "rot13"),
        base64.b32encode(data).decode().rstrip("="),
        base64.b85encode(data).decode(),
        base64.a85encode(data).decode(),
    }
    if len(value) > _CUT:
        found |= {f"{value[: _CUT - 3]}...", f"{value[: _CUT - 1]}…"}
    if len(value) >= 10 or any(sign.isdigit() for sign in value):
        found |= {value.upper(), value.lower(), value.swapcase()}
    return {one for one in found if len(one) >= SHORTEST}


def _escaped(text: str) -> Iterator[str]:
    """The text inside of a Python or JSON literal with either kind of quotes, and in markup."""
    yield json.dumps(text)[1:-1]
    for quotes in ("", "'", '"', "'\"", "/"):
        yield _in_quotes(text, quotes)
    marked = html.escape(text)
    yield from (html.escape(text, quote=False), marked, marked.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"))
    yield marked.replace("&#x27;", "&apos;")


def _in_quotes(text: str, escaped: str) -> str:
    """The inside of a literal that escapes these characters, backslashes and control characters."""
    parts = (json.dumps(sign, ensure_ascii=False)[1:-1] if sign not in "'\"/" else sign for sign in text)
    return "".join(f"\\{part}" if part and part in escaped else part for part in parts)


def _base64_cores(data: bytes) -> Iterator[str]:
    """The value's base64 inside of a longer text, without the characters that also encode bits of the text around it."""
    for offset in range(3):
        first, last = -(-offset * 8 // 6), (offset + len(data)) * 8 // 6
        core = base64.b64encode(bytes(offset) + data)[first:last].decode()
        yield from (core, core.translate(str.maketrans("+/", "-_")), core.replace("+", "%2B").replace("/", "%2F"))


def _token(text: str, start: int, end: int) -> tuple[int, int]:
    last = _BASE64.match(text, end)
    while start > 0 and text[start - 1].isascii() and (text[start - 1].isalnum() or text[start - 1] in "+/_-"):
        start -= 1
    return start, last.end() if last else end


def _all_forms(rules: dict[str, str]) -> Iterator[tuple[str, str, bool]]:
    found = {form: (rule, encoded) for value, rule in rules.items() for form, encoded in forms(value)}
    for form in sorted(found, key=lambda one: (-len(one), one)):
        yield form, *found[form]


def _parts(value: str) -> list[str]:
    stripped = value.strip()
    lines = [line.strip() for line in stripped.splitlines()] if "\n" in stripped else []
    found = [stripped, *(line for line in lines if len(line) >= 16 and not line.startswith("-----"))]
    if stripped.startswith("{"):
        with contextlib.suppress(ValueError):
            found += _secret_members(json.loads(stripped))
    return [one for one in found if len(one) >= SHORTEST]


def _secret_members(content: Any) -> Iterable[str]:
    if not isinstance(content, dict):
        return
    for name, value in content.items():
        if isinstance(value, str) and (is_secret_member(name, value) or looks_random(value)):
            yield value
        elif isinstance(value, dict):
            yield from _secret_members(value)
