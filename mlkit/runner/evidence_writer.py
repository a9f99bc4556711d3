"""Screens the executed notebook and its record, and writes them to the local disk and to a store while the run goes on."""

import contextlib
import dataclasses
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import nbformat

from mlkit.errors import AwsUnavailable, MlkitError, RunnerFailed, SaveFailed
from mlkit.evidence.layout import record_path
from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.run_record import Earlier, Failure, Redaction, RunRecord
from mlkit.screening import Screener

if TYPE_CHECKING:
    from nbformat import NotebookNode

LAST_STORE_S = 8.0  # time for a stopped run to store its notebook and record


def utf8(json_text: str) -> bytes:
    r"""JSON as UTF-8. Half of a surrogate pair, which UTF-8 cannot encode, becomes its JSON escape (`\ud83d`), which readers decode."""
    return json_text.encode("utf-8", "backslashreplace")


class Store(Protocol):
    """A store for executed notebooks; `mlkit.aws.evidence_store` is the one for S3."""

    def address(self, name: str) -> str:
        """The address of a file of that name."""

    def put(self, name: str, data: bytes) -> None:
        """Store the bytes under the name; they replace an earlier file."""

    def unfinished(self, record_name: str) -> Earlier | None:
        """The newest earlier attempt, if it never ended."""


