"""CloudFormation actions on the running local AWS: every mode, configuration, overrides, outputs, failures."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from codepipeline_lab import TEMPLATE, Lab, action, make_lab, stage, statements
from git_folders import git
from started import LocalAws, allow
from waiting import wait_for_stack

BROKEN = """
Resources:
  Topic: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: ["arn:aws:sns:us-east-1:123456789012:none"], PolicyDocument: {}}}
"""
FILES = {
    "stack.yaml": TEMPLATE,
    "broken.yaml": BROKEN,
    "settings.json": json.dumps({"Parameters": {"Text": "from the file"}, "Tags": {"team": "a"}}),
    "values.json": json.dumps({"answer": "42"}),
}


@pytest.fixture
def stack_role(make_role: Callable[..., str]) -> str:
    return make_role(allow(["logs:*", "sns:*"]), service="cloudformation.amazonaws.com")


@pytest.fixture
def lab(local_aws: LocalAws, make_role: Callable[..., str], stack_role: str, tmp_path: Path) -> Lab:
    bucket = f"artifacts-{uuid.uuid4().hex[:12]}"
    local_aws.client("s3").create_bucket(Bucket=bucket)
    role = make_role(*statements(bucket, stack_role), service="codepipeline.amazonaws.com")
    return make_lab(local_aws.home, tmp_path, local_aws.client, role, bucket, FILES)


@pytest.fixture
def deploy(lab: Lab, stack_role: str) -> Callable[..., dict[str, Any]]:
    """`deploy("CREATE_UPDATE", TemplatePath=...)` is the declaration of an action; the stack is named like the pipeline."""

    def declared(mode: str, name: str = "Deploy", **settings: Any) -> dict[str, Any]:
        more = {key: settings.pop(key) for key in ("runOrder", "namespace", "outputs", "inputs") if key in settings}
        configuration = {"ActionMode": mode, "StackName": lab.name, "RoleArn": stack_role, **settings}
        return action(name, "Deploy", "CloudFormation", configuration, **{"inputs": ["Code"], **more})

    return declared


def test_a_stack_is_created_updated_and_left_alone(lab: Lab, deploy: Callable[..., dict[str, Any]]) -> None:
    settings = {"TemplatePath": "Code::stack.yaml", "TemplateConfiguration": "Code::settings.json"}
    out = deploy("CREATE_UPDATE", **settings, OutputFileName="out.json", outputs=["Out"], namespace="Stack")
    lab.create(lab.source(), stage("Deploy", out, lab.approval(configuration={"CustomData": "#{Stack.Text}"}, runOrder=2)))
    execution = lab.start()
    token = lab.token("Deploy")
    run = lab.run(execution, "Deploy")
    assert run["output"]["outputVariables"] == {"Text": "from the file"}
    assert json.loads(lab.files(run["output"]["outputArtifacts"][0]["s3location"])["out.json"]) == {"Text": "from the file"}
    assert lab.run(execution, "Ask")["input"]["resolvedConfiguration"]["CustomData"] == "from the file"
    described = lab.client("cloudformation").describe_stacks(StackName=lab.name)["Stacks"][0]
    assert described["Tags"] == [{"Key": "team", "Value": "a"}]
    assert run["output"]["executionResult"]["externalExecutionId"] == described["StackId"]
    client = lab.client("codepipeline")
    client.put_approval_result(
        pipelineName=lab.name, stageName="Deploy", actionName="Ask", token=token, result={"status": "Rejected", "summary": "no"}
    )
    lab.wait(execution)
    client.retry_stage_execution(pipelineName=lab.name, stageName="Deploy", pipelineExecutionId=execution, retryMode="ALL_ACTIONS")
    lab.token("Deploy")
    again = lab.run(execution, "Deploy")
    assert again["actionExecutionId"] != run["actionExecutionId"]
    assert "no updates are to be performed" in again["output"]["executionResult"]["externalExecutionSummary"].lower()
    client.delete_pipeline(name=lab.name)


def test_overrides_win_and_read_other_files(lab: Lab, deploy: Callable[..., dict[str, Any]]) -> None:
    overrides = json.dumps({"Text": {"Fn::GetParam": ["Code", "values.json", "answer"]}})
    settings = {"TemplatePath": "Code::stack.yaml", "TemplateConfiguration": "Code::settings.json", "ParameterOverrides": overrides}
    lab.create(lab.source(), stage("Deploy", deploy("CREATE_UPDATE", **settings)))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Succeeded"
    assert lab.run(execution, "Deploy")["output"]["outputVariables"] == {"Text": "42"}


def test_a_failed_stack_names_the_first_failed_resource_and_is_replaced(lab: Lab, deploy: Callable[..., dict[str, Any]]) -> None:
    lab.create(lab.source(), stage("Deploy", deploy("REPLACE_ON_FAILURE", TemplatePath="Code::broken.yaml")))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    error = lab.error(execution, "Deploy")
    assert error["code"] == "JobFailed"
    assert "ROLLBACK_COMPLETE" in error["message"]
    assert "Topic (AWS::SNS::TopicPolicy)" in error["message"]
    (lab.folder / "broken.yaml").write_text(TEMPLATE)
    git(lab.folder, "commit", "--quiet", "-a", "-m", "Mend it")
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Succeeded"


def test_a_missing_file_fails_before_the_stack_is_touched(lab: Lab, deploy: Callable[..., dict[str, Any]]) -> None:
    lab.create(lab.source(), stage("Deploy", deploy("CREATE_UPDATE", TemplatePath="Code::other.yaml")))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    assert lab.error(execution, "Deploy")["message"] == "File [other.yaml] does not exist in artifact [Code]"
    with pytest.raises(Exception, match="does not exist"):
        lab.client("cloudformation").describe_stacks(StackName=lab.name)


def test_change_sets_are_made_and_executed_and_stacks_deleted(lab: Lab, deploy: Callable[..., dict[str, Any]]) -> None:
    change = {"ChangeSetName": "change", "TemplatePath": "Code::stack.yaml"}
    steps = [
        deploy("CHANGE_SET_REPLACE", "Make", **change, runOrder=1),
        deploy("CHANGE_SET_EXECUTE", "Execute", ChangeSetName="change", runOrder=2),
        deploy("CHANGE_SET_REPLACE", "MakeAgain", **change, runOrder=3),
        deploy("CHANGE_SET_EXECUTE", "ExecuteAgain", ChangeSetName="change", runOrder=4),
        deploy("DELETE_ONLY", "Remove", runOrder=5, inputs=[]),
        deploy("DELETE_ONLY", "RemoveAgain", runOrder=6, inputs=[]),
    ]
    lab.create(lab.source(), stage("Deploy", *steps))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Succeeded"
    assert lab.run(execution, "Execute")["output"]["outputVariables"] == {"Text": "nothing"}
    summaries = [lab.run(execution, name)["output"]["executionResult"]["externalExecutionSummary"] for name in ("Remove", "RemoveAgain")]
    assert summaries == [f"Stack {lab.name} was deleted.", f"Stack {lab.name} does not exist."]


def test_two_stacks_are_deployed_side_by_side(lab: Lab, deploy: Callable[..., dict[str, Any]]) -> None:
    names = [f"{lab.name}-{letter}" for letter in "ab"]
    steps = [deploy("CREATE_UPDATE", name, TemplatePath="Code::stack.yaml", StackName=name) for name in names]
    lab.create(lab.source(), stage("Deploy", *steps))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Succeeded"
    started = [lab.run(execution, name) for name in names]
    assert max(run["startTime"] for run in started) <= min(run["lastUpdateTime"] for run in started)


@pytest.mark.parametrize("denied", ["cloudformation:CreateStack", "cloudformation:DescribeStacks", "iam:PassRole"])
def test_a_missing_permission_is_named(lab: Lab, deploy: Callable[..., dict[str, Any]], local_aws: LocalAws, denied: str) -> None:
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": denied, "Resource": "*"}]}
    local_aws.client("iam").put_role_policy(RoleName=lab.role.rpartition("/")[2], PolicyName="deny", PolicyDocument=json.dumps(deny))
    lab.create(lab.source(), stage("Deploy", deploy("CREATE_UPDATE", TemplatePath="Code::stack.yaml")))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    error = lab.error(execution, "Deploy")
    assert error["code"] == "PermissionError"
    assert denied in error["message"]
    assert "AccessDenied" in error["message"]


def test_create_update_never_replaces_a_stack_whose_creation_failed_and_replace_on_failure_does(
    lab: Lab, deploy: Callable[..., dict[str, Any]]
) -> None:
    failed = lab.client("cloudformation")
    failed.create_stack(StackName=lab.name, TemplateBody=BROKEN)
    assert wait_for_stack(failed, lab.name)["StackStatus"] == "ROLLBACK_COMPLETE"
    lab.create(lab.source(), stage("Deploy", deploy("CREATE_UPDATE", TemplatePath="Code::stack.yaml")))
    execution = lab.start()
    assert lab.wait(execution)["status"] == "Failed"
    message = lab.error(execution, "Deploy")["message"]
    assert f":stack/{lab.name}/" in message
    assert "is in ROLLBACK_COMPLETE state and can not be updated." in message
    replacing = deploy("REPLACE_ON_FAILURE", TemplatePath="Code::stack.yaml")
    lab.client("codepipeline").update_pipeline(pipeline=lab.declaration(lab.source(), stage("Deploy", replacing)))
    assert lab.wait(lab.start())["status"] == "Succeeded"
    assert failed.describe_stacks(StackName=lab.name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
