"""When two runs of a notebook are the same step: its key, what differs from another one, and finished runs that are kept to be taken over.

What a run reads without telling - a web page, a file that no handoff names - is not in its key: tell it with `journal.tell`.
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

REUSE = "MLKIT_REUSE"  # the variable that is 1 where finished training jobs are to be taken over
LOCKS = ("requirements.lock", "requirements-build.lock")
KEEP_LAST = 10  # runs of each notebook on this machine; a run takes some 100 kB
_RECORD, _STEP, _NOTEBOOK = "record.json", "step.json", "executed.ipynb"
_STARTED = "%Y%m%dT%H%M%S.%fZ"
_FOLDER = re.compile(r"/\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{64}$")
_NAME = r'(?:"[^"]+"|[\w$]+)'
_TABLE = re.compile(rf"\b(?:FROM|JOIN)\s+({_NAME}(?:\.{_NAME})*)(?!\s*\()", re.IGNORECASE)
_TABLES = re.compile(rf"\bFROM\s+{_NAME}(?:\.{_NAME})*(?:\s+(?:AS\s+)?{_NAME})?\s*,", re.IGNORECASE)
_DEFINED = re.compile(rf"({_NAME})\s+AS\s*\(", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Step:
    """All but the inputs that decides what a run does. `code` and `locks` map files to SHA-256; `parameters` holds defaults too."""

    notebook: str
    parameters: Mapping[str, Any]
    code: Mapping[str, str]
    locks: Mapping[str, str]

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of all members."""
        return digest(dataclasses.asdict(self))

    def differences(self, earlier: "Step") -> list[str]:
        """What is not as it was in the earlier one, for people."""
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
    """The step that a run of the notebook with these parameters would be; `root` is the project's folder. Raises what `bind` raises."""
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
    """SHA-256 of every file of the project's code, and of each imported package that is another copy than the project's."""
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
    """Where finished runs are kept: each a folder `<notebook>/<started>-<key>` of a few files."""

    def folders(self, notebook: str) -> list[str]:
        """The folders of the notebook's runs, in any order."""

    def read(self, folder: str, name: str) -> bytes:
        """The file's content; raises NotFound."""

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Keep the files so that a reader finds all of them or no folder."""

    def address(self, folder: str, name: str) -> str:
        """Where people find the file."""


class LocalPlace:
    """A folder of this machine; of each notebook's runs the last few stay."""

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
    """A finished run that is kept."""

    place: Place
    folder: str

    @property
    def key(self) -> str:
        return self.folder.rpartition("-")[2]

    @property
    def started(self) -> datetime:
        """When the run began, in UTC; from the folder's name, for it can be told of a record that cannot be read."""
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
        """The files that the run left, by path in the project. Raises InvalidData when a copy is not what the run left."""
        found = {path: self.place.read(self.folder, f"files/{path}") for path in output_files(self.record)}
        for path, expected in output_files(self.record).items():
            if sha256_of(found[path]) != expected:
                raise InvalidData(f"{self.place.address(self.folder, f'files/{path}')} is not what the run left")
        return found


def kept_runs(place: Place, notebook: str) -> Iterator[Kept]:
    """The kept runs of the notebook, the newest first; `notebook` is a step's."""
    for folder in sorted(place.folders(Path(notebook).stem), reverse=True):
        if _FOLDER.search(folder):
            yield Kept(place=place, folder=folder)


def why_not_kept(record: RunRecord) -> str:
    """Why the run cannot be taken over later; empty when it can."""
    if record.status is not Status.COMPLETED:
        return f"its status is {record.status}"
    if record.reused is not None:
        return "it was taken over itself"
    if record.redactions or record.not_kept:
        return "its evidence is not whole: something was taken out of it, or it could not be stored"
    if record.activity is None:
        return "its kernel could not tell what it read and wrote"
    if outside := [file.path for file in record.activity.files if _is_outside(file.path)]:
        return f"it used {outside[0]}, which is not in the project"
    if untold := untold_tables(record.activity):
        return f"it queried {_few(untold)} without telling it as an input"
    return ""


def keep_run(place: Place, step: Step, record: RunRecord, notebook: bytes, root: Path) -> None:
    """Keep a finished run with the files that it left. Raises InvalidData when one of them has changed since."""
    files = {}
    for path, expected in output_files(record).items():
        files[f"files/{path}"] = data = (root / path).read_bytes() if (root / path).is_file() else b""
        if sha256_of(data) != expected:
            raise InvalidData(f"{path} is no longer what the run left", cure="Run the notebook again.")
    started = datetime.fromisoformat(record.started).astimezone(UTC).strftime(_STARTED)
    content = {**files, _NOTEBOOK: notebook, _STEP: json.dumps(dataclasses.asdict(step)).encode(), _RECORD: record.to_json().encode()}
    place.write(f"{Path(step.notebook).stem}/{started}-{step.key}", content)


def output_files(record: RunRecord) -> dict[str, str]:
    """SHA-256 of each file that the run left to others, as it was in the end, by path in the project."""
    return {file.path: file.sha256 for file in (record.activity or Activity()).files if file.role == "output"}


def changed_files(record: RunRecord, root: Path) -> list[str]:
    """The files that the run took from others and that are not as they were."""
    own, changed = output_files(record), []
    for file in (record.activity or Activity()).files:
        path = root / file.path
        if file.role != "input" or own.get(file.path) == file.sha256:
            continue  # what it left itself and then read is no input
        if not path.is_file() or sha256_of(path.read_bytes()) != file.sha256:
            changed.append(file.path)
    return changed


def in_project(files: Mapping[str, bytes], root: Path) -> dict[Path, bytes]:
    """The files by where they belong. Raises InvalidData for a path that leaves the project."""
    for path in files:
        if not (root / path).resolve().is_relative_to(root.resolve()):
            raise InvalidData(f"The kept run would write {path}, which is not in the project")
    return {root / path: data for path, data in files.items()}


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Write them all, or, when one cannot be written, none."""
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
    """Tables that the run's queries read and that are none of its inputs: a change of theirs would go unseen."""
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
