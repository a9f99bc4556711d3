"""Every mutant of a module's source: mutmut's operators, and some for what it leaves as it is.

Of mutmut 3 only the operators are used: by itself it changes no constants of a module, no f-string and no decorated function,
and it cannot draw a sample.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

_SKIPPED = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)
_SQL = re.compile(r"\b(SELECT|FROM|WHERE|ORDER BY|WHEN|BETWEEN|IS NULL|IS NOT NULL|DESC)\b|\bCAST\(")
_SQL_SWAPS = (
    (r"\bDESC\b", "ASC"),
    (r"\bNULLS LAST\b", "NULLS FIRST"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bNOT (?=\()", ""),
    (r" AND ", " OR "),
    (r" OR ", " AND "),
    (r" <= ", " < "),
    (r" >= ", " > "),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r" = ", " <> "),
    (r" - 1\b", ""),
    (r" - ", " + "),
    (r" \+ ", " - "),
    (r"\bDISTINCT ", ""),
    (r"\bmin\(", "max("),
    (r"(?<=THEN )0\b|(?<=ELSE )0\b|(?<== )0\b", "1"),
    (r"(?<=THEN )1\b|(?<=ELSE )1\b|(?<== )1\b", "0"),
)
_PATTERN_SWAPS = (
    (r"(?<=[(|:])(?:\\.|[^()|\[\]{}\\?])+\|", ""),  # one alternative less
    (r"\|(?:\\.|[^()|\[\]{}\\?])+(?=\))", ""),
    (r"(?<=\{)\d+(?=[,}])", "1"),
    (r"\\b|\(\?![^()]*\)|\(\?<![^()]*\)|\$$|^\^", ""),
    (r"(?<=[\])\w])\+", ""),
)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A module's whole source with one change, and the change as the lines of a diff, without their indentation."""

    line: int
    source: str
    diff: tuple[str, ...]


def mutants_of(source: str) -> list[Mutant]:
    """All mutants in the order of the source; each change once."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = _Visitor(source)
    wrapper.visit(visitor)
    found = {}
    for line, start, end, text in visitor.found:
        mutated = source[:start] + text + source[end:]
        if mutated not in found and mutated != source:
            found[mutated] = Mutant(line=line, source=mutated, diff=_diff(source, mutated))
    return list(found.values())


class _Visitor(cst.CSTVisitor):  # type: ignore[misc]  # libcst is in mutmut's own folder
    """Collects changes: (line, where the changed text starts, where it ends, what is there instead)."""

    METADATA_DEPENDENCIES = (PositionProvider, WhitespaceInclusivePositionProvider)

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[int, int, int, str]] = []
        self._lines = [0, *itertools.accumulate(len(line) for line in source.splitlines(keepends=True))]

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _SKIPPED) or _is_docstring(node) or _is_all(node):
            return False
        for kind, operator in mutation_operators:
            if isinstance(node, kind) and not isinstance(node, cst.SimpleString | cst.BaseCompoundStatement):
                self._add(node, operator(node))
        self._add(*_own(node))
        return True

    def _add(self, node: cst.CSTNode, changes: Iterator[cst.CSTNode]) -> None:
        place = self.get_metadata(WhitespaceInclusivePositionProvider, node)
        start, end = (self._lines[at.line - 1] + at.column for at in (place.start, place.end))
        line = self.get_metadata(PositionProvider, node).start.line
        self.found += [(line, start, end, _code(changed)) for changed in changes]


def _own(node: cst.CSTNode) -> tuple[cst.CSTNode, Iterator[cst.CSTNode]]:
    """What is changed of the node, and to what."""
    match node:
        case cst.If() | cst.While() | cst.CompIf():
            return node.test, iter([cst.UnaryOperation(operator=cst.Not(), expression=_in_parentheses(node.test))])
        case cst.For() | cst.CompFor():  # of a loop the first turn only
            return node.iter, iter([cst.parse_expression(f"[*{_code(_in_parentheses(node.iter))}][:1]")])
        case cst.Expr(value=cst.Call()):
            return node, iter([cst.Pass()])
        case cst.Return(value=cst.BaseExpression() as value):
            return value, iter([cst.Name("None")])
        case cst.ExceptHandler(type=cst.BaseExpression() as kind):  # nothing raises it, so nothing is caught
            return kind, iter([cst.Name("StopAsyncIteration")])
        case cst.SimpleString() | cst.FormattedString():
            return node, _other_texts(node)
    return node, iter(())


def _other_texts(node: cst.SimpleString | cst.FormattedString) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.SimpleString):
        yield from _other_words(node)
        for text in _swapped(node.value, node.value):
            yield node.with_changes(value=text)
        return
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            for text in _swapped(part.value, _code(node)):
                yield node.with_deep_changes(part, value=text)


def _other_words(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    """The text with XX around it. Text with spaces is for people or SQL, and mutmut's capitals tell nothing that XX does not."""
    if " " not in node.value:
        yield from itertools.islice(operator_string(node), 1)


def _swapped(text: str, whole: str) -> Iterator[str]:
    """The text of an SQL statement or of a pattern, each time with one word changed."""
    swaps = _SQL_SWAPS if _SQL.search(whole) else _PATTERN_SWAPS if re.match(r"(?i)f?rf?['\"]", whole) else ()
    for pattern, replacement in swaps:
        for match in re.finditer(pattern, text):
            yield text[: match.start()] + replacement + text[match.end() :]


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _is_docstring(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString)


def _is_all(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Assign) and _code(node.targets[0].target) == "__all__"


def _diff(source: str, mutated: str) -> tuple[str, ...]:
    """The lines between the equal ones at the beginning and at the end."""
    before, after = ([line.strip() for line in text.splitlines()] for text in (source, mutated))
    while before and after and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    return (*(f"- {line}" for line in before), *(f"+ {line}" for line in after))
