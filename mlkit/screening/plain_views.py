"""Views of a text as a reader sees it, without colour codes or markup. Each place in a view leads back to the stored text."""

import bisect
import functools
import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

_COLOUR = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|\\(?:x1b|u001b|u001B|033)\[[0-9;]*[A-Za-z]"  # real, and escaped
)
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]+")  # characters without a width
_MARKUP = re.compile(
    r"(?P<open><!--|<(?:script|style)\b[^<>]*>)|</?(?P<tag>[A-Za-z][\w:]*)[^<>]*>|&(?:#\d+|#x[0-9a-f]+|[a-z]\w*);", re.IGNORECASE
)
_CLOSE = {"<!-": re.compile("-->"), "<sc": re.compile(r"</script\s*>", re.IGNORECASE), "<st": re.compile(r"</style\s*>", re.IGNORECASE)}
_INLINE = frozenset(("a", "b", "code", "em", "font", "i", "mark", "small", "span", "strong", "tspan", "u"))
_LINE_BREAK = re.compile(r"(?:\r?\n|\\n)[ \t]{0,400}(?:#{1,6} )?(?:[bru]?['\"])?")
_LETTER = r"(?:'[^'\n]'|\"[^\"\n]\"|[A-Za-z0-9_+/=.\-])"
_SPELLED = re.compile(rf"(?<![A-Za-z0-9_'\"]){_LETTER}(?:(?:,\s{{0,10}}|[\s\u200b]{{1,10}}){_LETTER}){{7,}}(?![A-Za-z0-9_])")
_ONE_LETTER = re.compile(r"(?:,\s*|\s+)?(?:'([^'\n])'|\"([^\"\n])\"|(\S))")


class Segment(NamedTuple):
    """`view[at:end]` shows `leaves[leaf][start:stop]`. Their lengths differ only for a segment that is replaced as a whole (an entity)."""

    at: int
    end: int
    leaf: int
    start: int
    stop: int


class Piece(NamedTuple):
    """A part of one stored text."""

    leaf: int
    start: int
    stop: int


class View:
    """A text made of one or more stored texts, the leaves. Characters between the segments show no stored text.

    `segments` are computed only when a secret was found and its place is needed, because most texts have none.
    """

    def __init__(self, text: str, segments: Callable[[], Sequence[Segment]]) -> None:
        self.text = text
        self._make_segments = segments

    @functools.cached_property
    def segments(self) -> Sequence[Segment]:
        return self._make_segments()

    @classmethod
    def of(cls, leaves: Sequence[str], between: str = "") -> "View":
        def segments() -> Iterator[Segment]:
            at = 0
            for number, leaf in enumerate(leaves):
                yield Segment(at, at + len(leaf), number, 0, len(leaf))
                at += len(leaf) + len(between)

        return cls(between.join(leaves), lambda: tuple(segments()))

    def pieces(self, start: int, end: int) -> list[Piece]:
        """The stored parts that `text[start:end]` shows."""
        found = []
        first = max(0, bisect.bisect_right(self.segments, start, key=lambda segment: segment.at) - 1)
        for segment in self.segments[first:]:
            if segment.at >= end:
                break
            low, high = max(start, segment.at), min(end, segment.end)
            if low < high:
                if segment.end - segment.at == segment.stop - segment.start:
                    shift = segment.start - segment.at
                    found.append(Piece(segment.leaf, low + shift, high + shift))
                else:
                    found.append(Piece(segment.leaf, segment.start, segment.stop))
        return found

    def edited(self, edits: Iterable[tuple[int, int, str]]) -> "View":
        """The view after the replacements `(start, end, replacement)`, in order. A blank replacement shows no stored text."""
        done = tuple(edits)
        texts: list[str] = []
        last = 0
        for start, end, new in done:
            texts += (self.text[last:start], new)
            last = end
        return View("".join((*texts, self.text[last:])), lambda: tuple(self._after(done)))

    def _after(self, edits: Sequence[tuple[int, int, str]]) -> Iterator[Segment]:
        at = last = 0
        for start, end, new in [*edits, (len(self.text), len(self.text), "")]:
            for segment in self._between(last, start):
                yield Segment(segment.at - last + at, segment.end - last + at, *segment[2:])
            at += start - last
            if new and not new.isspace() and (pieces := self.pieces(start, end)):
                yield Segment(at, at + len(new), pieces[0].leaf, pieces[0].start, pieces[-1].stop)
            at, last = at + len(new), end

    def _between(self, start: int, end: int) -> Iterator[Segment]:
        first = max(0, bisect.bisect_right(self.segments, start, key=lambda segment: segment.at) - 1)
        for segment in self.segments[first:]:
            if segment.at >= end:
                return
            low, high = max(start, segment.at), min(end, segment.end)
            if low < high:
                if (low, high) == (segment.at, segment.end) or segment.end - segment.at != segment.stop - segment.start:
                    yield Segment(low, high, *segment[2:])
                else:
                    shift = segment.start - segment.at
                    yield Segment(low, high, segment.leaf, low + shift, high + shift)


