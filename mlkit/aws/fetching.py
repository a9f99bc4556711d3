"""Copies evidence to the local disk: an execution's executed notebooks while it runs, and sealed files with a check of their digests."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlkit import evidence
from mlkit.aws.objects import list_objects, read_object, split_uri
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import ApprovalVoid, InvalidData, UsageError
from mlkit.evidence import Manifest, SealedFile
from mlkit.records import RunRecord

_RECORD = ".record.json"


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
    base = f"{staging.rstrip('/')}/{execution}/"
    bucket, prefix = split_uri(base)
    found = set()
    for item in sorted(list_objects(aws, base), key=lambda item: item["LastModified"]):
        action, _attempt, name = item["Key"].removeprefix(prefix).split("/", 2)
        path = _inside(folder, f"{action}/{name}")
        _write(path, read_object(aws, f"s3://{bucket}/{item['Key']}"))
        if path.name.endswith(_RECORD):
            found.add(path)
    runs = [_executed(path, folder) for path in found]
    return sorted(runs, key=lambda run: run.record.started)


def _executed(path: Path, folder: Path) -> Executed:
    notebook = path.with_name(f"{path.name.removesuffix(_RECORD)}.ipynb")
    return Executed(action=path.relative_to(folder).parts[0], path=notebook, record=RunRecord.from_json(path.read_text()))


def fetch_sealed(aws: Session, manifest_uri: str, folder: Path, *, sha256: str | None = None) -> tuple[Manifest, list[Path]]:
    """Copy every file that a manifest lists, and the manifest, to the new `folder`. If one differs from its seal, none is copied.

    `sha256` is the manifest's digest from the approval's message. Raises ApprovalVoid if a file or the manifest differs from what was
    sealed, UsageError if the folder exists.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists", cure="Name a new folder with --to: mlkit does not mix evidence with other files.")
    data = read_object(aws, manifest_uri)
    if sha256 not in (None, evidence.sha256(data)):
        raise ApprovalVoid(f"The digest of the manifest {manifest_uri} is not the approved one")
    manifest = Manifest.from_bytes(data)
    base = manifest_uri.rpartition(f"/{manifest.pipeline_execution_id}/")[0]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch) / folder.name
        names = [_name(file, base, manifest.pipeline_execution_id) for file in manifest.files]
        for file, name in zip(manifest.files, names, strict=True):
            _write(_inside(made, name), _sealed_bytes(aws, file))
        _write(made / "manifest.json", data)
        made.rename(folder)
    return manifest, [folder / name for name in names]


def _name(file: SealedFile, base: str, execution: str) -> str:
    return file.s3_uri.removeprefix(f"{base}/").removeprefix(f"{execution}/")


def _sealed_bytes(aws: Session, file: SealedFile) -> bytes:
    bucket, key = split_uri(file.s3_uri)
    with aws_errors():
        data: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key, VersionId=file.version_id)["Body"].read()
    if evidence.sha256(data) != file.sha256:
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
