"""Executions of a pipeline that have sealed evidence, and their evidence in memory for the review page and for comparisons."""

from dataclasses import dataclass

from mlkit.aws.evidence_download import sealed_bytes
from mlkit.aws.s3_objects import list_objects, read_object, split_uri
from mlkit.aws.session import Session
from mlkit.errors import NotFound
from mlkit.evidence.layout import MANIFEST, Sealed, is_bundled_model
from mlkit.evidence.manifest import Manifest, sha256_of
from mlkit.review import Evidence


@dataclass(frozen=True, kw_only=True)
class SealedExecution:
    """One execution: its first seal, which holds the notebooks and their results, and its newest one, which may hold the decision."""

    manifest_uri: str
    sha256: str
    manifest: Manifest
    newest: Manifest
    newest_uri: str = ""

    @property
    def place(self) -> str:
        """The first seal's folder."""
        return self.manifest_uri.rpartition("/")[0]

    @property
    def newest_place(self) -> str:
        """The newest seal's folder; the first one's if there is one only."""
        return self.newest_uri.rpartition("/")[0] or self.place


def sealed_executions(aws: Session, evidence_uri: str, pipeline: str) -> list[SealedExecution]:
    """The pipeline's executions with sealed evidence, newest first. `evidence_uri` is the evidence bucket's s3:// address."""
    bucket = split_uri(evidence_uri)[0]
    found: dict[str, list[tuple[Manifest, str, str]]] = {}
    for item in list_objects(aws, f"{evidence_uri.rstrip('/')}/{pipeline}/"):
        if item["Key"].endswith(f"/{MANIFEST}"):
            uri = f"s3://{bucket}/{item['Key']}"
            data = read_object(aws, uri)
            manifest = Manifest.from_bytes(data)
            found.setdefault(manifest.pipeline_execution_id, []).append((manifest, uri, sha256_of(data)))
    executions = [_execution(sorted(seals, key=lambda seal: seal[0].sealed_at)) for seals in found.values()]
    return sorted(executions, key=lambda execution: execution.manifest.sealed_at, reverse=True)


def find_sealed(aws: Session, evidence_uri: str, pipeline: str, execution: str) -> SealedExecution:
    """The execution whose id begins with `execution`; the newest one if that is empty. Raises NotFound."""
    for found in sealed_executions(aws, evidence_uri, pipeline):
        if found.manifest.pipeline_execution_id.startswith(execution):
            return found
    asked = f"no execution {execution}" if execution else "no execution"
    raise NotFound(f"{pipeline} has {asked} with sealed evidence", cure="`mlkit evidence ls` lists them.")


def read_evidence(aws: Session, execution: SealedExecution) -> Evidence:
    """The sealed files without the models. Raises SealBroken if one differs from its seal."""
    place = Sealed.of_manifest(execution.manifest_uri, execution.manifest.pipeline_execution_id)
    names = {place.name_of(file.s3_uri): file for file in execution.manifest.files}
    files = {name: sealed_bytes(aws, file) for name, file in names.items() if not is_bundled_model(name)}
    return Evidence(manifest=execution.manifest, sha256=execution.sha256, files=files)


def _execution(seals: list[tuple[Manifest, str, str]]) -> SealedExecution:
    (first, uri, sha256), (newest, newest_uri, _sha256) = seals[0], seals[-1]
    return SealedExecution(manifest_uri=uri, sha256=sha256, manifest=first, newest=newest, newest_uri=newest_uri)
