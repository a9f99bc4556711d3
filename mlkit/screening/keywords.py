"""Finds values beside a name like `password`: assigned in code or a shell, listed, compared, in XML, on the command line."""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from mlkit.screening.secret_names import SecretName, is_secret, names

_LONGEST_VALUE = 4000
_LONGEST_TAG = 300
_ASSIGNED = re.compile(
    r"(?:\\*['\"`]|&quot;)?\]?[ \t]*"
    r"(?::[ \t]*[A-Za-z_][\w.\[\], |\t]{0,100}?(?==[^=]))?"  # an annotation
    r"(?P<operator>:=|=>|[=!]={1,2}|=|:|,)[ \t]*[rbfuRBFU]{0,2}"
    r"(?P<quote>\\*(?:\"\"\"|'''|['\"`])|&quot;)(?P<value>(?:(?!(?P=quote))(?:\\.|[^\\\n]))+)(?P=quote)"
)
_BARE = re.compile(r"(?P<operator>=|[ \t]*\*{0,2}:\*{0,2}[ \t]*|[ \t]+=[ \t]+)(?P<value>[^\s'\"`;,&<>()\[\]{}|\\=]{6,}={0,2})(?!=)")
_SPOKEN = re.compile(
    r"[ \t]+(?:(?:is|was|ist)[ \t:]{1,3})?(?P<quote>['\"`]?)(?P<value>[^\s'\"`;,&<>()\[\]{}|\\=]{6,})(?P=quote)"
)  # `password 'x'`, `is x`
_OPTION = re.compile(r"[ =](?P<value>[^\s'\"`;,&<>()\[\]{}|\\=]{6,}={0,2})(?!=)")
_LISTED = re.compile(r"\\*['\"]?\]?\s{0,3}[:=]\s{0,3}(?:[\w.]{0,30}\()?[\[({]\s{0,20}(?=['\"\\\d])")  # `password: ['a', 'b']`, `{0: 'a'}`
_ITEM = re.compile(
    r"\s{0,20}(?:\\*['\"]?\d{1,9}\\*['\"]?\s?:\s?)?(?P<quote>\\*['\"])(?P<value>(?:(?!(?P=quote)).){1,400})(?P=quote)\s{0,20}(?P<more>,?)"
)
_COMPARED = re.compile(r"(?P<quote>\\*['\"`])(?P<value>[^'\"`\\\n]{1,200})(?P=quote)\s{0,5}[!=]==?\s{0,5}\Z")
_XML = re.compile(  # `<password>x</password>`, `<add key="password" value="x"/>`, `<key>password</key><string>x</string>`
    r"(?:[^<>\n]{0,200}>\s{0,100}(?:<!\[CDATA\[)?([^<>\s][^<>\n]{2,2000}?)(?:\]\]>)?\s{0,100}</"
    r"|['\"](?:\s[^<>]{0,200}?)?\s(?:value|content)\s?=\s?['\"]([^'\"\n]{3,2000})['\"]"
    r"|\s?</key>\s{0,100}<string>([^<>\n]{3,2000})</string>)"
)
_IN_TAG = re.compile(r"</?[\w:.\-]{0,50}\Z|<\w[^<>]{0,200}\s(?:name|key|id|type)\s?=\s?['\"][\w.\-]{0,50}\Z|<key>[\w.\-]{0,50}\Z")
_PASSWORD = re.compile(r"passw|pwd|passphrase", re.IGNORECASE)
_COMMAND = re.compile(r"[ \t]*[!%]")
_MOST_ITEMS = 1000


class Assigned(NamedTuple):
    """`text[start:end]` is the value of a secret name."""

    start: int
    end: int


def find(text: str, lowered: str, *, code: bool) -> Iterator[Assigned]:
    """The values beside secret names. In `code` a value without quotes is an expression, so it counts in commands only (`%env A=...`)."""
    for name in names(text, lowered):
        line_end = text.find("\n", name.end, name.end + _LONGEST_VALUE)
        end = line_end if line_end >= 0 else min(len(text), name.end + _LONGEST_VALUE)
        line_start = text.rfind("\n", max(0, name.start - _LONGEST_VALUE), name.start) + 1
        found = _quoted(text, name, end)
        if found is None and (not code or _COMMAND.match(text, line_start)):
            found = _bare(text, name, end)
        found = found or _said(text, name, end)
        if found is not None:
            yield found
        yield from _listed(text, name)
        yield from _compared(text, name)
        yield from _in_xml(text, name)


def spoken(text: str) -> str:
    """The value of a literal's inside, with its escapes decoded."""
    if "\\" in text:
        try:
            return str(ast.literal_eval(f'"{text}"'))
        except (SyntaxError, ValueError):
            pass
    return text


def _quoted(text: str, name: SecretName, end: int) -> Assigned | None:
    found = _ASSIGNED.match(text, name.end, end)
    if found is None or not is_secret(name, found["value"], plain=found["operator"] == ","):
        return None
    return Assigned(*found.span("value"))


def _bare(text: str, name: SecretName, end: int) -> Assigned | None:
    found = _OPTION.match(text, name.end, end) if name.text.startswith("--") else _BARE.match(text, name.end, end)
    if found is None:
        return None
    value = found["value"].rstrip(".:!?*")
    tight = "operator" not in found.re.groupindex or found["operator"] == "=" or _PASSWORD.search(name.text) is not None
    if is_secret(name, value, plain=not (tight and _is_mixed(value))):
        return Assigned(found.start("value"), found.start("value") + len(value))
    return None


def _said(text: str, name: SecretName, end: int) -> Assigned | None:
    """The value in a sentence or SQL. It may be a plain word, so a password must mix letters and digits; other values must look random."""
    found = _SPOKEN.match(text, name.end, end)
    if found is None or not name.strong:
        return None
    value = found["value"].rstrip(".:!?")
    said = found["quote"] or not text[name.end : found.start("value")].isspace()
    if is_secret(name, value, plain=not (said and _PASSWORD.search(name.text) and _is_mixed(value))):
        return Assigned(found.start("value"), found.start("value") + len(value))
    return None


def _is_mixed(value: str) -> bool:
    return any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)


def _listed(text: str, name: SecretName) -> Iterator[Assigned]:
    """Each item of a list, tuple or column of values."""
    opened = _LISTED.match(text, name.end)
    at = opened.end() if opened else -1
    for _ in range(_MOST_ITEMS):
        item = _ITEM.match(text, at) if at >= 0 else None
        if item is None:
            return
        if is_secret(name, item["value"]):
            yield Assigned(*item.span("value"))
        at = item.end() if item["more"] else -1


def _compared(text: str, name: SecretName) -> Iterator[Assigned]:
    """`"value" == password`."""
    if text[name.start - 1 : name.start] in (" ", "=", "\t"):
        before = text[max(0, name.start - 220) : name.start]
        found = _COMPARED.search(before)
        if found and is_secret(name, found["value"]):
            shift = name.start - len(before)
            yield Assigned(found.start("value") + shift, found.end("value") + shift)


def _in_xml(text: str, name: SecretName) -> Iterator[Assigned]:
    if text[name.end : name.end + 1] not in (">", "'", '"', " ", "<") or text.rfind("<", max(0, name.start - _LONGEST_TAG), name.start) < 0:
        return
    found = _XML.match(text, name.end)
    if found and _IN_TAG.search(text[max(0, name.start - _LONGEST_TAG) : name.start]):
        value = found.lastindex or 1
        if is_secret(name, found[value]):
            yield Assigned(*found.span(value))
