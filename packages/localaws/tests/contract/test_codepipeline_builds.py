"""Build actions on the running local AWS: artifacts in and out, variables, failures, a rule that starts a build."""

import json
import os
import signal
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from codepipeline_lab import Lab, action, make_lab, stage, statements
from started import LocalAws, allow, policy, start_local_aws, wait_until_saved
from waiting import wait_until

from localaws import lifecycle

BUILDSPEC = """
version: 0.2
env:
  exported-variables: [SIZE]
phases:
  build:
    commands:
      - export SIZE=$(wc -c < hello.txt | tr -d ' ')
      - echo "$GREETING of $CODEBUILD_INITIATOR at $CODEBUILD_RESOLVED_SOURCE_VERSION" > said.txt
artifacts: {files: [said.txt]}
"""
TWO = """
version: 0.2
phases: {build: {commands: ["cp hello.txt one.txt", "cp $CODEBUILD_SRC_DIR_Said/said.txt two.txt"]}}
artifacts:
  secondary-artifacts:
    One: {files: [one.txt]}
    Two: {files: [two.txt]}
"""
FAILING = "version: 0.2\nphases: {build: {commands: ['echo before', 'exit 3']}}\n"
SLOW = "version: 0.2\nphases: {build: {commands: ['sleep 100000']}}\n"


