"""SealEvidence copies staged files to the write-once bucket; VerifyApproval compares them before production."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from mlkit.aws.s3_objects import digest_object, list_objects, read_object, split_uri, write_once
from mlkit.aws.session import Session, aws_errors
from mlkit.errors import ApprovalVoid, InvalidData, NotFound
from mlkit.evidence.layout import Sealed, Staging
from mlkit.evidence.manifest import Manifest, SealedFile, check_unchanged, code_sha256, sha256_of
from mlkit.naming import CONFIGURATIONS, ENDPOINT_TEMPLATE
from mlkit.notebook.handoff import TestResult, TrainedModel


def seal(
    aws: Session,
    *,
    staging: str,
    evidence_uri: str,
    pipeline: str,
    execution: str,
    action: str,
    attempt: str,
    root: Path,
    trained: TrainedModel,
    tested: TestResult,
) -> tuple[str, str]:
    """Copy the execution's staged files and write the manifest beside them. Returns the manifest's address and SHA-256.

    Raises NotFound if nothing is staged, InvalidData if a key already holds other bytes.
    """
    source = Staging(address=staging, execution=execution)
    target = Sealed(address=evidence_uri, pipeline=pipeline, execution=execution)
    bucket = split_uri(staging)[0]
    staged = sorted(f"s3://{bucket}/{item['Key']}" for item in list_objects(aws, source.executions))
    if not staged:
        raise NotFound(f"{source.executions} is empty", cure="Did the notebooks run with --evidence?")
    files = [_copy_once(aws, uri, target.copy_of(source, uri)) for uri in staged]
    model = _copy_once(aws, trained.model.s3_uri, target.model_file(trained.model.sha256, "model.tar.gz"))
    name = trained.encoding.s3_uri.rpartition("/")[2]
    encoding = _copy_once(aws, trained.encoding.s3_uri, target.model_file(trained.model.sha256, name))
    if model.sha256 != trained.model.sha256:
        raise InvalidData(f"{trained.model.s3_uri} is not the file that the training job wrote")
    manifest = Manifest(
        pipeline=pipeline,
        pipeline_execution_id=execution,
        action=action,
        sealed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        code_sha256=code_sha256(root),
        model_s3_uri=trained.model.s3_uri,
        model_sha256=model.sha256,
        verdict=tested.verdict,
        configurations=configuration_digests(root),
        files=tuple(sorted([*files, model, encoding], key=lambda file: file.s3_uri)),
    )
    data = manifest.to_bytes()
    address = target.manifest(action, attempt)
    write_once(aws, address, data)
    return address, sha256_of(data)


def configuration_digests(root: Path) -> dict[str, str]:
    """SHA-256 of the configuration files that CloudFormation will read, by name."""
    paths = [*root.glob(CONFIGURATIONS.as_posix()), root / ENDPOINT_TEMPLATE]
    return {path.name: sha256_of(path.read_bytes()) for path in sorted(paths)}


def verify_approval(aws: Session, *, seal_uri: str, seal_sha256: str, root: Path) -> list[str]:
    """The names of what was compared and is as approved. Raises ApprovalVoid with what differs."""
    data = read_object(aws, seal_uri)
    if sha256_of(data) != seal_sha256:
        raise ApprovalVoid(f"The digest of the manifest {seal_uri} is not the approved one")
    manifest = Manifest.from_bytes(data)
    for file in manifest.files:
        if _digest_of_version(aws, file) != file.sha256:
            raise ApprovalVoid(f"{file.s3_uri} differs from what was sealed")
    now = {"code": code_sha256(root), "model": digest_object(aws, manifest.model_s3_uri).sha256, **configuration_digests(root)}
    return [*check_unchanged(manifest, now), f"{len(manifest.files)} sealed files"]


def _copy_once(aws: Session, source: str, target: str) -> SealedFile:
    data = read_object(aws, source)
    return SealedFile(s3_uri=target, version_id=write_once(aws, target, data), sha256=sha256_of(data), size_bytes=len(data))


def _digest_of_version(aws: Session, file: SealedFile) -> str:
    bucket, key = split_uri(file.s3_uri)
    with aws_errors():
        body = aws.client("s3").get_object(Bucket=bucket, Key=key, VersionId=file.version_id)["Body"]
    digest = hashlib.sha256()
    for piece in body.iter_chunks(8 << 20):
        digest.update(piece)
    return digest.hexdigest()
