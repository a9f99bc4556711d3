"""Projects: how they are shown, changed, refused and authorised, also through CloudFormation."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from codebuild_building import ENVIRONMENT, Builder, spec
from started import allow
from waiting import wait_for_stack


@pytest.fixture(scope="module")
def builder(local_aws):
    return Builder(local_aws)


def refused(call, **members):
    with pytest.raises(ClientError) as error:
        call(**members)
    return error.value.response["Error"]


def test_a_project_is_shown_with_awss_defaults(builder):
    name = builder.project(spec())
    project = builder.codebuild.batch_get_projects(names=[name])["projects"][0]
    assert project["arn"] == f"arn:aws:codebuild:us-east-1:{builder.local_aws.account}:project/{name}"
    assert (project["timeoutInMinutes"], project["queuedTimeoutInMinutes"]) == (60, 480)
    assert project["cache"] == {"type": "NO_CACHE"}
    assert project["encryptionKey"].endswith("alias/aws/s3")
    assert project["environment"]["imagePullCredentialsType"] == "CODEBUILD"


def test_an_update_changes_what_it_is_given_and_nothing_else(builder):
    name = builder.project(spec(), description="one")
    builder.codebuild.update_project(name=name, timeoutInMinutes=7, tags=[{"key": "team", "value": "a"}])
    project = builder.codebuild.batch_get_projects(names=[name])["projects"][0]
    assert (project["description"], project["timeoutInMinutes"]) == ("one", 7)
    assert project["tags"] == [{"key": "team", "value": "a"}]


def test_names_are_listed_and_missing_ones_are_named(builder):
    names = sorted(builder.project(spec()) for _ in range(2))
    listed = builder.codebuild.list_projects()["projects"]
    assert [name for name in listed if name in names] == names
    builder.codebuild.delete_project(name=names[0])
    answer = builder.codebuild.batch_get_projects(names=names)
    assert ([project["name"] for project in answer["projects"]], answer["projectsNotFound"]) == (names[1:], names[:1])
    builder.codebuild.delete_project(name=names[0])


def test_a_name_is_free_or_the_project_exists_already(builder):
    request = builder.request(spec())
    builder.codebuild.create_project(**request)
    error = refused(builder.codebuild.create_project, **request)
    assert error["Code"] == "ResourceAlreadyExistsException"
    assert request["name"] in error["Message"]
    assert refused(builder.codebuild.start_build, projectName="nothing-here")["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"vpcConfig": {"vpcId": "vpc-1"}}, "vpcConfig"),
        ({"badgeEnabled": True}, "badgeEnabled"),
        ({"buildBatchConfig": {"timeoutInMins": 5}}, "buildBatchConfig"),
        ({"fileSystemLocations": [{"type": "EFS"}]}, "fileSystemLocations"),
        ({"environment": {**ENVIRONMENT, "privilegedMode": True}}, "environment.privilegedMode"),
        ({"environment": {**ENVIRONMENT, "type": "ARM_CONTAINER"}}, "environment.type"),
        ({"environment": {**ENVIRONMENT, "image": "python:3.12"}}, "python:3.12"),
        ({"environment": {**ENVIRONMENT, "image": "aws/codebuild/windows-base:2019-1.0"}}, "windows-base"),
        ({"source": {"type": "BITBUCKET", "location": "https://bitbucket.org/a/b"}}, "source.type"),
        ({"source": {"type": "CODEPIPELINE"}, "artifacts": {"type": "NO_ARTIFACTS"}}, "must both be of type CODEPIPELINE"),
        ({"artifacts": {"type": "CODEPIPELINE"}}, "must both be of type CODEPIPELINE"),
        ({"secondarySources": [{"type": "CODEPIPELINE", "sourceIdentifier": "a"}]}, "secondarySources"),
        ({"secondaryArtifacts": [{"type": "CODEPIPELINE", "artifactIdentifier": "a"}]}, "secondaryArtifacts"),
        ({"artifacts": {"type": "NO_ARTIFACTS", "name": "x"}}, "have no name"),
        ({"artifacts": {"type": "S3", "location": "bucket/folder"}}, "the folder belongs in path"),
        ({"source": {"type": "NO_SOURCE"}}, "buildspec"),
        ({"logsConfig": {"s3Logs": {"status": "ENABLED", "location": "b/k"}}}, "logsConfig.s3Logs.status"),
        ({"cache": {"type": "LOCAL", "modes": ["LOCAL_DOCKER_LAYER_CACHE"]}}, "LOCAL_DOCKER_LAYER_CACHE"),
        ({"timeoutInMinutes": 5000}, "timeoutInMinutes"),
    ],
)
def test_a_setting_that_is_not_honoured_is_refused_by_name(builder, changes, named):
    error = refused(builder.codebuild.create_project, **builder.request(spec(), **changes))
    assert error["Code"] == "InvalidInputException"
    assert named in error["Message"]


@pytest.mark.parametrize("member", ["gitCloneDepthOverride", "fleetOverride", "certificateOverride", "debugSessionEnabled"])
def test_an_override_that_is_not_honoured_is_refused_by_its_name(builder, member):
    value = {"gitCloneDepthOverride": 1, "fleetOverride": {"fleetArn": "x"}, "certificateOverride": "x", "debugSessionEnabled": True}[
        member
    ]
    error = refused(builder.codebuild.start_build, projectName=builder.project(spec()), **{member: value})
    assert (error["Code"], member in error["Message"]) == ("InvalidInputException", True)


def test_an_operation_that_is_not_honoured_is_refused_by_its_name(builder):
    assert "StartBuildBatch" in refused(builder.codebuild.start_build_batch, projectName="x")["Message"]


def test_a_role_that_does_not_trust_codebuild_makes_no_project(builder, make_role):
    role = make_role(service="sagemaker.amazonaws.com")
    error = refused(builder.codebuild.create_project, **builder.request(spec(), role))
    assert error["Code"] == "InvalidInputException"
    assert f"sts:AssumeRole on {role}" in error["Message"]


def test_passing_a_role_needs_the_right_to_pass_it_to_codebuild(builder, as_role):
    elsewhere = allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}})
    request = builder.request(spec())
    error = refused(as_role(allow("codebuild:*"), elsewhere)("codebuild").create_project, **request)
    assert error["Code"] == "AccessDeniedException"
    assert f"iam:PassRole on resource: {request['serviceRole']}" in error["Message"]


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("StartBuild", {"projectName": "{0}"}),
        ("BatchGetBuilds", {"ids": ["{0}:x"]}),
        ("StopBuild", {"id": "arn:aws:codebuild:us-east-1:1:build/{0}:x"}),
        ("RetryBuild", {"id": "{0}:x"}),
        ("BatchGetProjects", {"names": ["{0}"]}),
        ("ListBuildsForProject", {"projectName": "{0}"}),
        ("DeleteProject", {"name": "{0}"}),
    ],
)
def test_each_operation_asks_for_its_own_permission_on_the_project(builder, as_role, operation, members):
    name = "denied-project"
    filled = json.loads(json.dumps(members).replace("{0}", name))
    client = as_role(allow("codebuild:*", "arn:aws:codebuild:*:*:project/other"))("codebuild")
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
    error = refused(getattr(client, snake), **filled)
    assert error["Code"] == "AccessDeniedException"
    assert f"codebuild:{operation} on resource: arn:aws:codebuild:us-east-1:{builder.local_aws.account}:project/{name}" in error["Message"]


def test_a_tag_may_decide_who_starts_a_build(builder, as_role):
    tagged = builder.project(spec(), tags=[{"key": "team", "value": "a"}])
    client = as_role(allow("codebuild:StartBuild", Condition={"StringEquals": {"aws:ResourceTag/team": "a"}}))("codebuild")
    builder.ended(client.start_build(projectName=tagged)["build"]["id"])
    assert refused(client.start_build, projectName=builder.project(spec()))["Code"] == "AccessDeniedException"


# --- CloudFormation ---------------------------------------------------------------------------------------------------------


def template(role, **properties):
    project = {
        "Type": "AWS::CodeBuild::Project",
        "Properties": {
            "ServiceRole": role,
            "Artifacts": {"Type": "NO_ARTIFACTS"},
            "Source": {"Type": "NO_SOURCE", "BuildSpec": spec()},
            "Environment": {
                "Type": "LINUX_CONTAINER",
                "Image": "aws/codebuild/standard:7.0",
                "ComputeType": "BUILD_GENERAL1_SMALL",
                "EnvironmentVariables": [{"Name": "A", "Value": {"Ref": "Text"}}],
            },
            **properties,
        },
    }
    outputs = {"Name": {"Value": {"Ref": "Project"}}, "Arn": {"Value": {"Fn::GetAtt": ["Project", "Arn"]}}}
    return json.dumps({"Parameters": {"Text": {"Type": "String", "Default": "1"}}, "Resources": {"Project": project}, "Outputs": outputs})


class Stack:
    def __init__(self, cloudformation):
        self._client, self._name = cloudformation, f"stack-{uuid.uuid4().hex[:8]}"

    def deploy(self, operation, body):
        """The stack's status and outputs when it has settled."""
        getattr(self._client, operation)(StackName=self._name, TemplateBody=body)
        stack = wait_for_stack(self._client, self._name)
        return stack["StackStatus"], {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def delete(self):
        self._client.delete_stack(StackName=self._name)


@pytest.fixture
def stack(aws):
    made = Stack(aws("cloudformation"))
    yield made
    made.delete()


def test_a_template_makes_changes_and_replaces_a_project(builder, stack):
    role = builder.everything
    status, outputs = stack.deploy("create_stack", template(role, TimeoutInMinutes=5, Description="x"))
    assert status == "CREATE_COMPLETE"
    project = builder.codebuild.batch_get_projects(names=[outputs["Name"]])["projects"][0]
    assert project["arn"] == outputs["Arn"]
    assert project["environment"]["environmentVariables"] == [{"name": "A", "value": "1", "type": "PLAINTEXT"}]
    assert builder.ended(builder.start(outputs["Name"]))["buildStatus"] == "SUCCEEDED"

    status, same = stack.deploy("update_stack", template(role, TimeoutInMinutes="9", ConcurrentBuildLimit=1))
    assert (status, same) == ("UPDATE_COMPLETE", outputs)
    project = builder.codebuild.batch_get_projects(names=[outputs["Name"]])["projects"][0]
    assert (project["timeoutInMinutes"], project["concurrentBuildLimit"], project["description"]) == (9, 1, "")

    status, other = stack.deploy("update_stack", template(role, Name=f"named-{uuid.uuid4().hex[:8]}"))
    assert (status, other["Name"] != outputs["Name"]) == ("UPDATE_COMPLETE", True)
    assert builder.codebuild.batch_get_projects(names=[outputs["Name"]])["projectsNotFound"] == [outputs["Name"]]


@pytest.mark.parametrize("properties", [{"VpcConfig": {"VpcId": "vpc-1"}}, {"Triggers": {"Webhook": True}}])
def test_a_property_that_is_not_honoured_is_refused_before_anything_is_made(builder, aws, properties):
    error = refused(aws("cloudformation").create_stack, StackName="refused", TemplateBody=template(builder.everything, **properties))
    assert next(iter(properties)) in error["Message"]