class Keeper:
    """Saves and stores one run. It screens everything before it writes; `redactions` lists what it redacted.

    Once the run stops, it no longer waits for a store that does not answer: see `is_stopped`.
    """

    def __init__(self, executed: Path, store: Store | None, screener: Screener, is_stopped: Callable[[], bool]) -> None:
        self.executed, self.record_path = executed, record_path(executed)
        self.store, self.screener, self._is_stopped = store, screener, is_stopped
        self.redactions: dict[Redaction, None] = {}
        self._notebook = b""
        self._earlier = {path: _content(path) for path in (self.executed, self.record_path)}
        self._unsaved: SaveFailed | None = None
        self._writing, self._storing = threading.Lock(), threading.Lock()
        self._closed = False

    def save(self, notebook: "NotebookNode") -> None:
        """Write the notebook. A failure is reported at the end, because a full disk may have space later."""
        data = self._clean_notebook(notebook)
        with self._writing:
            self._notebook = data
            self._unsaved = self._write(self.executed, data)

    def _clean_notebook(self, notebook: "NotebookNode") -> bytes:
        clean, found = self.screener.notebook(notebook)
        self.redactions.update(dict.fromkeys(found))
        return utf8(nbformat.writes(nbformat.from_dict(clean)))  # type: ignore[no-untyped-call]

    def clean_record(self, record: RunRecord) -> RunRecord:
        """The record with every secret redacted, and the list of redactions."""
        clean, found = self.screener.document(json.loads(record.to_json()), "record")
        self.redactions.update(dict.fromkeys(found))
        return dataclasses.replace(RunRecord.from_json(json.dumps(clean)), redactions=tuple(self.redactions))

    def clean_files(self, paths: Iterable[Path]) -> None:
        """Redact secrets in files for later steps, because the pipeline stores them as artifacts."""
        for path in paths:
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue  # deleted, or not text
            clean, found = self._clean_file(text, path.name)
            if found:
                self.redactions.update(dict.fromkeys(found))
                self._write(path, utf8(clean))

    def _clean_file(self, text: str, name: str) -> tuple[str, Sequence[Redaction]]:
        try:
            document, found = self.screener.document(json.loads(text), name)
        except ValueError:
            return self.screener.text(text, name)
        return json.dumps(document, indent=2) + "\n", found

    def begin(self, record: RunRecord) -> None:
        """Write and store the first files, so that no run begins without evidence. On SaveFailed or the store's error, removes them."""
        if self._unsaved is not None:
            raise self._unsaved
        try:
            self._write_record(self.clean_record(record))
            if self._unsaved is not None:
                raise self._unsaved
            self._store_unless_stopped(record, 0.0)
        except MlkitError:
            self._take_back()
            raise

    def _take_back(self) -> None:
        """Restore the previous files."""
        for path, before in self._earlier.items():
            if before is None:
                path.unlink(missing_ok=True)
            elif _content(path) != before:
                self._write(path, before)

    def keep_unfinished(self, notebook: "NotebookNode", record: RunRecord) -> None:
        """Save and store the notebook so far, until `close`. A failure is reported at the end of the run if it lasts."""
        data, clean = self._clean_notebook(notebook), self.clean_record(record)
        with self._writing:
            if self._closed:
                return
            self._notebook = data
            self._unsaved = self._write(self.executed, data)
            self._write_record(clean)
        try:
            self._store_all(record, unfinished=True)
        except MlkitError as problem:
            text, _ = self.screener.text(str(problem), "record")
            logging.getLogger(__name__).warning("The unfinished notebook could not be stored: %s", text)

    def close(self) -> None:
        """Write no unfinished notebook from now on, so that a save in progress does not replace the last one."""
        with self._writing:
            self._closed = True

    def end(self, record: RunRecord) -> RunRecord:
        """Store, then write the record with the notebook's digest. Its `not_kept` says what failed."""
        problems: list[MlkitError] = []
        if self._unsaved is not None:
            problems.append(self._unsaved)
        record = dataclasses.replace(record, executed_sha256=sha256_of(self._notebook))
        record = _with(self.clean_record(record), problems)
        try:
            if not self._store_unless_stopped(record, LAST_STORE_S):
                problems.append(AwsUnavailable(f"The evidence could not be stored within {LAST_STORE_S:g} s"))
        except MlkitError as problem:
            problems.append(problem)
        except Exception as problem:  # the record must get its end, whatever the store raises
            problems.append(RunnerFailed(f"The evidence could not be stored: {type(problem).__name__}: {problem}"))
        record = self.clean_record(_with(record, problems))
        self._write_record(record)
        if self._unsaved is not None and len(problems) == 0:
            record = _with(record, [self._unsaved])
        return record

    def _store_all(self, record: RunRecord, *, unfinished: bool = False) -> None:
        """Store notebook and record. The lock keeps an earlier upload that hung from replacing the last one."""
        if self.store is not None:
            with self._storing:
                if unfinished and self._closed:
                    return
                self.store.put(self.executed.name, self._notebook)
                self.store.put(self.record_path.name, utf8(self.clean_record(record).to_json()))

    def _store_unless_stopped(self, record: RunRecord, grace_s: float) -> bool:
        """Store, however long it takes. Once the run stops, returns False after `grace_s`; the upload ends with the process."""
        ended: list[BaseException | None] = []

        def store() -> None:
            try:
                self._store_all(record)
            except BaseException as problem:
                ended.append(problem)
            else:
                ended.append(None)

        thread = threading.Thread(target=store, daemon=True)
        thread.start()
        while thread.is_alive() and not self._is_stopped():
            thread.join(0.1)
        thread.join(grace_s)
        if ended and ended[0] is not None:
            raise ended[0]
        return bool(ended)

    def _write_record(self, record: RunRecord) -> None:
        self._unsaved = self._write(self.record_path, utf8(record.to_json())) or self._unsaved

    @staticmethod
    def _write(path: Path, data: bytes) -> SaveFailed | None:
        """Write the file atomically, so that a reader never finds half of it."""
        partial = path.with_name(f".{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)  # a notebook may delete it
            partial.write_bytes(data)
            os.replace(partial, path)
        except OSError as problem:
            with contextlib.suppress(OSError):
                partial.unlink()
            cure = "Free some space (`df -h .`), or name another place for the executed notebook."
            return SaveFailed(f"{path} cannot be written: {problem.strerror or problem}", cure=cure)
        return None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _with(record: RunRecord, problems: list[MlkitError]) -> RunRecord:
    kept = tuple(Failure(cell_number=None, heading="", ename=type(one).__name__, evalue=str(one), cure=one.cure) for one in problems)
    return dataclasses.replace(record, not_kept=kept)
