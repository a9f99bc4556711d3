"""SealEvidence: checks what an execution's builds staged and handed over, copies it to the write-once bucket, writes the manifest."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from mlkit.aws.object_versions import staged_files
from mlkit.aws.pipeline_executions import ActionRun, action_runs
from mlkit.aws.s3_objects import read_object, write_once
from mlkit.aws.session import Session
from mlkit.errors import EvidenceRefused, NotFound
from mlkit.evidence.archives import code_of, members
from mlkit.evidence.layout import DEPLOYS, HANDOFF, Sealed, Staging
from mlkit.evidence.manifest import Approval, Attempt, Manifest, Seal, SealedFile, Source, sha256_of
from mlkit.evidence.staged import StagedFile, StepRun, check_output, check_staged, outputs_of
from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel, parse

T = TypeVar("T")
_PRODUCTION = "configuration_production.json"
_CONFIGURED = ENDPOINT_TEMPLATE.parent
_HISTORY_S = 60.0  # CodePipeline's history may lag behind its actions
_POLL_S = 2.0


@dataclass(frozen=True, kw_only=True)
class SealingBuild:
    """The build that seals: where it reads and writes, and which action of which execution it is."""

    staging: str
    evidence: str
    pipeline: str
    execution: str
    action: str
    build: str
    tools_sha256: str


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What an execution's builds left, checked. `handoff` and `deploys` map file names to bytes, `archive` is the source."""

    runs: Sequence[ActionRun]
    staged: Sequence[StagedFile]
    attempts: tuple[Attempt, ...]
    handoff: Mapping[str, bytes]
    archive: bytes
    trained: TrainedModel
    tested: TestResult
    configuration: bytes


def seal(aws: Session, build: SealingBuild) -> Seal:
    """Seal the execution. Returns the manifest's address and SHA-256.

    Raises EvidenceRefused with the first file that is not what its build and CodePipeline tell of it, InvalidData if a key already holds
    other bytes.
    """
    found = gather(aws, build)
    target = Sealed(address=build.evidence, pipeline=build.pipeline, execution=build.execution)
    files, deploys = _copy(aws, build, found, target)
    manifest = Manifest(
        pipeline=build.pipeline,
        pipeline_execution_id=build.execution,
        action=build.action,
        build=build.build,
        sealed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tools_sha256=build.tools_sha256,
        source=Source(archive_sha256=sha256_of(found.archive), variables=_newest(found.runs, "Source").variables),
        code=code_of(found.archive),
        inputs=_inputs(found.trained.prepared_data),
        model_s3_uri=found.trained.model.s3_uri,
        model_sha256=found.trained.model.sha256,
        verdict=found.tested.verdict,
        attempts=found.attempts,
        deploys={name: sha256_of(data) for name, data in deploys.items()},
        approval=_approval(found.runs),
        parents=_parents(found.runs),
        files=tuple(sorted(files, key=lambda file: file.s3_uri)),
    )
    data = manifest.to_bytes()
    address = target.manifest(build.action, build.build)
    write_once(aws, address, data)
    return Seal(s3_uri=address, sha256=sha256_of(data))


def gather(aws: Session, build: SealingBuild) -> Gathered:
    """Read and check all that the execution's builds left. Raises EvidenceRefused, NotFound if nothing is staged."""
    runs = _history(aws, build)
    place = Staging(address=build.staging, execution=build.execution)
    staged = staged_files(aws, place)
    if not staged:
        raise NotFound(f"{place.executions} is empty", cure="Did the notebooks run with --staging-bucket?")
    attempts = check_staged(staged, [_step_run(run) for run in runs if run.provider == "CodeBuild" and run.ended])
    handed = _handed_over(aws, runs, staged, attempts)
    handoff = {path.rpartition("/")[2]: data for path, data in handed.items() if path.startswith(f"{HANDOFF}/")}
    configuration = handed.get((_CONFIGURED / _PRODUCTION).as_posix())
    if configuration is None:
        raise EvidenceRefused(f"No artifact of the execution holds {_PRODUCTION}")
    return Gathered(
        runs=runs,
        staged=staged,
        attempts=attempts,
        handoff=handoff,
        archive=read_object(aws, next(iter(_newest(runs, "Source").artifacts.values()))),
        trained=_parsed(TrainedModel, handoff, "trained_model"),
        tested=_parsed(TestResult, handoff, "test_result"),
        configuration=configuration,
    )


def _parsed(kind: type[T], handoff: Mapping[str, bytes], name: str) -> T:
    if f"{name}.json" not in handoff:
        raise EvidenceRefused(f"No artifact of the execution holds {HANDOFF}/{name}.json")
    return parse(kind, handoff[f"{name}.json"], f"{HANDOFF}/{name}.json")


