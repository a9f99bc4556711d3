"""SealEvidence: copies what an execution's builds left to the write-once bucket, and writes manifest, review page and signature.

A model whose evidence is sealed is registered; it is approved in the registry once production serves it.
"""

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlkit.aws import registry
from mlkit.aws.approval_message import approval_message
from mlkit.aws.gathering import Gathered, SealingBuild, gather, newest
from mlkit.aws.pipeline_executions import ActionRun
from mlkit.aws.s3_objects import read_object, split_uri, write_once
from mlkit.aws.sealed_executions import SealedExecution, read_evidence
from mlkit.aws.session import Session
from mlkit.aws.signing import EvidenceSigner
from mlkit.errors import EvidenceRefused
from mlkit.evidence.agreement import PRODUCTION, deployed
from mlkit.evidence.archives import code_of
from mlkit.evidence.envelope import sign, statement_of
from mlkit.evidence.layout import DEPLOYS, ENVELOPE, HANDOFF, MODELS, PAGE, Sealed, Staging
from mlkit.evidence.manifest import Approval, Manifest, Seal, SealedFile, Source, sha256_of
from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.notebook.handoff import PreparedData, TestResult
from mlkit.review import ActionTime, Decision, Evidence, Reviewed, render

_ASKED = "You, if you may approve this pipeline"
_CLICKS = "Production > ApprovalGate > Review"  # stage and action of the pipeline's template; the console has no address of an approval


@dataclass(frozen=True, kw_only=True)
class SealResult:
    """The seal, the page's address in the console, and the approval's message."""

    seal: Seal
    page: str
    message: str


@dataclass(frozen=True, kw_only=True)
class _Copied:
    """The sealed files, their content by name in a bundle (without the model), and the files from which production is deployed."""

    files: Sequence[SealedFile]
    content: Mapping[str, bytes]
    deploys: Mapping[str, bytes]


def seal(aws: Session, build: SealingBuild) -> SealResult:
    """Seal the execution.

    Raises EvidenceRefused with the first file that is not what its build and CodePipeline tell of it, InvalidData if a key already holds
    other bytes.
    """
    found = gather(aws, build)
    target = Sealed(address=build.evidence, pipeline=build.pipeline, execution=build.execution)
    champion = registry.champion(aws, build.model_group)
    parents = _parents(found.runs, build.action)
    copied = _copy(aws, build, found, target)
    manifest = _manifest(build, found, copied, champion, parents)
    data = manifest.to_bytes()
    sealed = Seal(s3_uri=target.manifest(build.action, build.build), sha256=sha256_of(data))
    reviewed = _reviewed(aws, build, found, Evidence(manifest=manifest, sha256=sealed.sha256, files=copied.content), champion)
    page = render(reviewed)
    envelope = sign(statement_of(manifest, page), EvidenceSigner(aws, build.key_arn))
    write_once(aws, sealed.s3_uri, data, content_type="application/json")
    page_uri = target.of_seal(build.action, build.build, PAGE)
    write_once(aws, page_uri, page, content_type="text/html; charset=utf-8")
    write_once(aws, target.of_seal(build.action, build.build, ENVELOPE), envelope, content_type="application/json")
    _register(aws, build, found, manifest, sealed, target)
    where = _console(aws, page_uri)
    return SealResult(seal=sealed, page=where, message=approval_message(reviewed, sealed, where))


def _reviewed(aws: Session, build: SealingBuild, found: Gathered, evidence: Evidence, champion: registry.Champion | None) -> Reviewed:
    return Reviewed(
        sealed=evidence,
        champion=_evidence(aws, champion) if champion else None,
        actions=tuple(_time(run) for run in found.runs if run.name != build.action),
        links={"Execution in CodePipeline": _codepipeline(aws, f"{build.pipeline}/executions/{build.execution}/timeline")},
        decision=Decision(
            asked=_ASKED,
            where=_codepipeline(aws, f"{build.pipeline}/view"),
            clicks=_CLICKS,
            production=f"version {champion.version}" if champion else "",
        ),
        signature=f"{ENVELOPE}, beside this page in the evidence bucket",
        key=build.key_arn,
    )


def _manifest(
    build: SealingBuild, found: Gathered, copied: _Copied, champion: registry.Champion | None, parents: tuple[Seal, ...]
) -> Manifest:
    return Manifest(
        pipeline=build.pipeline,
        pipeline_execution_id=build.execution,
        action=build.action,
        build=build.build,
        sealed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tools_sha256=build.tools_sha256,
        source=Source(archive_sha256=sha256_of(found.archive), variables=newest(found.runs, "Source").variables),
        code=code_of(found.archive),
        inputs=_inputs(found.trained.prepared_data),
        model_s3_uri=found.trained.model.s3_uri,
        model_sha256=found.trained.model.sha256,
        verdict=found.tested.verdict,
        attempts=found.attempts,
        deploys={name: sha256_of(data) for name, data in copied.deploys.items()},
        approval=_approval(found.runs),
        champion=Seal(s3_uri=champion.evidence_uri, sha256=champion.seal_sha256) if champion else None,
        parents=parents,
        files=tuple(sorted(copied.files, key=lambda file: file.s3_uri)),
    )


