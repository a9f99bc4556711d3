"""A template in the shape of the lab that mlkit grew out of is understood as it is, and what is wrong in one is refused by its name."""

import io
import json
import uuid
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tiny_project import (
    IMAGE,
    PREDICTION,
    delete,
    deploy,
    failures,
    make_repository,
    outputs,
    resources,
    shard,
    training_job,
)
from waiting import wait_for_stack, wait_until

from localaws.codeconnections import repositories

ENDPOINT = (Path(__file__).parent / "lab/endpoint.yaml").read_text()

LAB = (Path(__file__).parent / "lab/codepipeline.yaml").read_text()
GIVEN = {"Email": "lab@example.org", "GitHubToken": "ghp-of-a-lab", "GitHubUser": "lab", "Repo": "lab", "YourInitials": "lab"}


def files():
    """The lab's repository; the build fills in NAME, ROLE and BUCKET."""

    def configuration(environment):
        model = "s3://BUCKET/models/NAME/output/model.tar.gz"
        named = {"EndpointConfigName": f"lab-{environment}-NAME", "EndpointName": f"lab-{environment}"}
        return json.dumps({"Parameters": {"ModelData": model, "Image": IMAGE, "Role": "ROLE", **named}}, indent=1)

    return {
        "endpoint.yaml": ENDPOINT,
        "job.json": json.dumps(training_job("NAME", "ROLE", "s3://BUCKET/data/", "s3://BUCKET/models/"), indent=1),
        "configuration_qa.json": configuration("qa"),
        "configuration_production.json": configuration("production"),
        "prediction.json": PREDICTION,
        "train.recordio": shard(),
    }


def test_a_pipeline_in_the_shape_of_the_lab_runs_to_the_approval_and_through_it(local_aws, tmp_path):
    make_repository(tmp_path / "lab", files())
    repositories.register(local_aws.home / "codeconnections", "lab/lab", tmp_path / "lab")
    client, cloudformation = local_aws.client("codepipeline"), local_aws.client("cloudformation")
    made = outputs(deploy(cloudformation, "lab-pipeline", LAB, **GIVEN))
    pipeline = made["Pipeline"]
    execution = client.start_pipeline_execution(name=pipeline)["pipelineExecutionId"]

    def status():
        return client.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution)["pipelineExecution"]["status"]

    def token():
        states = client.get_pipeline_state(name=pipeline)["stageStates"][3]["actionStates"]
        return states[0].get("latestExecution", {}).get("token")

    def runs():
        listed = client.list_action_executions(pipelineName=pipeline)["actionExecutionDetails"]
        return {f"{run['stageName']}.{run['actionName']}": run for run in listed}

    wait_until(lambda: (status(), token()), "the approval is asked for", ok=lambda seen: seen[0] != "InProgress" or seen[1])
    assert status() == "InProgress", runs()
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="lab-qa-endpoint")
    mails = [json.loads(line) for line in (local_aws.home / "mail.jsonl").read_text().splitlines()]
    assert any(mail["to"] == "lab@example.org" and "Shall this model be deployed?" in mail["message"] for mail in mails)
    result = {"status": "Approved", "summary": "yes"}
    client.put_approval_result(pipelineName=pipeline, stageName="Production", actionName="Approve", token=token(), result=result)
    assert wait_until(status, "the execution ends", ok=lambda found: found != "InProgress") == "Succeeded", runs()
    assert {run["status"] for run in runs().values()} == {"Succeeded"}
    assert len(runs()) == 7
    endpoint = local_aws.client("sagemaker").describe_endpoint(EndpointName="lab-production")
    assert endpoint["EndpointConfigName"].startswith("lab-production-lab-")
    answer = local_aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="lab-production", ContentType="application/json", Body=PREDICTION
    )
    assert "predicted_label" in json.loads(answer["Body"].read())["predictions"][0]
    assert delete(cloudformation, "lab-production-endpoint") == []


INPUT = "Configuration: {ProjectName: !Ref TestProject}\n              InputArtifacts: [{Name: %s}]"


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("Provider: GitHub}", "Provider: Bitbucket}", "Bitbucket"),
        (INPUT % "SourceArtifact", INPUT % "Nothing", "Nothing"),
        ("TemplatePath: TrainedArtifact::endpoint.yaml", "TemplatePath: Other::endpoint.yaml", "Other"),
        ("ActionMode: DELETE_ONLY", "ActionMode: DELETE_SOON", "DELETE_SOON"),
        ("RestartExecutionOnUpdate: false", "RestartsOnUpdate: false", "RestartsOnUpdate"),
        ("Value: !GetAtt SageMakerRole.Arn", "Value: !ImportValue no-such-export", "no-such-export"),
    ],
    ids=["provider", "artifact", "artifact of a template", "mode", "property", "export"],
)
def test_an_error_in_the_labs_template_is_refused_by_name(local_aws, right, wrong, named):
    assert right in LAB
    cloudformation, name = local_aws.client("cloudformation"), f"wrong-{uuid.uuid4().hex[:8]}"
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in GIVEN.items()]
    request = {"StackName": name, "TemplateBody": LAB.replace(right, wrong), "Parameters": given, "Capabilities": ["CAPABILITY_IAM"]}
    try:
        cloudformation.create_stack(**request)
        assert wait_for_stack(cloudformation, name)["StackStatus"] == "ROLLBACK_COMPLETE"
        reason = str(failures(cloudformation, name))
        cloudformation.delete_stack(StackName=name)
    except ClientError as error:
        reason = str(error)
    assert named in reason
    pipelines = local_aws.client("codepipeline").list_pipelines()["pipelines"]
    assert not [pipeline for pipeline in pipelines if pipeline["name"].startswith(name)]


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("version: 0.2", "version: 0.3", "0.3"),
        ("discard-paths: yes", "discard-paths: maybe", "discard-paths"),
    ],
    ids=["version", "artifacts"],
)
def test_a_buildspec_that_is_not_understood_is_refused_by_name_before_its_first_command(local_aws, right, wrong, named):
    assert right in LAB
    cloudformation, name = local_aws.client("cloudformation"), f"wrong-{uuid.uuid4().hex[:8]}"
    deploy(cloudformation, name, LAB.replace(right, wrong, 1), **GIVEN)
    made, codebuild = resources(cloudformation, name), local_aws.client("codebuild")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("job.json", "{}")
    local_aws.client("s3").put_object(Bucket=made["ArtifactStoreBucket"], Key="source.zip", Body=buffer.getvalue())
    source = {"sourceTypeOverride": "S3", "sourceLocationOverride": f"{made['ArtifactStoreBucket']}/source.zip"}
    started = codebuild.start_build(projectName=made["TrainProject"], **source, artifactsOverride={"type": "NO_ARTIFACTS"})["build"]["id"]
    build = wait_until(
        lambda: codebuild.batch_get_builds(ids=[started])["builds"][0], "the build ends", ok=lambda build: build["buildComplete"]
    )
    assert build["buildStatus"] == "FAILED"
    assert {phase["phaseType"] for phase in build["phases"]}.isdisjoint({"INSTALL", "PRE_BUILD", "BUILD"})
    assert named in str([phase.get("contexts") for phase in build["phases"]])
