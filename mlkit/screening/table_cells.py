"""Finds secrets in table columns with a header like `password`: DataFrames, Markdown, CSV, output of `psql` and the like, HTML."""

import html
import re
from collections.abc import Generator, Iterator
from typing import NamedTuple

from mlkit.screening.rule import Hit
from mlkit.screening.secret_names import RULE, SecretName, is_secret, names
from mlkit.screening.word_search import lower

_MOST_ROWS = 2000
_LONGEST_LINE = 4000
_RULER = re.compile(r"[\s\-+|:=_\u2500-\u257f]+")
_BORDERS = ("|", "\t", ",", ";")
_LINES = str.maketrans("│┃║┆┊", "|||||")
_DULL = re.compile(  # types, counts and other values that are never secrets
    r"[\-+]?[\d.,]{1,7}%?|[\-+]?\d+\.\d+(?:e[\-+]\d+)?|nan|nat|<na>|none|true|false|object|string|str|category|text|varchar.*|u?int\d*|float\d*"
    r"|bool(?:ean)?|datetime64.*|date|timestamp.*|\.\.\.|…|non-null|\d+ non-null.*",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[\-+]?\d[\d.,]*%?|nan|none|true|false|object|str|u?int\d*|float\d*|bool", re.IGNORECASE)  # a header has no such cell
_CELL = re.compile(r"\S+(?: \S+)*")
_PLAIN_HEADER = re.compile(r"\s*(?:[\"']?[A-Za-z_][\w .\-/]{0,60}[\"']?\s*)?")
_TAG = re.compile(r"<(/?)(table|tr|t[hd])\b[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^<>]*>")
_SPAN = re.compile(r"colspan\s*=\s*['\"]?(\d{1,3})", re.IGNORECASE)


class Cell(NamedTuple):
    """A cell. Its text is at `start` to `end` of the searched text."""

    start: int
    end: int
    text: str


def find(text: str, lowered: str) -> Iterator[Hit]:
    """The secret cells of tables in plain text."""
    text, done = text.translate(_LINES), 0
    for name in names(text, lowered):
        if name.start < done:
            continue
        start = text.rfind("\n", max(0, name.start - _LONGEST_LINE), name.start) + 1
        end = _line_end(text, name.end)
        if end - start > _LONGEST_LINE:
            continue
        done = end
        for border in _BORDERS:
            if border in text[start:end]:
                header = _split(text, start, end, border)
                if _is_header(header, border) and not _goes_on(text, start, border, len(header)):
                    done = yield from _below(text, end, header, border)
                    break
        else:
            done = yield from _aligned(text, start, end)


def find_html(text: str) -> Iterator[Hit]:
    """The secret cells of HTML tables: below a secret header, or beside a secret name in a table of two columns."""
    telling: dict[int, SecretName] = {}
    row: list[Cell] = []
    column, opened = 0, -1
    for tag in _TAG.finditer(text):
        closing, kind = bool(tag[1]), tag[2].lower()
        if opened >= 0 and (kind != "table" or closing):
            row.append(Cell(opened, tag.start(), _seen(text[opened : tag.start()])))
            opened = -1
        if kind in ("tr", "table") and row:
            yield from _html_row(row, telling)
            row = []
        if kind == "table":
            telling = {}
        elif kind != "tr" and not closing:
            opened = tag.end()
            column += 1
            span = _SPAN.search(tag[0])
            row += [Cell(opened, opened, "")] * (min(int(span[1]), 100) - 1 if span else 0)
    yield from _html_row(row, telling)


def _html_row(row: list[Cell], telling: dict[int, SecretName]) -> Iterator[Hit]:
    headers = {number: name for number, cell in enumerate(row) if (name := _header_name(cell.text))}
    if len(row) == 2 and 0 in headers and _is_cell_secret(headers[0], row[1].text):
        yield Hit(row[1].start, row[1].end, RULE)
        return
    for number, name in telling.items():
        if number < len(row) and _is_cell_secret(name, row[number].text):
            yield Hit(row[number].start, row[number].end, RULE)
    if headers and not telling:
        telling.update(headers)


def _seen(content: str) -> str:
    return html.unescape(_ANY_TAG.sub("", content)).strip()


def _header_name(text: str) -> SecretName | None:
    """The secret name in a header; None for a sentence that only contains such a name."""
    header = re.sub(r"[ \-]", "_", text.strip(" \"'*`"))
    if not 2 < len(header) < 60 or header.count("_") > 4:
        return None
    return next(names(header, lower(header)), None)


def _is_cell_secret(name: SecretName, text: str) -> bool:
    value = text.strip(" \"'`")
    return not _DULL.fullmatch(value) and is_secret(name, value)


def _is_header(header: list[Cell], border: str) -> bool:
    if any(_VALUE.fullmatch(cell.text.strip()) for cell in header):
        return False
    return len(header) > 1 and (border not in ",;" or all(_PLAIN_HEADER.fullmatch(cell.text) for cell in header))


def _goes_on(text: str, start: int, border: str, count: int) -> bool:
    """Whether the line at `start` is a row of a table that began above it."""
    for _ in range(2):  # a ruler may be between them
        end, start = start - 1, text.rfind("\n", max(0, start - _LONGEST_LINE), max(0, start - 1)) + 1
        if end <= start:
            return False
        if not _RULER.fullmatch(text, start, end):
            return text.count(border, start, end) == count - 1
    return False


def _below(text: str, end: int, header: list[Cell], border: str) -> "Generator[Hit, None, int]":
    """The secret cells in the lines below that have the header's borders. Returns the end of the table."""
    telling = {number: name for number, cell in enumerate(header) if (name := _header_name(cell.text))}
    for start, end_of_line in _lines(text, end) if telling else ():
        line = text[start:end_of_line]
        if not _RULER.fullmatch(line):
            row = _split(text, start, end_of_line, border)
            if not line.strip() or len(row) != len(header):
                break
            for number, name in telling.items():
                if _is_cell_secret(name, row[number].text):
                    yield _inside(row[number])
        end = end_of_line
    return end


def _aligned(text: str, start: int, end: int) -> "Generator[Hit, None, int]":
    """The secret cells below a header that are aligned with it, as pandas prints them. Returns the end of the table."""
    header = list(_CELL.finditer(text[start:end]))
    row = any(_VALUE.fullmatch(cell[0]) for cell in header)
    columns = [] if row else [(cell, name) for cell in header if " " not in cell[0] and (name := _header_name(cell[0]))]
    if len(header) == 2 and columns and columns[0][0] is header[0] and _is_beside(columns[0][1], header[1][0]):
        yield Hit(start + header[1].start(), start + header[1].end(), RULE)
        return end
    for first, last in _lines(text, end) if columns else ():
        cells = list(_CELL.finditer(text[first:last]))
        if not cells or text.startswith("[", first):
            break
        for column, name in columns:
            for cell in cells[1:] if len(header) == 1 else cells:
                low = max((one.end() for one in header if cell.start() < one.end() <= column.start()), default=cell.start())
                value = cell[0][low - cell.start() :].lstrip()
                if _is_below(cell, column) and _is_cell_secret(name, value):
                    yield Hit(first + cell.end() - len(value), first + cell.end(), RULE)
        end = last
    return end


def _is_below(cell: "re.Match[str]", header: "re.Match[str]") -> bool:
    return cell.start() < header.end() and cell.end() > header.start()


def _is_beside(name: SecretName, value: str) -> bool:
    """Whether the value beside the name is a secret, as in a printed Series. In `password  object` and in help texts it is none."""
    return " " not in value and _is_cell_secret(name, value) and re.search(r"[a-zA-Z].*[^a-zA-Z_]|[^a-zA-Z_].*[a-zA-Z]", value) is not None


def _lines(text: str, end: int) -> Iterator[tuple[int, int]]:
    """The lines after the line that ends at `end`."""
    for _ in range(_MOST_ROWS):
        if end >= len(text) or text[end] != "\n":
            return
        start, end = end + 1, _line_end(text, end + 1)
        if end - start > _LONGEST_LINE:
            return
        yield start, end


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return end if end >= 0 else len(text)


def _split(text: str, start: int, end: int, border: str) -> list[Cell]:
    cells = []
    for part in text[start:end].split(border):
        cells.append(Cell(start, start + len(part), part))
        start += len(part) + len(border)
    return cells


def _inside(cell: Cell) -> Hit:
    """The cell's value without the blanks and quotes around it."""
    kept = cell.text.strip(" \"'`\r")
    start = cell.start + cell.text.index(kept)
    return Hit(start, start + len(kept), RULE)
