"""Finds many words in a text in one pass, so that slow expressions are tried only around them."""

import re
from collections.abc import Iterable


class Needles:
    """The words to look for."""

    def __init__(self, words: Iterable[str]) -> None:
        words = tuple(dict.fromkeys(words))
        self._expression = re.compile(_alternatives(words) or r"(?!)")
        self._beginnings = {word: tuple(other for other in words if word.startswith(other)) for word in words}

    def positions(self, text: str) -> dict[str, list[int]]:
        """The starts of each word in the text."""
        found: dict[str, list[int]] = {}
        match = self._expression.search(text)
        while match:
            for word in self._beginnings[match[0]]:
                found.setdefault(word, []).append(match.start())
            match = self._expression.search(text, match.start() + 1)
        return found


def windows(positions: Iterable[int], before: int, after: int, length: int) -> list[tuple[int, int]]:
    """The ranges around the positions in a text of that length, in order; overlapping ranges are merged."""
    merged: list[tuple[int, int]] = []
    for at in sorted(positions):
        start, end = max(0, at - before), min(length, at + after)
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def lower(text: str) -> str:
    """The text in lower case, character by character, so that its length does not change."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(one.lower() if one.isascii() else one for one in text)


def _alternatives(words: Iterable[str]) -> str:
    """An expression for the words as a tree of first, second, ... characters. It does not try the words one by one; the longest wins."""
    by_first: dict[str, list[str]] = {}
    words = list(words)
    for word in words:
        if word:
            by_first.setdefault(word[0], []).append(word[1:])
    branches = [re.escape(first) + _alternatives(rest) for first, rest in sorted(by_first.items())]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' if '' in words else ''}"
