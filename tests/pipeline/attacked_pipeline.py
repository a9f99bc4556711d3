"""A pipeline to attack: the real templates and the real SealEvidence and VerifyApproval, around two steps that take a second each."""

import io
import json
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest
from project_pipeline import git
from started import LocalAws, policy
from tiny_project import TEMPLATES, deploy, deploy_pipeline, make_repository, outputs, pipeline_resources, shard, training_job
from waiting import wait_until

from localaws.codeconnections import repositories
from localaws.kit.service import Credentials
from mlkit.aws import gathering
from mlkit.aws.gathering import Gathered, SealingBuild, gather
from mlkit.aws.pipeline_executions import ActionRun, action_runs
from mlkit.aws.s3_objects import list_objects, split_uri
from mlkit.aws.session import Session
from mlkit.errors import EvidenceRefused
from mlkit.evidence.archives import members
from mlkit.evidence.layout import RECORD_SUFFIX, tools_object
from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.run_record import FileRecord, RunRecord

INITIALS = "forge"
LAKE = f"{INITIALS}-ml-id-lab"
TRAIN, TEST, PRODUCTION_TEST = "Build_and_Train.ModelTraining", "QA.TestEndpoint", "Production.TestEndpoint"
STEP = """
version: 0.2
env: {{exported-variables: [{exported}]}}
phases:
  build:
    commands:
      - "{python} quick_step.py {step}"
      - . ./exports.env
artifacts:
  {artifacts}
"""
TRAINED = """secondary-artifacts:
    Trained: {files: [handoff/*.json]}
    Configuration: {base-directory: CloudFormation, files: [configuration_*.json]}"""
# Files of the source and of the tests' artifacts that a careless build would run, read or import. They leave a trace.
HOSTILE = ("aws", "python3", "sha256sum", ".venv/bin/mlkit", "environment/bin/mlkit", "install.sh", "sitecustomize.py")
MESSAGE = "PASS 0.99 <b>seal</b> https://evil.example/x evil.example/y \u202ekaes and words that go on and on"
TESTED = f"files: [handoff/*.json, {', '.join(HOSTILE)}]"
INSTALL = "mkdir -p environment/bin && cp tool environment/bin/mlkit && chmod +x environment/bin/mlkit"