def _copy(aws: Session, build: SealingBuild, found: Gathered, target: Sealed) -> _Copied:
    """Copy every file to its write-once key."""
    source = Staging(address=build.staging, execution=build.execution)
    model, encoding = found.trained.model, found.trained.encoding
    served = target.model_file(model.sha256, model.s3_uri.rpartition("/")[2])
    deploys = {
        PRODUCTION: deployed(found.configuration, served),
        ENDPOINT_TEMPLATE.name: found.template,
    }
    content = {target.copy_of(source, f"{source.executions}{file.path}"): file.data for file in found.staged}
    content[target.source_archive(sha256_of(found.archive))] = found.archive
    for folder, group in ((HANDOFF, found.handoff), (DEPLOYS, deploys)):
        content |= {target.of_seal(build.action, build.build, f"{folder}/{name}"): data for name, data in group.items()}
    for stored in (model, encoding):
        data = read_object(aws, stored.s3_uri)
        if sha256_of(data) != stored.sha256:
            raise EvidenceRefused(f"{stored.s3_uri} is not the file that the training notebook recorded")
        content[target.model_file(model.sha256, stored.s3_uri.rpartition("/")[2])] = data
    files = [_write(aws, s3_uri, data) for s3_uri, data in content.items()]
    names = {target.name_of(s3_uri): data for s3_uri, data in content.items()}
    shown = {name: data for name, data in names.items() if not name.startswith(f"{MODELS}/")}
    return _Copied(files=files, content=shown, deploys=deploys)


def _write(aws: Session, s3_uri: str, data: bytes) -> SealedFile:
    return SealedFile(s3_uri=s3_uri, version_id=write_once(aws, s3_uri, data), sha256=sha256_of(data), size_bytes=len(data))


def _inputs(prepared: PreparedData) -> dict[str, str]:
    channels = (prepared.train, prepared.validation, prepared.test)
    objects = (prepared.encoding, *(item for channel in channels for item in channel.objects))
    return {item.s3_uri: item.sha256 for item in objects}


def _approval(runs: Sequence[ActionRun]) -> Approval | None:
    """The last decision of a person in this execution."""
    for run in reversed(runs):
        if run.provider == "Manual" and run.ended is not None:
            decided_at = run.ended.astimezone(UTC).isoformat(timespec="seconds")
            status = "Approved" if run.status == "Succeeded" else "Rejected"
            return Approval(action=run.name, status=status, decided_by=run.decided_by, decided_at=decided_at, comment=run.summary)
    return None


def _parents(runs: Sequence[ActionRun], action: str) -> tuple[Seal, ...]:
    """The execution's earlier seals, from the variables that the sealing builds exported.

    Other builds run code of the push, and may export variables of these names. Raises EvidenceRefused for a seal after another action's
    that nobody approved.
    """
    earlier = [run for run in runs if run.action == action.rpartition(".")[2] and run.status == "Succeeded"]
    approval = _approval(runs)
    if any(run.name != action for run in earlier) and (approval is None or approval.status != "Approved"):
        raise EvidenceRefused(f"CodePipeline's history has no approval between {earlier[0].name} and {action}")
    return tuple(Seal(s3_uri=run.variables["EVIDENCE_URI"], sha256=run.variables["SEAL_SHA256"]) for run in earlier)


def _evidence(aws: Session, champion: registry.Champion) -> Evidence:
    """The champion's sealed files. Raises EvidenceRefused if the manifest is not the registered one."""
    data = read_object(aws, champion.evidence_uri)
    if sha256_of(data) != champion.seal_sha256:
        raise EvidenceRefused(
            f"{champion.evidence_uri} is not the seal with which production's model {champion.package_arn} was registered"
        )
    manifest = Manifest.from_bytes(data)
    return read_evidence(
        aws, SealedExecution(manifest_uri=champion.evidence_uri, sha256=champion.seal_sha256, manifest=manifest, newest=manifest)
    )


def _register(aws: Session, build: SealingBuild, found: Gathered, manifest: Manifest, sealed: Seal, target: Sealed) -> None:
    """Register the model by the execution's first seal. After an approval, production serves it, so it is the champion."""
    first = manifest.parents[0] if manifest.parents else sealed
    model = found.trained.model
    package = registry.register(
        aws,
        registry.Candidate(
            group=build.model_group,
            image=found.trained.image_uri,
            model_s3_uri=target.model_file(model.sha256, model.s3_uri.rpartition("/")[2]),
            model_sha256=model.sha256,
            evidence_uri=first.s3_uri,
            seal_sha256=first.sha256,
            execution=build.execution,
            metrics=_metrics(found.tested),
            verdict=found.tested.verdict,
        ),
    )
    if manifest.approval is not None and manifest.approval.status == "Approved":
        comment = f"{manifest.approval.decided_by}: {manifest.approval.comment}"
        registry.decide(aws, package, approved=True, comment=comment)


def _metrics(tested: TestResult) -> dict[str, float]:
    found = tested.estimate
    return {found.metric: found.value, "low": found.low, "high": found.high, "rows": float(found.rows), **tested.others}


def _time(run: ActionRun) -> ActionTime:
    """The times of an action that has ended."""
    started, ended = (moment.astimezone(UTC).isoformat(timespec="seconds") for moment in (run.started, run.ended or run.started))
    return ActionTime(stage=run.stage, action=run.action, status=run.status, started=started, ended=ended)


def _console(aws: Session, s3_uri: str) -> str:
    """The address of an object in S3's console, where a reviewer opens it."""
    bucket, key = split_uri(s3_uri)
    return f"https://{aws.region}.console.aws.amazon.com/s3/object/{bucket}?region={aws.region}&prefix={urllib.parse.quote(key, safe='/')}"


def _codepipeline(aws: Session, place: str) -> str:
    return f"https://{aws.region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/{place}?region={aws.region}"
