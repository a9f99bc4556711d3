"""Shell text as simple commands, and commands as words whose variables are still open.

The standard library's `shlex` forgets what was quoted, which decides what the shell expands and splits.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

UNKNOWN = "\ue000"  # stands in a text for a part that cannot be known; a private character, no text of a person's holds it

_SPACE = re.compile(r"(?:[ \t\r]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_OPERATOR = re.compile(r"&&|\|\||;;|\n|[;|()]|&(?!>)")
_REDIRECTION = re.compile(r"\d*(?:<<<|<<-?|>>|>&|<&|>\||<>|[<>](?!\())|&>>?")
_PLAIN = re.compile(r"[^\s'\"\\$`;&|()<>*?]+")
_IN_QUOTES = re.compile(r'[^"\\$`]+')
_NAME = re.compile(r"\$([A-Za-z_]\w*)")
_SPECIAL = re.compile(r"\$[\d@*#?$!-]")
_PARAMETER = re.compile(r"([A-Za-z_]\w*)(?:(:?)([-=?+])(.*))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a word: literal `text`, or what `variable` holds."""

    text: str = ""
    variable: str = ""
    changed: bool = False  # ${X##*:}: X must be set, and what comes out of it is not followed
    fallback: "Word | None" = None  # ${X-fallback}
    for_empty: bool = False  # ${X:-fallback}
    assigns: bool = False  # ${X=fallback}
    quoted: bool = False
    inner: str = ""  # $(inner): the commands whose output it is


Word = tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A simple command, the operators since the one before it, and its line within the text, from 0."""

    words: tuple[Word, ...]
    operators: tuple[str, ...]
    line: int
    source: str


def commands(text: str) -> Iterator[Command]:
    """The simple commands in the order of the text, without redirections, comments and here-documents."""
    words: list[Word] = []
    operators: list[str] = []
    start = end = 0
    for begin, token, end_of_token in [*_Lexer(text).tokens(), (len(text), "\n", len(text))]:
        if isinstance(token, tuple):
            start = start if words else begin
            words.append(token)
            end = end_of_token
            continue
        if words:
            line = text.count("\n", 0, start)
            yield Command(words=tuple(words), operators=tuple(operators), line=line, source=text[start:end])
            words, operators = [], []
        operators.append(token)


def variables(word: Word) -> Iterator[Piece]:
    """The pieces that are variables, also those within fallbacks."""
    for piece in word:
        if piece.variable:
            yield piece
        if piece.fallback:
            yield from variables(piece.fallback)


def fields(word: Word, values: Mapping[str, str | None]) -> list[str]:
    """The arguments that the word becomes: unquoted variables are split at spaces, and vanish when they are empty."""
    found: list[str] = []
    current: str | None = None
    for piece in word:
        text = expanded((piece,), values)
        if piece.quoted or not piece.variable:
            current = (current or "") + text
            continue
        parts = re.split(r"\s+", text)
        for part in parts[:-1]:
            found += [(current or "") + part] if current or part else []
            current = None
        current = (current or "") + parts[-1] if current is not None or parts[-1] else None
    return found if current is None else [*found, current]


def expanded(word: Word, values: Mapping[str, str | None]) -> str:
    """The word's text where its variables hold these values; None is a variable that is not set."""
    return "".join(_expanded(piece, values) for piece in word)


def _expanded(piece: Piece, values: Mapping[str, str | None]) -> str:
    if not piece.variable:
        return piece.text
    value = values.get(piece.variable)
    if piece.fallback is not None and (value is None or (piece.for_empty and not value)):
        return expanded(piece.fallback, values)
    return UNKNOWN if value is None or piece.changed else value


