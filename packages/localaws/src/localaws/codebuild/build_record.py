"""A build's record: its way through the phases, and its description in BatchGetBuilds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict
from urllib.parse import quote

from localaws.codebuild import phases
from localaws.codebuild.phases import IN_PROGRESS, SUCCEEDED
from localaws.kit.timestamps import moment

# Settings that BatchGetBuilds shows as the project has them.
_SHOWN = (
    "source",
    "secondarySources",
    "secondarySourceVersions",
    "cache",
    "environment",
    "serviceRole",
    "timeoutInMinutes",
    "queuedTimeoutInMinutes",
    "encryptionKey",
)


class BuildPhase(TypedDict):
    """BatchGetBuilds' BuildPhase, with times in seconds. A phase that has not ended has only its type and its start."""

    phaseType: str
    startTime: float
    phaseStatus: NotRequired[str]
    endTime: NotRequired[float]
    durationInSeconds: NotRequired[int]
    contexts: NotRequired[list[dict[str, str]]]


@dataclass(kw_only=True)
class Build:
    """All values are JSON values; times are seconds since the epoch. `settings` is the project with the overrides of `request`.

    `source_version` comes from StartBuild. For a pipeline's build it is the revision (a commit), and the source is the archive that the
    pipeline made of that revision.
    """

    uuid: str
    project: str
    number: int
    arn: str
    request: dict[str, Any]
    settings: dict[str, Any]
    initiator: str
    started: float
    from_pipeline: bool = False
    source_version: str | None = None
    resolved_source_version: str | None = None
    phases: list[BuildPhase] = field(default_factory=list)
    ended: float | None = None
    exported: list[dict[str, str]] = field(default_factory=list)
    artifacts: dict[str, Any] = field(default_factory=dict)
    secondary_artifacts: list[dict[str, Any]] = field(default_factory=list)
    report_arns: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)  # failed phases that do not fail the build
    log_group: str | None = None
    log_stream: str | None = None

    @property
    def id(self) -> str:
        return f"{self.project}:{self.uuid}"

    @property
    def is_complete(self) -> bool:
        return self.ended is not None

    @property
    def current_phase(self) -> str:
        return self.phases[-1]["phaseType"]

    @property
    def status(self) -> str:
        if not self.is_complete:
            return IN_PROGRESS
        counted = [phase for phase in self.phases if phase["phaseType"] not in self.forgiven]
        return phases.outcome([(phase["phaseType"], phase.get("phaseStatus", SUCCEEDED)) for phase in counted])

    def enter(self, phase: str, now: float) -> None:
        self.phases.append({"phaseType": phase, "startTime": now})
        if phase == "COMPLETED":
            self.ended = now

    def leave(self, status: str, now: float, contexts: Sequence[tuple[str, str]] = ()) -> None:
        """End the current phase. Without contexts it gets an empty one, as AWS gives every phase that ran."""
        phase = self.phases[-1]
        phase["phaseStatus"], phase["endTime"] = status, now
        phase["durationInSeconds"] = max(0, int(now - phase["startTime"]))
        phase["contexts"] = [{"statusCode": code, "message": message} for code, message in contexts or (("", ""),)]

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values. Values that never change after StartBuild are shared, not copied."""
        return {**vars(self), "phases": [dict(phase) for phase in self.phases], "report_arns": list(self.report_arns)}

    def describe(self, *, region: str, account: str) -> dict[str, Any]:
        """The build in BatchGetBuilds' answer."""
        answer: dict[str, Any] = {
            "id": self.id,
            "arn": self.arn,
            "buildNumber": self.number,
            "startTime": moment(self.started),
            "currentPhase": self.current_phase,
            "buildStatus": self.status,
            "projectName": self.project,
            "phases": [_phase(phase) for phase in self.phases],
            "artifacts": self.artifacts or {"location": ""},
            "logs": self._logs(region, account),
            "buildComplete": self.is_complete,
            "initiator": self.initiator,
            "exportedEnvironmentVariables": self.exported,
            **{name: self.settings[name] for name in _SHOWN if name in self.settings},
        }
        optional = {
            "endTime": moment(self.ended) if self.ended is not None else None,
            "sourceVersion": self.source_version,
            "resolvedSourceVersion": self.resolved_source_version,
            "secondaryArtifacts": self.secondary_artifacts,
            "reportArns": self.report_arns,
        }
        return {**answer, **{name: value for name, value in optional.items() if value}}

    def _logs(self, region: str, account: str) -> dict[str, Any]:
        config = self.settings.get("logsConfig", {})
        shown: dict[str, Any] = {
            "cloudWatchLogs": config.get("cloudWatchLogs", {"status": "ENABLED"}),
            "s3Logs": config.get("s3Logs", {"status": "DISABLED"}),
        }
        if self.log_group is None or self.log_stream is None:
            return shown
        group, stream = (quote(quote(name, safe=""), safe="") for name in (self.log_group, self.log_stream))
        console = f"https://console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group"
        return {
            **shown,
            "groupName": self.log_group,
            "streamName": self.log_stream,
            "deepLink": f"{console}/{group}/log-events/{stream}",
            "cloudWatchLogsArn": f"arn:aws:logs:{region}:{account}:log-group:{self.log_group}:log-stream:{self.log_stream}",
        }


def _phase(phase: Mapping[str, Any]) -> dict[str, Any]:
    return {name: moment(value) if name.endswith("Time") else value for name, value in phase.items()}
