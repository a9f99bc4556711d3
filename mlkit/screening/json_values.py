"""Redacts the secrets of JSON-like values: the run record, metadata, JSON outputs, the files between steps."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlkit.evidence.run_record import Redaction
from mlkit.screening.own_rules import is_login
from mlkit.screening.secret_names import RULE, is_secret_member
from mlkit.screening.texts import Kind, Texts, mark

DEEPEST = 100  # levels; deeper values are left out, because reading them would end in a RecursionError
TOO_DEEP = f"[left out: nested deeper than {DEEPEST} levels]"


class Cleaner:
    """Cleans the values of one place and cell, and lists the redacted secrets in `redactions`."""

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

    def value(self, value: Any, name: str = "", depth: int = 0) -> Any:
        """A new value of the same shape. `name` is the member that holds it."""
        if depth > DEEPEST:
            return TOO_DEEP
        if isinstance(value, str):
            if _is_secret(name, value):
                self.note(RULE)
                return mark(RULE)
            return self.text(value)
        if isinstance(value, Mapping):
            return self._members(value, name, depth + 1)
        if isinstance(value, list | tuple):
            items = [one if one is None or isinstance(one, int | float) else self.value(one, name, depth + 1) for one in value]
            return items if isinstance(value, list) else tuple(items)
        return value

    def _members(self, value: Mapping[str, Any], holder: str, depth: int) -> Any:
        cleaned: Any = type(value)() if isinstance(value, dict) else {}
        for key, member, name in _named(value, holder):
            clean_key = self.text(key) if isinstance(key, str) else key
            while clean_key in cleaned:
                clean_key = f"{clean_key} (another)"
            if columns := _columns(value, member):
                cleaned[clean_key] = [[self.value(cell, of, depth + 1) for cell, of in zip(row, columns, strict=True)] for row in member]
            else:
                cleaned[clean_key] = self.value(member, name, depth)
        return cleaned


def secret_members(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    """The values of members with secret names."""
    if depth > DEEPEST:
        return
    if isinstance(value, str):
        if _is_secret(name, value):
            yield value
    elif isinstance(value, Mapping):
        for _, member, member_name in _named(value, name):
            if columns := _columns(value, member):
                yield from (
                    found for row in member for cell, of in zip(row, columns, strict=True) for found in secret_members(cell, of, depth + 1)
                )
            else:
                yield from secret_members(member, member_name, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            if not isinstance(one, int | float):
                yield from secret_members(one, name, depth + 1)


def _is_secret(name: str, value: str) -> bool:
    return len(value) >= 4 and name != "" and (is_secret_member(name, value) or (name == "auth" and is_login(value)))


def _named(value: Mapping[str, Any], holder: str) -> Iterator[tuple[Any, Any, str]]:
    """Each member with its key and its name. In a column of values by row number, the name is the column's."""
    told = _told_name(value)
    for key, member in value.items():
        name = str(key)
        if told and name.lower() == "value":
            name = told
        elif holder and name.isdigit():
            name = holder
        yield key, member, name


def _told_name(value: Mapping[str, Any]) -> str:
    """The name in `{"name": ..., "value": ...}`, the form of parameters, variables and fields in records, on AWS and in widgets."""
    if value.get("_model_name") == "PasswordModel":
        return "password"
    for key in ("name", "Name", "key", "Key", "ParameterKey", "description", "placeholder"):
        if isinstance(value.get(key), str) and value[key]:
            return str(value[key])
    return ""


def _columns(value: Mapping[str, Any], member: Any) -> list[str]:
    """The names of the columns if the member holds the rows of a table, as in `DataFrame.to_dict("split")`."""
    columns = value.get("columns")
    if not isinstance(columns, list | tuple) or member is columns or not isinstance(member, list) or not member:
        return []
    fits = all(isinstance(row, list | tuple) and len(row) == len(columns) for row in member)
    return [str(column) for column in columns] if fits else []
