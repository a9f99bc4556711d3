"""Redacts the secrets of a notebook, cell by cell, also those that continue from one output to the next."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mlkit.evidence.run_record import Redaction
from mlkit.screening.json_values import Cleaner, secret_members
from mlkit.screening.keywords import spoken
from mlkit.screening.secret_names import RULE
from mlkit.screening.texts import Kind, Texts, mark

_MARKUP = ("text/html", "text/markdown", "image/svg+xml", "application/xml", "text/xml")
_BINARY = ("image/", "audio/", "video/", "application/pdf", "application/octet-stream")
_FIXED = ("id", "cell_type", "execution_count", "output_type", "nbformat", "nbformat_minor")
_MOST_LEAVES = 100  # of a JSON output are read together with its neighbours


class Slot(NamedTuple):
    """The place of a text in the new notebook."""

    holder: Any
    key: Any
    kind: Kind
    note: Cleaner


class NotebookCleaner:
    """Builds the new notebook. `redactions` lists the redacted secrets."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.redactions: dict[Redaction, None] = {}

    def clean(self, notebook: Mapping[str, Any]) -> Any:
        """The new notebook. The given notebook does not change."""
        self._learn(notebook)
        cleaned: Any = _empty(notebook)
        outputs: list[list[list[list[Slot]]]] = []  # by cell, output and form: the texts
        for key, value in notebook.items():
            if key != "cells":
                cleaned[key] = value if key in _FIXED else self._cleaner("metadata", None).value(value)
        cleaned["cells"] = []
        for cell, number in zip(notebook["cells"], cell_numbers(notebook), strict=True):
            one, slots = self._cell(cell, number)
            cleaned["cells"].append(one)
            outputs.append(slots)
        self._clean_borders([slots for slots in outputs if slots])
        return cleaned

    def _learn(self, notebook: Mapping[str, Any]) -> None:
        """Add the secrets of source and parameters to the known values, which are searched everywhere."""
        for value in secret_members(notebook.get("metadata", {})):
            self.texts.known.add(RULE, value)
        for cell in notebook["cells"]:
            leaves, kind = _leaves(cell.get("source", "")), Kind.CODE if cell.get("cell_type") == "code" else Kind.MARKUP
            for found in self.texts.secrets(leaves, kind):
                if found.value:
                    self.texts.known.add(found.rule, spoken(found.value))

    def _cleaner(self, place: str, number: int | None) -> Cleaner:
        return Cleaner(self.texts, self.redactions, place, number)

    def _cell(self, cell: Mapping[str, Any], number: int | None) -> tuple[Any, list[list[list[Slot]]]]:
        cleaned, slots = _empty(cell), []
        for key, value in cell.items():
            if key == "source":
                kind = Kind.CODE if cell.get("cell_type") == "code" else Kind.MARKUP
                self._text(cleaned, key, value, kind, self._cleaner("source", number))
            elif key == "outputs":
                cleaned[key] = []
                for output in value:
                    one, forms = self._output(output, self._cleaner("output", number))
                    cleaned[key].append(one)
                    slots += [forms] if forms else []
            elif key == "attachments":
                note = self._cleaner("source", number)
                cleaned[key] = {name: self._bundle(bundle, note)[0] for name, bundle in value.items()}
            else:
                cleaned[key] = value if key in _FIXED else self._cleaner("metadata", number).value(value)
        return cleaned, slots

    def _output(self, output: Mapping[str, Any], note: Cleaner) -> tuple[Any, list[list[Slot]]]:
        cleaned: Any = _empty(output)
        forms: list[list[Slot]] = []
        for key, value in output.items():
            if key == "data":
                cleaned[key], forms = self._bundle(value, note)
            elif key in ("text", "evalue", "ename"):
                slots = self._text(cleaned, key, value, Kind.TEXT, note)
                forms += [slots] if key != "ename" else []
            elif key == "traceback":
                forms.insert(0, self._text(cleaned, key, value, Kind.TEXT, note, between="\n"))
            else:
                cleaned[key] = value if key in _FIXED else note.value(value)
        return cleaned, [form for form in forms if form]

    def _bundle(self, data: Mapping[str, Any], note: Cleaner) -> tuple[Any, list[list[Slot]]]:
        """One output in several forms, by MIME type. A picture that contains a secret is removed."""
        cleaned, forms, gone = _empty(data), [], []
        for mime, value in data.items():
            if _is_text(value) and (mime.startswith(_BINARY) or mime == "image/svg+xml"):
                rule = self._picture_rule(mime, "".join(_leaves(value)))
                if rule is None:
                    cleaned[mime] = value if isinstance(value, str) else list(value)
                else:
                    note.note(rule)
                    gone.append(mark(rule))
            elif _is_text(value) and not _is_json(mime):
                forms.append(self._text(cleaned, mime, value, Kind.MARKUP if mime in _MARKUP else Kind.TEXT, note))
            else:
                cleaned[mime] = note.value(value)
                slots = list(_strings(cleaned, mime, note))
                forms.append(slots if len(slots) <= _MOST_LEAVES else slots[: _MOST_LEAVES // 2] + slots[-_MOST_LEAVES // 2 :])
        if gone:
            cleaned["text/plain"] = "\n".join(("".join(_leaves(cleaned.get("text/plain", ""))), *gone)).lstrip("\n")
        return cleaned, [form for form in forms if form]

    def _picture_rule(self, mime: str, value: str) -> str | None:
        if mime != "image/svg+xml":
            return self.texts.binary_rule(value)
        return next(iter(self.texts.clean((value,), Kind.MARKUP).rules), None)

    def _text(self, holder: Any, key: str, value: Any, kind: Kind, note: Cleaner, between: str = "") -> list[Slot]:
        if not _is_text(value):
            holder[key] = note.value(value)
            return []
        leaves = note.leaves(_leaves(value), kind, between)
        holder[key] = leaves[0] if isinstance(value, str) else list(leaves)
        return [Slot(holder, key, kind, note)] if isinstance(value, str) else [Slot(holder[key], i, kind, note) for i in range(len(leaves))]

    def _clean_borders(self, cells: list[list[list[list[Slot]]]]) -> None:
        """Clean secrets across outputs: read each cell's outputs as one text, first the first form of each, then the second, ..."""
        for first, second in itertools.pairwise(cells if len(cells) != 1 else [*cells, []]):
            outputs = [*first, *second]
            for number in range(max(len(forms) for forms in outputs)):
                self._clean_row([slot for forms in outputs for slot in forms[min(number, len(forms) - 1)]])

    def _clean_row(self, slots: list[Slot]) -> None:
        if len(slots) < 2:
            return
        leaves = tuple(slot.holder[slot.key] for slot in slots)
        cleaned = self.texts.clean_borders(leaves, tuple(slot.kind for slot in slots))
        for slot, before, after in zip(slots, leaves, cleaned.leaves, strict=True):
            if after != before:
                slot.holder[slot.key] = after
                slot.note.note(*(rule for rule in cleaned.rules if mark(rule) in after))


def cell_numbers(notebook: Mapping[str, Any]) -> list[int | None]:
    """For each cell its number among the code cells that run, from 1; None for other cells."""
    numbers: list[int | None] = []
    last = 0
    for cell in notebook["cells"]:
        code = cell.get("cell_type") == "code" and "".join(cell.get("source", "")).strip()
        runs = code and "skip-execution" not in cell.get("metadata", {}).get("tags", [])
        last += bool(runs)
        numbers.append(last if runs else None)
    return numbers


def _empty(value: Mapping[str, Any]) -> Any:
    return type(value)() if isinstance(value, dict) else {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _is_json(mime: str) -> bool:
    return mime == "application/json" or mime.endswith("+json")


def _leaves(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _strings(holder: Any, key: Any, note: Cleaner) -> Iterator[Slot]:
    value = holder[key]
    if isinstance(value, str):
        yield Slot(holder, key, Kind.TEXT, note)
    elif isinstance(value, dict | list):
        for one in value if isinstance(value, dict) else range(len(value)):
            yield from _strings(value, one, note)
