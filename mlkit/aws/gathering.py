"""Reads what an execution's builds staged and handed over, and checks it before it is sealed."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TypeVar

from mlkit.aws.object_versions import staged_files
from mlkit.aws.pipeline_executions import ActionRun, action_runs
from mlkit.aws.s3_objects import read_object
from mlkit.aws.session import Session
from mlkit.errors import EvidenceRefused, NotFound
from mlkit.evidence.archives import members
from mlkit.evidence.layout import HANDOFF, Staging
from mlkit.evidence.manifest import Attempt
from mlkit.evidence.staged import StagedFile, StepRun, check_output, check_staged, outputs_of
from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.notebook.handoff import TestResult, TrainedModel, parse

T = TypeVar("T")
PRODUCTION = "configuration_production.json"
_CONFIGURED = ENDPOINT_TEMPLATE.parent
_HISTORY_S = 60.0  # CodePipeline's history may lag behind its actions
_POLL_S = 2.0


@dataclass(frozen=True, kw_only=True)
class SealingBuild:
    """The build that seals: where it reads and writes, which action of which execution it is, the KMS key that signs, and the registry."""

    staging: str
    evidence: str
    pipeline: str
    execution: str
    action: str
    build: str
    tools_sha256: str
    key_arn: str
    model_group: str


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
    configuration = handed.get((_CONFIGURED / PRODUCTION).as_posix())
    if configuration is None:
        raise EvidenceRefused(f"No artifact of the execution holds {PRODUCTION}")
    return Gathered(
        runs=runs,
        staged=staged,
        attempts=attempts,
        handoff=handoff,
        archive=read_object(aws, next(iter(newest(runs, "Source").artifacts.values()))),
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


def newest(runs: Sequence[ActionRun], action: str) -> ActionRun:
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
