"""Checks what builds staged: against CodePipeline's history, which no build can write, and against the builds' own records.

A build can lie about itself. It cannot add to, or change, what another build staged: the other build's digests came through CodePipeline's
variables, and CodePipeline knows when it ended.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mlkit.errors import EvidenceRefused, InvalidData
from mlkit.evidence.layout import RECORD_SUFFIX, notebook_name
from mlkit.evidence.manifest import Attempt, sha256_of
from mlkit.evidence.run_record import RunRecord

SUCCEEDED = "Succeeded"
_EXPORTED = re.compile(r"([\w.-]+)=([0-9a-f]{64})")


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """A staged object: its newest content, and when each of its versions was written. `action` is STAGE.ACTION."""

    action: str
    build: str
    name: str
    data: bytes = field(repr=False)
    written: tuple[datetime, ...]

    @property
    def path(self) -> str:
        return f"{self.action}/{self.build}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """One attempt of an action in CodePipeline's history. `exported` is the build's variable RECORDS; empty if it exported none."""

    action: str
    build: str
    status: str
    started: datetime
    ended: datetime
    exported: str = ""


def exported_records(digests: Mapping[str, str]) -> str:
    """The value of the variable RECORDS: `<notebook>=<SHA-256 of its record>`, separated by spaces."""
    return " ".join(f"{name.removesuffix(RECORD_SUFFIX)}={digest}" for name, digest in sorted(digests.items()))


def check_staged(files: Iterable[StagedFile], runs: Sequence[StepRun], execution: str) -> tuple[Attempt, ...]:
    """The attempts that staged the files, in the order of their starts, once every file has been checked.

    Raises EvidenceRefused with the first file that no build of the execution wrote, that was written after its build ended, that no
    record names, or that differs from its record or from the digest that its build exported.
    """
    known = {(run.action, run.build): run for run in runs}
    staged: dict[tuple[str, str], dict[str, StagedFile]] = {key: {} for key in known}
    for file in sorted(files, key=lambda file: file.path):
        run = known.get((file.action, file.build))
        if run is None:
            raise EvidenceRefused(f"{file.path} is staged, but CodePipeline knows no such build of {file.action} in this execution")
        _check_times(file, run)
        staged[file.action, file.build][file.name] = file
    told = [run for run in runs if run.exported or staged[run.action, run.build]]  # other builds run no notebooks
    return tuple(_attempt(run, staged[run.action, run.build], execution) for run in sorted(told, key=lambda run: run.started))


def _check_times(file: StagedFile, run: StepRun) -> None:
    """Versions within the build's time are its own: a notebook is staged again and again while it runs."""
    for moment in file.written:
        if moment > run.ended:
            raise EvidenceRefused(f"{file.path} was written at {_seconds(moment)}, after its build ended at {_seconds(run.ended)}")
        if moment.replace(microsecond=0) < run.started.replace(microsecond=0):  # S3 tells whole seconds
            raise EvidenceRefused(f"{file.path} was written at {_seconds(moment)}, before its build began at {_seconds(run.started)}")


def _attempt(run: StepRun, files: Mapping[str, StagedFile], execution: str) -> Attempt:
    exported = dict(_EXPORTED.findall(run.exported))
    records = {name: sha256_of(file.data) for name, file in files.items() if name.endswith(RECORD_SUFFIX)}
    is_confirmed = run.status == SUCCEEDED
    if is_confirmed:
        _check_exported(run, exported, records)
    for name, file in files.items():
        if name not in records:
            _check_notebook(file, files.get(f"{name.rpartition('.')[0]}{RECORD_SUFFIX}"), execution, is_confirmed=is_confirmed)
    for name in records:
        if is_confirmed and notebook_name(name) not in files:
            raise EvidenceRefused(f"{run.action}/{run.build}/{notebook_name(name)} is not staged, but its record is")
    return Attempt(
        action=run.action,
        build=run.build,
        status=run.status,
        started=_seconds(run.started),
        ended=_seconds(run.ended),
        confirmed=is_confirmed,
        records=records,
    )


