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
from mlkit.evidence.agreement import PRODUCTION, check_results
from mlkit.evidence.archives import members
from mlkit.evidence.layout import HANDOFF, Staging
from mlkit.evidence.manifest import Attempt
from mlkit.evidence.staged import StagedFile, StepRun, check_output, check_staged, outputs_of
from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel, parse

T = TypeVar("T")
_CONFIGURED = ENDPOINT_TEMPLATE.parent
_CONFIGURATION = (_CONFIGURED / PRODUCTION).as_posix()
_HANDED = f"{HANDOFF}/"
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

    @property
    def stage(self) -> str:
        return self.action.partition(".")[0]


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What an execution's builds left, checked. `handoff` maps file names to bytes, `archive` is the source, `template` the endpoint's."""

    runs: Sequence[ActionRun]
    staged: Sequence[StagedFile]
    attempts: tuple[Attempt, ...]
    handoff: Mapping[str, bytes]
    archive: bytes
    template: bytes
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
    steps = [_step_run(run) for run in runs if run.provider == "CodeBuild" and run.ended]
    attempts = check_staged(staged, steps, build.execution)
    if not any(attempt.confirmed and attempt.action.startswith(f"{build.stage}.") for attempt in attempts):
        raise EvidenceRefused(f"No notebook of the stage {build.stage} is confirmed by its build")
    archive, template = _source(aws, runs)
    handed = _handed_over(aws, runs, staged, attempts, template)
    handoff = {path.removeprefix(_HANDED): data for path, data in handed.items() if path.startswith(_HANDED)}
    if _CONFIGURATION not in handed:
        raise EvidenceRefused(f"No artifact of the execution holds {PRODUCTION}")
    trained, tested = _parsed(TrainedModel, handoff, "trained_model"), _parsed(TestResult, handoff, "test_result")
    check_results(_parsed(PreparedData, handoff, "prepared_data"), trained, tested, build.stage.lower())
    return Gathered(
        runs=runs,
        staged=staged,
        attempts=attempts,
        handoff=handoff,
        archive=archive,
        template=template,
        trained=trained,
        tested=tested,
        configuration=handed[_CONFIGURATION],
    )


def _source(aws: Session, runs: Sequence[ActionRun]) -> tuple[bytes, bytes]:
    """The source archive, and the endpoint's template in it. Raises EvidenceRefused."""
    run = newest(runs, "Source")
    if not run.artifacts:
        raise EvidenceRefused("CodePipeline's history has no source archive of this execution")
    archive = read_object(aws, next(iter(run.artifacts.values())))
    template = members(archive).get(ENDPOINT_TEMPLATE.as_posix())
    if template is None:
        raise EvidenceRefused(f"The source archive has no {ENDPOINT_TEMPLATE}")
    return archive, template


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


def _handed_over(
    aws: Session, runs: Sequence[ActionRun], staged: Sequence[StagedFile], attempts: Sequence[Attempt], template: bytes
) -> dict[str, bytes]:
    """The hand-off and configuration files of the steps' artifacts by their path in the project. Later steps replace earlier ones' files.

    Raises EvidenceRefused for a file that differs from the record of its notebook, and for another template than the source's.
    """
    found: dict[str, bytes] = {}
    artifacts = {run.external_id.rpartition(":")[2]: run.artifacts for run in runs}
    for count, attempt in enumerate(attempts, start=1):
        outputs = outputs_of(staged, attempts[:count])
        for name, data in _artifact_files(aws, artifacts[attempt.build] if attempt.confirmed else {}):
            if name.startswith(_HANDED):
                found[name] = check_output(name, data, outputs)
            elif name.startswith("configuration_"):
                path = (_CONFIGURED / name).as_posix()
                found[path] = check_output(path, data, outputs)
            elif name == ENDPOINT_TEMPLATE.name and data != template:
                raise EvidenceRefused(f"{name} in an artifact of {attempt.action} differs from the source's {ENDPOINT_TEMPLATE}")
    return found


def _artifact_files(aws: Session, artifacts: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for address in artifacts.values():
        yield from members(read_object(aws, address)).items()
