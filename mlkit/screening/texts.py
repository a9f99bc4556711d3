"""Redacts the secrets that rules, keywords and known values find in texts. Results are cached."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mlkit.screening import keywords, rules, table_cells
from mlkit.screening.encoded_texts import decoded, encoded_texts, png_texts
from mlkit.screening.known_secrets import SHORTEST, KnownValues
from mlkit.screening.plain_views import Piece, View, joined, seen, spelled, unbroken
from mlkit.screening.rule import Hit
from mlkit.screening.secret_names import RULE
from mlkit.screening.word_search import lower

ROUNDS = 3  # one finding may hide another beside it if the rules share a delimiter
_WINDOW = 4000  # characters of each output are read together with its neighbours'
_MARK = re.compile(r"\[redacted: ([^\[\]\n]{1,300})\]")
_EDGE = re.compile(r"^[\s'\"]+|[\s'\"]+$")
_LEAST_SHARE = 4  # characters on each side of a removed line break; with fewer, words and digests would form tokens


class Kind(StrEnum):
    """The kind of a text. In code, values without quotes are no secrets. In markup, tags are not text."""

    CODE = "code"
    TEXT = "text"
    MARKUP = "markup"


@dataclass(frozen=True)
class Found:
    """One secret: its parts in the stored texts, and its value if one part holds all of it."""

    rule: str
    pieces: tuple[Piece, ...]
    value: str | None = None


@dataclass(frozen=True)
class Cleaned:
    """The texts without secrets, and the rules that found them."""

    leaves: tuple[str, ...]
    rules: tuple[str, ...]


class Texts:
    """Redacts texts. `leaves` are stored separately but searched as one text, with `between` between them."""

    def __init__(self, known: KnownValues) -> None:
        self.known = known
        self._looks: dict[Any, tuple[Found, ...]] = {}
        self._cleaned: dict[Any, tuple[int, Cleaned]] = {}
        self._used: set[Any] = set()

    def clean(self, leaves: tuple[str, ...], kind: Kind, between: str = "") -> Cleaned:
        """The texts with each secret replaced by a mark that names its rule."""
        if sum(map(len, leaves)) < SHORTEST:
            return Cleaned(leaves, ())
        return self._remembered((leaves, kind, between), lambda: self._clean(leaves, kind, between))

    def secrets(self, leaves: tuple[str, ...], kind: Kind, between: str = "") -> tuple[Found, ...]:
        """The texts that look like secrets, without the known values."""
        key = (leaves, kind, between)
        self._used.add(key)
        if key not in self._looks:
            self._looks[key] = tuple(_looks(View.of(leaves, between), kind))
        return self._looks[key]

    def clean_borders(self, leaves: tuple[str, ...], kinds: tuple[Kind, ...]) -> Cleaned:
        """The texts without the secrets that begin in one text and end in another."""
        return self._remembered((leaves, kinds), lambda: self._clean_borders(leaves, kinds))

    def binary_rule(self, value: str) -> str | None:
        """The rule that finds a secret in an image's bytes or in its comments."""
        found = self._remembered((value,), lambda: Cleaned((), tuple(self._in_binary(value))))
        return found.rules[0] if found.rules else None

    def forget_unused(self) -> None:
        """Drop cached results that were not used since the last call."""
        for remembered in (self._looks, self._cleaned):
            for key in [key for key in remembered if key not in self._used]:
                del remembered[key]
        self._used = set()

    def _remembered(self, key: Any, work: Any) -> Cleaned:
        self._used.add(key)
        generation, cleaned = self._cleaned.get(key, (-1, None))
        if generation != self.known.generation or cleaned is None:
            generation = self.known.generation
            cleaned = work()
            self._cleaned[key] = (generation, cleaned)
        return cleaned

    def _clean(self, leaves: tuple[str, ...], kind: Kind, between: str) -> Cleaned:
        names: dict[str, None] = {}
        for number in range(ROUNDS):
            view = View.of(leaves, between)
            looks = self.secrets(leaves, kind, between) if number == 0 else _looks(view, kind)
            found = [one for one in (*self._knowns(view, kind), *looks) if not self._is_mark(leaves, one)]
            if not found:
                break
            names.update(dict.fromkeys(one.rule for one in found))
            leaves = redact(leaves, found)
        return Cleaned(leaves, tuple(names))

    def _knowns(self, view: View, kind: Kind) -> Iterator[Found]:
        if self.known.generation == 0:
            return
        shown = seen(view, markup=kind is Kind.MARKUP)
        for one in (view,) if shown is view else (view, shown):
            yield from (_found(one, hit) for hit in self.known.find(one.text))
        if "\n" in shown.text or "\\n" in shown.text:
            line = unbroken(shown)
            yield from (_found(line, hit) for hit in self.known.find(line.text, one_line=True))
        if (letters := spelled(shown)) is not None:
            yield from (_found(letters, hit) for hit in self.known.find(letters.text))
        for start, end, inside in encoded_texts(shown.text):
            for hit in self.known.find(inside):
                yield _found(shown, Hit(start, end, hit.rule))

    def _clean_borders(self, leaves: tuple[str, ...], kinds: tuple[Kind, ...]) -> Cleaned:
        names: dict[str, None] = {}
        window = max(_WINDOW, self.known.longest)
        for _ in range(ROUNDS):
            views = [_ends(seen(View.of((leaf,)), markup=kind is Kind.MARKUP), window) for leaf, kind in zip(leaves, kinds, strict=True)]
            found = [one for one in self._across(views) if not self._is_mark(leaves, one)]
            if not found:
                break
            names.update(dict.fromkeys(one.rule for one in found))
            leaves = redact(leaves, found)
        return Cleaned(leaves, tuple(names))

    def _across(self, views: Sequence[View]) -> Iterator[Found]:
        direct = joined(views)
        lowered = lower(direct.text)
        assigned = (Hit(*span, RULE) for span in keywords.find(direct.text, lowered, code=False))
        for hit in (*self.known.find(direct.text), *rules.find(direct.text, lowered), *assigned):
            found = _found(direct, hit)
            if len({piece.leaf for piece in found.pieces}) > 1:
                yield found
        bare = joined([view.edited((edge.start(), edge.end(), "") for edge in _EDGE.finditer(view.text)) for view in views])
        for hit, least in (
            *((hit, 1) for hit in self.known.find(bare.text)),
            *((hit, _LEAST_SHARE) for hit in rules.find(bare.text, lower(bare.text))),
        ):
            found = _found(bare, hit)
            shares = _shares(found)
            if len(shares) > 1 and min(shares) >= least:
                yield found

    def _in_binary(self, value: str) -> Iterator[str]:
        data = decoded(value)
        if data is None:
            yield from self.clean((value,), Kind.TEXT).rules
            return
        rule = self.known.in_bytes(data)
        if rule is not None:
            yield rule
        for words in png_texts(data):
            yield from self.clean((words,), Kind.TEXT).rules

    def _is_mark(self, leaves: Sequence[str], found: Found) -> bool:
        """Whether the finding is only the mark of a secret that was already redacted."""
        if len(found.pieces) != 1:
            return False
        leaf, start, stop = found.pieces[0]
        for mark in _MARK.finditer(leaves[leaf], max(0, start - 320), min(len(leaves[leaf]), stop + 320)):
            if mark.start() <= start and stop <= mark.end():
                return mark[1] in self.known.rules or mark[1] in rules.names() or mark[1] == RULE
        return False