def tools() -> bytes:
    """A tools object that runs the mlkit of this environment."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(zipfile.ZipInfo("install.sh"), INSTALL)
        archive.writestr(zipfile.ZipInfo("tool"), f'#!/bin/sh\nexec {Path(sys.executable).with_name("mlkit")} "$@"\n')
    return body.getvalue()


def files(role: str, ran: Path) -> dict[str, str | bytes]:
    job = training_job("named-by-the-step", role, f"s3://{LAKE}/prepared/", f"s3://{LAKE}/models/")
    steps = {
        "build_and_train": STEP.format(python=sys.executable, step="train", exported="RECORDS, MODEL_SHA256", artifacts=TRAINED),
        "test_endpoint": STEP.format(
            python=sys.executable, step="test", exported="RECORDS, VERDICT, METRIC, VALUE, LOW, HIGH, ROWS", artifacts=TESTED
        ),
    }
    return {
        **{f"buildspecs/{name}.yml": text for name, text in steps.items()},
        "CloudFormation/sagemaker_prediction_endpoint.yaml": (TEMPLATES / "sagemaker_prediction_endpoint.yaml").read_bytes(),
        **dict.fromkeys(HOSTILE, f"#!/bin/sh\ntouch {ran}\n"),
        "sitecustomize.py": f"open({str(ran)!r}, 'w').close()\n",
        "quick_step.py": Path(__file__).with_name("quick_step.py").read_bytes(),
        "mlkit.yml": "steps: {}\n",
        "job.json": json.dumps(job),
        "train.recordio": shard(),
    }


def zipped(content: Mapping[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return body.getvalue()


class Attacked:
    """The stacks of one pipeline, of which one execution has succeeded; and what one does to it afterwards."""

    def __init__(self, local_aws: LocalAws, folder: Path) -> None:
        self.local_aws, self.client, self.ran = local_aws, local_aws.client, folder.with_name("ran")
        self.written: list[tuple[str, str, str]] = []
        self.told: dict[str, dict[str, Any]] = {}
        cloudformation = self.client("cloudformation")
        lake = deploy(cloudformation, f"{INITIALS}-lake", (TEMPLATES / "datalake.yaml").read_text(), YourInitials=INITIALS)
        make_repository(folder, files(outputs(lake)["ExecutionRole"], self.ran))
        person = ("-c", "commit.gpgsign=false", "-c", "user.email=a@example.org", "-c", "user.name=A")
        git(folder, "update-index", "--chmod=+x", *HOSTILE)
        git(folder, *person, "commit", "--quiet", "--amend", "-m", MESSAGE)
        repositories.register(local_aws.home / "codeconnections", f"{INITIALS}/tiny", folder)
        connection = self.client("codeconnections").create_connection(ConnectionName=INITIALS, ProviderType="GitHub")["ConnectionArn"]
        given = {"Email": "forge@example.org", "GitHubUser": INITIALS, "Repo": "tiny", "ConnectionArn": connection}
        self.pipeline = deploy_pipeline(cloudformation, INITIALS, **given, BakeSeconds="0", ToolsSha256=sha256_of(tools()))["Pipeline"]
        self.resources = pipeline_resources(cloudformation, INITIALS)
        self.staging, self.evidence, self.artifacts = (self.resources[f"{name}Bucket"] for name in ("Staging", "Evidence", "Artifact"))
        bucket, _, key = tools_object(self.evidence, sha256_of(tools())).partition("/")
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=tools(), IfNoneMatch="*")
        self.execution = self.run()
        listed = self.client("sagemaker").list_model_packages(ModelPackageGroupName=f"{INITIALS}-ml-lab")["ModelPackageSummaryList"]
        self.package: str = listed[0]["ModelPackageArn"]

    def run(self) -> str:
        codepipeline = self.client("codepipeline")
        execution: str = codepipeline.start_pipeline_execution(name=self.pipeline)["pipelineExecutionId"]

        def ended() -> str | None:
            self.approve()
            found: str = codepipeline.get_pipeline_execution(pipelineName=self.pipeline, pipelineExecutionId=execution)[
                "pipelineExecution"
            ]["status"]
            return None if found == "InProgress" else found

        assert wait_until(ended, "the execution ends") == "Succeeded", self.reasons(execution)
        return execution

    def approve(self) -> None:
        codepipeline = self.client("codepipeline")
        gate = codepipeline.get_pipeline_state(name=self.pipeline)["stageStates"][3]["actionStates"][0]
        if token := gate.get("latestExecution", {}).get("token"):
            answer = {"token": token, "result": {"status": "Approved", "summary": "seen"}}
            codepipeline.put_approval_result(pipelineName=self.pipeline, stageName="Production", actionName="ApprovalGate", **answer)

    def reasons(self, execution: str) -> list[str]:
        runs = self.client("codepipeline").list_action_executions(pipelineName=self.pipeline, filter={"pipelineExecutionId": execution})[
            "actionExecutionDetails"
        ]
        return [f"{run['actionName']}: {run['output']['executionResult']}" for run in runs if run["status"] == "Failed"]

    @property
    def runs(self) -> list[ActionRun]:
        """CodePipeline's history, with what `as_built` changed in it."""
        return [replace(run, **self.told.get(run.name, {})) for run in self._history]

    @cached_property
    def _history(self) -> list[ActionRun]:
        return action_runs(self.session, self.pipeline, self.execution)

    def run_of(self, name: str) -> ActionRun:
        return next(run for run in self.runs if run.name == name)

    def build_of(self, name: str) -> str:
        return self.run_of(name).external_id.rpartition(":")[2]

    def read(self, s3_uri: str) -> bytes:
        """The object, with the administrator's rights."""
        bucket, key = split_uri(s3_uri)
        data: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    @cached_property
    def session(self) -> Session:
        """SealEvidence's session, with the rights of its role."""
        return self.session_of("SealEvidenceRole")

    def session_of(self, role: str) -> Session:
        self.as_role(role)
        keys = self._credentials[role]
        return Session(boto3.Session(keys.access_key_id, keys.secret_access_key, keys.session_token, region_name=self.local_aws.region))

    def put(self, role: str, s3_uri: str, data: bytes) -> None:
        """Write an object as this role; `undo` takes it back."""
        bucket, key = split_uri(s3_uri)
        answer = self.as_role(role)("s3").put_object(Bucket=bucket, Key=key, Body=data)
        self.written.append((bucket, key, answer["VersionId"]))

    def undo(self) -> None:
        self.told.clear()
        while self.written:
            bucket, key, version = self.written.pop()
            self.client("s3").delete_object(Bucket=bucket, Key=key, VersionId=version)

    def gather(self) -> Gathered:
        """What SealEvidence reads and checks before it seals."""
        build = SealingBuild(
            staging=f"s3://{self.staging}",
            evidence=f"s3://{self.evidence}",
            pipeline=self.pipeline,
            execution=self.execution,
            action="Production.SealEvidence",
            build="forged",
            tools_sha256="0" * 64,
            key_arn="",
            model_group=f"{INITIALS}-ml-lab",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gathering, "action_runs", lambda *_: self.runs)
            return gather(self.session, build)

    def refusal(self) -> str:
        """Why SealEvidence seals nothing."""
        with pytest.raises(EvidenceRefused) as raised:
            self.gather()
        return str(raised.value)

    def refusal_of(self, name: str, files: Mapping[str, bytes] | None = None, **variables: str) -> str:
        """Why SealEvidence seals nothing after the action's build has cheated."""
        self.as_built(name, files, variables=variables)
        return self.refusal()

    def as_built(
        self,
        name: str,
        files: Mapping[str, bytes] | None = None,
        *,
        told: Mapping[str, bytes] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Let the action's build have cheated: it handed over these files, its record tells of `told` as well, it exported `variables`.

        The cheat is consistent: the build exports the digest of the record that it staged. Its end lies ahead, because what is written
        now must be within its time.
        """
        run, files = self.run_of(name), files or {}
        role = f"{run.action}Role"
        ((record_uri, record),) = self.records(name)
        assert record.activity is not None
        outputs = {file.path: file for file in record.activity.files}
        for path, data in {**files, **(told or {})}.items():
            outputs[path] = FileRecord(role="output", path=path, sha256=sha256_of(data))
        forged = replace(record, activity=replace(record.activity, files=tuple(outputs.values()))).to_json().encode()
        self.put(role, record_uri, forged)
        for artifact, address in run.artifacts.items():
            content = members(self.read(address))
            is_configuration = artifact == "Configuration"
            own = {path: data for path, data in files.items() if name != TRAIN or path.startswith("CloudFormation/") == is_configuration}
            if own:
                content |= {path.removeprefix("CloudFormation/"): data for path, data in own.items()}
                self.put(role, address, zipped(content))
        stem = record_uri.rpartition("/")[2].removesuffix(RECORD_SUFFIX)
        exported = {**run.variables, "RECORDS": f"{stem}={sha256_of(forged)}", **(variables or {})}
        self.told[name] = {"ended": datetime.now(UTC) + timedelta(hours=1), "variables": exported}

    def records(self, name: str) -> list[tuple[str, RunRecord]]:
        place = f"s3://{self.staging}/{self.execution}/{name}/{self.build_of(name)}/"
        uris = (f"s3://{self.staging}/{item['Key']}" for item in list_objects(self.session, place))
        return [(uri, RunRecord.from_json(self.read(uri).decode())) for uri in uris if uri.endswith(RECORD_SUFFIX)]

    def as_role(self, name: str) -> Callable[[str], Any]:
        """`as_role("TestEndpointRole")("s3")` is a client with the role's rights."""
        if name not in self._credentials:
            self._credentials[name] = self.role(name)
        return lambda service: self.client(service, self._credentials[name])

    @cached_property
    def _credentials(self) -> dict[str, Credentials]:
        return {}

    def role(self, name: str) -> Credentials:
        """Credentials of a role of the templates, as a package in its build has them. Its trust is widened to hand them out."""
        iam, role = self.client("iam"), self.resources[name]
        trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        mine = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{self.local_aws.account}:root"}, "Action": "sts:AssumeRole"}
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=policy(*trust["Statement"], mine))
        arn = iam.get_role(RoleName=role)["Role"]["Arn"]
        keys = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="build")["Credentials"]
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        return Credentials(access_key_id=keys["AccessKeyId"], secret_access_key=keys["SecretAccessKey"], session_token=keys["SessionToken"])
