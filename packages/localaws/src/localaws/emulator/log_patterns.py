"""Filter patterns of CloudWatch Logs: terms, JSON and space-delimited fields.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import fnmatch
import json
import operator
from collections.abc import Callable, Mapping
from typing import Any

import regex

Matches = Callable[[str], bool]
_LONGEST_MATCH_S = 0.2  # others wait meanwhile
_TERM = regex.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|%(?P<regex>(?:[^%\\]|\\.)+)%|(?P<word>[^\s"%]+))')
_TOKEN = regex.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<regex>%(?:[^%\\]|\\.)+%)|(?P<mark>&&|\|\||!=|<=|>=|[=<>(),\[\]{}]|\.\.\.)"""
    r"""|(?P<path>\$(?:\.[\w@-]+|\[(?:\d+|"[^"]*")\]|\.\["[^"]*"\])+)|(?P<word>[^\s"%&|!=<>(),\[\]{}]+))"""
)
_STEP = regex.compile(r'\.([\w@-]+)|\.?\[(?:(\d+)|"([^"]*)")\]')
_FIELD = regex.compile(r'\[([^\]]*)\]|"([^"]*)"|(\S+)')
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_NONE = object()  # the field does not exist


class InvalidPatternError(ValueError):
    """CloudWatch Logs refuses the pattern."""


class PatternNotHonouredError(ValueError):
    """The pattern is one of AWS's, and the local AWS does not read it."""


def compile_pattern(pattern: str) -> Matches:
    """Whether a message fits the pattern. Raises InvalidPatternError or PatternNotHonouredError."""
    pattern = pattern.strip()
    try:
        if pattern.startswith("{"):
            return _json_pattern(_Tokens(pattern))
        if pattern.startswith("["):
            return _fields_pattern(_Tokens(pattern))
        return _terms_pattern(pattern)
    except RecursionError as error:  # hundreds of brackets
        raise InvalidPatternError(pattern) from error


# --- terms ------------------------------------------------------------------------------------------------------------


def _terms_pattern(pattern: str) -> Matches:
    signed, place = [], 0
    while place < len(pattern):
        found = _TERM.match(pattern, place)
        if found is None:
            raise InvalidPatternError(pattern)
        signed.append((found["sign"], _contains(found)))
        place = found.end()
    signs = {sign for sign, _ in signed}
    if "?" in signs and len(signs) > 1:
        raise PatternNotHonouredError("a question mark beside terms without one")
    wanted = [term for sign, term in signed if sign != "-"]
    excluded = [term for sign, term in signed if sign == "-"]
    if signs == {"?"}:
        return lambda message: any(term(message) for term in wanted)
    return lambda message: all(term(message) for term in wanted) and not any(term(message) for term in excluded)


def _contains(found: "regex.Match[str]") -> Matches:
    if found["regex"] is not None:
        return _regex(found["regex"])
    text = found["word"] if found["word"] is not None else regex.sub(r"\\(.)", r"\1", found["phrase"])
    return lambda message: text in message


def _regex(pattern: str) -> Matches:
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise InvalidPatternError(pattern) from error

    def search(text: str) -> bool:
        try:
            return compiled.search(text, timeout=_LONGEST_MATCH_S) is not None
        except TimeoutError as error:
            raise PatternNotHonouredError(f"%{pattern}%, which takes too long") from error

    return search


# --- JSON and fields ----------------------------------------------------------------------------------------------------


