"""Questions at the terminal. An answer counts only if its first word is one of WORDS and it was typed after the question."""

import os
import re
import select
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from mlkit.cli.console import out

WORDS = {"yes": True, "approve": True, "no": False, "reject": False}
_ANSWER = re.compile(r"(?P<word>[A-Za-z]+)[,.:;!]?(?: +(?P<comment>.*))?")
_LOOK_S = 1.0  # how often to look whether the answer is still waited for


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What an answer means. `word` is its first word as typed; `comment` is the rest."""

    agreed: bool
    word: str
    comment: str


class Unanswered(Enum):
    """Why a question ended without a decision: the user typed Ctrl-D, or the answer is no longer needed."""

    LEFT_OPEN = auto()
    GIVEN_UP = auto()


def decision(text: str) -> Decision | None:
    """The decision in the text's first word; None if it is none of `WORDS`.

    Case does not matter. One punctuation mark may follow the word: "Yes, as good as the last one". A text with control characters,
    such as those of the arrow keys, is no decision, because the terminal did not show it as it is.
    """
    text = text.replace("\t", " ").strip(" \r\n")
    found = _ANSWER.fullmatch(text) if text.isprintable() else None
    if found is None or found["word"].lower() not in WORDS:
        return None
    return Decision(agreed=WORDS[found["word"].lower()], word=found["word"], comment=(found["comment"] or "").strip())


def is_attended() -> bool:
    """Whether a person can answer: standard input is a terminal, and this process is in its foreground."""
    try:
        return sys.stdin is not None and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # no terminal, or closed
        return False


def ask(
    question: str, *, objection: Callable[[Decision], str | None] = lambda _: None, is_waited_for: Callable[[], bool] = lambda: True
) -> Decision | Unanswered:
    """Ask at the terminal until an answer decides. Ctrl-D leaves the question open; Ctrl-C raises KeyboardInterrupt.

    `objection` returns why a decision is not acceptable; the question is then asked again. Each time the question is shown, input typed
    before is dropped.
    """
    out.print(question)
    typed, lines = sys.stdin.fileno(), _Lines()
    _show_mark(typed)
    while is_waited_for():
        if not select.select([typed], [], [], _LOOK_S)[0]:
            continue
        line = lines.read(typed)
        if line is None:
            continue
        if not line:
            out.print()
            return Unanswered.LEFT_OPEN
        decided = decision(line)
        told = objection(decided) if decided else f"Not decided: the first word must be {_listed(list(WORDS))}."
        if decided and told is None:
            return decided
        out.print(told)
        _show_mark(typed)
    out.print()
    return Unanswered.GIVEN_UP


def is_confirmed(question: str) -> bool:
    """Whether a person at the terminal says yes. Without a terminal the answer is no."""
    answer = ask(question) if is_attended() else None
    return isinstance(answer, Decision) and answer.agreed


class _Lines:
    """Reads whole lines. Ctrl-D inside a line delivers its beginning, which is kept until Enter ends the line."""

    def __init__(self) -> None:
        self._begun = b""

    def read(self, typed: int) -> str | None:
        """The line with its newline; None while it is incomplete; "" at the end of the input."""
        try:
            piece = os.read(typed, 4096)
        except OSError:  # the terminal was closed
            piece = b""
        if not piece:
            return ""
        self._begun += piece
        if not self._begun.endswith(b"\n"):
            return None
        line, self._begun = self._begun, b""
        return line.decode(errors="replace")


def _show_mark(typed: int) -> None:
    termios.tcflush(typed, termios.TCIFLUSH)
    out.print("> ", end="")


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
