"""An environment that a pipeline owns is changed by hand only when that is said by name, and never without a record."""

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from started import allow

from mlkit.aws.endpoints import deploy, undeploy
from mlkit.aws.manual_changes import ByHand
from mlkit.aws.session import Session
from mlkit.aws.stacks import deploy_stack, find_stack
from mlkit.errors import AccessDenied, DeploymentFailed, MlkitError, NotApproved, NotFound, UsageError
from mlkit.evidence.run_record import Origin
from mlkit.naming import ENDPOINT_TEMPLATE, EXECUTION_TAG, LabNames
from mlkit.settings import Project

# With the parameters of the project's own template, and something that is made at once in place of an endpoint.
ENDPOINT = """
Parameters: {EndpointName: {Type: String}, ModelDataUrl: {Type: String}}
Resources: {Made: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref EndpointName}}}
Outputs: {EndpointName: {Value: !Ref EndpointName}, ModelName: {Value: !Ref ModelDataUrl}}
"""
PIPELINE = """
Resources: {Evidence: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Status: Enabled}}}}
Outputs: {EvidenceBucket: {Value: !Ref Evidence}, Pipeline: {Value: line}}
"""
MODEL = b"a model"
WHY = "the pipeline is down, as agreed with Ann"


@pytest.fixture
def names() -> LabNames:
    return LabNames(initials=f"h{uuid.uuid4().hex[:8]}")


@pytest.fixture
def project(aws, names: LabNames, tmp_path: Path) -> Project:
    """A project after its training: configurations of a model that lies in the lab's bucket."""
    (tmp_path / ENDPOINT_TEMPLATE).parent.mkdir()
    (tmp_path / ENDPOINT_TEMPLATE).write_text(ENDPOINT)
    aws("s3").create_bucket(Bucket=names.bucket)
    aws("s3").put_object(Bucket=names.bucket, Key="models/one/model.tar.gz", Body=MODEL)
    project = Project(root=tmp_path)
    for environment in ("dev", "qa", "production"):
        configure(project, environment, names.endpoint(environment), f"s3://{names.bucket}/models/one/model.tar.gz")
    return project


def configure(project: Project, environment: str, endpoint: str, model: str) -> None:
    parameters = {"EndpointName": endpoint, "ModelDataUrl": model}
    project.configuration(environment).write_text(json.dumps({"Parameters": parameters, "Tags": {}}))


