"""Checks the contents of one seal against each other: model, source, attempts, records, hand-off files and deployments."""

import re
from collections.abc import Iterator, Mapping

from mlkit.errors import EvidenceRefused, SealBroken
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.foreign_text import shown
from mlkit.evidence.layout import DEPLOYS, HANDOFF, MODELS, RECORD_SUFFIX, SOURCES, bundled_model, bundled_source
from mlkit.evidence.manifest import Attempt
from mlkit.evidence.run_record import RunRecord
from mlkit.evidence.seals import SealInBundle
from mlkit.evidence.staged import RecordOfAttempt, handed_over
from mlkit.evidence.strict_json import read_as

_COMMIT = re.compile(r"[0-9a-f]{40}")


def check_contents(files: Bundle, seal: SealInBundle) -> list[str]:
    """A line for each thing that the seal cannot prove. `files` needs to hold the seal's records only.

    Raises SealBroken with the first that does not fit the manifest or a record.
    """
    _check_shared(seal)
    _check_owners(seal)
    doubts: list[str] = []
    confirmed: list[list[RecordOfAttempt]] = []
    for attempt in seal.manifest.attempts:
        _check_records(attempt, seal)
        if not attempt.confirmed:
            doubts.append(f"{_place(attempt)} ended as {shown(attempt.status)}: its build confirmed none of its files.")
        records = read_records(files, seal, attempt)
        for name, record in records.items():
            doubts += _check_record(record, attempt, name, seal)
        if attempt.confirmed:
            confirmed.append([RecordOfAttempt(action=attempt.action, path=shown(name), record=told) for name, told in records.items()])
    _check_handoff(seal, confirmed)
    _check_deploys(seal)
    return doubts


def read_records(files: Bundle, seal: SealInBundle, attempt: Attempt) -> dict[str, RunRecord]:
    """The attempt's records by their names in the bundle. Raises SealBroken for one that is none."""
    names = [f"{attempt.action}/{attempt.build}/{name}" for name in sorted(attempt.records)]
    return {name: read_as(RunRecord, seal.content(files, name), shown(name)) for name in names}


def _place(attempt: Attempt) -> str:
    return shown(f"{attempt.action}/{attempt.build}")


def _check_shared(seal: SealInBundle) -> None:
    """The manifest's model and source must be among its files."""
    manifest = seal.manifest
    model = bundled_model(manifest.model_sha256, manifest.model_s3_uri.rpartition("/")[2])
    source = bundled_source(manifest.source.archive_sha256)
    for name, sha256 in ((model, manifest.model_sha256), (source, manifest.source.archive_sha256)):
        if name not in seal.files or seal.files[name].sha256 != sha256:
            raise SealBroken(f"{shown(name)} is not what the manifest of {shown(manifest.action)} names")


def _check_owners(seal: SealInBundle) -> None:
    """Every sealed file must belong to an attempt, to the seal itself, or to the models and sources."""
    attempts = (f"{attempt.action}/{attempt.build}/" for attempt in seal.manifest.attempts)
    owners = (f"{MODELS}/", f"{SOURCES}/", f"{seal.folder}/{HANDOFF}/", f"{seal.folder}/{DEPLOYS}/", *attempts)
    for name in sorted(seal.files):
        if not name.startswith(owners):
            raise SealBroken(f"{shown(name)} belongs to no attempt that the manifest of {shown(seal.manifest.action)} lists")


def _check_records(attempt: Attempt, seal: SealInBundle) -> None:
    """The attempt's staged files must be its records, and files that a record of the same name stands for."""
    place = f"{attempt.action}/{attempt.build}"
    staged = seal.below(f"{place}/")
    for name in sorted(staged.keys() | attempt.records.keys()):
        is_record = name.endswith(RECORD_SUFFIX)
        if (is_record or name in attempt.records) and staged.get(name) != attempt.records.get(name):
            raise SealBroken(f"{shown(f'{place}/{name}')} is not the record that the manifest lists for this attempt")
        if not is_record and f"{name.rpartition('.')[0]}{RECORD_SUFFIX}" not in attempt.records:
            raise SealBroken(f"{shown(f'{place}/{name}')} has no record")


def _check_record(record: RunRecord, attempt: Attempt, name: str, seal: SealInBundle) -> Iterator[str]:
    """Compare a record with its attempt and its executed notebook. Yields a line if the record does not tell the notebook's digest."""
    execution = seal.manifest.pipeline_execution_id
    told = (record.origin.action or attempt.action, record.origin.pipeline_execution_id or execution)
    if told != (attempt.action, execution):
        raise SealBroken(f"{shown(name)} is the record of {shown(told[0])} in execution {shown(told[1])}")
    _check_commit(record, name, seal)
    notebook = f"{name.removesuffix(RECORD_SUFFIX)}.ipynb"
    if record.executed_sha256 is None:
        yield f"{shown(notebook)}: its record does not tell its digest."
    elif notebook not in seal.files or seal.files[notebook].sha256 != record.executed_sha256:
        raise SealBroken(f"{shown(notebook)} is not the notebook of its record")


def _check_commit(record: RunRecord, name: str, seal: SealInBundle) -> None:
    """A source that is no Git repository has an id of another kind, which no build records."""
    sealed, told = seal.manifest.source.variables.get("CommitId", ""), record.origin.commit
    if _COMMIT.fullmatch(sealed) and told is not None and told != sealed:
        raise SealBroken(f"{shown(name)} is the record of the commit {shown(told)}; the manifest's commit is {sealed}")


def _check_handoff(seal: SealInBundle, confirmed: list[list[RecordOfAttempt]]) -> None:
    """A sealed hand-off file must be what the last confirmed record says that a notebook wrote; SealEvidence's own rules hold too."""
    try:
        outputs: Mapping[str, str] = handed_over(confirmed)
    except EvidenceRefused as error:
        raise SealBroken(str(error)) from error
    for name, sha256 in sorted(seal.below(f"{seal.folder}/{HANDOFF}/").items()):
        if outputs.get(f"{HANDOFF}/{name}") != sha256:
            raise SealBroken(f"{shown(f'{seal.folder}/{HANDOFF}/{name}')} is not the file that the records name")


def _check_deploys(seal: SealInBundle) -> None:
    found, listed = seal.below(f"{seal.folder}/{DEPLOYS}/"), seal.manifest.deploys
    for name in sorted(found.keys() | listed.keys()):
        if found.get(name) != listed.get(name):
            raise SealBroken(f"{shown(f'{seal.folder}/{DEPLOYS}/{name}')} is not the file that the manifest deploys")