class _Tokens:
    """The pattern's tokens, one after the other."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self._place, self._found = pattern, 0, [("", "")]
        while self._place < len(pattern):
            match = _TOKEN.match(pattern, self._place)
            if match is None:
                raise InvalidPatternError(pattern)
            self._found.append((str(match.lastgroup), str(match[str(match.lastgroup)])))
            self._place = match.end()
        self._next = 1

    def peek(self) -> tuple[str, str]:
        return self._found[self._next] if self._next < len(self._found) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self._next += 1
        return token

    def takes(self, *texts: str) -> bool:
        """Take these tokens if they are the next ones."""
        is_next = [text for _, text in self._found[self._next : self._next + len(texts)]] == list(texts)
        self._next += len(texts) if is_next else 0
        return is_next

    def must(self, text: str) -> None:
        if not self.takes(text):
            raise InvalidPatternError(self.pattern)


_Condition = Callable[[Any], bool]


def _either(tokens: _Tokens, one: Callable[[_Tokens], _Condition]) -> _Condition:
    """Conditions joined by || and &&, which binds closer."""

    def group() -> _Condition:
        if tokens.takes("("):
            inner = _either(tokens, one)
            tokens.must(")")
            return inner
        return one(tokens)

    def both() -> _Condition:
        parts = [group()]
        while tokens.takes("&&"):
            parts.append(group())
        return lambda value: all(part(value) for part in parts)

    parts = [both()]
    while tokens.takes("||"):
        parts.append(both())
    return lambda value: any(part(value) for part in parts)


def _json_pattern(tokens: _Tokens) -> Matches:
    tokens.must("{")
    condition = _either(tokens, _json_condition)
    tokens.must("}")
    _must_end(tokens)

    def matches(message: str) -> bool:
        try:
            value = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return isinstance(value, dict | list) and condition(value)

    return matches


def _must_end(tokens: _Tokens) -> None:
    if tokens.peek()[0] != "end":
        raise InvalidPatternError(tokens.pattern)


def _json_condition(tokens: _Tokens) -> _Condition:
    kind, path = tokens.take()
    if kind != "path":
        raise InvalidPatternError(tokens.pattern)
    steps = [int(index) if index else name or quoted for name, index, quoted in _STEP.findall(path)]
    for words, test in _TESTS:
        if tokens.takes(*words):
            return lambda value: test(_at(value, steps))
    compare = _comparison(tokens)
    return lambda value: (found := _at(value, steps)) is not _NONE and compare(found)


_TESTS: tuple[tuple[tuple[str, ...], _Condition], ...] = (
    (("IS", "TRUE"), lambda found: found is True),
    (("IS", "FALSE"), lambda found: found is False),
    (("IS", "NULL"), lambda found: found is None),
    (("NOT", "EXISTS"), lambda found: found is _NONE),
)


def _at(value: Any, steps: list[Any]) -> Any:
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else _NONE
        else:
            value = value.get(step, _NONE) if isinstance(value, dict) else _NONE
    return value


def _comparison(tokens: _Tokens) -> _Condition:
    """`= TEXT`, `!= TEXT`, or a comparison of numbers."""
    _, sign = tokens.take()
    kind, word = tokens.take()
    if sign in _COMPARE:
        wanted = _number(word)
        if wanted is None:
            raise InvalidPatternError(tokens.pattern)
        return lambda found: (number := _number(found)) is not None and _COMPARE[sign](number, wanted)
    if sign not in ("=", "!=") or kind not in ("text", "regex", "word"):
        raise InvalidPatternError(tokens.pattern)
    equals = _equality(kind, word)
    return equals if sign == "=" else lambda found: not equals(found)


def _equality(kind: str, word: str) -> _Condition:
    if kind == "regex":
        search = _regex(word[1:-1])
        return lambda found: search(_text(found))
    text, number = (regex.sub(r"\\(.)", r"\1", word[1:-1]), None) if kind == "text" else (word, _number(word))
    if number is not None:
        return lambda found: _number(found) == number
    glob = text.replace("[", "[[]").replace("?", "[?]")
    return lambda found: not isinstance(found, dict | list) and fnmatch.fnmatchcase(_text(found), glob)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _fields_pattern(tokens: _Tokens) -> Matches:
    tokens.must("[")
    fields: list[_Condition | None] = []  # None is an ellipsis
    while not tokens.takes("]"):
        fields.append(None if tokens.takes("...") else _field(tokens))
        if not tokens.takes(","):
            tokens.must("]")
            break
    _must_end(tokens)
    if fields.count(None) > 1:
        raise InvalidPatternError(tokens.pattern)
    return lambda message: _fits(fields, [next(filter(None, found), "") for found in _FIELD.findall(message)])


def _field(tokens: _Tokens) -> _Condition:
    """The condition of a field. A field that is only named has none."""
    kind, name = tokens.take()
    if kind != "word":
        raise InvalidPatternError(tokens.pattern)
    if tokens.peek()[1] in (",", "]"):
        return lambda _: True

    def one(tokens: _Tokens) -> _Condition:
        tokens.takes(name)
        return _comparison(tokens)

    return _either(tokens, one)


def _fits(fields: list[_Condition | None], words: list[str]) -> bool:
    if None in fields:
        place = fields.index(None)
        missing = len(words) - (len(fields) - 1)
        fields = [*fields[:place], *[lambda _: True] * max(missing, 0), *fields[place + 1 :]]
    tests = [field for field in fields if field is not None]
    return len(tests) == len(words) and all(test(word) for test, word in zip(tests, words, strict=True))
