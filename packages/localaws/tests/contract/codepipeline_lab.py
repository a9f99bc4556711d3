"""A small pipeline for tests: its repository, bucket, role and declaration, and ways to wait for it."""

import io
import uuid
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from git_folders import make_repository
from waiting import wait_until

from localaws.codeconnections import repositories

TEMPLATE = """
Parameters: {Text: {Type: String, Default: nothing}}
Resources:
  Group:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Ref AWS::StackName, RetentionInDays: 1, Tags: [{Key: text, Value: !Ref Text}]}
Outputs: {Text: {Value: !Ref Text}}
"""


def action(name: str, category: str, provider: str, configuration: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """An action's declaration; `inputs` and `outputs` are lists of names."""
    kind = {"category": category, "owner": more.pop("owner", "AWS"), "provider": provider, "version": "1"}
    artifacts = {f"{word}Artifacts": [{"name": item} for item in more.pop(f"{word}s", [])] for word in ("input", "output")}
    return {"name": name, "actionTypeId": kind, "configuration": dict(configuration or {}), **artifacts, **more}


def stage(name: str, *actions: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "actions": list(actions)}


@dataclass(frozen=True, kw_only=True)
class Lab:
    """What a test's pipeline is made of; `client` makes the administrator's clients."""

    name: str
    repository: str
    folder: Path
    commit: str
    bucket: str
    role: str
    connection: str
    client: Callable[[str], Any]

    def source(self, **more: Any) -> dict[str, Any]:
        configuration = {"ConnectionArn": self.connection, "FullRepositoryId": self.repository, "BranchName": "main"}
        return stage(
            "Source", action("Checkout", "Source", "CodeStarSourceConnection", configuration, outputs=["Code"], namespace="Src", **more)
        )

    def approval(self, name: str = "Ask", configuration: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
        return action(name, "Approval", "Manual", configuration, **more)

    def declaration(self, *stages: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        store = {"type": "S3", "location": self.bucket}
        return {"name": self.name, "roleArn": self.role, "artifactStore": store, "stages": list(stages), "pipelineType": "V2", **more}

    def create(self, *stages: Mapping[str, Any], **more: Any) -> Any:
        return self.client("codepipeline").create_pipeline(pipeline=self.declaration(*stages, **more))

    def start(self, **more: Any) -> str:
        execution: str = self.client("codepipeline").start_pipeline_execution(name=self.name, **more)["pipelineExecutionId"]
        return execution

    def execution(self, execution: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("codepipeline").get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        return dict(found["pipelineExecution"])

    def wait(self, execution: str, *statuses: str) -> dict[str, Any]:
        """The execution once it has one of the statuses, or any at which it is over."""
        wanted = statuses or ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
        return wait_until(lambda: self.execution(execution), f"the execution is {wanted}", ok=lambda found: found["status"] in wanted)

    def run(self, execution: str, name: str) -> dict[str, Any]:
        """The latest run of an action in an execution."""
        answer = self.client("codepipeline").list_action_executions(pipelineName=self.name, filter={"pipelineExecutionId": execution})
        return next(dict(run) for run in answer["actionExecutionDetails"] if run["actionName"] == name)

    def error(self, execution: str, name: str) -> dict[str, str]:
        details: dict[str, str] = self.run(execution, name)["output"]["executionResult"]["errorDetails"]
        return details

    def state(self, stage_name: str, action_name: str) -> dict[str, Any]:
        answer = self.client("codepipeline").get_pipeline_state(name=self.name)
        states = next(state for state in answer["stageStates"] if state["stageName"] == stage_name)["actionStates"]
        return dict(next(state for state in states if state["actionName"] == action_name).get("latestExecution", {}))

    def token(self, stage_name: str = "Gate", action_name: str = "Ask") -> str:
        state = wait_until(lambda: self.state(stage_name, action_name), f"{action_name} asks", ok=lambda state: "token" in state)
        found: str = state["token"]
        return found

    def answer(self, status: str, *, token: str | None = None, summary: str = "seen", client: Any = None) -> Any:
        return (client or self.client("codepipeline")).put_approval_result(
            pipelineName=self.name,
            stageName="Gate",
            actionName="Ask",
            result={"status": status, "summary": summary},
            token=token or self.token(),
        )

    def files(self, location: Mapping[str, str]) -> dict[str, bytes]:
        """The files of an artifact."""
        body = self.client("s3").get_object(Bucket=location["bucket"], Key=location["key"])["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def statements(bucket: str, stack_role: str | None = None) -> Sequence[dict[str, Any]]:
    """What the pipeline's role needs."""
    found: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:PutObjectAcl"], "Resource": f"arn:aws:s3:::{bucket}/*"},
        {"Effect": "Allow", "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
        {"Effect": "Allow", "Action": "codeconnections:UseConnection", "Resource": "*"},
    ]
    if stack_role:
        verbs = ["Create*", "Update*", "Delete*", "Describe*", "Execute*"]
        found.append({"Effect": "Allow", "Action": [f"cloudformation:{verb}" for verb in verbs], "Resource": "*"})
        found.append({"Effect": "Allow", "Action": "iam:PassRole", "Resource": stack_role})
    return found


def make_lab(home: Path, scratch: Path, client: Callable[[str], Any], role: str, bucket: str, files: Mapping[str, str]) -> Lab:
    name = f"p-{uuid.uuid4().hex[:12]}"
    folder = scratch / name
    commit = make_repository(folder, files)
    repositories.register(home / "codeconnections", f"someone/{name}", folder)
    connection = client("codeconnections").create_connection(ConnectionName=name, ProviderType="GitHub")["ConnectionArn"]
    return Lab(
        name=name,
        repository=f"someone/{name}",
        folder=folder,
        commit=commit,
        bucket=bucket,
        role=role,
        connection=connection,
        client=client,
    )