def _check_exported(run: StepRun, exported: Mapping[str, str], records: Mapping[str, str]) -> None:
    """Compare the staged records with the digests that the build exported."""
    place = f"{run.action}/{run.build}"
    if not exported:
        cure = "Does the buildspec export RECORDS, which `mlkit exports` writes?"
        raise EvidenceRefused(f"The build {place} succeeded, but exported no digests of its records", cure=cure)
    expected = {f"{name}{RECORD_SUFFIX}": digest for name, digest in exported.items()}
    for name in sorted(expected.keys() | records.keys()):
        if name not in records:
            raise EvidenceRefused(f"{place}/{name} is not staged, but its build exported its digest")
        if name not in expected:
            raise EvidenceRefused(f"{place}/{name} is staged, but its build did not export its digest")
        if records[name] != expected[name]:
            raise EvidenceRefused(f"{place}/{name} differs from the digest that its build exported")


def _check_notebook(file: StagedFile, record: StagedFile | None, execution: str, *, is_confirmed: bool) -> None:
    """Compare an executed notebook with its record. A build that was cut off leaves a record without a digest."""
    if record is None or notebook_name(record.name) != file.name:
        raise EvidenceRefused(f"{file.path} is staged, but no record names it")
    told = _record(record)
    if told.origin.action not in (None, file.action):
        raise EvidenceRefused(f"{record.path} is a record of {told.origin.action}")
    if told.origin.pipeline_execution_id not in (None, execution):
        raise EvidenceRefused(f"{record.path} is a record of the execution {told.origin.pipeline_execution_id}")
    if told.ended is None and not is_confirmed:
        return
    if told.executed_sha256 != sha256_of(file.data):
        raise EvidenceRefused(f"{file.path} differs from its record")


@dataclass(frozen=True, kw_only=True)
class RecordOfAttempt:
    """A confirmed record with the action that wrote it; `path` is the record's, for messages."""

    action: str
    path: str
    record: RunRecord


def outputs_of(files: Iterable[StagedFile], attempts: Sequence[Attempt]) -> dict[str, str]:
    """What `handed_over` says of the staged records of the confirmed attempts."""
    by_path = {file.path: file for file in files}
    staged = [[by_path[f"{one.action}/{one.build}/{name}"] for name in one.records] for one in attempts if one.confirmed]
    return handed_over([RecordOfAttempt(action=one.action, path=one.path, record=_record(one)) for one in group] for group in staged)


def handed_over(attempts: Iterable[Iterable[RecordOfAttempt]]) -> dict[str, str]:
    """SHA-256 of each hand-off file by its path in the project, as the records tell it. Later attempts replace earlier ones.

    `attempts` holds the records of each confirmed attempt. Raises EvidenceRefused for a file that a notebook read and no earlier notebook
    wrote, and for one that two actions wrote.
    """
    outputs: dict[str, str] = {}
    owners: dict[str, str] = {}
    for records in attempts:
        for told in sorted(records, key=lambda told: told.record.started):
            _check_inputs(told, outputs)
            for path, sha256 in _files(told.record, "output").items():
                _check_owner(told, path, owners)
                outputs[path] = sha256
    return outputs


def _files(record: RunRecord, role: str) -> dict[str, str]:
    return {file.path: file.sha256 for file in record.activity.files if file.role == role} if record.activity else {}


def _check_inputs(told: RecordOfAttempt, outputs: Mapping[str, str]) -> None:
    """A file that the notebook wrote and then read is not an input."""
    own = _files(told.record, "output")
    for path, sha256 in _files(told.record, "input").items():
        if sha256 not in (outputs.get(path), own.get(path)):
            raise EvidenceRefused(f"{told.path} read a {path} that no earlier notebook of this execution wrote")


def _check_owner(told: RecordOfAttempt, path: str, owners: dict[str, str]) -> None:
    """A stage's test writes its own result; no test may replace what the training handed over."""
    action = told.action.rpartition(".")[2]
    if owners.setdefault(path, action) != action:
        raise EvidenceRefused(f"{told.path} wrote {path}, which {owners[path]} hands over")


def check_output(path: str, data: bytes, outputs: Mapping[str, str]) -> bytes:
    """The bytes of a hand-off file, if a confirmed record tells their digest. Raises EvidenceRefused."""
    if path not in outputs:
        raise EvidenceRefused(f"{path} is among the artifacts, but no record names it")
    if sha256_of(data) != outputs[path]:
        raise EvidenceRefused(f"{path} differs from the record of the notebook that wrote it")
    return data


def _record(file: StagedFile) -> RunRecord:
    try:
        return RunRecord.from_json(file.data.decode())
    except (InvalidData, UnicodeDecodeError) as error:
        raise EvidenceRefused(f"{file.path} is no record: {error}") from error


def _seconds(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
