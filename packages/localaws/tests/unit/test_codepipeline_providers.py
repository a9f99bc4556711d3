"""What actions ask of CodeBuild and CloudFormation, and how they tell what went wrong."""

import io
import json
import zipfile
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.codepipeline import artifact_store, build_action, cloudformation_action
from localaws.codepipeline.action import ActionFailed, Ended, Job, failure
from localaws.codepipeline.action_runner import expired
from localaws.codepipeline.approval_action import message
from localaws.codepipeline.artifact_store import Artifacts, MissingFile, artifact_key, zipped
from localaws.codepipeline.pipeline_records import ActionRun
from localaws.codepipeline.stack_parameters import stack_settings
from localaws.kit.service import AwsError


class Store:
    """S3 with the objects that it was given."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "no"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "ContentLength": len(self.objects[Key])}


def job(configuration: dict[str, str], *, files: dict[str, str] | None = None, **more: Any) -> Job:
    store = Store({"code-key": zipped({name: text.encode() for name, text in (files or {}).items()})})
    kept: dict[str, Any] = {}
    given: dict[str, Any] = {
        "pipeline": "p",
        "stage": "S",
        "action": {"name": "A", "inputArtifacts": [{"name": "Code"}], "outputArtifacts": []},
        "configuration": configuration,
        "inputs": {"Code": "code-key"},
        "outputs": {},
        "commits": {"Code": "abc"},
        "wanted_revision": None,
        "wanted_branch": None,
        "account": "123456789012",
        "artifacts": Artifacts(bucket="bucket", kms_key=None, client=lambda: store),
        "client": lambda service: None,
        "check_connection": lambda arn, context: None,
        "require": lambda line, resource: None,
        "region": "us-east-1",
        "work": {},
        "remember": lambda **fields: kept.update(fields),
        "ended": Event(),
    }
    return Job(**{**given, **more})


def test_a_build_is_started_with_the_pipelines_sources_and_artifacts() -> None:
    action = {
        "name": "A",
        "inputArtifacts": [{"name": "Code"}, {"name": "More"}],
        "outputArtifacts": [{"name": "One"}, {"name": "Two"}],
    }
    inputs, outputs = {"Code": "p/Code/1", "More": "p/More/2"}, {"One": "p/One/3", "Two": "p/Two/4"}
    variables = json.dumps([{"name": "A", "value": "1"}, {"name": "B", "value": "/b", "type": "PARAMETER_STORE"}])
    wanted = {"ProjectName": "prep", "PrimarySource": "More", "EnvironmentVariables": variables}
    request = build_action.start_request(job(wanted, action=action, inputs=inputs, outputs=outputs))
    place = {"type": "S3", "packaging": "ZIP", "namespaceType": "NONE", "location": "bucket", "overrideArtifactName": False}
    assert request == {
        "projectName": "prep",
        "sourceTypeOverride": "S3",
        "sourceLocationOverride": "bucket/p/More/2",
        "sourceVersion": "abc",
        "secondarySourcesOverride": [{"type": "S3", "location": "bucket/p/Code/1", "sourceIdentifier": "Code"}],
        "artifactsOverride": {"type": "NO_ARTIFACTS"},
        "secondaryArtifactsOverride": [
            {**place, "path": "p/One", "name": "3", "artifactIdentifier": "One"},
            {**place, "path": "p/Two", "name": "4", "artifactIdentifier": "Two"},
        ],
        "environmentVariablesOverride": [
            {"name": "A", "value": "1", "type": "PLAINTEXT"},
            {"name": "B", "value": "/b", "type": "PARAMETER_STORE"},
        ],
    }


def test_a_failed_build_is_told_by_its_first_failed_phase() -> None:
    phases = [
        {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED", "contexts": [{"statusCode": "", "message": ""}]},
        {
            "phaseType": "BUILD",
            "phaseStatus": "FAILED",
            "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit 3"}],
        },
        {"phaseType": "POST_BUILD", "phaseStatus": "FAILED", "contexts": [{"statusCode": "X", "message": "later"}]},
    ]
    text = build_action.failure_text({"buildStatus": "FAILED", "phases": phases})
    assert text == "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: exit 3"
    assert build_action.failure_text({"buildStatus": "STOPPED"}) == "Build terminated with state: STOPPED"


def test_parameters_come_from_the_file_and_overrides_win() -> None:
    files = {
        "t.yaml": "Resources: {}",
        "c.json": json.dumps({"Parameters": {"A": "file", "B": ["1", "2"]}, "Tags": {"k": "v"}}),
        "v.json": json.dumps({"key": 7}),
    }
    overrides = {
        "A": "override",
        "C": {"Fn::GetParam": ["Code", "v.json", "key"]},
        "D": {"Fn::GetArtifactAtt": ["Code", "ObjectKey"]},
        "E": {"Fn::GetArtifactAtt": ["Code", "URL"]},
    }
    wanted = {"TemplatePath": "Code::t.yaml", "TemplateConfiguration": "Code::c.json", "ParameterOverrides": json.dumps(overrides)}
    members = stack_settings(job({**wanted, "Capabilities": "CAPABILITY_IAM,CAPABILITY_NAMED_IAM"}, files=files)).members
    values = {item["ParameterKey"]: item["ParameterValue"] for item in members["Parameters"]}
    assert values == {"A": "override", "B": "1,2", "C": "7", "D": "code-key", "E": "https://s3.amazonaws.com/bucket/code-key"}
    assert members["TemplateBody"] == "Resources: {}"
    assert members["Tags"] == [{"Key": "k", "Value": "v"}]
    assert members["Capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]


@pytest.mark.parametrize(
    ("configuration", "overrides", "text"),
    [
        ("{", "{}", "Code::c.json is not JSON"),
        ("[]", "{}", "Code::c.json is not a JSON object"),
        ('{"parameters": {}}', "{}", "has unknown keys: parameters"),
        ('{"Parameters": {"A": 1}}', "{}", "The value of parameter A must be a text"),
        ("{}", '{"A": {"Fn::GetParam": ["Code", "c.json", "none"]}}', "Code::c.json has no none"),
        ("{}", '{"A": {"Fn::GetParam": ["Other", "c.json", "none"]}}', "reads the artifact [Other], which is not an input artifact"),
        ("{}", '{"A": {"Fn::GetArtifactAtt": ["Code", "Size"]}}', "Size is not one of BucketName, ObjectKey, URL"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_named(configuration: str, overrides: str, text: str) -> None:
    wanted = {"TemplatePath": "Code::t", "TemplateConfiguration": "Code::c.json", "ParameterOverrides": overrides}
    with pytest.raises(ActionFailed) as error:
        stack_settings(job(wanted, files={"t": "x", "c.json": configuration}))
    assert text in error.value.message


def test_a_file_that_is_not_there_is_named_with_its_artifact() -> None:
    with pytest.raises(MissingFile, match=r"File \[none.yaml\] does not exist in artifact \[Code\]"):
        job({}).read("Code::none.yaml")
    with pytest.raises(MissingFile, match=r"The artifact \[Code\] does not exist"):
        job({}, inputs={"Code": "nowhere"}).read("Code::x")


def test_a_file_or_an_artifact_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = job({}, files={"bomb.yaml": "\0" * (2**20 + 1), "small.yaml": "x"})
    with pytest.raises(MissingFile, match=r"File \[bomb.yaml\] in artifact \[Code\] is larger than 1 MB"):
        asked.read("Code::bomb.yaml")
    assert asked.read("Code::small.yaml") == b"x"
    monkeypatch.setattr(artifact_store, "_MOST_ARTIFACT_BYTES", 10)
    with pytest.raises(MissingFile, match=r"The artifact \[Code\] is larger than 256 MB"):
        asked.read("Code::small.yaml")


class Stacks:
    """CloudFormation whose stack goes through these states."""

    def __init__(self, *statuses: str) -> None:
        self.statuses, self.calls = list(statuses), []
        self.meta = None

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        self.calls.append("describe")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"Stacks": [{"StackStatus": status, "StackId": "id", "Outputs": [{"OutputKey": "K", "OutputValue": "V"}]}]}

    def update_stack(self, **_: Any) -> dict[str, Any]:
        self.calls.append("update")
        return {"StackId": "id"}

    def get_paginator(self, name: str) -> "Stacks":
        return self

    def paginate(self, *, StackName: str) -> list[dict[str, Any]]:
        def event(second: int, name: str, status: str, reason: str, own: str) -> dict[str, Any]:
            moment = datetime(2030, 1, 1, 0, 0, second, tzinfo=UTC)
            return {
                "Timestamp": moment,
                "LogicalResourceId": name,
                "ResourceType": "T",
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "StackId": "id",
                "PhysicalResourceId": own,
            }

        return [
            {
                "StackEvents": [
                    event(9, "stack", "UPDATE_FAILED", "whole", "id"),
                    event(4, "Second", "CREATE_FAILED", "later", "b"),
                    event(3, "First", "UPDATE_FAILED", "the reason", "a"),
                    event(2, "Other", "CREATE_FAILED", "Resource creation cancelled", "c"),
                ]
            }
        ]


def stack_job(client: Stacks, **more: Any) -> Job:
    wanted = {"ActionMode": "CREATE_UPDATE", "StackName": "s", "RoleArn": "r", "TemplatePath": "Code::t"}
    return job(wanted, files={"t": "x"}, client=lambda service: client, **more)


def test_an_operation_that_was_begun_before_a_restart_is_only_followed() -> None:
    client = Stacks("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    outcome = cloudformation_action.run(stack_job(client, work={"stack": "id", "verb": "update", "started": 0.0}))
    assert (outcome.variables, "update" in client.calls) == ({"K": "V"}, False)


def test_a_failed_stack_is_told_by_its_first_failed_resource() -> None:
    with pytest.raises(ActionFailed) as error:
        cloudformation_action.run(stack_job(Stacks("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")))
    assert error.value.message == "Stack s is in state UPDATE_ROLLBACK_COMPLETE. The first resource that failed: First (T): the reason"


def test_an_abandoned_action_stops_asking() -> None:
    ended = Event()
    ended.set()
    with pytest.raises(Ended):
        cloudformation_action.run(stack_job(Stacks("UPDATE_COMPLETE", "UPDATE_IN_PROGRESS"), ended=ended))


def test_the_approval_request_has_aws_shape() -> None:
    wanted = {"CustomData": "look", "ExternalEntityLink": "https://example.org"}
    found = message(job(wanted, work={"token": "t", "expires": 0.0}))
    console = "https://console.aws.amazon.com/codepipeline/home?region=us-east-1#/view/p"
    assert found == {
        "region": "us-east-1",
        "consoleLink": console,
        "approval": {
            "pipelineName": "p",
            "stageName": "S",
            "actionName": "A",
            "token": "t",
            "expires": "1970-01-01T00:00Z",
            "externalEntityLink": "https://example.org",
            "approvalReviewLink": f"{console}/S/A/approve/t",
            "customData": "look",
        },
    }


def test_an_expired_approval_tells_after_how_long() -> None:
    run = ActionRun(id="r", stage="S", action="A", started=0.0, updated=0.0, expires=600.0)
    assert "expired after 10 minutes" in expired(run).message


def test_denials_are_permission_errors_that_keep_their_text() -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "User: u is not authorized to perform: s3:PutObject"}}, "PutObject")
    found = failure(denied)
    assert found.code == "PermissionError"
    assert "s3:PutObject (PutObject; Status Code: 0; Error Code: AccessDenied)" in found.message
    assert failure(AwsError("AccessDenied", "no")).code == "PermissionError"
    assert failure(ValueError("x")).code == "JobFailed"


def test_keys_are_short_and_archives_are_reproducible() -> None:
    assert artifact_key("a-pipeline-with-a-long-name", "an-artifact-with-one", "abc1234") == "a-pipeline-with-a-lo/an-artifac/abc1234"
    assert zipped({"b": b"1", "a": b"2"}) == zipped({"a": b"2", "b": b"1"})
    with zipfile.ZipFile(io.BytesIO(zipped({"a": b"2"}))) as archive:
        assert archive.read("a") == b"2"
