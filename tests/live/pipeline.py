"""The pipeline: its stacks, one execution through approval and production, and one that is stopped while it trains."""

from typing import Any

from live import reviewer, trail
from live.account import mlkit
from live.lab import Lab
from mlkit.aws import pipeline_executions, pipeline_stacks
from mlkit.aws.evidence_download import fetch_executed
from mlkit.aws.tools_upload import upload
from mlkit.cli import pipeline_report
from mlkit.cli.console import StackEvents, step
from mlkit.cli.pipeline_commands import pairs, with_tools
from mlkit.cli.pipeline_report import ShownExecution
from mlkit.errors import MlkitError
from mlkit.naming import FOUNDATION_TEMPLATE, job_prefix

_BUCKETS = ("ArtifactBucket", "StagingBucket", "EvidenceBucket")
_KEYS = ("PipelineKey", "EvidenceKey")
_USER, _MOVIE = "196", "242"


def deploy(lab: Lab) -> str:
    """Deploy the four stacks. The trail watches the buckets as soon as there are any."""
    options = lab.options
    source = {"ConnectionArn": options.connection} if options.connection else {"GitHubToken": options.token}
    given = {"Email": options.email, "GitHubUser": options.owner, "Repo": options.repository_name, "Branch": options.branch, **source}
    given |= {"BakeSeconds": "0", "EvidenceDays": "1", "ApprovalMinutes": "120", **pairs(options.parameters.split())}
    given, tools = with_tools(lab.project, given)
    planned = pipeline_stacks.plan(lab.project.root, lab.names, given)
    pipeline_stacks.check_deployable(lab.aws, lab.names, planned)
    for stack in planned:
        with step(f"Stack {stack.name}"):
            deployed = stack.deploy(lab.aws, lab.project.root, on_event=StackEvents())
        if stack.template == FOUNDATION_TEMPLATE:
            buckets = {name: deployed.outputs[name] for name in _BUCKETS}
            lab.folder.note(buckets=buckets, keys=[deployed.outputs[name] for name in _KEYS])
            trail.watch(lab, [lab.names.bucket, *buckets.values()])
            upload(lab.aws, f"s3://{buckets['EvidenceBucket']}", tools)
    outputs = dict(deployed.outputs)
    lab.folder.note(pipeline=outputs["Pipeline"], outputs=outputs)
    return f"{len(planned)} stacks; the pipeline is {outputs['Pipeline']}"


def first_execution(lab: Lab) -> str:
    """Follow the execution to its end and approve it. On AWS, making the pipeline has started one."""
    pipeline = lab.folder.fact("pipeline")
    begun = pipeline_executions.newest_execution(lab.aws, pipeline)
    execution = begun[0] if begun else pipeline_executions.start(lab.aws, pipeline)
    lab.folder.note(first_execution=execution)
    by_itself = "began by itself" if begun else "was started"
    status = lab.until(lambda: _state(lab, execution), "actions", ok=_is_decided(lab, execution), minutes=120)
    executed = fetch_executed(lab.aws, f"s3://{lab.folder.fact('outputs')['StagingBucket']}", execution, lab.folder.path / "executed")
    runs = pipeline_executions.action_runs(lab.aws, pipeline, execution)
    lab.folder.save("first_execution.json", [vars(run) for run in runs])
    ended = pipeline_executions.status(lab.aws, pipeline, execution)
    if ended != "Succeeded":
        shown = ShownExecution(pipeline=pipeline, staging="", id=execution, commit="")
        raise pipeline_report.failure(lab.aws, lab.project, shown, ended, executed)
    return f"{execution} {by_itself} and succeeded: {len(runs)} actions, {len(executed)} notebooks. {status[-1]}"


def _state(lab: Lab, execution: str) -> list[str]:
    """The actions that run, or the one that ended last."""
    runs = pipeline_executions.action_runs(lab.aws, lab.folder.fact("pipeline"), execution)
    told = [f"{run.stage}.{run.action} {run.status}" for run in runs]
    return [text for text in told if text.endswith("InProgress")] or told[-1:]