def mark(rule: str) -> str:
    """The text that replaces a secret."""
    return f"[redacted: {rule}]"


def redact(leaves: Sequence[str], found: Iterable[Found]) -> tuple[str, ...]:
    """The texts with a mark for each secret, in each text that holds a part of it. Overlapping secrets get the first one's mark."""
    spans: dict[int, list[tuple[int, int, int, str]]] = {}
    for order, one in enumerate(found):
        marked: set[int] = set()
        for piece in one.pieces:
            spans.setdefault(piece.leaf, []).append((piece.start, piece.stop, order, "" if piece.leaf in marked else mark(one.rule)))
            marked.add(piece.leaf)
    return tuple(_replace(leaf, sorted(spans[number])) if number in spans else leaf for number, leaf in enumerate(leaves))


def _replace(text: str, spans: list[tuple[int, int, int, str]]) -> str:
    merged: list[tuple[int, int, int, str]] = []
    for start, stop, order, new in spans:
        if merged and start < merged[-1][1]:
            before = merged[-1]
            best = min((one for one in (before[2:], (order, new)) if one[1]), default=(order, ""))
            merged[-1] = (before[0], max(stop, before[1]), *best)
        else:
            merged.append((start, stop, order, new))
    parts: list[str] = []
    at = 0
    for start, stop, _, new in merged:
        parts += (text[at:start], new)
        at = stop
    return "".join((*parts, text[at:]))


def _looks(view: View, kind: Kind) -> Iterator[Found]:
    shown = seen(view, markup=kind is Kind.MARKUP)
    for one in (view,) if shown is view else (view, shown):
        lowered = lower(one.text)
        yield from (_found(one, hit) for hit in rules.find(one.text, lowered))
        yield from _assigned(one, lowered, kind)
    for start, end, inside in encoded_texts(shown.text):
        rule = _inside(inside, depth=1)
        if rule is not None:
            pieces = shown.pieces(start, end)
            yield Found(rule, tuple(pieces))
    if (letters := spelled(shown)) is not None:
        yield from (_found(letters, hit) for hit in rules.find(letters.text, lower(letters.text)))


def _assigned(view: View, lowered: str, kind: Kind) -> Iterator[Found]:
    for start, end in keywords.find(view.text, lowered, code=kind is Kind.CODE):
        yield _found(view, Hit(start, end, RULE))
    if kind is not Kind.CODE:
        yield from (_found(view, hit) for hit in table_cells.find(view.text, lowered))
    if kind is Kind.MARKUP and "<t" in lowered:
        yield from (_found(view, hit) for hit in table_cells.find_html(view.text))


def _inside(text: str, depth: int) -> str | None:
    lowered = lower(text)
    for hit in rules.find(text, lowered):
        return hit.rule
    for _ in keywords.find(text, lowered, code=False):
        return RULE
    deeper = (_inside(inside, depth - 1) for _, _, inside in encoded_texts(text)) if depth else ()
    return next((rule for rule in deeper if rule is not None), None)


def _found(view: View, hit: Hit) -> Found:
    return Found(hit.rule, tuple(view.pieces(hit.start, hit.end)), view.text[hit.start : hit.end])


def _shares(found: Found) -> list[int]:
    shares: dict[int, int] = {}
    for piece in found.pieces:
        shares[piece.leaf] = shares.get(piece.leaf, 0) + piece.stop - piece.start
    return list(shares.values())


def _ends(view: View, window: int) -> View:
    return view if len(view.text) <= 2 * window else view.edited([(window, len(view.text) - window, "\n\n")])
