"""The records of pipelines and executions. All values are JSON values; times are seconds since the epoch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT_EXECUTIONS = 100  # executions kept for each pipeline; AWS keeps them for twelve months


@dataclass(kw_only=True)
class ActionRun:
    """One run of one action. `work` is the provider's progress, so that it can continue after a restart."""

    id: str
    stage: str
    action: str
    started: float
    updated: float
    status: str = "InProgress"
    configuration: dict[str, str] = field(default_factory=dict)
    resolved: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    external_id: str | None = None
    external_url: str | None = None
    summary: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    token: str | None = None
    expires: float | None = None
    updated_by: str | None = None
    retried: bool = False
    work: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class StageRun:
    """An execution in one stage. `retries` counts RetryStageExecution."""

    started: float
    status: str = "InProgress"
    retries: int = 0


@dataclass(kw_only=True)
class Revision:
    """The revision that a source action read. `revision_id` is the commit."""

    action: str
    artifact: str
    revision_id: str
    summary: str
    url: str
    created: float


@dataclass(kw_only=True)
class PipelineExecution:
    """`stage` is the index of the stage in which the execution is (`entered`) or for which it waits. `stop` is "wait" or "abandon"."""

    id: str
    version: int
    mode: str
    trigger_type: str
    trigger_detail: str
    started: float
    updated: float
    status: str = "InProgress"
    summary: str | None = None
    stage: int = 0
    entered: bool = False
    attempt: int = 1
    variables: dict[str, str] = field(default_factory=dict)
    wanted_revisions: dict[str, str] = field(default_factory=dict)
    wanted_branches: dict[str, str] = field(default_factory=dict)  # by action, where a trigger chose the branch
    stages: dict[str, StageRun] = field(default_factory=dict)
    runs: list[ActionRun] = field(default_factory=list)
    artifacts: dict[str, str] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    revisions: list[Revision] = field(default_factory=list)
    stop: str | None = None
    stop_reason: str | None = None
    token: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status in ("InProgress", "Stopping")

    def live_runs(self, stage: str) -> list[ActionRun]:
        """The stage's current runs, without those that a retry replaced."""
        return [run for run in self.runs if run.stage == stage and not run.retried]


@dataclass(kw_only=True)
class Pipeline:
    """`declarations` has the versions as CreatePipeline received them. An execution keeps the version with which it began."""

    name: str
    arn: str
    created: float
    updated: float
    version: int
    declarations: dict[int, dict[str, Any]]
    tags: dict[str, str] = field(default_factory=dict)
    disabled: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: list[PipelineExecution] = field(default_factory=list)

    @property
    def declaration(self) -> dict[str, Any]:
        return self.declarations[self.version]

    def stages_of(self, execution: PipelineExecution) -> list[dict[str, Any]]:
        stages: list[dict[str, Any]] = self.declarations[execution.version]["stages"]
        return stages

    def open_executions(self) -> list[PipelineExecution]:
        return [execution for execution in self.executions if execution.is_open]

    def find(self, execution_id: str) -> PipelineExecution | None:
        return next((execution for execution in self.executions if execution.id == execution_id), None)

    def latest_in(self, stage: str) -> PipelineExecution | None:
        """The execution that entered the stage last."""
        entered = [execution for execution in self.executions if stage in execution.stages]
        return max(entered, key=lambda execution: execution.stages[stage].started, default=None)

    def forget_old(self) -> None:
        """Drop the oldest executions beyond the number that is kept, except open ones."""
        surplus = len(self.executions) - KEPT_EXECUTIONS
        for execution in [execution for execution in self.executions if not execution.is_open][: max(0, surplus)]:
            self.executions.remove(execution)
        used = {self.version, *(execution.version for execution in self.executions)}
        self.declarations = {version: kept for version, kept in self.declarations.items() if version in used or version > self.version - 20}


def run_order(action: Mapping[str, Any]) -> int:
    return int(action.get("runOrder", 1))


def names(artifacts: Any) -> list[str]:
    """The names of the artifacts, in the declaration's order."""
    return [artifact["name"] for artifact in artifacts or ()]


def to_json(pipeline: Pipeline) -> dict[str, Any]:
    return asdict(pipeline)


def from_json(row: Mapping[str, Any]) -> Pipeline:
    executions = [
        PipelineExecution(
            **{
                **execution,
                "stages": {name: StageRun(**stage) for name, stage in execution["stages"].items()},
                "runs": [ActionRun(**run) for run in execution["runs"]],
                "revisions": [Revision(**revision) for revision in execution["revisions"]],
            }
        )
        for execution in row["executions"]
    ]
    declarations = {int(version): declaration for version, declaration in row["declarations"].items()}
    return Pipeline(**{**row, "executions": executions, "declarations": declarations})