def joined(views: Sequence[View], between: str = "") -> View:
    """The views one after the other. The leaves have the numbers of the views."""

    def segments() -> Iterator[Segment]:
        at = 0
        for number, view in enumerate(views):
            for segment in view.segments:
                yield Segment(segment.at + at, segment.end + at, number, segment.start, segment.stop)
            at += len(view.text) + len(between)

    return View(between.join(view.text for view in views), lambda: tuple(segments()))


def seen(view: View, *, markup: bool) -> View:
    """The text without colour codes. With `markup`, also without tags: a tag becomes a line break, except a tag inside of a line."""
    if "\x1b" in view.text or "1b[" in view.text or "1B[" in view.text or "033[" in view.text:
        view = view.edited((found.start(), found.end(), "") for found in _COLOUR.finditer(view.text))
    if not view.text.isascii() and _UNSEEN.search(view.text):
        view = view.edited((found.start(), found.end(), "") for found in _UNSEEN.finditer(view.text))
    if markup:
        view = view.edited(_markup(view.text))
    return view


def unbroken(view: View) -> View:
    """The view in one line. Quotes around a line break, as pprint writes them, are removed too."""
    return view.edited((start, end, "") for start, end in _line_breaks(view.text))


def _line_breaks(text: str) -> Iterator[tuple[int, int]]:
    last = 0
    for found in _LINE_BREAK.finditer(text):
        start = _blanks_before(text, found.start(), last)
        if start > last and text[start - 1] in "'\"":
            start = _blanks_before(text, start - 1, last)
        last = found.end()
        yield start, last


def _blanks_before(text: str, at: int, least: int) -> int:
    while at > least and text[at - 1] in " \t":
        at -= 1
    return at


def spelled(view: View) -> View | None:
    """The view with single letters of a list or a column joined to words; None if it has none."""
    runs = [run for run in _SPELLED.finditer(view.text) if any(sign.isalpha() for sign in run[0])]
    return view.edited(edit for run in runs for edit in _put_together(view.text, *run.span())) if runs else None


def _put_together(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for letter in _ONE_LETTER.finditer(text, start, end):
        low, high = letter.span(letter.lastindex or 0)
        yield from ((letter.start(), low, ""), (high, letter.end(), ""))


def one_line(text: str) -> str:
    return unbroken(View.of((text,))).text


def _markup(text: str) -> Iterator[tuple[int, int, str]]:
    """The tags, comments, scripts and entities, each with the text that a reader sees."""
    at, unclosed = 0, set()
    while found := _MARKUP.search(text, at):
        at = found.end()
        if found["open"]:
            kind = found["open"][:3].lower()
            close = None if kind in unclosed else _CLOSE[kind].search(text, at)
            if close is None:
                unclosed.add(kind)  # no later one is closed either
            else:
                at = close.end()
            yield found.start(), at, "\n"
        elif found["tag"]:
            yield *found.span(), "" if found["tag"].lower() in _INLINE else "\n"
        else:
            yield *found.span(), html.unescape(found[0])