def make_parts(local_aws: LocalAws, scratch: Path) -> Lab:
    """A lab whose pipeline may build, and a role for its projects."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    local_aws.client("s3").create_bucket(Bucket=name)
    codebuild = allow(["codebuild:StartBuild", "codebuild:BatchGetBuilds"])
    role = make_role(local_aws, f"{name}-pipeline", "codepipeline", *statements(name), codebuild)
    objects = allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{name}/*")
    itself = allow(["s3:GetBucketAcl", "s3:GetBucketLocation"], f"arn:aws:s3:::{name}")
    make_role(local_aws, f"{name}-project", "codebuild", objects, itself, allow("logs:*"))
    return make_lab(local_aws.home, scratch, local_aws.client, role, name, {"hello.txt": "hello"})


def make_role(local_aws: LocalAws, name: str, service: str, *allowed: Any) -> str:
    iam = local_aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*allowed))
    return arn


@pytest.fixture
def lab(local_aws: LocalAws, tmp_path: Path) -> Lab:
    return make_parts(local_aws, tmp_path)


def project(lab: Lab, buildspec: str, *, kind: str = "CODEPIPELINE") -> str:
    name = f"p-{uuid.uuid4().hex[:12]}"
    lab.client("codebuild").create_project(
        name=name,
        source={"type": kind, "buildspec": buildspec, **({"location": "own/source.zip"} if kind == "S3" else {})},
        artifacts={"type": "CODEPIPELINE" if kind == "CODEPIPELINE" else "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=f"arn:aws:iam::123456789012:role/{lab.bucket}-project",
    )
    return name


def build(name: str, project_name: str, **more: Any) -> dict[str, Any]:
    settings = more.pop("settings", {})
    return action(name, "Build", "CodeBuild", {"ProjectName": project_name, **settings}, **{"inputs": ["Code"], **more})


def test_builds_hand_on_artifacts_and_variables(lab: Lab) -> None:
    variables = json.dumps([{"name": "GREETING", "value": "hello #{Src.BranchName}", "type": "PLAINTEXT"}])
    first = build(
        "First", project(lab, BUILDSPEC, kind="S3"), outputs=["Said"], namespace="Built", settings={"EnvironmentVariables": variables}
    )
    both = {"inputs": ["Code", "Said"], "outputs": ["One", "Two"], "runOrder": 2, "settings": {"PrimarySource": "Code"}}
    ask = lab.approval(configuration={"CustomData": "size #{Built.SIZE}"}, runOrder=3)
    lab.create(lab.source(), stage("Gate", first, build("Second", project(lab, TWO), **both), ask))
    execution = lab.start()
    wait_until(
        lambda: (lab.execution(execution)["status"], lab.state("Gate", "Ask").get("token")),
        "the gate asks, or the execution ends",
        ok=lambda seen: seen[0] != "InProgress" or seen[1],
    )
    assert lab.execution(execution)["status"] == "InProgress", lab.run(execution, "First")
    run = lab.run(execution, "First")
    said = lab.files(run["output"]["outputArtifacts"][0]["s3location"])["said.txt"].decode()
    assert said == f"hello main of codepipeline/{lab.name} at {lab.commit}\n"
    assert run["output"]["outputVariables"] == {"SIZE": "5"}
    places = {item["name"]: item["s3location"] for item in lab.run(execution, "Second")["output"]["outputArtifacts"]}
    assert (lab.files(places["One"]), lab.files(places["Two"])) == ({"one.txt": b"hello"}, {"two.txt": said.encode()})
    assert lab.run(execution, "Ask")["input"]["resolvedConfiguration"]["CustomData"] == "size 5"
    lab.answer("Approved")
    assert lab.wait(execution)["status"] == "Succeeded"


def test_a_failed_build_tells_its_phase_and_a_retry_builds_again(lab: Lab) -> None:
    lab.create(lab.source(), stage("Build", build("Only", project(lab, FAILING))))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    error = lab.error(execution, "Only")
    assert error["code"] == "JobFailed"
    assert error["message"].startswith("Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: ")
    assert "exit status 3" in error["message"]
    first = lab.run(execution, "Only")["output"]["executionResult"]["externalExecutionId"]
    client = lab.client("codepipeline")
    client.retry_stage_execution(pipelineName=lab.name, stageName="Build", pipelineExecutionId=execution, retryMode="FAILED_ACTIONS")
    assert lab.wait(execution)["status"] == "Failed"
    assert lab.run(execution, "Only")["output"]["executionResult"]["externalExecutionId"] != first


def test_an_unknown_project_and_a_missing_permission_are_named(lab: Lab, local_aws: LocalAws) -> None:
    lab.create(lab.source(), stage("Build", build("Only", "no-such-project")))
    assert lab.wait(execution := lab.start())["status"] == "Failed"
    assert lab.error(execution, "Only")["message"].startswith("Error calling startBuild: ")
    local_aws.client("iam").put_role_policy(
        RoleName=lab.role.rpartition("/")[2],
        PolicyName="deny",
        PolicyDocument=policy({"Effect": "Deny", "Action": "codebuild:StartBuild", "Resource": "*"}),
    )
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    error = lab.error(execution, "Only")
    assert error["code"] == "PermissionError"
    assert "codebuild:StartBuild on resource: arn:aws:codebuild:us-east-1:123456789012:project/no-such-project" in error["message"]


def test_a_stop_lets_the_build_go_on_as_on_aws(lab: Lab) -> None:
    lab.create(lab.source(), stage("Build", build("Only", project(lab, SLOW))))
    execution = lab.start()
    build_id = wait_until(lambda: lab.state("Build", "Only").get("externalExecutionId"), "the build is started")
    client, codebuild = lab.client("codepipeline"), lab.client("codebuild")
    client.stop_pipeline_execution(pipelineName=lab.name, pipelineExecutionId=execution)
    assert codebuild.batch_get_builds(ids=[build_id])["builds"][0]["buildStatus"] == "IN_PROGRESS"
    codebuild.stop_build(id=build_id)
    assert lab.wait(execution)["status"] == "Stopped"
    assert lab.error(execution, "Only")["message"].startswith("Build terminated with state: STOPPED")


def test_a_rule_starts_a_build_with_what_it_knows_of_the_event(lab: Lab, local_aws: LocalAws) -> None:
    sweeper = project(lab, "version: 0.2\nphases: {build: {commands: ['echo sweeping after $EXECUTION']}}\n", kind="NO_SOURCE")
    arn = lab.client("codebuild").batch_get_projects(names=[sweeper])["projects"][0]["arn"]
    role = make_role(local_aws, f"{lab.bucket}-events", "events", allow("codebuild:StartBuild", arn))
    events = lab.client("events")
    pattern = {"source": ["aws.codepipeline"], "detail": {"pipeline": [lab.name], "state": ["FAILED"], "stage": [{"exists": False}]}}
    events.put_rule(Name=lab.name, EventPattern=json.dumps(pattern))
    variable = '{"name": "EXECUTION", "value": "<execution>", "type": "PLAINTEXT"}'
    transformer = {
        "InputPathsMap": {"execution": "$.detail.execution-id"},
        "InputTemplate": '{"environmentVariablesOverride": [' + variable + "]}",
    }
    events.put_targets(Rule=lab.name, Targets=[{"Id": "sweep", "Arn": arn, "RoleArn": role, "InputTransformer": transformer}])
    lab.create(lab.source(), stage("Build", build("Only", "no-such-project")))
    execution = lab.start()
    lab.wait(execution)
    codebuild = lab.client("codebuild")
    ids = wait_until(lambda: codebuild.list_builds_for_project(projectName=sweeper)["ids"], "the sweeper is started")
    found = wait_until(
        lambda: codebuild.batch_get_builds(ids=ids)["builds"][0],
        "the sweeper ends",
        ok=lambda build: build["buildStatus"] != "IN_PROGRESS",
    )
    assert (found["buildStatus"], found["initiator"]) == ("SUCCEEDED", f"rule/{lab.name}")
    assert {"name": "EXECUTION", "value": execution, "type": "PLAINTEXT"} in found["environment"]["environmentVariables"]


def test_a_build_that_died_with_the_server_fails_its_action(tmp_path: Path) -> None:
    home = tmp_path / "home"
    local_aws = start_local_aws(home)
    try:
        lab = make_parts(local_aws, tmp_path)
        lab.create(lab.source(), stage("Build", build("Only", project(lab, SLOW))))
        execution = lab.start()
        build_id = str(wait_until(lambda: lab.state("Build", "Only").get("externalExecutionId"), "the build is started"))
        wait_until_saved(local_aws, build_id)
        os.kill(lifecycle.status(home).running.pid, signal.SIGKILL)
        wait_until(lambda: lifecycle.status(home).running, "the server is gone", ok=lambda running: running is None)
        lab = replace(lab, client=start_local_aws(home).client)
        assert lab.wait(execution)["status"] == "Failed"
        assert lab.error(execution, "Only")["message"].startswith("Build terminated with state: ")
        assert lab.run(execution, "Only")["output"]["executionResult"]["externalExecutionId"] == build_id
    finally:
        lifecycle.down(home)


def test_a_role_without_the_listed_permissions_on_the_bucket_fails_the_build(lab: Lab, local_aws: LocalAws) -> None:
    deny = policy({"Effect": "Deny", "Action": "s3:GetBucketAcl", "Resource": "*"})
    local_aws.client("iam").put_role_policy(RoleName=f"{lab.bucket}-project", PolicyName="deny", PolicyDocument=deny)
    lab.create(lab.source(), stage("Build", build("Only", project(lab, BUILDSPEC), outputs=["Said"])))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    message = lab.error(execution, "Only")["message"]
    assert "Phase: DOWNLOAD_SOURCE, Code: CLIENT_ERROR" in message
    assert f's3:GetBucketAcl on resource: "arn:aws:s3:::{lab.bucket}"' in message
