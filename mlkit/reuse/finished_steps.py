"""Compares runs of a notebook: the key of a step, its differences from an earlier one, and the finished runs that later runs may take over.

The comparison does not notice data that a run reads without reporting them (a web page, a file that no hand-off names). A notebook reports
them with `journal.tell`.
"""

import dataclasses
import functools
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import mlkit
import sagemaker_formats
from mlkit.errors import InvalidData, NotFound
from mlkit.evidence.manifest import code_digests, sha256_of
from mlkit.evidence.run_record import Activity, RunRecord, Status
from mlkit.parameters import bind, read_parameters
from mlkit.typed_json import build

REUSE = "MLKIT_REUSE"  # environment variable; with the value 1, finished training jobs are taken over
LOCKS = ("requirements.lock", "requirements-build.lock")
KEEP_LAST = 10  # runs that are kept for each notebook on this machine; a run takes some 100 kB
_RECORD, _STEP, _NOTEBOOK = "record.json", "step.json", "executed.ipynb"
_STARTED = "%Y%m%dT%H%M%S.%fZ"
_FOLDER = re.compile(r"/\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{64}$")
_NAME = r'(?:"[^"]+"|[\w$]+)'
_TABLE = re.compile(rf"\b(?:FROM|JOIN)\s+({_NAME}(?:\.{_NAME})*)(?!\s*\()", re.IGNORECASE)
_TABLES = re.compile(rf"\bFROM\s+{_NAME}(?:\.{_NAME})*(?:\s+(?:AS\s+)?{_NAME})?\s*,", re.IGNORECASE)
_DEFINED = re.compile(rf"({_NAME})\s+AS\s*\(", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What decides a run's result, except its inputs. `code` and `locks` map files to SHA-256; `parameters` includes defaults."""

    notebook: str
    parameters: Mapping[str, Any]
    code: Mapping[str, str]
    locks: Mapping[str, str]

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of all members."""
        return digest(dataclasses.asdict(self))

    def differences(self, earlier: "Step") -> list[str]:
        """The differences from an earlier step, as texts for people."""
        found = []
        if code := _changed(self.code, earlier.code):
            found.append(f"code ({_few(code)})")
        for name in _changed(self.parameters, earlier.parameters):
            now, then = (json.dumps(step.parameters[name]) if name in step.parameters else "absent" for step in (self, earlier))
            found.append(f"parameter {name} ({now}, was {then})")
        if locks := _changed(self.locks, earlier.locks):
            found.append(f"lock ({_few(locks)})")
        return found


def identify(notebook: Path, parameters: Mapping[str, Any], root: Path) -> Step:
    """The step of a run of the notebook with these parameters. `root` is the project's folder. Raises the errors of `bind`."""
    path = notebook.resolve()
    name = path.relative_to(root.resolve()).as_posix() if path.is_relative_to(root.resolve()) else str(path)
    declared = read_parameters(notebook)
    return Step(
        notebook=name,
        parameters={**{one.name: one.default for one in declared}, **bind(declared, parameters)},
        code={**project_code(root), name: sha256_of(notebook.read_bytes())},
        locks=lock_digests(root),
    )


def project_code(root: Path) -> dict[str, str]:
    """SHA-256 of every file of the project's code, and of imported packages that are not the project's own copy."""
    found = code_digests(root)
    for package, place in ((mlkit, "mlkit"), (sagemaker_formats, "packages/sagemaker_formats/src/sagemaker_formats")):
        library = Path(package.__path__[0]).resolve()
        if library != (root / place).resolve():
            imported = code_digests(library.parent, (library.name,), files=())
            found |= {f"imported {name}": value for name, value in imported.items()}
    return found


def lock_digests(root: Path) -> dict[str, str]:
    """SHA-256 of each lock file that the project has, by name."""
    return {name: sha256_of((root / name).read_bytes()) for name in LOCKS if (root / name).is_file()}


def digest(value: Any) -> str:
    """SHA-256 of the value's canonical JSON."""
    return sha256_of(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode())


class Place(Protocol):
    """A store of finished runs. Each run is a folder `<notebook>/<started>-<key>` with a few files."""

    def folders(self, notebook: str) -> list[str]:
        """The folders of the notebook's runs, in any order."""

    def read(self, folder: str, name: str) -> bytes:
        """The file's content. Raises NotFound."""

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Store the files. A reader finds either all of them or no folder."""

    def address(self, folder: str, name: str) -> str:
        """The file's address, for people."""


class LocalPlace:
    """A folder on this machine. It keeps the last KEEP_LAST runs of each notebook."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def folders(self, notebook: str) -> list[str]:
        return [f"{notebook}/{path.name}" for path in (self.path / notebook).glob("[!.]*")]

    def read(self, folder: str, name: str) -> bytes:
        try:
            return (self.path / folder / name).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"{self.path / folder / name} does not exist") from error

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        target = self.path / folder
        partial = target.with_name(f".{uuid.uuid4().hex}")
        try:
            for name, data in files.items():
                (partial / name).parent.mkdir(parents=True, exist_ok=True)
                (partial / name).write_bytes(data)
            os.rename(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        for old in sorted(self.folders(target.parent.name), reverse=True)[KEEP_LAST:]:
            shutil.rmtree(self.path / old, ignore_errors=True)

    def address(self, folder: str, name: str) -> str:
        return str(self.path / folder / name)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A finished run in the store."""

    place: Place
    folder: str

    @property
    def key(self) -> str:
        return self.folder.rpartition("-")[2]

    @property
    def started(self) -> datetime:
        """The start of the run, in UTC. It comes from the folder's name, so it is known even if the record cannot be read."""
        return datetime.strptime(self.folder.rpartition("/")[2].partition("-")[0], _STARTED)

    @property
    def address(self) -> str:
        return self.place.address(self.folder, _RECORD)

    @functools.cached_property
    def record(self) -> RunRecord:
        return RunRecord.from_json(self.place.read(self.folder, _RECORD).decode())

    @functools.cached_property
    def step(self) -> Step:
        try:
            step: Step = build(Step, json.loads(self.place.read(self.folder, _STEP)))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidData(f"{self.place.address(self.folder, _STEP)} is damaged: {error}") from error
        return step

    def notebook(self) -> bytes:
        return self.place.read(self.folder, _NOTEBOOK)

    def outputs(self) -> dict[str, bytes]:
        """The files that the run wrote, by path in the project. Raises InvalidData if a copy was changed."""
        found = {path: self.place.read(self.folder, f"files/{path}") for path in output_files(self.record)}
        for path, expected in output_files(self.record).items():
            if sha256_of(found[path]) != expected:
                raise InvalidData(f"{self.place.address(self.folder, f'files/{path}')} was changed after the run")
        return found


def kept_runs(place: Place, notebook: str) -> Iterator[Kept]:
    """The kept runs of a step's notebook, the newest first."""
    for folder in sorted(place.folders(Path(notebook).stem), reverse=True):
        if _FOLDER.search(folder):
            yield Kept(place=place, folder=folder)


def why_not_kept(record: RunRecord) -> str:
    """The reason why the run cannot be taken over later; empty if it can."""
    if record.status is not Status.COMPLETED:
        return f"its status is {record.status}"
    if record.reused is not None:
        return "it was taken over from an earlier run"
    if record.redactions or record.not_kept:
        return "its evidence is incomplete: a secret was redacted, or a file could not be stored"
    if record.activity is None:
        return "its kernel did not report what it read and wrote"
    if outside := [file.path for file in record.activity.files if _is_outside(file.path)]:
        return f"it used {outside[0]}, which is not in the project"
    if untold := untold_tables(record.activity):
        return f"it queried {_few(untold)} without reporting it as an input"
    return ""


def keep_run(place: Place, step: Step, record: RunRecord, notebook: bytes, root: Path) -> None:
    """Store a finished run with the files that it wrote. Raises InvalidData if one of them has changed since."""
    files = {}
    for path, expected in output_files(record).items():
        files[f"files/{path}"] = data = (root / path).read_bytes() if (root / path).is_file() else b""
        if sha256_of(data) != expected:
            raise InvalidData(f"{path} has changed since the run", cure="Run the notebook again.")
    started = datetime.fromisoformat(record.started).astimezone(UTC).strftime(_STARTED)
    content = {**files, _NOTEBOOK: notebook, _STEP: json.dumps(dataclasses.asdict(step)).encode(), _RECORD: record.to_json().encode()}
    place.write(f"{Path(step.notebook).stem}/{started}-{step.key}", content)


def output_files(record: RunRecord) -> dict[str, str]:
    """SHA-256 of each file that the run wrote for others, at the end of the run, by path in the project."""
    return {file.path: file.sha256 for file in (record.activity or Activity()).files if file.role == "output"}


def changed_files(record: RunRecord, root: Path) -> list[str]:
    """The files of others that the run read and that have changed since."""
    own, changed = output_files(record), []
    for file in (record.activity or Activity()).files:
        path = root / file.path
        if file.role != "input" or own.get(file.path) == file.sha256:
            continue  # a file that the run wrote and then read is not an input
        if not path.is_file() or sha256_of(path.read_bytes()) != file.sha256:
            changed.append(file.path)
    return changed


def in_project(files: Mapping[str, bytes], root: Path) -> dict[Path, bytes]:
    """The files by their absolute paths. Raises InvalidData for a path outside of the project."""
    for path in files:
        if not (root / path).resolve().is_relative_to(root.resolve()):
            raise InvalidData(f"The kept run would write {path}, which is outside of the project")
    return {root / path: data for path, data in files.items()}


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Write all files, or none if one cannot be written."""
    partials = {}
    try:
        for target, data in files.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            partials[target] = target.with_name(f".{target.name}.partial")
            partials[target].write_bytes(data)
        for target, partial in partials.items():
            os.replace(partial, target)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)


def untold_tables(activity: Activity) -> list[str]:
    """The tables that the run queried without reporting them as inputs. A change of such a table would not be noticed."""
    told, unknown = {item.name.rpartition(" ")[2] for item in activity.inputs}, []
    for query in activity.queries:
        defined = {name.replace('"', "").lower() for name in _DEFINED.findall(query.sql)}
        names = [name.replace('"', "").lower() for name in _TABLE.findall(query.sql)]
        unknown += [name for name in names if name not in told | defined]
        unknown += ["several tables at once"] if _TABLES.search(query.sql) else []
    return sorted(set(unknown))


def _is_outside(path: str) -> bool:
    return Path(path).is_absolute() or ".." in Path(path).parts


def _changed(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    absent = object()
    return sorted(name for name in now.keys() | then.keys() if now.get(name, absent) != then.get(name, absent))


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}"
