"""Copies evidence to the local disk: an execution's executed notebooks while it runs, and sealed files with a check of their digests."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlkit.aws.s3_objects import list_objects, read_object, split_uri
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import ApprovalVoid, InvalidData, UsageError
from mlkit.evidence.layout import MANIFEST, RECORD_SUFFIX, Sealed, Staging, notebook_path
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


def fetch_sealed(aws: Session, manifest_uri: str, folder: Path, *, sha256: str | None = None) -> tuple[Manifest, list[Path]]:
    """Copy every file that a manifest lists, and the manifest, to the new `folder`. If one differs from its seal, none is copied.

    `sha256` is the manifest's digest from the approval's message. Raises ApprovalVoid if a file or the manifest differs from what was
    sealed, UsageError if the folder exists.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists", cure="Name a new folder with --to: mlkit does not mix evidence with other files.")
    data = read_object(aws, manifest_uri)
    if sha256 not in (None, sha256_of(data)):
        raise ApprovalVoid(f"The digest of the manifest {manifest_uri} is not the approved one")
    manifest = Manifest.from_bytes(data)
    place = Sealed.of_manifest(manifest_uri, manifest.pipeline_execution_id)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch) / folder.name
        names = [place.name_of(file.s3_uri) for file in manifest.files]
        for file, name in zip(manifest.files, names, strict=True):
            _write(_inside(made, name), _sealed_bytes(aws, file))
        _write(made / MANIFEST, data)
        made.rename(folder)
    return manifest, [folder / name for name in names]


def _sealed_bytes(aws: Session, file: SealedFile) -> bytes:
    bucket, key = split_uri(file.s3_uri)
    with aws_errors():
        data: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key, VersionId=file.version_id)["Body"].read()
    if sha256_of(data) != file.sha256:
        raise ApprovalVoid(f"{file.s3_uri} differs from what was sealed")
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