def assignment(word: Word) -> tuple[str, Word] | None:
    """The variable and its value when the word is NAME=value; of NAME+=value nothing is known."""
    match = re.match(r"([A-Za-z_]\w*)(\+?)=", word[0].text) if word and not word[0].quoted else None
    if match is None:
        return None
    value = (Piece(text=UNKNOWN),) if match[2] else (replace(word[0], text=word[0].text[match.end() :]), *word[1:])
    return match[1], value


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def tokens(self) -> Iterator[tuple[int, str | Word, int]]:
        """Words and operators, each with its place."""
        documents: list[str] = []
        while self.at < len(self.text):
            begin = self.at
            if self._match(_SPACE) or self._match(_COMMENT):
                continue
            if redirection := self._match(_REDIRECTION):
                self._match(_SPACE)
                target = expanded(self._word(), {})
                if redirection[0].lstrip("0123456789") in ("<<", "<<-"):
                    documents.append(target)
            elif operator := self._match(_OPERATOR):
                yield begin, operator[0], self.at
                while operator[0] == "\n" and documents:
                    self._skip_document(documents.pop(0))
            else:
                word = self._word()
                yield begin, word, self.at

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if match := pattern.match(self.text, self.at):
            self.at = match.end()
        return match

    def _starts(self, *texts: str) -> bool:
        return self.text.startswith(texts, self.at)

    def _skip_document(self, delimiter: str) -> None:
        while self.at < len(self.text):
            line, _, _ = self.text[self.at :].partition("\n")
            self.at += len(line) + 1
            if line.strip("\t ") == delimiter:
                return

    def _word(self) -> Word:
        pieces: list[Piece] = []
        while self.at < len(self.text):
            if match := self._match(_PLAIN):
                pieces.append(Piece(text=match[0]))
            elif self._starts("\\\n"):
                self.at += 2
            elif self._starts("\\"):
                pieces.append(Piece(text=self.text[self.at + 1 : self.at + 2], quoted=True))
                self.at += 2
            elif self._starts("'"):
                pieces.append(Piece(text=self._until("'"), quoted=True))
            elif self._starts('"'):
                pieces += self._in_quotes()
            elif self._starts("*", "?"):
                pieces.append(Piece(text=UNKNOWN))
                self.at += 1
            elif self._starts("$", "`", "<(", ">("):
                pieces.append(self._expansion(quoted=False))
            else:
                break
        return tuple(pieces)

    def _until(self, end: str) -> str:
        """What stands between the character here and the next `end`."""
        close = self.text.find(end, self.at + 1)
        close = len(self.text) if close < 0 else close
        found, self.at = self.text[self.at + 1 : close], close + 1
        return found

    def _in_quotes(self) -> list[Piece]:
        pieces = [Piece(quoted=True)]
        self.at += 1
        while self.at < len(self.text) and not self._starts('"'):
            if match := self._match(_IN_QUOTES):
                pieces.append(Piece(text=match[0], quoted=True))
            elif self._starts("\\"):
                escaped = self.text[self.at + 1 : self.at + 2]
                pieces.append(Piece(text=escaped if escaped in '"\\$`' else "" if escaped == "\n" else f"\\{escaped}", quoted=True))
                self.at += 2
            else:
                pieces.append(self._expansion(quoted=True))
        self.at += 1
        return pieces

    def _expansion(self, *, quoted: bool) -> Piece:
        if self._starts("`"):
            return Piece(text=UNKNOWN, inner=self._until("`"), quoted=quoted)
        if self._starts("$((", "$(", "<(", ">("):
            self.at += 1
            inner = self._balanced("(", ")")
            return Piece(text=UNKNOWN, inner="" if inner.startswith("(") else inner, quoted=quoted)
        if self._starts("${"):
            self.at += 1
            return replace(_parameter(self._balanced("{", "}")), quoted=quoted)
        if match := self._match(_NAME):
            return Piece(variable=match[1], quoted=quoted)
        if self._match(_SPECIAL):
            return Piece(text=UNKNOWN, quoted=quoted)
        self.at += 1
        return Piece(text="" if self._starts("'", '"') and not quoted else "$", quoted=quoted)

    def _balanced(self, opening: str, closing: str) -> str:
        """What stands between the opening bracket here and its partner."""
        begin, depth = self.at + 1, 0
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "'" and opening == "(":
                self._until("'")
                continue
            if character == '"' and opening == "(":
                self._in_quotes()
                continue
            self.at += 2 if character == "\\" else 1
            depth += (character == opening) - (character == closing)
            if depth == 0:
                return self.text[begin : self.at - 1]
        return self.text[begin:]

    def everything(self) -> Word:
        """The whole text as one word, its spaces included."""
        pieces: list[Piece] = []
        while self.at < len(self.text):
            pieces += self._word()
            pieces.append(Piece(text=self.text[self.at : self.at + 1]))
            self.at += 1
        return tuple(pieces)


def _parameter(inside: str) -> Piece:
    """What stands between the braces of ${...}."""
    match = _PARAMETER.fullmatch(inside)
    if match is None:
        first = re.match(r"[A-Za-z_]\w*", inside)
        return Piece(variable=first[0], changed=True) if first else Piece(text=UNKNOWN)
    name, colon, operator, rest = match.groups()
    if operator == "+":
        return Piece(text=UNKNOWN)
    if operator in ("-", "="):
        return Piece(variable=name, fallback=_Lexer(rest).everything(), for_empty=bool(colon), assigns=operator == "=")
    return Piece(variable=name)
