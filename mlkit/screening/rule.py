"""A rule: an expression, the words that every match contains, and a check of the match."""

import functools
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

REACH = 1200  # a rule reads this many characters after a needle
_TOKEN_REST = re.compile(r"[A-Za-z0-9_+/=.\-]*[A-Za-z0-9_+/=\-]")  # rules of fixed length would not redact the end of a longer token


class Hit(NamedTuple):
    """The rule found a secret in `text[start:end]`."""

    start: int
    end: int
    rule: str


def rest_of_token(text: str, end: int) -> int:
    """The end of the token, of which a rule found the part up to `end`."""
    rest = _TOKEN_REST.match(text, end)
    return rest.end() if rest else end


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. Its expression is compiled when a text contains one of its needles; most expressions are never needed."""

    name: str
    pattern: str
    needles: tuple[str, ...]  # in lower case; with () the rule is tried everywhere
    before: int = 300
    after: int = REACH
    anchored: bool = False  # the expression begins with the needle and matches the whole token
    entropy: float = 0  # bits per character; a value with fewer is a placeholder
    is_secret: Callable[[str, int, int], bool] = lambda text, start, end: True
    extend: Callable[[str, int], int] = rest_of_token

    @functools.cached_property
    def expression(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def span(self, match: "re.Match[str]") -> tuple[int, int]:
        """The secret's place: the first group that is not empty, or the whole match."""
        return match.span(next((number for number in range(1, match.re.groups + 1) if match[number]), 0))

    def accepts(self, text: str, start: int, end: int) -> bool:
        return start < end and entropy(text[start:end]) > self.entropy and self.is_secret(text, start, end)


def entropy(value: str) -> float:
    """Shannon's entropy, in bits per character."""
    counts = Counter(value).values()
    return sum(-count / len(value) * math.log2(count / len(value)) for count in counts)
