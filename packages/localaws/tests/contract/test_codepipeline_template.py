"""AWS::CodePipeline and AWS::CodeConnections in CloudFormation, events on the bus, and a restart."""

import json
import os
import signal
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from codepipeline_lab import Lab, make_lab, stage, statements
from started import LocalAws, policy, start_local_aws, wait_until_saved
from waiting import wait_until

from localaws import lifecycle

TEMPLATE = """
Parameters:
  Bucket: {Type: String}
  Role: {Type: String}
  Repository: {Type: String}
  Message: {Type: String, Default: please}
Resources:
  GitHub:
    Type: AWS::CodeConnections::Connection
    Properties: {ConnectionName: !Ref AWS::StackName, ProviderType: GitHub, Tags: [{Key: a, Value: b}]}
  Delivery:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      PipelineType: V2
      ExecutionMode: QUEUED
      RoleArn: !Ref Role
      ArtifactStore: {Type: S3, Location: !Ref Bucket}
      Variables: [{Name: who, DefaultValue: nobody}]
      Triggers:
        - ProviderType: CodeStarSourceConnection
          GitConfiguration: {SourceActionName: Checkout, Push: [{Branches: {Includes: [main]}}]}
      Stages:
        - Name: Source
          Actions:
            - Name: Checkout
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeStarSourceConnection, Version: "1"}
              Configuration: {ConnectionArn: !Ref GitHub, FullRepositoryId: !Ref Repository, BranchName: main, DetectChanges: false}
              OutputArtifacts: [{Name: Code}]
              RunOrder: 1
        - Name: Gate
          Actions:
            - Name: Ask
              ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: "1"}
              Configuration: {CustomData: !Ref Message}
              TimeoutInMinutes: 60
      Tags: [{Key: team, Value: a}]
Outputs:
  Pipeline: {Value: !Ref Delivery}
  Version: {Value: !GetAtt Delivery.Version}
  Status: {Value: !GetAtt GitHub.ConnectionStatus}
"""
LAB = """
Parameters: {Bucket: {Type: String}, Role: {Type: String}, Owner: {Type: String}, Repo: {Type: String}, Token: {Type: String, NoEcho: true}}
Resources:
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      RoleArn: !Ref Role
      ArtifactStore: {Type: S3, Location: !Ref Bucket}
      Stages:
        - Name: Source
          Actions:
            - Name: GitSource
              ActionTypeId: {Category: Source, Owner: ThirdParty, Provider: GitHub, Version: 1}
              Configuration: {Owner: !Ref Owner, Repo: !Ref Repo, Branch: main, OAuthToken: !Ref Token, PollForSourceChanges: true}
              OutputArtifacts: [{Name: Code}]
        - Name: Gate
          Actions:
            - {Name: Ask, ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: 1}, RunOrder: 1}
  Hook:
    Type: AWS::CodePipeline::Webhook
    Properties:
      Authentication: GITHUB_HMAC
      AuthenticationConfiguration: {SecretToken: !Ref Token}
      Filters: [{JsonPath: $.ref, MatchEquals: "refs/heads/{Branch}"}]
      TargetPipeline: !Ref Pipeline
      TargetAction: GitSource
      TargetPipelineVersion: !GetAtt Pipeline.Version
      RegisterWithThirdParty: true
"""


@pytest.fixture
def lab(local_aws: LocalAws, make_role: Callable[..., str], tmp_path: Path) -> Lab:
    bucket = f"artifacts-{uuid.uuid4().hex[:12]}"
    local_aws.client("s3").create_bucket(Bucket=bucket)
    role = make_role(*statements(bucket), service="codepipeline.amazonaws.com")
    return make_lab(local_aws.home, tmp_path, local_aws.client, role, bucket, {"hello.txt": "hello"})


def parameters(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def test_a_pipeline_is_deployed_updated_and_deleted_by_its_template(lab: Lab) -> None:
    cloudformation, client = lab.client("cloudformation"), lab.client("codepipeline")
    given = {"Bucket": lab.bucket, "Role": lab.role, "Repository": lab.repository}
    cloudformation.create_stack(StackName=lab.name, TemplateBody=TEMPLATE, Parameters=parameters(**given))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=lab.name, WaiterConfig={"Delay": 1})
    stack = cloudformation.describe_stacks(StackName=lab.name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    name = outputs["Pipeline"]
    assert (outputs["Version"], outputs["Status"]) == ("1", "AVAILABLE")
    shown = client.get_pipeline(name=name)
    assert shown["pipeline"]["stages"][0]["actions"][0]["configuration"]["DetectChanges"] == "false"
    assert shown["pipeline"]["stages"][1]["actions"][0]["timeoutInMinutes"] == 60
    tags = client.list_tags_for_resource(resourceArn=shown["metadata"]["pipelineArn"])["tags"]
    assert {"key": "team", "value": "a"} in tags
    execution = client.start_pipeline_execution(name=name)["pipelineExecutionId"]
    wait_until(
        lambda: client.get_pipeline_state(name=name)["stageStates"],
        "the approval is asked for",
        ok=lambda states: any(state["actionStates"][0].get("latestExecution", {}).get("token") for state in states),
    )
    cloudformation.update_stack(StackName=lab.name, UsePreviousTemplate=True, Parameters=parameters(**given, Message="now"))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=lab.name, WaiterConfig={"Delay": 1})
    changed = client.get_pipeline(name=name)["pipeline"]
    assert (changed["version"], changed["stages"][1]["actions"][0]["configuration"]["CustomData"]) == (2, "now")
    assert client.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)["pipelineExecution"]["status"] == "Cancelled"
    cloudformation.delete_stack(StackName=lab.name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=lab.name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="does not have a pipeline with name"):
        client.get_pipeline(name=name)


