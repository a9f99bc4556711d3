"""Reads what an execution's builds staged and handed over, and checks it before it is sealed."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from mlkit.aws.object_versions import moments_written, staged_files
from mlkit.aws.pipeline_executions import ActionRun, action_runs
from mlkit.aws.s3_objects import read_dated, written_at
from mlkit.aws.session import Session
from mlkit.errors import EvidenceRefused, NotFound
from mlkit.evidence.agreement import PRODUCTION, QA, check_configurations, check_exported, check_results
from mlkit.evidence.archives import members
from mlkit.evidence.foreign_text import one_line
from mlkit.evidence.layout import HANDOFF, Staging
from mlkit.evidence.manifest import Attempt
from mlkit.evidence.staged import StagedFile, StepRun, check_output, check_staged, outputs_of
from mlkit.naming import ENDPOINT_TEMPLATE, LabNames
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel, parse

T = TypeVar("T")
_CONFIGURED = ENDPOINT_TEMPLATE.parent
_HANDED = f"{HANDOFF}/"
_TRAINER, _TESTER = "ModelTraining", "TestEndpoint"  # actions of the pipeline's template
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
    _check_steps(aws, place, steps)
    archive, template = _source(aws, runs)
    handed = _handed_over(aws, runs, staged, attempts)
    trained, tested, configuration = _agreeing(aws, build, runs, handed)
    return Gathered(
        runs=runs,
        staged=staged,
        attempts=attempts,
        handoff={path.removeprefix(_HANDED): data for path, data in handed.items() if path.startswith(_HANDED)},
        archive=archive,
        template=template,
        trained=trained,
        tested=tested,
        configuration=configuration,
    )


def _agreeing(
    aws: Session, build: SealingBuild, runs: Sequence[ActionRun], handed: Mapping[str, bytes]
) -> tuple[TrainedModel, TestResult, bytes]:
    """The trained model, its test and production's configuration, once they agree. Raises EvidenceRefused."""
    trained, tested = _parsed(TrainedModel, handed, "trained_model"), _parsed(TestResult, handed, "test_result")
    configuration, qa = (_file(handed, (_CONFIGURED / name).as_posix()) for name in (PRODUCTION, QA))
    names = LabNames.of_model_group(build.model_group)
    check_results(_parsed(PreparedData, handed, "prepared_data"), trained, tested, names.endpoint(build.stage.lower()))
    tester = newest(runs, _TESTER)
    check_exported(tested, tester.variables, tester.name)
    check_configurations(configuration, qa, trained, names, build.execution)
    # QA's endpoint may have loaded another model meanwhile, even if the trained one was put back.
    _check_before_end(f"The model {trained.model.s3_uri}", written_at(aws, trained.model.s3_uri), newest(runs, _TRAINER))
    return trained, tested, configuration


def _source(aws: Session, runs: Sequence[ActionRun]) -> tuple[bytes, bytes]:
    """The source archive, and the endpoint's template in it. Raises EvidenceRefused."""
    archives = _artifacts(aws, newest(runs, "Source"))
    if not archives:
        raise EvidenceRefused("CodePipeline's history has no source archive of this execution")
    template = members(archives[0]).get(ENDPOINT_TEMPLATE.as_posix())
    if template is None:
        raise EvidenceRefused(f"The source archive has no {ENDPOINT_TEMPLATE}")
    return archives[0], template


def _file(handed: Mapping[str, bytes], path: str) -> bytes:
    if path not in handed:
        raise EvidenceRefused(f"No artifact of the execution holds {path}")
    return handed[path]


def _parsed(kind: type[T], handed: Mapping[str, bytes], name: str) -> T:
    path = f"{_HANDED}{name}.json"
    return parse(kind, _file(handed, path), path)


def _check_steps(aws: Session, place: Staging, builds: Sequence[StepRun]) -> None:
    """Finished runs that a retried stage takes over must be of this execution's builds."""
    for s3_uri, moment in moments_written(aws, place.steps):
        if not any(build.started.replace(microsecond=0) <= moment <= build.ended for build in builds):
            raise EvidenceRefused(f"{s3_uri} was written at {moment:%Y-%m-%dT%H:%M:%SZ}, when no build of this execution ran")


def _check_before_end(what: str, moment: datetime, run: ActionRun) -> None:
    ended = _step_run(run).ended
    if moment > ended:
        raise EvidenceRefused(f"{what} was written at {moment:%Y-%m-%dT%H:%M:%SZ}, after {run.name} ended at {ended:%Y-%m-%dT%H:%M:%SZ}")


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
    by_build = {run.external_id.rpartition(":")[2]: run for run in runs}
    for count, attempt in enumerate(attempts, start=1):
        outputs = outputs_of(staged, attempts[:count])
        for path, data in _artifact_files(aws, by_build[attempt.build]) if attempt.confirmed else ():
            found[path] = check_output(path, data, outputs)
    return found


def _artifact_files(aws: Session, run: ActionRun) -> Iterator[tuple[str, bytes]]:
    """(path in the project, content) of the hand-off and configuration files in a step's artifacts."""
    for artifact in _artifacts(aws, run):
        for name, data in members(artifact).items():
            if name.startswith(_HANDED):
                if name.count("/") > 1:
                    raise EvidenceRefused(f"{run.name} handed over {one_line(name)}; {_HANDED} has no folders")
                yield name, data
            elif name.startswith("configuration_"):
                yield (_CONFIGURED / name).as_posix(), data


def _artifacts(aws: Session, run: ActionRun) -> list[bytes]:
    """The action's artifacts. Raises EvidenceRefused if one was written after the action ended: later actions may have used another."""
    found = []
    for name, address in run.artifacts.items():
        data, moment = read_dated(aws, address)
        _check_before_end(f"The artifact {name} ({address})", moment, run)
        found.append(data)
    return found