def _is_decided(lab: Lab, execution: str) -> Any:
    """Whether the execution has ended. Approves it as soon as it asks."""
    pipeline = lab.folder.fact("pipeline")

    def look(_: list[str]) -> bool:
        asked = pipeline_executions.pending_approval(lab.aws, pipeline, execution)
        if asked is not None:
            lab.folder.save("approval.txt", asked.message)
            lab.say(f"{asked.stage}.{asked.action} asks: {asked.message}")
            reviewer.approve(lab, pipeline, asked)
        return pipeline_executions.status(lab.aws, pipeline, execution) in pipeline_executions.ENDED

    return look


def predict(lab: Lab) -> str:
    """Ask production for one prediction, as a person does."""
    done = mlkit(lab, "predict", "--environment", "production", "--user", _USER, "--movie", _MOVIE)
    return " ".join(done.stdout.split())


def stop_while_training(lab: Lab) -> str:
    """Abandon an execution while its job runs. Raises MlkitError unless the sweeper stops the job."""
    pipeline, sagemaker = lab.folder.fact("pipeline"), lab.client("sagemaker")
    execution = pipeline_executions.start(lab.aws, pipeline, commit=lab.options.second_commit or None)
    lab.folder.note(second_execution=execution)
    named = {"NameContains": job_prefix(execution), "StatusEquals": "InProgress"}
    jobs = lab.until(lambda: _training(lab, execution, named), "the second execution trains", minutes=60, every_s=5)
    job = jobs[0]["TrainingJobName"]
    lab.client("codepipeline").stop_pipeline_execution(
        pipelineName=pipeline, pipelineExecutionId=execution, abandon=True, reason="the first hour on AWS: stopped in training"
    )
    described = lab.until(
        lambda: sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"],
        f"{job} stops",
        ok=lambda status: status != "InProgress",
        minutes=20,
    )
    ended = lab.until(
        lambda: pipeline_executions.status(lab.aws, pipeline, execution), "stopped", ok=pipeline_executions.ENDED.__contains__
    )
    _wait_for_builds(lab, execution)
    if described not in ("Stopping", "Stopped"):
        raise MlkitError(f"{job} ended as {described}: the sweeper came too late or not at all", cure="Look at the sweeper's build log.")
    return f"{execution} ended as {ended}; {job} was stopped"


def _training(lab: Lab, execution: str, named: dict[str, Any]) -> list[dict[str, Any]]:
    """The execution's jobs that run. Raises MlkitError if the execution ended before."""
    found: list[dict[str, Any]] = lab.client("sagemaker").list_training_jobs(**named)["TrainingJobSummaries"]
    status = pipeline_executions.status(lab.aws, lab.folder.fact("pipeline"), execution)
    if not found and status in pipeline_executions.ENDED:
        raise MlkitError(f"The second execution {execution} ended as {status} before it trained", cure="Look at its failed action.")
    return found


def _wait_for_builds(lab: Lab, execution: str) -> None:
    """An abandoned build goes on until its notebook notices that the job was stopped, and the sweeper's build may go on too."""
    client = lab.client("codebuild")
    runs = pipeline_executions.action_runs(lab.aws, lab.folder.fact("pipeline"), execution)
    builds = [run.external_id for run in runs if run.provider == "CodeBuild" and run.external_id]
    sweeper = lab.stack_resources(lab.names.pipeline_stack)["Sweeper"]["PhysicalResourceId"]
    builds += client.list_builds_for_project(projectName=sweeper)["ids"][:5]

    def statuses() -> dict[str, str]:
        return {build["id"]: build["buildStatus"] for build in client.batch_get_builds(ids=builds)["builds"]}

    ended = lab.until(statuses, "builds end", ok=lambda found: "IN_PROGRESS" not in found.values(), minutes=30)
    lab.folder.save("second_execution_builds.json", ended)
