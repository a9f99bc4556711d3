"""mlkit local run | approve | reject | stop: the pipeline of CloudFormation/codepipeline.yaml on the local AWS."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlkit.cli import console
from mlkit.cli.console import Elapsed, StackEvents, out, show_table, step
from mlkit.cli.server import start
from mlkit.errors import PipelineFailed, UsageError
from mlkit.settings import DATALAKE_TEMPLATE, PIPELINE_TEMPLATE, LabNames, Project

OWNER, REPO, BRANCH = "local", "mlkit", "main"
SIMULATED = "the e-mail to the approver (kept in .mlkit/local/mail.jsonl), the handshake with GitHub, encryption at rest"
SOURCE_PROVIDER = "CodeStarSourceConnection"
_POLL_S = 0.5


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is asked for; empty values leave the stack's parameters as they are."""

    your_initials: str
    port: int | None
    worktree: bool
    approve: str | None
    parameters: dict[str, str]


def run(project: Project, options: Options) -> None:
    """Deploy both stacks, run the pipeline from the repository's HEAD, and end with a table, the match rate and where to look."""
    from mlkit.local import lifecycle

    head(project.root)  # without one there is nothing to run, and nothing is to be started for it
    with step("Local AWS"):
        running = start(project, options.port)
        out.print(f"  {running.endpoint_url}, account {running.account}, {running.region}")
    with console.environment(lifecycle.environment(project.local_home)):
        from mlkit.aws.session import Session

        aws, names = Session(), project.names(options.your_initials)
        pipeline = _deploy(aws, project, names, options)
        _follow_to_the_end(aws, project, names, pipeline, options)


def _deploy(aws: Any, project: Project, names: LabNames, options: Options) -> str:
    from mlkit.aws.stacks import deploy_stack
    from mlkit.cli.kinds import commands_of

    capabilities = ("CAPABILITY_IAM",)
    with step("Data lake (CloudFormation/datalake.yaml)"):
        lake = {"YourInitials": names.initials}
        deploy_stack(aws, names.datalake_stack, project.root / DATALAKE_TEMPLATE, lake, capabilities=capabilities, on_event=StackEvents())
    with step("Data"):
        commands_of(project).load_table(project, project.about.source, names.initials)
    with step("Pipeline (CloudFormation/codepipeline.yaml)"):
        given = {"Email": "approver@example.com", "GitHubUser": OWNER, "Repo": REPO, "Branch": BRANCH, "BakeSeconds": "0"}
        about = {"YourInitials": names.initials, "Dataset": names.dataset}
        parameters = {**about, "ConnectionArn": _connection(aws), **given, **options.parameters}
        template = project.root / PIPELINE_TEMPLATE
        stack = deploy_stack(aws, names.pipeline_stack, template, parameters, capabilities=capabilities, on_event=StackEvents())
    return stack.outputs["Pipeline"]


def _connection(aws: Any) -> str:
    """The connection that stands for GitHub, made on first use."""
    client = aws.client("codeconnections")
    for known in client.list_connections()["Connections"]:
        if known["ConnectionName"] == REPO:
            return str(known["ConnectionArn"])
    return str(client.create_connection(ProviderType="GitHub", ConnectionName=REPO)["ConnectionArn"])


def head(root: Path) -> str:
    """The commit that is checked out. Raises UsageError outside a repository or before its first commit."""
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"{root} has no commit to run", cure="The pipeline runs what is committed: git init, git add, git commit.")
    return done.stdout.strip()


def is_dirty(root: Path) -> bool:
    """Whether there is something that git does not ignore and that no commit holds."""
    done = subprocess.run(["git", "-C", str(root), "status", "--porcelain"], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip())


def _follow_to_the_end(aws: Any, project: Project, names: LabNames, pipeline: str, options: Options) -> None:
    from mlkit.aws import pipelines
    from mlkit.local.codeconnections import repositories

    commit = head(project.root)
    repositories.register(project.local_home / "codeconnections", f"{OWNER}/{REPO}", project.root, worktree=options.worktree)
    if not options.worktree and is_dirty(project.root):
        out.print("Uncommitted changes are not part of this run; --worktree would take them too.")
    execution = pipelines.start(aws, pipeline, commit=None if options.worktree else commit)
    out.print(f"[bold]Pipeline execution[/] {execution} of {'the working tree' if options.worktree else f'commit {commit[:10]}'}")
    try:
        status = follow(aws, pipeline, execution, approve=options.approve)
    except KeyboardInterrupt:
        out.print("Stopping the execution and its builds ...")
        pipelines.stop(aws, pipeline, execution, reason="stopped from the keyboard")
        raise
    report = write_report(aws, project, names, pipeline, execution, status)
    show_report(aws, pipeline, execution, report)
    if status != "Succeeded":
        raise _failure(execution, status, pipelines.action_runs(aws, pipeline, execution))


