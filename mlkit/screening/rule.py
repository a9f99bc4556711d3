"""What one rule is: an expression, the words that stand in whatever it matches, and the last word on a match."""

import functools
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

REACH = 1200  # characters behind a needle in which a rule looks
_TOKEN_REST = re.compile(r"[A-Za-z0-9_+/=.\-]*[A-Za-z0-9_+/=\-]")  # rules of fixed length would leave the end of a longer token


class Hit(NamedTuple):
    """`text[start:end]` is a secret, says the rule."""

    start: int
    end: int
    rule: str


def rest_of_token(text: str, end: int) -> int:
    """Where the token ends that a rule found to `end`."""
    rest = _TOKEN_REST.match(text, end)
    return rest.end() if rest else end


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. Its expression is compiled when a text holds one of its needles: most of them never are."""

    name: str
    pattern: str
    needles: tuple[str, ...]  # in lower case; () means that the rule is tried everywhere
    before: int = 300
    after: int = REACH
    anchored: bool = False  # the expression begins with the needle and eats whatever token follows
    entropy: float = 0  # bits per character; a value with less is a placeholder
    is_secret: Callable[[str, int, int], bool] = lambda text, start, end: True
    extend: Callable[[str, int], int] = rest_of_token

    @functools.cached_property
    def expression(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def span(self, match: "re.Match[str]") -> tuple[int, int]:
        """Where the secret is: the first group that holds something, or the whole match."""
        return match.span(next((number for number in range(1, match.re.groups + 1) if match[number]), 0))

    def accepts(self, text: str, start: int, end: int) -> bool:
        return start < end and entropy(text[start:end]) > self.entropy and self.is_secret(text, start, end)


def entropy(value: str) -> float:
    """Shannon's, in bits per character."""
    counts = Counter(value).values()
    return sum(-count / len(value) * math.log2(count / len(value)) for count in counts)