@pytest.fixture
def pipeline(session: Session, names: LabNames, tmp_path: Path) -> str:
    """The lab has a pipeline; the name of its evidence bucket."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    return deploy_stack(session, names.pipeline_stack, tmp_path / "pipeline.yaml", {}).outputs["EvidenceBucket"]


def by_hand(environment: str | None = None, reason: str = WHY) -> ByHand:
    return ByHand(reason=reason, bypass=environment, origin=Origin(commit="c0ffee", tree_clean=False))


def records(aws: Any, bucket: str) -> dict[str, Any]:
    """The records of the only change, by name."""
    listed = aws("s3").list_objects_v2(Bucket=bucket, Prefix="by-hand/").get("Contents", [])
    assert len({item["Key"].rsplit("/", 1)[0] for item in listed}) <= 1
    return {Path(item["Key"]).stem: json.loads(aws("s3").get_object(Bucket=bucket, Key=item["Key"])["Body"].read()) for item in listed}


@pytest.mark.parametrize("environment", ["qa", "production"])
@pytest.mark.parametrize("said", [None, by_hand()])
def test_an_environment_of_the_pipeline_is_refused_by_its_name(session, aws, names, project, pipeline, environment, said) -> None:
    with pytest.raises(NotApproved) as refused:
        deploy(session, environment, project, by_hand=said)
    assert str(refused.value).startswith(f"{environment} belongs to the pipeline of stack {names.pipeline_stack}")
    assert f"--bypass-pipeline {environment}" in refused.value.cure
    assert find_stack(session, names.endpoint_stack(environment)) is None
    assert records(aws, pipeline) == {}


def test_dev_stays_without_a_question_and_without_a_record(session, aws, names, project, pipeline) -> None:
    assert deploy(session, "dev", project).changed
    assert undeploy(session, "dev", names.initials)
    assert records(aws, pipeline) == records(aws, names.bucket) == {}


def test_a_bypass_by_name_is_recorded_in_the_evidence_bucket(session, aws, names, project, pipeline) -> None:
    told: list[str] = []
    assert deploy(session, "production", project, by_hand=by_hand("production"), on_event=told.append).changed
    kept = records(aws, pipeline)
    begun, model = kept["begun"], f"s3://{names.bucket}/models/one/model.tar.gz"
    assert begun["model"] == {"s3_uri": model, "sha256": hashlib.sha256(MODEL).hexdigest(), "size_bytes": len(MODEL)}
    assert (begun["action"], begun["environment"], begun["reason"]) == ("deploy", "production", WHY)
    assert (begun["bypass"], begun["owner"]) == ("production", f"the pipeline of stack {names.pipeline_stack}")
    assert (begun["origin"]["commit"], begun["origin"]["tree_clean"]) == ("c0ffee", False)
    assert begun["by"]["role"].startswith("arn:aws:")
    assert begun["served_before"] is None
    assert kept["ended"]["status"] == "done"
    assert told[0].startswith(f"recorded as s3://{pipeline}/by-hand/production/")


def test_taking_production_down_is_refused_bypassed_and_recorded_alike(session, aws, names, project) -> None:
    deploy(session, "production", project, by_hand=by_hand())
    path = project.root / "pipeline.yaml"
    path.write_text(PIPELINE)
    evidence = deploy_stack(session, names.pipeline_stack, path, {}).outputs["EvidenceBucket"]
    with pytest.raises(NotApproved, match="this undeployment did not pass its approval"):
        undeploy(session, "production", names.initials, by_hand=by_hand())
    assert undeploy(session, "production", names.initials, by_hand=by_hand("production"))
    begun = records(aws, evidence)["begun"]
    assert (begun["action"], begun["model"], begun["served_before"]) == (
        "undeploy",
        None,
        f"s3://{names.bucket}/models/one/model.tar.gz",
    )
    assert not undeploy(session, "production", names.initials)  # what is not there needs no reason


def test_without_a_pipeline_production_needs_a_reason_and_is_recorded_in_the_lab_s_bucket(session, aws, names, project) -> None:
    for said in (None, by_hand(reason="  ")):
        with pytest.raises(UsageError, match="A change of production needs a reason"):
            deploy(session, "production", project, by_hand=said)
    assert find_stack(session, names.endpoint_stack("production")) is None
    deploy(session, "production", project, by_hand=by_hand())
    assert records(aws, names.bucket)["begun"]["owner"] is None
    assert deploy(session, "qa", project).changed
    assert undeploy(session, "qa", names.initials)


@pytest.mark.parametrize("bypass", ["qa", "", "PRODUCTION", "prod"])
def test_a_bypass_of_another_name_changes_nothing(session, names, project, pipeline, bypass) -> None:
    with pytest.raises(UsageError, match="but the command changes production"):
        deploy(session, "production", project, by_hand=by_hand(bypass))
    assert find_stack(session, names.endpoint_stack("production")) is None


def test_a_bypass_without_a_reason_changes_nothing(session, names, project, pipeline) -> None:
    with pytest.raises(UsageError, match="A change of qa needs a reason"):
        deploy(session, "qa", project, by_hand=by_hand("qa", reason=""))
    assert find_stack(session, names.endpoint_stack("qa")) is None


def test_a_stack_with_an_executions_tag_belongs_to_a_pipeline_of_any_name(session, aws, names, project) -> None:
    parameters = [
        {"ParameterKey": name, "ParameterValue": "s3://b/m" if "Model" in name else "one"} for name in ("EndpointName", "ModelDataUrl")
    ]
    stack = names.endpoint_stack("production")
    marked = [{"Key": EXECUTION_TAG, "Value": "0123"}]
    aws("cloudformation").create_stack(StackName=stack, TemplateBody=ENDPOINT, Parameters=parameters, Tags=marked)
    aws("cloudformation").get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    with pytest.raises(NotApproved, match="production belongs to the pipeline whose execution 0123 deployed it"):
        deploy(session, "production", project, by_hand=by_hand())
    assert find_stack(session, stack).parameters["ModelDataUrl"] == "s3://b/m"


def test_a_configuration_that_names_another_environment_s_endpoint_is_refused(session, names, project, pipeline) -> None:
    configure(project, "dev", names.endpoint("production"), f"s3://{names.bucket}/models/one/model.tar.gz")
    with pytest.raises(UsageError, match=f"{names.endpoint('production')} is not the endpoint of dev"):
        deploy(session, "dev", project)


def test_a_change_that_fails_has_a_record_that_says_so(session, aws, names, project, pipeline) -> None:
    (project.root / ENDPOINT_TEMPLATE).write_text(ENDPOINT.replace("AWS::Logs::LogGroup", "AWS::Logs::Nothing"))
    with pytest.raises(DeploymentFailed) as failed:
        deploy(session, "production", project, by_hand=by_hand("production"))
    ended = records(aws, pipeline)["ended"]
    assert (ended["status"], ended["error"]) == ("failed", str(failed.value))


@pytest.mark.parametrize("lost", ["the model", "the right to write the record", "the right to see whose it is"])
def test_a_change_that_cannot_be_recorded_is_not_made(session, local_aws, as_role, names, project, pipeline, lost, monkeypatch) -> None:
    expected: type[MlkitError] = AccessDenied
    if lost == "the model":
        configure(project, "production", names.endpoint("production"), f"s3://{names.bucket}/models/other/model.tar.gz")
        expected, narrow = NotFound, session
    else:
        see = allow(
            "cloudformation:*", "*" if "record" in lost else f"arn:aws:cloudformation:*:*:stack/{names.endpoint_stack('production')}/*"
        )
        narrow, client = Session(session.boto_session), as_role(see, allow("logs:*"), allow("s3:GetObject"), allow("sts:*"))
        monkeypatch.setattr(narrow, "client", client)
    with pytest.raises(expected):
        deploy(narrow, "production", project, by_hand=by_hand("production"))
    assert find_stack(session, names.endpoint_stack("production")) is None