def _failure(execution: str, status: str, runs: Sequence[Any]) -> PipelineFailed:
    """What failed last, and what to do: a connection without its handshake shows in the Source action only."""
    failed = [run for run in runs if run.status == "Failed"]
    reason, cure = "", "The table above says which action, and why."
    if failed:
        reason = f": {failed[-1].stage}.{failed[-1].action}: {failed[-1].summary}"
        if failed[-1].provider == SOURCE_PROVIDER and "is not available" in reason:
            cure = "Finish the connection's handshake: console, Developer Tools, Settings, Connections, Update pending connection."
    return PipelineFailed(f"Pipeline execution {execution} ended as {status}{reason}", cure=cure)


def follow(aws: Any, pipeline: str, execution: str, *, approve: str | None) -> str:
    """Tell each action's start and end with the elapsed time, decide or ask at an approval, and return how the execution ended."""
    from mlkit.aws import pipelines

    say, told, asked = Elapsed(), dict[int, str](), set[str]()
    while True:
        status = pipelines.status(aws, pipeline, execution)
        for number, one in enumerate(pipelines.action_runs(aws, pipeline, execution)):
            if told.get(number) != one.status:
                told[number] = one.status
                duration = f" in {one.duration_s:.1f} s" if one.status != "InProgress" else ""
                reason = f": {one.summary}" if one.status == "Failed" else ""
                say(f"{one.stage}.{one.action} {one.status}{duration}{reason}")
        if status in pipelines.ENDED:
            return status
        approval = pipelines.pending_approval(aws, pipeline, execution)
        if approval is not None and approval.token not in asked:
            asked.add(approval.token)
            _decide(aws, pipeline, execution, approval, approve, say)
        time.sleep(_POLL_S)


def _decide(aws: Any, pipeline: str, execution: str, approval: Any, approve: str | None, say: Elapsed) -> None:
    from mlkit.aws import pipelines

    say(f"{approval.stage}.{approval.action} asks: {approval.message}")
    if approve is not None:
        pipelines.decide(aws, pipeline, approval, approved=True, comment=approve)
    elif sys.stdin.isatty():
        out.print("Approve for production? Type yes and a comment, or no and a reason: ", end="")
        answer = _answer(lambda: pipelines.pending_approval(aws, pipeline, execution) is not None)
        if answer is None:
            say("decided elsewhere")
        else:
            approved = answer.lower().startswith("yes")
            pipelines.decide(aws, pipeline, approval, approved=approved, comment=answer or "no answer")
    else:
        say('waits: mlkit local approve "comment", or mlkit local reject "reason", in another terminal')


def _answer(is_waited_for: Callable[[], bool]) -> str | None:
    """The line that is typed; None once nobody waits for it any more, since somebody else has decided."""
    while is_waited_for():
        if select.select([sys.stdin], [], [], 1.0)[0]:
            return sys.stdin.readline().strip()
    out.print()
    return None


def write_report(aws: Any, project: Project, names: LabNames, pipeline: str, execution: str, status: str) -> dict[str, Any]:
    """Write .mlkit/last_run.json and return its content."""
    from mlkit.aws import pipelines

    outputs = _variables(aws, pipeline, execution)
    runs = pipelines.action_runs(aws, pipeline, execution)
    actions = [_action(run) for run in runs]
    tested = outputs.get("ProductionTest") or outputs.get("QATest") or {}
    rate = {name: float(tested[key]) for name, key in (("value", "MATCH_RATE"), ("low", "LOW"), ("high", "HIGH"))} if tested else None
    report = {
        "status": status,
        "pipeline_execution_id": execution,
        "actions": actions,
        "simulated": SIMULATED,
        "match_rate": {**rate, "rows": int(tested["ROWS"])} if rate else None,
        "tuned": outputs.get("Training", {}).get("TUNED") == "true",
        "evidence_uri": (outputs.get("ProductionSeal") or outputs.get("QASeal") or {}).get("EVIDENCE_URI"),
        "review_page": None,
        "endpoints": _endpoints(aws, names),
    }
    path = project.root / ".mlkit" / "last_run.json"
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(report, indent=2) + "\n")
    os.replace(partial, path)
    return report


