"""Copies evidence to the local disk: an execution's executed notebooks while it runs, and its seals with all that they list."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlkit.aws.s3_objects import list_objects, read_object, read_version, split_uri
from mlkit.aws.session import Session
from mlkit.errors import InvalidData, NotFound, SealBroken, UsageError
from mlkit.evidence.envelope import read_envelope, subjects_of
from mlkit.evidence.layout import ENVELOPE, PAGE, RECORD_SUFFIX, Sealed, Staging, notebook_path
from mlkit.evidence.manifest import Manifest, SealedFile, sha256_of
from mlkit.evidence.run_record import RunRecord


@dataclass(frozen=True, kw_only=True)
class Executed:
    """One executed notebook on the local disk; `action` is the STAGE.ACTION that ran it."""

    action: str
    path: Path
    record: RunRecord


def fetch_executed(aws: Session, staging: str, execution: str, folder: Path) -> list[Executed]:
    """Copy the execution's staged files to `folder` (`<action>/<notebook>`). Returns its runs in the order of their starts.

    Of a retried action, the last attempt is copied. Existing files are replaced, because a running notebook is stored again and again.
    """
    place, bucket = Staging(address=staging, execution=execution), split_uri(staging)[0]
    found = set()
    for item in sorted(list_objects(aws, place.executions), key=lambda item: item["LastModified"]):
        address = f"s3://{bucket}/{item['Key']}"
        path = _inside(folder, "/".join(place.action_and_name(address)))
        _write(path, read_object(aws, address))
        if path.name.endswith(RECORD_SUFFIX):
            found.add(path)
    runs = [_executed(path, folder) for path in found]
    return sorted(runs, key=lambda run: run.record.started)


def _executed(path: Path, folder: Path) -> Executed:
    record = RunRecord.from_json(path.read_text())
    return Executed(action=path.relative_to(folder).parts[0], path=notebook_path(path), record=record)


@dataclass(frozen=True, kw_only=True)
class FetchedBundle:
    """A bundle on the local disk: its manifests, the newest first, and the names of its files. `absent`: seals without an envelope."""

    manifests: tuple[Manifest, ...]
    names: tuple[str, ...]
    absent: tuple[str, ...]


def fetch_bundle(aws: Session, manifest_uri: str, folder: Path, *, sha256: str | None = None) -> FetchedBundle:
    """Copy a seal, its earlier seals and every file that they list to the new `folder`. If one differs from its seal, none is copied.

    `sha256` is the manifest's digest from the approval's message. Raises SealBroken if a file or a manifest differs from what was
    sealed, UsageError if the folder exists.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists", cure="Name a new folder with --to: mlkit does not mix evidence with other files.")
    chain = _read_chain(aws, manifest_uri, sha256)
    newest = Manifest.from_bytes(chain[manifest_uri])
    place = Sealed.of_manifest(manifest_uri, newest.pipeline_execution_id)
    manifests = {uri: Manifest.from_bytes(data) for uri, data in chain.items()}
    sealed = _listed(manifests.values())
    absent: list[str] = []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch) / folder.name
        for uri, file in sealed.items():
            _write(_inside(made, place.name_of(uri)), sealed_bytes(aws, file))
        for uri, data in chain.items():
            name = place.name_of(uri)
            _write(_inside(made, name), data)
            absent += _fetch_signature(aws, uri, (made / name).parent, place)
        names = tuple(sorted(path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()))
        made.rename(folder)
    return FetchedBundle(manifests=tuple(manifests.values()), names=names, absent=tuple(absent))


def _read_chain(aws: Session, manifest_uri: str, sha256: str | None) -> dict[str, bytes]:
    """The manifest and all that are reachable over parents, by address. Raises SealBroken if one has another digest than is told."""
    found: dict[str, bytes] = {}
    told: list[tuple[str, str | None]] = [(manifest_uri, sha256)]
    while told:
        uri, digest = told.pop()
        data = found.get(uri) or read_object(aws, uri)
        if digest not in (None, sha256_of(data)):
            by = "the approved one" if uri == manifest_uri else "the one that the later seal names"
            raise SealBroken(f"The digest of the manifest {uri} is not {by}")
        if uri not in found:
            found[uri] = data
            told += [(parent.s3_uri, parent.sha256) for parent in Manifest.from_bytes(data).parents]
    return found


def _listed(manifests: Iterable[Manifest]) -> dict[str, SealedFile]:
    """The files that the manifests list, by address. Raises SealBroken if two list one differently."""
    found: dict[str, SealedFile] = {}
    for manifest in manifests:
        for file in manifest.files:
            if found.setdefault(file.s3_uri, file) != file:
                raise SealBroken(f"{file.s3_uri}: two seals list it differently")
    return found


def _fetch_signature(aws: Session, manifest_uri: str, folder: Path, place: Sealed) -> list[str]:
    """Copy the envelope, and the page if the envelope signs one, beside a manifest. Returns the envelope's name if there is none."""
    beside = manifest_uri.rpartition("/")[0]
    try:
        envelope = read_object(aws, f"{beside}/{ENVELOPE}")
    except NotFound:
        return [place.name_of(f"{beside}/{ENVELOPE}")]
    _write(folder / ENVELOPE, envelope)
    if PAGE in subjects_of(read_envelope(envelope, f"{beside}/{ENVELOPE}"), f"{beside}/{ENVELOPE}"):
        _write(folder / PAGE, read_object(aws, f"{beside}/{PAGE}"))
    return []


def sealed_bytes(aws: Session, file: SealedFile) -> bytes:
    """The sealed version of a file. Raises SealBroken if it differs from what was sealed."""
    data = read_version(aws, file.s3_uri, file.version_id)
    if sha256_of(data) != file.sha256:
        raise SealBroken(f"{file.s3_uri} differs from what was sealed")
    return data


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _inside(folder: Path, name: str) -> Path:
    """The file of that name in the folder. Raises InvalidData for a key with `..` that leaves it."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidData(f"{name} leads out of the folder", cure="mlkit writes no such key. Check who may write to the bucket.")
    return path
