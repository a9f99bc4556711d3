"""VerifyApproval: checks that what was sealed is what was approved, and hands it to production's deployment."""

from collections.abc import Mapping
from pathlib import Path

from mlkit.aws.pipeline_executions import action_runs
from mlkit.aws.s3_objects import digest_version, read_object, read_version
from mlkit.aws.session import Session
from mlkit.aws.signing import public_key
from mlkit.errors import ApprovalVoid, InvalidData, SealBroken
from mlkit.evidence.archives import code_of
from mlkit.evidence.bundle import BundleInMemory
from mlkit.evidence.layout import DEPLOYS, ENVELOPE, HANDOFF, MANIFEST, PAGE, RECORD_SUFFIX, Sealed
from mlkit.evidence.manifest import APPROVABLE, Manifest, SealedFile, sha256_of
from mlkit.evidence.sealed_records import check_contents
from mlkit.evidence.sealed_results import check_results
from mlkit.evidence.seals import SealInBundle, read_seal


def verify_approval(
    aws: Session, *, seal_uri: str, seal_sha256: str, pipeline: str, execution: str, key_arn: str
) -> tuple[Manifest, list[str]]:
    """The approved manifest, and what was compared. `key_arn` is the KMS key that signs seals.

    Raises ApprovalVoid with the first thing that is not as approved, or not as signed.
    """
    data = read_object(aws, seal_uri)
    if sha256_of(data) != seal_sha256:
        raise ApprovalVoid(f"The digest of the manifest {seal_uri} is not the approved one")
    manifest = Manifest.from_bytes(data)
    if (manifest.pipeline, manifest.pipeline_execution_id) != (pipeline, execution):
        raise ApprovalVoid(f"{seal_uri} seals execution {manifest.pipeline_execution_id} of {manifest.pipeline}")
    if manifest.verdict not in APPROVABLE:
        raise ApprovalVoid(f"The sealed verdict is {manifest.verdict}")
    for file in manifest.files:
        if digest_version(aws, file.s3_uri, file.version_id) != file.sha256:
            raise ApprovalVoid(f"{file.s3_uri} differs from what was sealed")
    _check_seal(aws, seal_uri, data, key_arn)
    _check_source(aws, manifest)
    compared = ["the signature", f"{len(manifest.files)} sealed files", "the source archive", "the model", *sorted(manifest.deploys)]
    return manifest, compared


def _check_seal(aws: Session, seal_uri: str, data: bytes, key_arn: str) -> None:
    """Check the signature, the page, and that manifest, records and files agree, as `mlkit verify` does."""
    address = seal_uri.rpartition("/")[0]
    folder = "/".join(address.split("/")[-2:])
    files = {f"{folder}/{name}": read_object(aws, f"{address}/{name}") for name in (ENVELOPE, PAGE)} | {f"{folder}/{MANIFEST}": data}
    try:
        seal = read_seal(BundleInMemory(files), folder, public_key(aws, key_arn))
        if seal.place.manifest(seal.manifest.action, seal.manifest.build) != seal_uri:
            raise ApprovalVoid(f"{seal_uri} lists files of another evidence bucket")
        content = BundleInMemory(_told_files(aws, seal))
        check_contents(content, seal)
        check_results(content, seal)
    except (SealBroken, InvalidData) as error:
        raise ApprovalVoid(str(error)) from error


def _told_files(aws: Session, seal: SealInBundle) -> Mapping[str, bytes]:
    """The sealed records, hand-off files and deployed files by their names in a bundle."""
    own = (f"{seal.folder}/{HANDOFF}/", f"{seal.folder}/{DEPLOYS}/")
    told = {name: file for name, file in seal.files.items() if name.endswith(RECORD_SUFFIX) or name.startswith(own)}
    return {name: read_version(aws, file.s3_uri, file.version_id) for name, file in told.items()}


def _check_source(aws: Session, manifest: Manifest) -> None:
    """The source that the actions after the approval run is the sealed one."""
    runs = action_runs(aws, manifest.pipeline, manifest.pipeline_execution_id)
    addresses = [address for run in runs if run.action == "Source" and run.status == "Succeeded" for address in run.artifacts.values()]
    if not addresses:
        raise ApprovalVoid("CodePipeline's history has no source archive of this execution")
    archive = read_object(aws, addresses[-1])
    if sha256_of(archive) == manifest.source.archive_sha256:
        return
    now = code_of(archive)
    changed = sorted(name for name in now.keys() | manifest.code.keys() if now.get(name) != manifest.code.get(name))
    raise ApprovalVoid(f"The source archive changed since the evidence was sealed: {', '.join(changed[:5]) or 'files that are no code'}")


def write_deploys(aws: Session, seal_uri: str, manifest: Manifest, folder: Path) -> list[Path]:
    """Write the sealed files from which production is deployed to a new folder.

    Raises ApprovalVoid if one is missing or differs, or if the folder exists: CodeBuild would hand over what the source put there.
    """
    place = Sealed.of_manifest(seal_uri, manifest.pipeline_execution_id)
    if folder.exists() or folder.is_symlink():
        raise ApprovalVoid(f"{folder} is there already: the source has a file or folder named {folder.name}", cure="Remove it and push.")
    folder.mkdir(parents=True)
    written = []
    for name, sha256 in sorted(manifest.deploys.items()):
        file = _sealed(manifest, place.of_seal(manifest.action, manifest.build, f"{DEPLOYS}/{name}"))
        data = read_version(aws, file.s3_uri, file.version_id)
        if sha256_of(data) != sha256:
            raise ApprovalVoid(f"{file.s3_uri} differs from what was approved")
        path = folder / name
        path.write_bytes(data)
        written.append(path)
    return written


def _sealed(manifest: Manifest, s3_uri: str) -> SealedFile:
    for file in manifest.files:
        if file.s3_uri == s3_uri:
            return file
    raise ApprovalVoid(f"{s3_uri} is not among the sealed files")
