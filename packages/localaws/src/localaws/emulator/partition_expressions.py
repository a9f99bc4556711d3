"""Expressions of Glue's GetPartitions: `year = '2024' AND month IN (1, 2)`.

https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

_TOKEN = re.compile(r"""\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<mark><>|!=|<=|>=|[=<>(),])|(?P<word>[\w.+-]+)|[`"](?P<quoted>\w+)[`"])""")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WILDCARDS = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}  # of LIKE, for fnmatch
_NUMBERS = ("tinyint", "smallint", "int", "integer", "bigint", "long", "decimal")
Row = Mapping[str, Any]
Test = Callable[[Row], bool]


class ExpressionError(ValueError):
    """Glue refuses the expression."""


def partition_filter(expression: str, keys: Mapping[str, str]) -> Callable[[Sequence[str]], bool]:
    """Whether a partition's values fit. `keys` has the type of each partition key. Raises ExpressionError."""
    parser = _Parser(expression, {name.lower(): kind.lower() for name, kind in keys.items()})
    test = parser.whole()
    kinds = list(parser.keys.items())
    return lambda values: test({name: _typed(kind, value) for (name, kind), value in zip(kinds, values, strict=True)})


def _typed(kind: str, text: str) -> Any:
    try:
        if kind.startswith(_NUMBERS):
            return Decimal(text)
        return datetime.fromisoformat(text) if kind in ("date", "timestamp") else text
    except (InvalidOperation, ValueError) as error:
        raise ExpressionError(f"{text} is not a value of type {kind}") from error


class _Parser:
    def __init__(self, expression: str, keys: Mapping[str, str]) -> None:
        self.keys, self._found, place = keys, [], 0
        expression = expression.strip()
        while place < len(expression):
            match = _TOKEN.match(expression, place)
            if match is None:
                raise ExpressionError(f"unexpected text at {expression[place : place + 20]!r}")
            self._found.append((str(match.lastgroup), str(match[str(match.lastgroup)])))
            place = match.end()
        self._found.append(("end", ""))

    def whole(self) -> Test:
        try:
            test = self._either()
        except RecursionError as error:
            raise ExpressionError("it is nested too deeply") from error
        if self._found[0][0] != "end":
            raise ExpressionError(f"unexpected {self._found[0][1]}")
        return test

    def _takes(self, *words: str) -> bool:
        is_next = [text.upper() for kind, text in self._found[: len(words)] if kind in ("word", "mark")] == list(words)
        if is_next:
            del self._found[: len(words)]
        return is_next

    def _must(self, word: str) -> None:
        if not self._takes(word):
            raise ExpressionError(f"{word} expected")

    def _either(self) -> Test:
        parts = [self._both()]
        while self._takes("OR"):
            parts.append(self._both())
        return lambda row: any(part(row) for part in parts)

    def _both(self) -> Test:
        parts = [self._one()]
        while self._takes("AND"):
            parts.append(self._one())
        return lambda row: all(part(row) for part in parts)

    def _one(self) -> Test:
        if self._takes("NOT"):
            test = self._one()
            return lambda row: not test(row)
        if self._takes("("):
            test = self._either()
            self._must(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        kind, name = self._found.pop(0)
        name = name.lower()
        if kind not in ("word", "quoted") or name not in self.keys:
            raise ExpressionError(f"{name or 'the end'} is not a partition key")
        negated = self._takes("NOT")
        test = self._after(name)
        return (lambda row: not test(row)) if negated else test

    def _after(self, name: str) -> Test:
        if self._takes("IN"):
            wanted = self._list(name)
            return lambda row: row[name] in wanted
        if self._takes("BETWEEN"):
            low = self._value(name)
            self._must("AND")
            high = self._value(name)
            return lambda row: bool(low <= row[name] <= high)
        if self._takes("LIKE"):
            pattern = "".join(_WILDCARDS.get(letter, letter) for letter in str(self._value(name)))
            return lambda row: fnmatchcase(str(row[name]), pattern)
        kind, sign = self._found.pop(0)
        if kind != "mark" or sign not in _COMPARE:
            raise ExpressionError(f"an operator is expected after {name}")
        compare, value = _COMPARE[sign], self._value(name)
        return lambda row: compare(row[name], value)

    def _list(self, name: str) -> list[Any]:
        self._must("(")
        found = [self._value(name)]
        while self._takes(","):
            found.append(self._value(name))
        self._must(")")
        return found

    def _value(self, name: str) -> Any:
        kind, text = self._found.pop(0)
        if kind == "word" and text.upper() in ("DATE", "TIMESTAMP"):
            kind, text = self._found.pop(0)
        if kind not in ("text", "word"):
            raise ExpressionError(f"a value is expected after {name}")
        return _typed(self.keys[name], text.replace("''", "'"))
