"""A copy of the project as a git repository whose pipeline runs on a local AWS, and what one asks of it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
from waiting import HANG_S, wait_until

from localaws import lifecycle
from mlkit.evidence.run_record import RunRecord
from mlkit.naming import LabNames
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]
NAMES = LabNames(initials="mlkit")
PROJECT_FOLDERS = ("mlkit", "packages", "notebooks", "buildspecs", "CloudFormation")
PROJECT_FILES = (
    "Makefile",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements.lock",
    "requirements-build.lock",
    "requirements-seal.lock",
)
RUNNING = ("InProgress", "Stopping")  # of a job
QUICK = {"epochs": 30}  # fewer passes than the notebook's own, and still well above the gate

TUNING = {
    "tune": True,
    "tune_rates": {"epochs": [15, 20], "linear_lr": [0.005, 0.02, "Logarithmic"], "factors_lr": [0.001, 0.004]},
    "max_jobs": 2,
    "max_parallel_jobs": 2,
}
ACTIONS = [
    "Source.Source",
    "Build_and_Train.ModelTraining",
    *(f"QA.{name}" for name in ("LaunchEndpoint", "TestEndpoint", "SealEvidence", "RemoveEndpoint")),
    *(f"Production.{name}" for name in ("ApprovalGate", "VerifyApproval", "LaunchEndpoint", "TestEndpoint", "SealEvidence")),
]


@dataclass(frozen=True)
class OnLocalAws:
    """A project folder with a local AWS of its own."""

    project: Project

    @property
    def environment(self) -> Mapping[str, str]:
        return lifecycle.environment(self.project.local_home)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A console script of this environment in the project folder, pointed to the local AWS, at 80 columns."""
        variables = {**os.environ, **self.environment, "COLUMNS": "80"}
        return run_in(self.project.root, [script(command[0]), *command[1:]], variables, check=check)

    def client(self, service: str) -> Any:
        e = self.environment
        create: Any = boto3.client
        return create(
            service,
            endpoint_url=e["AWS_ENDPOINT_URL"],
            region_name=e["AWS_REGION"],
            aws_access_key_id=e["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=e["AWS_SECRET_ACCESS_KEY"],
        )


@dataclass(frozen=True)
class Piped(OnLocalAws):
    """A git repository of the project whose pipeline runs on a local AWS."""

    def start(self) -> None:
        """Start the local AWS as people do: its builds install from set-up's package cache, not from an index."""
        run_in(self.project.root, [script("mlkit"), "local", "up", "--port", "0"], plain_environment())

    def push(self, **parameters: Any) -> str:
        """Commit 02_train.ipynb with these defaults in place of the project's own; the commit's id."""
        notebook = json.loads((ROOT / "notebooks" / "02_train.ipynb").read_text())
        cell = next(cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", []))
        source = "".join(cell["source"])
        for name, value in {**QUICK, **parameters}.items():
            source, found = re.subn(rf"^({name}: [^=\n]+) = .*?(?=  # )", rf"\1 = {value!r}", source, flags=re.MULTILINE | re.DOTALL)
            assert found == 1, name
        cell["source"] = source.splitlines(keepends=True)
        (self.project.root / "notebooks" / "02_train.ipynb").write_text(json.dumps(notebook, indent=1))
        git(self.project.root, "add", "--all")
        git(self.project.root, "commit", "--quiet", "--allow-empty", "--message", f"Train with {parameters}")
        return git(self.project.root, "rev-parse", "HEAD")

    @contextmanager
    def running(self, *options: str) -> Iterator["Run"]:
        """`mlkit local run` in the background; the end of the block stops what is then still going on."""
        log = self.project.root / ".mlkit" / "run.log"
        before = set(self.executions())
        with log.open("w") as output:
            command = [script("mlkit"), "local", "run", *options]
            process = subprocess.Popen(command, cwd=self.project.root, env=plain_environment(), stdout=output, stderr=output)
        try:
            started, ended = wait_until(
                lambda: (set(self.executions()) - before, process.poll()),
                "an execution begins",
                ok=lambda seen: seen[0] or seen[1] is not None,
            )
            assert ended is None, log.read_text()[-3000:]
            (execution,) = started
            yield Run(process=process, execution=execution, log=log)
        finally:
            if process.poll() is None:
                self.run("mlkit", "local", "stop", check=False)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(HANG_S)
                process.kill()
                process.wait()

    @property
    def name(self) -> str:
        return self.output("Pipeline")

    def output(self, name: str) -> str:
        """An output of the pipeline's stack."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=NAMES.pipeline_stack)["Stacks"]
        return next(item["OutputValue"] for item in stack["Outputs"] if item["OutputKey"] == name)

    def executions(self) -> list[str]:
        listed = self.client("codepipeline").list_pipeline_executions(pipelineName=self.name)["pipelineExecutionSummaries"]
        return [item["pipelineExecutionId"] for item in listed]

    def status(self, execution: str) -> str:
        found = self.client("codepipeline").get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return found["pipelineExecution"]["status"]

    def actions(self, execution: str) -> list[dict[str, Any]]:
        """The runs of the execution's actions, the oldest first."""
        pages = self.client("codepipeline").get_paginator("list_action_executions")
        found = pages.paginate(pipelineName=self.name, filter={"pipelineExecutionId": execution}).search("actionExecutionDetails[]")
        return sorted(found, key=lambda run: run["startTime"])

    def ended(self, execution: str) -> dict[str, str]:
        """How the last run of each action ended, by "stage.action"."""
        return {f"{run['stageName']}.{run['actionName']}": run["status"] for run in self.actions(execution)}

    def variables(self, execution: str, name: str) -> dict[str, str]:
        """What the last run of the action, "stage.action", exported."""
        runs = [run for run in self.actions(execution) if f"{run['stageName']}.{run['actionName']}" == name]
        return runs[-1]["output"]["outputVariables"]

    def approval(self) -> str | None:
        """The token of the approval that waits."""
        states = self.client("codepipeline").get_pipeline_state(name=self.name)["stageStates"]
        found = [action.get("latestExecution", {}).get("token") for stage in states for action in stage.get("actionStates", [])]
        return next(filter(None, found), None)

    def production(self) -> dict[str, Any]:
        """What describes the endpoint, its configuration and its model: what a rejected or failed execution must not change."""
        sagemaker = self.client("sagemaker")
        endpoint = sagemaker.describe_endpoint(EndpointName=NAMES.endpoint("production"))
        configuration = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        model = sagemaker.describe_model(ModelName=configuration["ProductionVariants"][0]["ModelName"])
        return {
            "status": endpoint["EndpointStatus"],
            "created": endpoint["CreationTime"],
            "changed": endpoint["LastModifiedTime"],
            "configuration": endpoint["EndpointConfigName"],
            "model": model["PrimaryContainer"]["ModelDataUrl"],
        }

    def left(self) -> list[str]:
        """Jobs that go on, and QA's stack and endpoint."""
        sagemaker = self.client("sagemaker")
        training = sagemaker.list_training_jobs(MaxResults=100)["TrainingJobSummaries"]
        tuning = sagemaker.list_hyper_parameter_tuning_jobs(MaxResults=100)["HyperParameterTuningJobSummaries"]
        endpoints = sagemaker.list_endpoints()["Endpoints"]
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return [
            *(job["TrainingJobName"] for job in training if job["TrainingJobStatus"] in RUNNING),
            *(job["HyperParameterTuningJobName"] for job in tuning if job["HyperParameterTuningJobStatus"] in RUNNING),
            *(item["EndpointName"] for item in endpoints if item["EndpointName"] == NAMES.endpoint("qa")),
            *(item["StackName"] for item in stacks if item["StackName"] == NAMES.endpoint_stack("qa")),
        ]

    def staged(self, execution: str, name: str) -> dict[str, bytes]:
        """What the action "stage.action" left in the staging bucket, by file name."""
        s3, bucket = self.client("s3"), self.output("StagingBucket")
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{execution}/{name}/").get("Contents", [])
        return {Path(item["Key"]).name: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}

    def last_report(self) -> dict[str, Any]:
        return json.loads((self.project.root / ".mlkit" / "last_run.json").read_text())

    def parameter(self, execution: str, action: str, notebook: str, name: str) -> tuple[Any, str]:
        """The value that the executed notebook ran with, and where it came from."""
        record = RunRecord.from_json(self.staged(execution, action)[f"{notebook}.record.json"].decode())
        found = next(item for item in record.parameters if item.name == name)
        return found.value, found.source

    def retry(self, execution: str, stage: str) -> None:
        request = {"pipelineName": self.name, "stageName": stage, "pipelineExecutionId": execution, "retryMode": "ALL_ACTIONS"}
        assert self.client("codepipeline").retry_stage_execution(**request)["pipelineExecutionId"] == execution

    def set_parameter(self, name: str, value: str) -> None:
        """Update this parameter alone, in the stack that declares it."""
        client = self.client("cloudformation")
        described = (client.describe_stacks(StackName=stack)["Stacks"][0] for stack in NAMES.pipeline_stacks.values())
        declared = {stack["StackName"]: [item["ParameterKey"] for item in stack.get("Parameters", [])] for stack in described}
        (stack,) = (stack for stack, keys in declared.items() if name in keys)
        parameters = [
            {"ParameterKey": key, **({"ParameterValue": value} if key == name else {"UsePreviousValue": True})} for key in declared[stack]
        ]
        client.update_stack(StackName=stack, UsePreviousTemplate=True, Parameters=parameters, Capabilities=["CAPABILITY_IAM"])
        client.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})

    def wait_until_asked(self, execution: str) -> str:
        """The token of the approval that the execution waits for; fails when the execution ends without."""
        status, token = wait_until(
            lambda: (self.status(execution), self.approval()),
            "the approval is asked for",
            ok=lambda seen: seen[0] != "InProgress" or seen[1],
        )
        assert token, (status, self.ended(execution))
        return token

    def wait_until_ended(self, execution: str) -> str:
        """The execution's status at its end."""
        return wait_until(lambda: self.status(execution), "the execution ends", ok=lambda status: status not in ("InProgress", "Stopping"))

    def wait_until_nothing_is_left(self) -> None:
        """No job, no QA endpoint and no build, not even the sweeper's, goes on."""
        wait_until(lambda: (self.left(), self.builds()), "no job, endpoint or build is left", ok=lambda seen: not any(seen))

    def wait_until_it_runs(self, buildspec: str) -> None:
        """A build has a process that runs the buildspec's steps."""
        wait_until(
            lambda: [process.cmdline() for process in self.builds()],
            f"a build runs the steps of {buildspec}",
            ok=lambda commands: any("run" in words and buildspec in words for words in commands),
        )

    def wait_until_it_began(self, execution: str, action: str, notebook: str) -> None:
        """The action "stage.action" has put the notebook's first record into staging."""
        wait_until(lambda: list(self.staged(execution, action)), f"{notebook} begins", ok=lambda files: f"{notebook}.record.json" in files)

    def builds(self) -> list[psutil.Process]:
        """The processes of builds that run."""
        folder = str(self.project.local_home.resolve() / "codebuild" / "builds")
        return [process for process in psutil.process_iter() if _cwd(process).startswith(folder)]

    def kill_builds(self) -> None:
        """SIGKILL to every process group of the builds that run, as if their machine went away."""
        groups = {os.getpgid(process.pid) for process in self.builds()}
        assert groups
        assert os.getpgrp() not in groups
        for group in groups:
            os.killpg(group, signal.SIGKILL)

    def mails(self, execution: str) -> list[str]:
        """The messages that speak of the execution."""
        lines = (self.project.local_home / "mail.jsonl").read_text().splitlines()
        return [mail["message"] for mail in map(json.loads, lines) if execution in mail["message"]]