def _history(aws: Session, build: SealingBuild) -> Sequence[ActionRun]:
    """The execution's actions, once this one is listed and all before it have ended."""
    until = time.monotonic() + _HISTORY_S
    while True:
        runs = action_runs(aws, build.pipeline, build.execution)
        if any(run.name == build.action for run in runs) and not any(run.ended is None for run in runs if run.name != build.action):
            return runs
        if time.monotonic() > until:
            raise NotFound(f"CodePipeline does not list {build.action} of {build.execution}", cure="Retry the stage.")
        time.sleep(aws.poll_s(_POLL_S))


def _step_run(run: ActionRun) -> StepRun:
    return StepRun(
        action=run.name,
        build=run.external_id.rpartition(":")[2],
        status=run.status,
        started=run.started.astimezone(UTC),
        ended=(run.ended or run.started).astimezone(UTC),
        exported=run.variables.get("RECORDS", ""),
    )


def _newest(runs: Sequence[ActionRun], action: str) -> ActionRun:
    """The action's last success. Raises EvidenceRefused."""
    for run in reversed(runs):
        if run.action == action and run.status == "Succeeded":
            return run
    raise EvidenceRefused(f"CodePipeline's history has no {action} that succeeded in this execution")


def _handed_over(aws: Session, runs: Sequence[ActionRun], staged: Sequence[StagedFile], attempts: Sequence[Attempt]) -> dict[str, bytes]:
    """The hand-off and configuration files of the steps' artifacts by their path in the project. Later steps replace earlier ones' files.

    Raises EvidenceRefused for a file that differs from the record of the notebook that wrote it.
    """
    found: dict[str, bytes] = {}
    for count, attempt in enumerate(attempts, start=1):
        run = next(run for run in runs if run.external_id.rpartition(":")[2] == attempt.build)
        outputs = outputs_of(staged, attempts[:count])
        for path, data in _artifact_files(aws, run.artifacts):
            found[path] = check_output(path, data, outputs)
    return found


def _artifact_files(aws: Session, artifacts: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """(path in the project, content) of the hand-off and configuration files in a step's artifacts."""
    for address in artifacts.values():
        for name, data in members(read_object(aws, address)).items():
            if name.startswith(f"{HANDOFF}/"):
                yield name, data
            elif name.startswith("configuration_"):
                yield (_CONFIGURED / name).as_posix(), data


def _copy(aws: Session, build: SealingBuild, found: Gathered, target: Sealed) -> tuple[list[SealedFile], dict[str, bytes]]:
    """Copy every file to its write-once key. Returns the sealed files, and the files from which production is deployed."""
    source = Staging(address=build.staging, execution=build.execution)
    files = [_write(aws, target.copy_of(source, f"{source.executions}{file.path}"), file.data) for file in found.staged]
    files.append(_write(aws, target.source_archive(sha256_of(found.archive)), found.archive))
    model, encoding = found.trained.model, found.trained.encoding
    for stored in (model, encoding):
        data = read_object(aws, stored.s3_uri)
        if sha256_of(data) != stored.sha256:
            raise EvidenceRefused(f"{stored.s3_uri} is not the file that the training notebook recorded")
        files.append(_write(aws, target.model_file(model.sha256, stored.s3_uri.rpartition("/")[2]), data))
    deploys = {
        _PRODUCTION: _serving(found.configuration, model.s3_uri, target.model_file(model.sha256, model.s3_uri.rpartition("/")[2])),
        ENDPOINT_TEMPLATE.name: members(found.archive)[ENDPOINT_TEMPLATE.as_posix()],
    }
    for folder, group in ((HANDOFF, found.handoff), (DEPLOYS, deploys)):
        files += [_write(aws, target.of_seal(build.action, build.build, f"{folder}/{name}"), data) for name, data in group.items()]
    return files, deploys


def _serving(configuration: bytes, trained: str, sealed: str) -> bytes:
    """The template configuration with the sealed copy of the model in place of the training job's."""
    try:
        document = json.loads(configuration)
        named = document["Parameters"]["ModelDataUrl"]
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceRefused(f"{_PRODUCTION} is no template configuration: {error}") from error
    if named != trained:
        raise EvidenceRefused(f"{_PRODUCTION} names the model {named}; the training notebook wrote {trained}")
    document["Parameters"]["ModelDataUrl"] = sealed
    return json.dumps(document, indent=2).encode() + b"\n"


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


def _parents(runs: Sequence[ActionRun]) -> tuple[Seal, ...]:
    """The execution's earlier seals, from the variables that the sealing builds exported."""
    sealed = (run.variables for run in runs if run.status == "Succeeded" and "SEAL_SHA256" in run.variables)
    return tuple(Seal(s3_uri=one["EVIDENCE_URI"], sha256=one["SEAL_SHA256"]) for one in sealed)
