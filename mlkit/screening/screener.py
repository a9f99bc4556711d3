"""The screen between a run and everything that is kept of it."""

import threading
from collections.abc import Mapping
from typing import Any

from mlkit.evidence.run_record import Redaction
from mlkit.screening.json_values import Cleaner, secret_members
from mlkit.screening.known_secrets import KnownValues
from mlkit.screening.notebook_outputs import NotebookCleaner
from mlkit.screening.secret_names import RULE
from mlkit.screening.texts import Texts


class Screener:
    """Takes secrets out of notebooks, documents and lines; one for each run, for it learns. Safe between threads.

    `known` maps rules (what a redaction says) to secret values. Values of less than `known.SHORTEST` characters are not looked for.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = KnownValues()
        self._texts = Texts(self._known)
        self._lock = threading.RLock()
        for rule, value in (known or {}).items():
            self.add(rule, value)

    def add(self, rule: str, value: str) -> None:
        """Know one more secret value; `rule` is the name that its redactions bear."""
        self._known.add(rule, value)

    def notebook(self, notebook: Mapping[str, Any]) -> tuple[Any, tuple[Redaction, ...]]:
        """A new notebook of the same classes without secrets, and what was taken out. Cheap for what has not changed since last time."""
        with self._lock:
            cleaner = NotebookCleaner(self._texts)
            cleaned = cleaner.clean(notebook)
            self._texts.forget_unused()
            return cleaned, tuple(sorted(cleaner.redactions, key=lambda one: (one.cell_number or 0, one.place, one.rule)))

    def document(self, value: Any, place: str) -> tuple[Any, tuple[Redaction, ...]]:
        """A new JSON-like value without secrets, in keys or values, and what was taken out. It learns from its members' names."""
        with self._lock:
            for secret in secret_members(value):
                self._known.add(RULE, secret)
            redactions: dict[Redaction, None] = {}
            cleaned = Cleaner(self._texts, redactions, place, None).value(value)
            return cleaned, tuple(redactions)

    def text(self, text: str, place: str) -> tuple[str, tuple[Redaction, ...]]:
        """One text without secrets, and what was taken out."""
        with self._lock:
            redactions: dict[Redaction, None] = {}
            cleaned = Cleaner(self._texts, redactions, place, None).text(text)
            return cleaned, tuple(redactions)