@dataclass(frozen=True, kw_only=True)
class Run:
    """`mlkit local run` at work."""

    process: subprocess.Popen[bytes]
    execution: str
    log: Path


@dataclass(frozen=True, kw_only=True)
class FirstRun:
    """A pipeline that has succeeded once, with what was there when it had."""

    pipeline: Piped
    commit: str
    report: Mapping[str, Any]
    production: Mapping[str, Any]
    left: list[str]
    printed: str


def run_in(folder: Path, command: list[str], variables: Mapping[str, str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=HANG_S, check=False)
    if check:
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def script(name: str) -> str:
    """A console script of the environment that runs the tests."""
    return str(Path(sys.executable).with_name(name))


def plain_environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "80"}


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout.strip()


def copy_project(target: Path, folders: tuple[str, ...] = ("notebooks", "CloudFormation")) -> Project:
    ignored = shutil.ignore_patterns("configuration_*.json", ".ipynb_checkpoints", "__pycache__", "*.egg-info", "build")
    for folder in folders:
        shutil.copytree(ROOT / folder, target / folder, ignore=ignored)
    shutil.copy(ROOT / "mlkit.yml", target)
    project = Project(root=target)
    cached = Project(root=ROOT).data_cache
    if cached.is_dir():
        shutil.copytree(cached, project.data_cache)
    return project


def make_repository(target: Path) -> Piped:
    """A repository of the project on branch main, in which builds install what set-up has fetched."""
    pipeline = Piped(project=copy_project(target, PROJECT_FOLDERS))
    for name in PROJECT_FILES:
        shutil.copy(ROOT / name, target / name)
    (target / ".tools").symlink_to(ROOT / ".tools")
    (target / ".gitignore").write_text((ROOT / ".gitignore").read_text() + ".tools\n")
    git(target, "init", "--quiet", "--initial-branch", "main")
    for name, value in (("user.name", "A"), ("user.email", "a@example.org"), ("commit.gpgsign", "false")):
        git(target, "config", name, value)
    return pipeline


def _cwd(process: psutil.Process) -> str:
    """The process's folder; empty for a process of somebody else that has gone, that hides it, or whose path is too long for Linux."""
    try:
        return str(process.cwd())
    except (psutil.Error, OSError):
        return ""
