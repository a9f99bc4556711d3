"""The report of a pipeline execution: .mlkit/last_run.json, the table of actions, the failure, and the paths of the results."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from mlkit.aws import pipeline_source
from mlkit.cli import console
from mlkit.cli.console import out, show_table
from mlkit.errors import MlkitError, PipelineFailed
from mlkit.gate.estimate import Estimate
from mlkit.naming import LabNames
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.aws.evidence_download import Executed
    from mlkit.aws.pipeline_executions import ActionRun
    from mlkit.aws.session import Session


_MAIL = "the e-mail to the approver (written to .mlkit/local/mail.jsonl)"


class ShownAction(TypedDict):
    """An action in last_run.json. `summary` is the failure or the approval's comment."""

    stage: str
    action: str
    status: str
    executed: str
    duration_s: float
    summary: str


class ShownTest(TypedDict):
    """The last endpoint test in last_run.json: the gate's verdict and the members of the `Estimate` that it is about."""

    verdict: str | None
    estimate: dict[str, Any]


class Report(TypedDict):
    """The content of last_run.json. `executed` and `review_page` are paths in the project's folder."""

    status: str
    pipeline_execution_id: str
    commit: str
    actions: list[ShownAction]
    simulated: str
    test: ShownTest | None
    tuned: bool
    executed: list[str]
    evidence_uri: str | None
    seal_sha256: str | None
    review_page: str | None
    endpoints: list[str]


@dataclass(frozen=True, kw_only=True)
class ShownExecution:
    """The execution that is reported. `staging` is the s3:// address where builds store executed notebooks."""

    pipeline: str
    staging: str
    id: str
    commit: str


def fetch(aws: "Session", project: Project, execution: ShownExecution) -> "list[Executed]":
    """Copy the notebooks executed so far to executed/, to a folder named by the first digits of the execution's id."""
    from mlkit.aws.evidence_download import fetch_executed

    return fetch_executed(aws, execution.staging, execution.id, folder(project, execution))


def fetch_page(aws: "Session", project: Project, execution: ShownExecution) -> Path | None:
    """Copy the newest review page beside the executed notebooks; None if nothing is sealed yet."""
    from mlkit.aws.s3_objects import read_object
    from mlkit.evidence.layout import PAGE

    outputs = _variables(aws, execution)
    sealed = outputs.get("ProductionSeal") or outputs.get("QASeal")
    if not sealed:
        return None
    path = folder(project, execution) / PAGE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(read_object(aws, f"{sealed['EVIDENCE_URI'].rpartition('/')[0]}/{PAGE}"))
    return path


def folder(project: Project, execution: ShownExecution) -> Path:
    return project.root / "executed" / execution.id[:8]


def write(
    aws: "Session", project: Project, names: LabNames, execution: ShownExecution, status: str, executed: "Sequence[Executed]"
) -> Report:
    """Write .mlkit/last_run.json and return its content."""
    from mlkit.aws import pipeline_executions

    outputs = _variables(aws, execution)
    sealed = outputs.get("ProductionSeal") or outputs.get("QASeal") or {}
    page = fetch_page(aws, project, execution)
    report: Report = {
        "status": status,
        "pipeline_execution_id": execution.id,
        "commit": execution.commit,
        "actions": [_action(run) for run in pipeline_executions.action_runs(aws, execution.pipeline, execution.id)],
        "simulated": f"{_MAIL}, {pipeline_source.SIMULATED}, encryption at rest",
        "test": _test(executed),
        "tuned": outputs.get("Training", {}).get("TUNED") == "true",
        "executed": [run.path.relative_to(project.root).as_posix() for run in executed],
        "evidence_uri": sealed.get("EVIDENCE_URI"),
        "seal_sha256": sealed.get("SEAL_SHA256"),
        "review_page": page.relative_to(project.root).as_posix() if page else None,
        "endpoints": _endpoints(aws, names),
    }
    path = project.root / ".mlkit" / "last_run.json"
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=2) + "\n")
    os.replace(partial, path)
    return report


def show(project: Project, execution: ShownExecution, report: Report) -> None:
    """Print the table of actions, the metric, and the paths of the results."""
    rows = [{"action": f"{a['stage']}.{a['action']}", "status": a["status"], "": a["executed"], "seconds": f"{a['duration_s']:.1f}"}
            for a in report["actions"]]  # fmt: skip
    if rows:
        show_table(rows, title=f"Pipeline execution {execution.id}: {report['status']}")
    if test := report["test"]:
        out.print(f"{told(Estimate(**test['estimate']))}: {test['verdict']}")
    out.print(f"Simulated: {report['simulated']}")
    out.print(f"Executed notebooks: {_below(project, execution) if report['executed'] else 'none'}")
    out.print(f"Evidence: {report['evidence_uri'] or 'not sealed'}")
    out.print(f"Review page: {report['review_page']}; `mlkit evidence open` opens it" if report["review_page"] else "Review page: none")
    out.print(f"Endpoints: {', '.join(report['endpoints']) or 'none'}")


