"""JSON-like values without their secrets: the run record, metadata, JSON outputs, the files between steps."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlkit.records import Redaction
from mlkit.screening import keywords
from mlkit.screening.keywords import is_secret_member
from mlkit.screening.texts import Kind, Texts, mark


class Cleaner:
    """Cleans values of one place and cell, and notes in `redactions` what it took out."""

    def __init__(self, texts: Texts, redactions: dict[Redaction, None], place: str, cell_number: int | None) -> None:
        self.texts, self.redactions, self.place, self.cell_number = texts, redactions, place, cell_number

    def note(self, *rules: str) -> None:
        for rule in rules:
            self.redactions[Redaction(rule=rule, place=self.place, cell_number=self.cell_number)] = None

    def leaves(self, leaves: tuple[str, ...], kind: Kind, between: str = "") -> tuple[str, ...]:
        """The cleaned texts."""
        cleaned = self.texts.clean(leaves, kind, between)
        self.note(*cleaned.rules)
        return cleaned.leaves

    def text(self, text: str, kind: Kind = Kind.TEXT) -> str:
        return self.leaves((text,), kind)[0]

    def value(self, value: Any, name: str = "") -> Any:
        """A new value of the same shape. `name`: the member that holds it."""
        if isinstance(value, str):
            if len(value) >= 4 and name and is_secret_member(name, value):
                self.note(keywords.RULE)
                return mark(keywords.RULE)
            return self.text(value)
        if isinstance(value, Mapping):
            return self._members(value)
        if isinstance(value, list | tuple):
            items = [one if one is None or isinstance(one, int | float) else self.value(one, name) for one in value]
            return items if isinstance(value, list) else tuple(items)
        return value

    def _members(self, value: Mapping[str, Any]) -> Any:
        cleaned: Any = type(value)() if isinstance(value, dict) else {}
        told = _told_name(value)
        for name, member in value.items():
            key = self.text(name) if isinstance(name, str) else name
            while key in cleaned:
                key = f"{key} (another)"
            cleaned[key] = self.value(member, told if told and str(name).lower() == "value" else str(name))
        return cleaned


def secret_members(value: Any, name: str = "") -> Iterator[str]:
    """The values of members whose names say that they are secret."""
    if isinstance(value, str):
        if len(value) >= 4 and name and is_secret_member(name, value):
            yield value
    elif isinstance(value, Mapping):
        told = _told_name(value)
        for key, member in value.items():
            yield from secret_members(member, told if told and str(key).lower() == "value" else str(key))
    elif isinstance(value, list | tuple):
        for one in value:
            if not isinstance(one, int | float):
                yield from secret_members(one, name)


def _told_name(value: Mapping[str, Any]) -> str:
    """The name in `{"name": ..., "value": ...}`, as records and AWS write parameters and variables."""
    for key in ("name", "Name", "key", "Key", "ParameterKey"):
        if isinstance(value.get(key), str):
            return str(value[key])
    return ""
