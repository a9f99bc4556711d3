"""Checks the contents of one seal against each other: model, source, attempts, records, notebooks, hand-off files and deployments."""

from collections.abc import Iterator, Mapping

from mlkit.errors import InvalidData, SealBroken
from mlkit.evidence.bundle import Bundle
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.layout import DEPLOYS, HANDOFF, MODELS, RECORD_SUFFIX, SOURCES
from mlkit.evidence.manifest import Attempt, Manifest, SealedFile
from mlkit.evidence.run_record import RunRecord

_Files = Mapping[str, SealedFile]


def check_contents(files: Bundle, manifest: Manifest, folder: str, sealed: _Files) -> list[str]:
    """A line for each thing that the seal in `folder` cannot prove. `sealed` maps names in the bundle to the manifest's files.

    Raises SealBroken with the first that does not fit the manifest or a record.
    """
    _check_shared(manifest, sealed)
    _check_owners(manifest, folder, sealed)
    doubts: list[str] = []
    outputs: dict[str, str] = {}
    for attempt in manifest.attempts:
        _check_records(attempt, sealed)
        if not attempt.confirmed:
            doubts.append(one_line(f"{_place(attempt)} ended as {attempt.status}: its build confirmed none of its files."))
        for name in sorted(attempt.records):
            record = _read_record(files, f"{_place(attempt)}/{name}")
            doubts += _check_notebook(record, attempt, name, manifest, sealed)
            if attempt.confirmed and record.activity is not None:
                outputs |= {file.path: file.sha256 for file in record.activity.files if file.role == "output"}
    _check_handoff(folder, sealed, outputs)
    _check_deploys(manifest, folder, sealed)
    return doubts


def _place(attempt: Attempt) -> str:
    return f"{attempt.action}/{attempt.build}"


def _below(prefix: str, sealed: _Files) -> dict[str, str]:
    """SHA-256 of the sealed files below the prefix, by the rest of their names."""
    return {name.removeprefix(prefix): file.sha256 for name, file in sealed.items() if name.startswith(prefix)}


def _check_shared(manifest: Manifest, sealed: _Files) -> None:
    """The manifest's model and source must be among its files."""
    model = f"{MODELS}/{manifest.model_sha256}/{manifest.model_s3_uri.rpartition('/')[2]}"
    source = f"{SOURCES}/{manifest.source.archive_sha256}.zip"
    for name, sha256 in ((model, manifest.model_sha256), (source, manifest.source.archive_sha256)):
        if name not in sealed or sealed[name].sha256 != sha256:
            raise SealBroken(one_line(f"{name} is not what the manifest of {manifest.action} names"))


def _check_owners(manifest: Manifest, folder: str, sealed: _Files) -> None:
    """Every sealed file must belong to an attempt, to the seal itself, or to the models and sources."""
    owners = (f"{MODELS}/", f"{SOURCES}/", f"{folder}/{HANDOFF}/", f"{folder}/{DEPLOYS}/")
    for name in sorted(sealed):
        if not name.startswith((*owners, *(f"{_place(attempt)}/" for attempt in manifest.attempts))):
            raise SealBroken(one_line(f"{name} belongs to no attempt that the manifest of {manifest.action} lists"))


def _check_records(attempt: Attempt, sealed: _Files) -> None:
    """The attempt's staged files must be its records, and files that a record of the same name stands for."""
    staged = _below(f"{_place(attempt)}/", sealed)
    for name in sorted(staged.keys() | attempt.records.keys()):
        is_record = name.endswith(RECORD_SUFFIX)
        if (is_record or name in attempt.records) and staged.get(name) != attempt.records.get(name):
            raise SealBroken(one_line(f"{_place(attempt)}/{name} is not the record that the manifest lists for this attempt"))
        if not is_record and f"{name.rpartition('.')[0]}{RECORD_SUFFIX}" not in attempt.records:
            raise SealBroken(one_line(f"{_place(attempt)}/{name} has no record"))


def _read_record(files: Bundle, name: str) -> RunRecord:
    try:
        return RunRecord.from_json(files[name].decode())
    except (InvalidData, UnicodeDecodeError, RecursionError) as error:
        raise SealBroken(one_line(f"{name} is not a record: {error}")) from error


def _check_notebook(record: RunRecord, attempt: Attempt, name: str, manifest: Manifest, sealed: _Files) -> Iterator[str]:
    """Compare a record with its attempt and its executed notebook. Yields a line if the record does not tell the notebook's digest."""
    place = _place(attempt)
    told = (record.origin.action or attempt.action, record.origin.pipeline_execution_id or manifest.pipeline_execution_id)
    if told != (attempt.action, manifest.pipeline_execution_id):
        raise SealBroken(one_line(f"{place}/{name} is the record of {told[0]} in execution {told[1]}"))
    notebook = f"{place}/{name.removesuffix(RECORD_SUFFIX)}.ipynb"
    if record.executed_sha256 is None:
        yield one_line(f"{notebook}: its record does not tell its digest.")
    elif notebook not in sealed or sealed[notebook].sha256 != record.executed_sha256:
        raise SealBroken(one_line(f"{notebook} is not the notebook of its record"))


def _check_handoff(folder: str, sealed: _Files, outputs: Mapping[str, str]) -> None:
    """A sealed hand-off file must be what the last confirmed record says that a notebook wrote."""
    for name, sha256 in sorted(_below(f"{folder}/{HANDOFF}/", sealed).items()):
        if outputs.get(f"{HANDOFF}/{name}") != sha256:
            raise SealBroken(one_line(f"{folder}/{HANDOFF}/{name} is not the file that the records name"))


def _check_deploys(manifest: Manifest, folder: str, sealed: _Files) -> None:
    found = _below(f"{folder}/{DEPLOYS}/", sealed)
    for name in sorted(found.keys() | manifest.deploys.keys()):
        if found.get(name) != manifest.deploys.get(name):
            raise SealBroken(one_line(f"{folder}/{DEPLOYS}/{name} is not the file that the manifest deploys"))
