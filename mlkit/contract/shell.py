"""A build's shell, followed without running it: which commands it starts, and what its variables may hold by then.

One shell goes through all commands of a buildspec, so variables and the folder stay. What depends on a test or a loop is taken as
possible, whichever way it goes.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from mlkit.contract.words import UNKNOWN, Command, Word, assignment, commands, expanded, fields, variables

SOURCE = "/codebuild/source"  # stands for the folder of the project's source

_PREFIXES = ("if", "then", "else", "elif", "do", "while", "until", "!", "{", "time")
_OPENS, _CLOSES = ("if", "while", "until", "for", "case"), ("fi", "done", "esac")
_DECLARES = ("export", "declare", "typeset", "local", "readonly")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a variable may hold; a value with UNKNOWN in it is not known whole. Without any, it was made of `missing`, which is not set."""

    values: tuple[str, ...]
    where: str = ""
    missing: str = ""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One way in which a command is started: its words, with which values of which variables, in which folder (None: not known)."""

    words: tuple[str, ...]
    values: Mapping[str, str]
    unset: tuple[str, ...]
    folder: str | None
    line: int
    source: str


class Shell:
    """Begins in the project's folder with these variables; `anything` when others that are not known may be set, too."""

    def __init__(self, settings: Mapping[str, Setting], *, anything: bool = False) -> None:
        self.settings = dict(settings)
        self.anything = anything
        self.folder: str | None = SOURCE
        self._outside: list[tuple[str | None, dict[str, Setting]]] = []  # what a group in brackets cannot change
        self._depth = 0
        self._tested = False

    def run(self, text: str) -> Iterator[Start]:
        """Every way in which each simple command of the text is started; lines are counted from 0."""
        for command in commands(text):
            self._go_through(command.operators)
            for word in command.words:
                for piece in word:
                    if piece.inner:
                        yield from self._inside(piece.inner, command.line)
            yield from self._simple(command)

    def _inside(self, text: str, line: int) -> Iterator[Start]:
        """A shell within this one, whose variables and folder are its own."""
        shell = Shell(self.settings, anything=self.anything)
        shell.folder = self.folder
        for start in shell.run(text):
            yield replace(start, line=start.line + line)

    def _go_through(self, operators: tuple[str, ...]) -> None:
        for operator in operators:
            if operator == "(":
                self._outside.append((self.folder, dict(self.settings)))
            elif operator == ")" and self._outside:
                self.folder, self.settings = self._outside.pop()
            elif operator not in ("&&", "||"):
                self._tested = False
        self._tested = self._tested or operators[-1:] == ("||",)

    def _simple(self, command: Command) -> Iterator[Start]:
        words = list(command.words)
        while words and (first := _literal(words[0])) in (*_PREFIXES, *_OPENS, *_CLOSES):
            self._depth += (first in _OPENS) - (first in _CLOSES)
            if first == "for":
                self._loop(words[1:], command)
            if first in ("for", "case"):
                return
            words.pop(0)
        self._tested = self._tested or (bool(words) and _literal(words[0]) in ("[", "[[", "test"))
        assigned = [assignment(word) for word in words]
        if words and all(assigned):
            for pair in assigned:
                assert pair is not None
                self._set(*pair)
            return
        while words and assignment(words[0]):  # they hold for this command alone
            words.pop(0)
        if words:
            yield from self._start(replace(command, words=tuple(words)))

    def _start(self, command: Command) -> Iterator[Start]:
        for values, unset in self._ways(command.words):
            argv = tuple(field for word in command.words for field in fields(word, values))
            known = {name: value for name, value in values.items() if value is not None}
            yield Start(words=argv, values=known, unset=unset, folder=self.folder, line=command.line, source=command.source)
            if argv[:1] and posixpath.basename(argv[0]) in ("sh", "bash") and (script := _script(argv)):
                yield from self._inside(script, command.line)
        self._builtin(command)

    def _ways(self, words: tuple[Word, ...]) -> Iterator[tuple[dict[str, str | None], tuple[str, ...]]]:
        """Each value of each variable in the words, the others at their first; and the variables that nothing sets."""
        names = dict.fromkeys(piece.variable for word in words for piece in variables(word))
        values = {name: self.settings[name].values if name in self.settings else () for name in names}
        unset = () if self.anything else tuple(dict.fromkeys(lost for word in words for lost in self._lost(word)))
        first: dict[str, str | None] = {name: known[0] if known else None for name, known in values.items()}
        yield first, unset
        for name, known in values.items():
            for value in known[1:]:
                yield {**first, name: value}, unset

    def _lost(self, word: Word) -> Iterator[str]:
        """The variables that the word needs and nothing sets."""
        for piece in word:
            setting = self.settings.get(piece.variable)
            if not piece.variable or (setting and setting.values):
                continue
            if piece.fallback is not None:
                yield from self._lost(piece.fallback)
            else:
                yield setting.missing if setting else piece.variable

    def _builtin(self, command: Command) -> None:
        """What the command does to the shell itself."""
        for piece in (piece for word in command.words for piece in variables(word)):
            if piece.assigns and piece.fallback is not None and not self.settings.get(piece.variable, Setting(values=())).values:
                self._set(piece.variable, piece.fallback)
        name, arguments = _literal(command.words[0]), command.words[1:]
        if name in _DECLARES:
            for pair in map(assignment, arguments):
                if pair is not None:
                    self._set(*pair)
        elif name == "read":
            for word in arguments:
                self.settings[_literal(word)] = Setting(values=(UNKNOWN,))
        elif name == "unset":
            for word in arguments:
                self.settings.pop(_literal(word), None)
        elif name in (".", "source", "eval"):
            self.anything = True
        elif name in ("cd", "pushd", "popd"):
            self._change_folder(arguments if name == "cd" else ())

    def _change_folder(self, arguments: tuple[Word, ...]) -> None:
        values, _ = next(self._ways(arguments))
        target = [field for word in arguments for field in fields(word, values)]
        if self.folder is None or len(target) != 1 or UNKNOWN in target[0] or target[0].startswith(("-", "~")):
            self.folder = target[0] if len(target) == 1 and target[0].startswith("/") and UNKNOWN not in target[0] else None
        else:
            self.folder = posixpath.normpath(posixpath.join(self.folder, target[0]))

    def _loop(self, words: list[Word], command: Command) -> None:
        """for NAME in WORDS"""
        if words:
            listed = [field for word in words[2:] for values, _ in self._ways((word,)) for field in fields(word, values)]
            self.settings[_literal(words[0])] = Setting(values=tuple(dict.fromkeys(listed)) or (UNKNOWN,), where=f"`{command.source}`")

    def _set(self, name: str, value: Word) -> None:
        ways = list(self._ways((value,)))
        unset = ways[0][1]
        values = [] if unset else [expanded(value, way) for way, _ in ways]
        before = self.settings.get(name)
        if before and (self._depth or self._tested):
            values = [*before.values, *values]
        sources = [self.settings[piece.variable].where for piece in variables(value) if piece.variable in self.settings]
        self.settings[name] = Setting(values=tuple(dict.fromkeys(values)), where=sources[0] if sources else "", missing="".join(unset[:1]))


def _literal(word: Word) -> str:
    """The word when nothing in it is left open."""
    return "".join(piece.text for piece in word) if not any(piece.variable for piece in word) else ""


def _script(words: tuple[str, ...]) -> str | None:
    """The text that sh -c, bash -ec and the like run."""
    for option, text in pairwise(words):
        if option.startswith("-") and not option.startswith("--") and option.endswith("c"):
            return text
    return None