def test_a_template_of_the_first_generation_is_understood(lab: Lab, local_aws: LocalAws) -> None:
    cloudformation, client = lab.client("cloudformation"), lab.client("codepipeline")
    owner, _, repository = lab.repository.partition("/")
    given = {"Bucket": lab.bucket, "Role": lab.role, "Owner": owner, "Repo": repository, "Token": "ghp-secret"}
    cloudformation.create_stack(StackName=lab.name, TemplateBody=LAB, Parameters=parameters(**given))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=lab.name, WaiterConfig={"Delay": 1})
    resources = cloudformation.describe_stack_resources(StackName=lab.name)["StackResources"]
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    webhook = next(hook for hook in client.list_webhooks()["webhooks"] if hook["definition"]["name"] == names["Hook"])
    assert webhook["definition"]["authenticationConfiguration"] == {"SecretToken": "****"}
    execution = client.start_pipeline_execution(name=names["Pipeline"])["pipelineExecutionId"]
    found = wait_until(
        lambda: client.get_pipeline_execution(pipelineName=names["Pipeline"], pipelineExecutionId=execution)["pipelineExecution"],
        "the source is fetched",
        ok=lambda execution: execution["artifactRevisions"],
    )
    assert found["artifactRevisions"][0]["revisionId"] == lab.commit
    cloudformation.delete_stack(StackName=lab.name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=lab.name, WaiterConfig={"Delay": 1})


def test_a_template_with_what_is_not_honoured_is_refused_by_name(lab: Lab) -> None:
    given = parameters(Bucket=lab.bucket, Role=lab.role, Repository=lab.repository)
    template = TEMPLATE.replace("ArtifactStore: {Type: S3", "ArtifactStores: []\n      ArtifactStore: {Type: S3")
    with pytest.raises(ClientError, match="the local AWS does not honour the property ArtifactStores"):
        lab.client("cloudformation").create_stack(StackName=lab.name, TemplateBody=template, Parameters=given)


def test_a_failed_action_reaches_the_topic_through_a_rule(lab: Lab, local_aws: LocalAws) -> None:
    topic = notified_topic(lab, open_to_events=True)
    closed = notified_topic(lab, open_to_events=False)
    lab.create(lab.source(), stage("Gate", lab.approval()))
    execution = lab.start()
    lab.answer("Rejected", summary="not like this")
    lab.wait(execution)
    assert wait_until(lambda: messages(local_aws, topic), "the failure is told by mail") == ['"Ask failed: not like this"']
    assert messages(local_aws, closed) == []


def notified_topic(lab: Lab, *, open_to_events: bool) -> str:
    """A topic that a rule tells of the pipeline's failed actions, as far as the topic's policy lets it."""
    sns, events, name = lab.client("sns"), lab.client("events"), f"{lab.name}-{open_to_events}"
    topic: str = sns.create_topic(Name=name)["TopicArn"]
    if open_to_events:
        statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": topic}
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy(statement))
    pattern = {
        "source": ["aws.codepipeline"],
        "detail-type": ["CodePipeline Action Execution State Change"],
        "detail": {"pipeline": [lab.name], "state": ["FAILED"]},
    }
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="reviewer@example.org")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    transformer = {
        "InputPathsMap": {"action": "$.detail.action", "why": "$.detail.execution-result.external-execution-summary"},
        "InputTemplate": '"<action> failed: <why>"',
    }
    events.put_targets(Rule=name, Targets=[{"Id": "mail", "Arn": topic, "InputTransformer": transformer}])
    return topic


def messages(local_aws: LocalAws, topic: str) -> list[str]:
    """What the topic's e-mail subscribers would have got."""
    mail = local_aws.home / "mail.jsonl"
    found = [json.loads(line) for line in mail.read_text().splitlines()] if mail.exists() else []
    return [item["message"] for item in found if item["topic"] == topic]


def test_an_approval_survives_a_kill_with_its_token(tmp_path: Path) -> None:
    home = tmp_path / "home"
    local_aws = start_local_aws(home)
    try:
        lab = lab_of(local_aws, tmp_path)
        lab.create(lab.source(), stage("Gate", lab.approval()))
        execution = lab.start()
        token = lab.token()
        wait_until_saved(local_aws, token)
        os.kill(lifecycle.status(home).running.pid, signal.SIGKILL)
        wait_until(lambda: lifecycle.status(home).running, "the server is gone", ok=lambda running: running is None)
        lab = replace(lab, client=start_local_aws(home).client)
        assert lab.token() == token
        lab.answer("Approved", token=token)
        assert lab.wait(execution)["status"] == "Succeeded"
    finally:
        lifecycle.down(home)


def lab_of(local_aws: LocalAws, scratch: Path) -> Lab:
    iam, s3 = local_aws.client("iam"), local_aws.client("s3")
    s3.create_bucket(Bucket="artifacts-of-a-killed-one")
    trust = {"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="pipeline", PolicyName="inline", PolicyDocument=policy(*statements("artifacts-of-a-killed-one")))
    return make_lab(local_aws.home, scratch, local_aws.client, role, "artifacts-of-a-killed-one", {"hello.txt": "hello"})
