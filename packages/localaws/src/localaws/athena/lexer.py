"""Tokens of a statement around its query: UNLOAD, CREATE, SHOW and so on. The Trino parser reads the query itself."""

import re
from dataclasses import dataclass

from localaws.athena.trino.query_errors import InvalidStatement

_TOKEN = re.compile(
    r"""(?P<skip>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*"|`[^`]*`)
      | (?P<word>[A-Za-z_$][\w$]*)
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Token:
    """`kind` is text, name (quoted), word, number or sign. `value` has no quotes."""

    kind: str
    value: str
    start: int
    end: int


def tokens(sql: str) -> list[Token]:
    found = []
    for match in _TOKEN.finditer(sql):
        kind, raw = str(match.lastgroup), match[0]
        if kind == "skip":
            continue
        value = raw
        if kind == "text":
            value = raw[1:-1].replace("''", "'")
        elif kind == "name":
            value = raw[1:-1].replace('""', '"')
        found.append(Token(kind=kind, value=value, start=match.start(), end=match.end()))
    return found


class Reader:
    """Reads a statement from left to right. If the expected token is missing, a method raises InvalidStatement with the position."""

    def __init__(self, sql: str, *, reserved: frozenset[str] = frozenset()) -> None:
        """`reserved` are the words that are names in quotes alone."""
        self.sql, self._reserved = sql, reserved
        self._tokens, self._at = tokens(sql), 0
        while self._tokens and self._tokens[-1].value == ";" and self._tokens[-1].kind == "sign":
            self._tokens.pop()

    def peek(self, ahead: int = 0) -> Token | None:
        return self._tokens[self._at + ahead] if self._at + ahead < len(self._tokens) else None

    def next(self) -> Token:
        token = self.peek()
        if token is None:
            raise InvalidStatement(f"line {self._place(len(self.sql))}: mismatched input '<EOF>'")
        self._at += 1
        return token

    def is_next(self, *words: str) -> bool:
        """Whether these words or signs come next. The position stays."""
        following = [self.peek(ahead) for ahead in range(len(words))]
        return all(
            token is not None and token.kind in ("word", "sign") and token.value.upper() == word.upper()
            for token, word in zip(following, words, strict=True)
        )

    def take(self, *words: str) -> bool:
        """Whether these words or signs come next. If so, move behind them."""
        if not self.is_next(*words):
            return False
        self._at += len(words)
        return True

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.take(word):
                raise self.mismatch(word)

    def mismatch(self, wanted: str) -> InvalidStatement:
        token = self.peek()
        place, shown = (self._place(token.start), token.value) if token is not None else (self._place(len(self.sql)), "<EOF>")
        return InvalidStatement(f"line {place}: mismatched input '{shown}'. Expecting: {wanted}")

    def _place(self, at: int) -> str:
        before = self.sql[:at]
        return f"{before.count(chr(10)) + 1}:{at - (before.rfind(chr(10)) + 1) + 1}"

    def text(self) -> str:
        token = self.peek()
        if token is None or token.kind != "text":
            raise self.mismatch("<string>")
        return self.next().value

    def name(self) -> str:
        token = self.peek()
        if token is not None and token.kind == "word" and token.value.upper() in self._reserved:
            raise self.mismatch(f"<identifier>. {token.value.upper()} is a reserved word: enclose it in quotes")
        return self.word()

    def word(self) -> str:
        """A name or a word of the language."""
        token = self.peek()
        if token is None or token.kind not in ("word", "name"):
            raise self.mismatch("<identifier>")
        return self.next().value

    def qualified_name(self) -> list[str]:
        """A dotted name in lower case, because Glue stores names in lower case."""
        parts = [self.name()]
        while self.take("."):
            parts.append(self.name())
        return [part.lower() for part in parts]

    def bracketed(self) -> tuple[int, int]:
        """Start and end of the text between the next opening bracket and its closing bracket. Move behind it."""
        self.expect("(")
        start, depth = self._tokens[self._at - 1].end, 1
        while depth:
            token = self.next()
            if token.kind == "sign":
                depth += {"(": 1, ")": -1}.get(token.value, 0)
        return start, self._tokens[self._at - 1].start

    def rest(self) -> int:
        """The start of the remaining text. Move to the end."""
        token = self.peek()
        if token is None:
            raise self.mismatch("<query>")
        self._at = len(self._tokens)
        return token.start

    def end(self) -> None:
        if self.peek() is not None:
            raise self.mismatch("<EOF>")

    def only(self, start: int, end: int) -> str:
        """The statement's text with blanks outside of the range, so that errors name the right line and column."""
        blank = re.compile(r"[^\n]")
        return blank.sub(" ", self.sql[:start]) + self.sql[start:end]