def failure(aws: "Session", project: Project, execution: ShownExecution, status: str, executed: "Sequence[Executed]") -> PipelineFailed:
    """The error for the action that failed last: the notebook's own if there is one, otherwise after the end of the build's log."""
    from mlkit.aws import pipeline_executions

    said = f"Pipeline execution {execution.id} ended as {status}"
    failed = [run for run in pipeline_executions.action_runs(aws, execution.pipeline, execution.id) if run.status == "Failed"]
    if not failed:
        return PipelineFailed(said, cure="The table above shows the actions that ran.")
    last = failed[-1]
    where = f"{said}: {last.stage}.{last.action}: "
    own = _notebooks_error(executed, last, project)
    if own is not None:
        return PipelineFailed(f"{where}{own}", cure=own.cure)
    if (cure := pipeline_source.cure_of(last)) is not None:
        return PipelineFailed(f"{where}{last.summary}", cure=cure)
    if last.provider == "Manual":
        return PipelineFailed(
            f"{where}{last.summary}", cure="Production has not changed. Correct what the comment names, commit, and run again."
        )
    _show_log(aws, last)
    return PipelineFailed(f"{where}{last.summary}", cure="The end of the action's log is above.")


def _notebooks_error(executed: "Sequence[Executed]", last: "ActionRun", project: Project) -> MlkitError | None:
    """The error of the action's last notebook run; None if it succeeded or there was no run."""
    from mlkit.runner.exit_errors import check_run

    runs = [run for run in executed if run.action == f"{last.stage}.{last.action}"]
    if not runs:
        return None
    try:
        check_run(replace(runs[-1].record, executed=runs[-1].path.relative_to(project.root).as_posix()))
    except MlkitError as error:
        return error
    return None


def _show_log(aws: "Session", run: "ActionRun") -> None:
    from mlkit.aws import pipeline_executions

    lines = pipeline_executions.build_log(aws, run.external_id) if run.provider == "CodeBuild" and run.external_id else []
    if lines:
        out.print(f"[bold]{run.stage}.{run.action}[/], end of the log:")
    for line in lines:
        out.print(f"  {console.plain(line)}")


def _below(project: Project, execution: ShownExecution) -> str:
    return f"{folder(project, execution).relative_to(project.root).as_posix()}/"


def told(estimate: Estimate) -> str:
    """`Log loss 0.5777 nats on 9,430 held-out rows (95% interval 0.5650 to 0.5900)`."""
    name = f"{estimate.metric[0].upper()}{estimate.metric[1:]}"
    interval = f"{estimate.confidence:.0%} interval {estimate.interval}"
    return f"[bold]{name} {estimate.amount(estimate.value)}[/] on {estimate.rows:,} held-out rows ({interval})"


def _test(executed: "Sequence[Executed]") -> ShownTest | None:
    """The last endpoint test, whether or not the model passed the gate."""
    for run in reversed(executed):
        if (activity := run.record.activity) and activity.estimate:
            return {"verdict": activity.verdict, "estimate": asdict(activity.estimate)}
    return None


def _action(run: "ActionRun") -> ShownAction:
    return {
        "stage": run.stage,
        "action": run.action,
        "status": run.status,
        "executed": "ran",
        "duration_s": round(run.duration_s, 3),
        "summary": run.summary,
    }


def _variables(aws: "Session", execution: ShownExecution) -> dict[str, dict[str, str]]:
    """Output variables by namespace, of the last try of each action."""
    pages = aws.client("codepipeline").get_paginator("list_action_executions")
    found = pages.paginate(pipelineName=execution.pipeline, filter={"pipelineExecutionId": execution.id}).search("actionExecutionDetails[]")
    named = sorted((item for item in found if item["input"].get("namespace")), key=lambda item: item["startTime"])
    return {item["input"]["namespace"]: item.get("output", {}).get("outputVariables", {}) for item in named}


def _endpoints(aws: "Session", names: LabNames) -> list[str]:
    listed = aws.client("sagemaker").list_endpoints(NameContains=names.prefix)["Endpoints"]
    return sorted(item["EndpointName"] for item in listed)
