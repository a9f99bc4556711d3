"""Finds texts that look like secrets, by the rules of betterleaks (kept as data) and our own.

betterleaks.json is made by `make secret-rules` from betterleaks' rule set (MIT, Copyright (c) 2026 Zachary Rice).
"""

import functools
import json
import re
from collections.abc import Iterator
from importlib.resources import files

from mlkit.screening.own_rules import OWN
from mlkit.screening.placeholders import is_example
from mlkit.screening.rule import Hit, Rule
from mlkit.screening.word_search import Needles, windows

_NO_TOKEN = re.compile(r"[^\w=\-]")


def find(text: str, lowered: str) -> Iterator[Hit]:
    """The texts that look like secrets by themselves. `lowered` is the text in lower case, of the same length."""
    places = _needles().positions(lowered)
    ends: dict[int, int] = {}  # ends of findings by their starts: several rules may find one token
    for rule in _candidates(places):
        positions = [at for needle in rule.needles for at in places.get(needle, ())]
        for match in _matches(rule, text, positions):
            start, end = rule.span(match)
            if ends.get(start, -1) < end and rule.accepts(text, start, end) and not is_example(text[start:end]):
                ends[start] = rule.extend(text, end)
                yield Hit(start, ends[start], rule.name)


def _candidates(places: dict[str, list[int]]) -> Iterator[Rule]:
    numbers = {number for needle in places for number in _by_needle()[needle]}
    for number in sorted(numbers.union(_by_needle()[""])):
        yield rules()[number]


def _matches(rule: Rule, text: str, positions: list[int]) -> Iterator["re.Match[str]"]:
    if rule.anchored:
        last = -1
        for at in sorted(positions):
            # A needle inside of another token is part of that token.
            if (last < 0 or _NO_TOKEN.search(text, last, at)) and (match := rule.expression.match(text, at, at + rule.after)):
                yield match
            last = at
        return
    for stretch in windows(positions, rule.before, rule.after, len(text)) if rule.needles else [(0, len(text))]:
        yield from rule.expression.finditer(text, *stretch)


@functools.cache
def names() -> frozenset[str]:
    """The rules' names."""
    return frozenset(rule.name for rule in rules())


@functools.cache
def rules() -> tuple[Rule, ...]:
    """All rules. Ours come first, because their names are clearer."""
    data = json.loads(files("mlkit.screening").joinpath("betterleaks.json").read_text())
    known = (Rule(name=one["id"], pattern=one["regex"], needles=tuple(one["keywords"]), entropy=one["entropy"]) for one in data)
    return (*OWN, *known)


@functools.cache
def _needles() -> Needles:
    return Needles(needle for rule in rules() for needle in rule.needles)


@functools.cache
def _by_needle() -> dict[str, tuple[int, ...]]:
    """The numbers of the rules by needle. Rules that are tried everywhere have the needle ""."""
    found: dict[str, tuple[int, ...]] = {}
    for number, rule in enumerate(rules()):
        for needle in rule.needles or ("",):
            found[needle] = (*found.get(needle, ()), number)
    return found
