"""Redacts the secrets of a run, in everything that is stored or printed."""

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
    """Redacts secrets in notebooks, documents and lines. Each run has its own, because it learns secrets. Thread-safe.

    `known` maps rules (the names in redactions) to secret values. Values below `known_secrets.SHORTEST` characters are not searched.
    """

    def __init__(self, known: Mapping[str, str] | None = None) -> None:
        self._known = KnownValues()
        self._texts = Texts(self._known)
        self._lock = threading.RLock()
        for rule, value in (known or {}).items():
            self.add(rule, value)

    def add(self, rule: str, value: str) -> None:
        """Add a known secret. `rule` is the name in its redactions."""
        self._known.add(rule, value)

    def notebook(self, notebook: Mapping[str, Any]) -> tuple[Any, tuple[Redaction, ...]]:
        """A new notebook of the same classes without secrets, and the redactions. Unchanged parts come from a cache."""
        with self._lock:
            cleaner = NotebookCleaner(self._texts)
            cleaned = cleaner.clean(notebook)
            self._texts.forget_unused()
            return cleaned, tuple(sorted(cleaner.redactions, key=lambda one: (one.cell_number or 0, one.place, one.rule)))

    def document(self, value: Any, place: str) -> tuple[Any, tuple[Redaction, ...]]:
        """A new JSON-like value without secrets in keys and values, and the redactions. Members with secret names become known secrets."""
        with self._lock:
            for secret in secret_members(value):
                self._known.add(RULE, secret)
            redactions: dict[Redaction, None] = {}
            cleaned = Cleaner(self._texts, redactions, place, None).value(value)
            return cleaned, tuple(redactions)

    def text(self, text: str, place: str) -> tuple[str, tuple[Redaction, ...]]:
        """The text without secrets, and the redactions."""
        with self._lock:
            redactions: dict[Redaction, None] = {}
            cleaned = Cleaner(self._texts, redactions, place, None).text(text)
            return cleaned, tuple(redactions)
