"""mlkit local run | approve | reject | stop: the pipeline of CloudFormation/codepipeline.yaml on the local AWS."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mlkit.aws import pipeline_source
from mlkit.cli import console, local_server, pipeline_report
from mlkit.cli.approval import settle
from mlkit.cli.console import Elapsed, StackEvents, out, step
from mlkit.cli.pipeline_commands import deploy_planned, with_tools
from mlkit.cli.pipeline_report import ShownExecution
from mlkit.cli.shared_options import INITIALS
from mlkit.errors import UsageError
from mlkit.naming import DATALAKE_TEMPLATE, LabNames
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.aws.pipeline_executions import Approval
    from mlkit.aws.session import Session

_PARAMETERS = {"Email": "approver@example.com", "BakeSeconds": "0"}
_POLL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `mlkit local run`. Empty parameter values leave the stack's parameters unchanged."""

    your_initials: str
    port: int | None
    worktree: bool
    approve: str | None
    parameters: dict[str, str]


def run(project: Project, options: Options) -> None:
    """Deploy lake and pipeline, run the pipeline on the repository's HEAD, and print its actions, the metric and where results are."""
    from mlkit.aws import pipeline_executions, pipeline_stacks

    names, given = project.names(options.your_initials), {**_PARAMETERS, **options.parameters}
    # Whatever these refuse is refused before anything is started.
    if options.approve is not None:
        pipeline_executions.check_comment(options.approve)
    head(project.root)
    pipeline_stacks.plan(project.root, names, given)
    with step("Local AWS"):
        running = local_server.start(project, options.port)
        out.print(f"  {running.endpoint_url}, account {running.account}, {running.region}")
    with console.environment(local_server.environment(project)):
        from mlkit.aws.session import Session

        aws = Session()
        outputs = _deploy(aws, project, names, given)
        _follow_to_the_end(aws, project, names, outputs, options)


def _deploy(aws: "Session", project: Project, names: LabNames, given: Mapping[str, str]) -> Mapping[str, str]:
    from mlkit.aws import pipeline_stacks
    from mlkit.aws.stacks import deploy_stack
    from mlkit.cli.data_commands import commands_of

    capabilities: Final = ("CAPABILITY_IAM",)
    with step("Data lake (CloudFormation/datalake.yaml)"):
        lake = {"YourInitials": names.initials}
        deploy_stack(aws, names.datalake_stack, project.root / DATALAKE_TEMPLATE, lake, capabilities=capabilities, on_event=StackEvents())
    with step("Data"):
        commands_of(project).load_table(project, project.about.source, names.initials)
    with_digest, tools = with_tools(project, {**pipeline_source.local_parameters(aws), **given})
    planned = pipeline_stacks.plan(project.root, names, with_digest)
    return deploy_planned(aws, project, planned, tools).outputs


def head(root: Path) -> str:
    """The commit that is checked out. Raises UsageError outside a repository or before its first commit."""
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"{root} has no commit to run", cure="The pipeline runs committed files: git init, git add, git commit.")
    return done.stdout.strip()


def is_dirty(root: Path) -> bool:
    """Whether there are uncommitted changes or untracked files."""
    done = subprocess.run(["git", "-C", str(root), "status", "--porcelain"], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip())


def _follow_to_the_end(aws: "Session", project: Project, names: LabNames, outputs: Mapping[str, str], options: Options) -> None:
    from mlkit.aws import pipeline_executions

    commit, pipeline = head(project.root), outputs["Pipeline"]
    local_server.stand_for(project, pipeline_source.LOCAL_NAME, worktree=options.worktree)
    if not options.worktree and is_dirty(project.root):
        out.print("This run does not include uncommitted changes; --worktree would include them.")
    started = pipeline_executions.start(aws, pipeline, commit=None if options.worktree else commit)
    execution = ShownExecution(pipeline=pipeline, staging=f"s3://{outputs['StagingBucket']}", id=started, commit=commit)
    out.print(f"[bold]Pipeline execution[/] {started} of {'the working tree' if options.worktree else f'commit {commit[:10]}'}")
    try:
        status = follow(aws, project, execution, options)
    except KeyboardInterrupt:
        out.print("\nStopping the execution and its builds ...")
        pipeline_executions.stop(aws, pipeline, started, reason="stopped from the keyboard")
        raise
    executed = pipeline_report.fetch(aws, project, execution)
    report = pipeline_report.write(aws, project, names, execution, status, executed)
    pipeline_report.show(project, execution, report)
    if status != "Succeeded":
        raise pipeline_report.failure(aws, project, execution, status, executed)