def _action(run: Any) -> dict[str, Any]:
    """Every action of the pipeline acts; what is only recorded is told apart, under `simulated`."""
    return {"stage": run.stage, "action": run.action, "status": run.status, "executed": "ran", "duration_s": round(run.duration_s, 3)}


def _variables(aws: Any, pipeline: str, execution: str) -> dict[str, dict[str, str]]:
    """Output variables by namespace, of the last try of each action."""
    pages = aws.client("codepipeline").get_paginator("list_action_executions")
    found = pages.paginate(pipelineName=pipeline, filter={"pipelineExecutionId": execution}).search("actionExecutionDetails[]")
    named = sorted((item for item in found if item["input"].get("namespace")), key=lambda item: item["startTime"])
    return {item["input"]["namespace"]: item.get("output", {}).get("outputVariables", {}) for item in named}


def _endpoints(aws: Any, names: LabNames) -> list[str]:
    listed = aws.client("sagemaker").list_endpoints(NameContains=f"{names.initials}-ml-lab-")["Endpoints"]
    return sorted(item["EndpointName"] for item in listed)


def show_report(aws: Any, pipeline: str, execution: str, report: dict[str, Any]) -> None:
    """The table of actions, the end of a failed build's log, the match rate, and where to look."""
    from mlkit.aws import pipelines

    rows = [{"action": f"{a['stage']}.{a['action']}", "status": a["status"], "": a["executed"], "seconds": f"{a['duration_s']:.1f}"}
            for a in report["actions"]]  # fmt: skip
    if rows:
        show_table(rows, title=f"Pipeline execution {execution}: {report['status']}")
    for run in pipelines.action_runs(aws, pipeline, execution):
        if run.status == "Failed" and run.provider == "CodeBuild" and run.external_id:
            out.print(f"[bold]{run.stage}.{run.action}[/] said last:")
            for line in pipelines.build_log(aws, run.external_id):
                out.print(f"  {console.plain(line)}")
    if rate := report["match_rate"]:
        interval = f"95% interval {rate['low']:.4f} to {rate['high']:.4f}"
        out.print(f"[bold]Match rate {rate['value']:.4f}[/] on {rate['rows']:,} held-out rows ({interval})")
    out.print(f"Simulated: {report['simulated']}")
    out.print(f"Evidence: {report['evidence_uri'] or 'nothing was sealed'}")
    out.print(f"Endpoints: {', '.join(report['endpoints']) or 'none'}")


def decide(project: Project, *, your_initials: str, approved: bool, comment: str) -> None:
    """Answer the approval that waits in any execution of the pipeline. Raises UsageError when none does."""
    from mlkit.aws import pipelines
    from mlkit.aws.session import Session
    from mlkit.local import lifecycle

    with console.environment(lifecycle.environment(project.local_home)):
        aws = Session()
        pipeline = pipelines.pipeline_name(aws, LabNames(initials=your_initials).pipeline_stack)
        for execution in _in_progress(aws, pipeline):
            if approval := pipelines.pending_approval(aws, pipeline, execution):
                pipelines.decide(aws, pipeline, approval, approved=approved, comment=comment)
                out.print(f"{'Approved' if approved else 'Rejected'}: {approval.stage}.{approval.action} of {execution}")
                return
    raise UsageError("No approval is pending", cure="`mlkit local run` starts an execution; it asks when QA has passed.")


def stop(project: Project, *, your_initials: str) -> None:
    """Stop every execution in progress and its builds."""
    from mlkit.aws import pipelines
    from mlkit.aws.session import Session
    from mlkit.local import lifecycle

    with console.environment(lifecycle.environment(project.local_home)):
        aws = Session()
        pipeline = pipelines.pipeline_name(aws, LabNames(initials=your_initials).pipeline_stack)
        executions = _in_progress(aws, pipeline)
        for execution in executions:
            pipelines.stop(aws, pipeline, execution, reason="mlkit local stop")
            out.print(f"Stopped {execution}")
    if not executions:
        out.print("Nothing was running.")


def _in_progress(aws: Any, pipeline: str) -> list[str]:
    from mlkit.aws.session import aws_errors

    with aws_errors():
        listed = aws.client("codepipeline").list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]
    return [item["pipelineExecutionId"] for item in listed if item["status"] in ("InProgress", "Stopping")]
