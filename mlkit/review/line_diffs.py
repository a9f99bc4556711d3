"""Line diffs of two texts, as hunks of marked lines."""

import difflib
import re
from dataclasses import dataclass

_CONTEXT = 2  # unchanged lines before and after a change
_MOST_LINES = 400  # of one file's diff
_MOST_COMPARED = 5_000  # lines of a text; difflib takes minutes for much longer ones


@dataclass(frozen=True, kw_only=True)
class Line:
    """`mark` is `+` for a line that is new, `-` for one that is gone, a space for context, `@` for the place where a hunk begins."""

    mark: str
    text: str


@dataclass(frozen=True, kw_only=True)
class LineDiff:
    """`left_out` counts the lines of the diff that are not in `lines`. `note` says why there are no lines to show."""

    lines: tuple[Line, ...] = ()
    added: int = 0
    removed: int = 0
    left_out: int = 0
    note: str = ""


def diff_texts(old: str, new: str) -> LineDiff:
    """The lines that changed. A text of more than 5,000 lines is only named as changed."""
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > _MOST_COMPARED:
        return LineDiff(note="Too long to compare here.")
    found = list(difflib.unified_diff(before, after, lineterm="", n=_CONTEXT))[2:]
    lines = [Line(mark=line[0], text=_place(line) if line[0] == "@" else line[1:]) for line in found]
    added, removed = (sum(line.mark == mark for line in lines) for mark in "+-")
    if not lines:
        return LineDiff(note="Only line ends changed.")
    return LineDiff(lines=tuple(lines[:_MOST_LINES]), added=added, removed=removed, left_out=max(0, len(lines) - _MOST_LINES))


def _place(hunk: str) -> str:
    """`line 12`, from `@@ -10,3 +12,4 @@`: where the hunk begins in the new text, or in the old one if nothing of it is left."""
    old, new = re.findall(r"[-+](\d+)", hunk)
    return f"line {new if new != '0' else old}"


def diff_files(old: bytes | None, new: bytes | None, *, was: bool, is_there: bool) -> LineDiff:
    """The diff of two files' bytes; None for content that is not at hand. `was` and `is_there` say whether each file exists."""
    texts = [_text(old) if was else "", _text(new) if is_there else ""]
    if texts[0] is None or texts[1] is None:
        return LineDiff(note="Not text, or not in the source archive: compared by digest only.")
    return diff_texts(texts[0], texts[1])


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None or b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None