def follow(aws: "Session", project: Project, execution: ShownExecution, options: Options) -> str:
    """Print the start and end of each action, decide or ask at an approval, and return the execution's final status."""
    from mlkit.aws import pipeline_executions

    say, told, asked = Elapsed(), dict[int, str](), set[str]()
    while True:
        status = pipeline_executions.status(aws, execution.pipeline, execution.id)
        for number, one in enumerate(pipeline_executions.action_runs(aws, execution.pipeline, execution.id)):
            if told.get(number) != one.status:
                told[number] = one.status
                duration = f" in {one.duration_s:.1f} s" if one.status != "InProgress" else ""
                reason = (
                    f": {one.summary}" if one.status == "Failed" and one.provider != "CodeBuild" else ""
                )  # a build's failure is reported at the end
                say(f"{one.stage}.{one.action} {one.status}{duration}{reason}")
        if status in pipeline_executions.ENDED:
            return status
        approval = pipeline_executions.pending_approval(aws, execution.pipeline, execution.id)
        if approval is not None and approval.token not in asked:
            asked.add(approval.token)
            for run in pipeline_report.fetch(aws, project, execution):
                say(f"executed notebook: {run.path.relative_to(project.root).as_posix()}")
            if page := pipeline_report.fetch_page(aws, project, execution):
                say(f"review page: {page.relative_to(project.root).as_posix()}")
            _decide(aws, execution, approval, options, say)
        time.sleep(_POLL_S)


def _decide(aws: "Session", execution: ShownExecution, approval: "Approval", options: Options, say: Elapsed) -> None:
    from mlkit.aws import pipeline_executions

    def decide(approved: bool, comment: str) -> None:
        try:
            pipeline_executions.decide(aws, execution.pipeline, approval, approved=approved, comment=comment)
        except pipeline_executions.AlreadyDecided:
            say("already decided in another terminal")

    def is_pending() -> bool:
        return _token(aws, execution) == approval.token

    say(f"{approval.stage}.{approval.action} asks: {approval.message}")
    mine = "" if options.your_initials == INITIALS else f" --your-initials {options.your_initials}"
    settle(
        beforehand=options.approve,
        decide=decide,
        is_pending=is_pending,
        longest=pipeline_executions.COMMENT_CHARACTERS,
        say=say,
        options=mine,
    )


def _token(aws: "Session", execution: ShownExecution) -> str | None:
    """The token of the approval that the execution waits for."""
    from mlkit.aws import pipeline_executions

    approval = pipeline_executions.pending_approval(aws, execution.pipeline, execution.id)
    return approval.token if approval else None


def decide(project: Project, *, your_initials: str, approved: bool, comment: str) -> None:
    """Answer the pending approval of any execution of the pipeline. Raises UsageError if there is none."""
    from mlkit.aws import pipeline_executions
    from mlkit.aws.session import Session

    pipeline_executions.check_comment(comment)
    with console.environment(local_server.environment(project)):
        aws = Session()
        pipeline = pipeline_executions.pipeline_name(aws, LabNames(initials=your_initials).pipeline_stack)
        for execution in _in_progress(aws, pipeline):
            if approval := pipeline_executions.pending_approval(aws, pipeline, execution):
                pipeline_executions.decide(aws, pipeline, approval, approved=approved, comment=comment)
                out.print(f"{'Approved' if approved else 'Rejected'}: {approval.stage}.{approval.action} of {execution}")
                return
    raise UsageError("No approval is pending", cure="`mlkit local run` starts an execution; it asks when QA has passed.")


def stop(project: Project, *, your_initials: str) -> None:
    """Stop every execution in progress and its builds."""
    from mlkit.aws import pipeline_executions
    from mlkit.aws.session import Session

    with console.environment(local_server.environment(project)):
        aws = Session()
        pipeline = pipeline_executions.pipeline_name(aws, LabNames(initials=your_initials).pipeline_stack)
        executions = _in_progress(aws, pipeline)
        for execution in executions:
            pipeline_executions.stop(aws, pipeline, execution, reason="mlkit local stop")
            out.print(f"Stopped {execution}")
    if not executions:
        out.print("Nothing was running.")


def show_state(project: Project) -> None:
    """Print each pipeline of the local AWS with its newest execution and a pending approval."""
    from mlkit.aws import pipeline_executions
    from mlkit.aws.session import Session

    with console.environment(local_server.environment(project)):
        aws = Session()
        for name in pipeline_executions.names(aws):
            newest = pipeline_executions.newest_execution(aws, name)
            state = f"execution {newest[0]} {newest[1]}" if newest else "never ran"
            approval = pipeline_executions.pending_approval(aws, name, newest[0]) if newest else None
            waits = f"; {approval.stage}.{approval.action} waits for approval: {approval.message}" if approval else ""
            out.print(f"pipeline:  {name}\n           {state}{waits}")


def _in_progress(aws: "Session", pipeline: str) -> list[str]:
    from mlkit.aws.session import aws_errors

    with aws_errors():
        listed = aws.client("codepipeline").list_pipeline_executions(pipelineName=pipeline)["pipelineExecutionSummaries"]
    return [item["pipelineExecutionId"] for item in listed if item["status"] in ("InProgress", "Stopping")]
