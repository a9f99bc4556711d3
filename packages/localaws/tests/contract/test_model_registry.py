"""SageMaker's model registry: groups, versions, approval, and models made from a version; over HTTP and with a tiny algorithm."""

import json
import os
import signal
import uuid
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from started import allow, start_local_aws, wait_until_saved
from tiny_algorithm import IMAGE, ServedHost, TinyAlgorithm, call
from waiting import wait_for_stack

from localaws import lifecycle
from localaws.kit.open_questions import assuming
from localaws.kit.service import AwsError
from localaws.sagemaker import SageMaker, SageMakerRuntime

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
HOUR = timedelta(hours=1)
FM = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"


def specification(url="s3://b/model.tar.gz", image=IMAGE):
    return {"Containers": [{"Image": image, "ModelDataUrl": url, "Environment": {"MODE": "fast"}}], "SupportedContentTypes": ["text/plain"]}


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def new_name():
    """A name of letters only, so that no version's number is part of it."""
    return f"g-{uuid.uuid4().hex[:12].translate(_LETTERS)}"


@pytest.fixture
def group(aws):
    """The name of a new, empty group on the running local AWS."""
    name = new_name()
    aws("sagemaker").create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="Ratings")
    return name


def register(sagemaker, group, **members):
    return sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=specification(), **members)["ModelPackageArn"]


def refusal(operation, **members) -> dict[str, Any]:
    with pytest.raises(ClientError) as error:
        operation(**members)
    found: Any = error.value.response["Error"]
    return dict(found)


def test_a_version_keeps_what_it_was_registered_with(aws, group):
    sagemaker = aws("sagemaker")
    members = {
        "ModelPackageDescription": "The first",
        "InferenceSpecification": specification(),
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/quality.json"}}},
        "MetadataProperties": {"CommitId": "abc", "GeneratedBy": "pipeline"},
        "CustomerMetadataProperties": {"metric.auc": "0.7"},
        "SkipModelValidation": "All",
        "Task": "REGRESSION",
    }
    arn = sagemaker.create_model_package(ModelPackageGroupName=group, **members)["ModelPackageArn"]
    assert arn == f"{ARN}:model-package/{group}/1"
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert {name: found[name] for name in members} == members
    assert (found["ModelPackageGroupName"], found["ModelPackageVersion"], found["ModelPackageStatus"]) == (group, 1, "Completed")
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert found["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:iam::123456789012:")
    assert "LastModifiedTime" not in found
    assert sagemaker.describe_model_package(ModelPackageName=f"{group}/1")["ModelPackageArn"] == arn


def test_a_decision_is_kept_with_its_reason_and_its_author(aws, group):
    sagemaker = aws("sagemaker")
    arn = register(sagemaker, group, CustomerMetadataProperties={"old": "1", "kept": "1"})
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="as good as the last one",
        CustomerMetadataProperties={"kept": "2", "new": "3"},
        CustomerMetadataPropertiesToRemove=["old"],
    )
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Approved", "as good as the last one")
    assert found["CustomerMetadataProperties"] == {"kept": "2", "new": "3"}
    assert found["LastModifiedTime"] >= found["CreationTime"]
    assert found["LastModifiedBy"] == found["CreatedBy"]
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    assert sagemaker.describe_model_package(ModelPackageName=arn)["ApprovalDescription"] == "as good as the last one"


def test_a_version_can_have_fifty_properties(aws, group):
    sagemaker = aws("sagemaker")
    arn = register(sagemaker, group, CustomerMetadataProperties={f"p{number}": "1" for number in range(50)})
    error = refusal(sagemaker.update_model_package, ModelPackageArn=arn, CustomerMetadataProperties={"one-more": "1"})
    assert (error["Code"], error["Message"]) == ("ValidationException", "A model package can have at most 50 customer metadata properties.")
    sagemaker.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"one-more": "1"}, CustomerMetadataPropertiesToRemove=["p0"]
    )
    too_long = refusal(sagemaker.update_model_package, ModelPackageArn=arn, CustomerMetadataProperties={"p1": "x" * 257})
    assert "less than or equal to 256" in too_long["Message"]


def test_a_number_of_a_version_is_never_used_again(aws, group):
    sagemaker = aws("sagemaker")
    second = [register(sagemaker, group) for _ in range(2)][-1]
    sagemaker.delete_model_package(ModelPackageName=second)
    assert register(sagemaker, group) == f"{ARN}:model-package/{group}/3"
    gone = refusal(sagemaker.describe_model_package, ModelPackageName=second)
    assert (gone["Code"], gone["Message"]) == ("ValidationException", f"ModelPackage {second} does not exist.")


def test_the_same_token_registers_once(aws, group):
    sagemaker = aws("sagemaker")
    arns = {register(sagemaker, group, ClientToken="run-7") for _ in range(2)}
    assert arns == {f"{ARN}:model-package/{group}/1"}
    assert register(sagemaker, group) not in arns
    other = {"ModelPackageGroupName": group, "ClientToken": "run-7", "ModelPackageDescription": "another"}
    assert refusal(sagemaker.create_model_package, **other)["Code"] == "ConflictException"


def test_a_list_has_the_versions_that_its_filters_name(aws, group):
    sagemaker = aws("sagemaker")
    arns = [register(sagemaker, group) for _ in range(11)]
    sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")
    sagemaker.create_model_package(ModelPackageName=f"{group}-alone", InferenceSpecification=specification())

    def listed(**members):
        pages = sagemaker.get_paginator("list_model_packages").paginate(**members)
        return [item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]]

    alone = f"{ARN}:model-package/{group}-alone"
    assert listed(ModelPackageGroupName=group) == arns  # two pages of ten
    assert listed(ModelPackageGroupName=f"{ARN}:model-package-group/{group}", SortOrder="Descending") == arns[::-1]
    assert listed(ModelPackageGroupName=group, SortBy="Name", PaginationConfig={"PageSize": 2}) == arns
    assert listed(ModelPackageGroupName=group, ModelApprovalStatus="Approved") == [arns[1]]
    assert listed(ModelPackageGroupName=group, ModelPackageType="Unversioned") == []
    assert listed(NameContains=group) == [alone]
    assert listed(NameContains=group.upper(), ModelPackageType="Versioned") == arns
    assert listed(NameContains=group, ModelPackageType="Both") == [*arns, alone]
    assert listed(NameContains="11", ModelPackageGroupName=group) == []
    created = sagemaker.describe_model_package(ModelPackageName=arns[0])["CreationTime"]
    assert listed(ModelPackageGroupName=group, CreationTimeAfter=created - HOUR, CreationTimeBefore=created + HOUR) == arns
    assert listed(ModelPackageGroupName=group, CreationTimeAfter=created + HOUR) == []
    assert listed(ModelPackageGroupName=group, CreationTimeBefore=created - HOUR) == []
    summary = sagemaker.list_model_packages(ModelPackageGroupName=group, MaxResults=1)["ModelPackageSummaryList"][0]
    assert (summary["ModelPackageGroupName"], summary["ModelPackageVersion"]) == (group, 1)
    assert "ModelPackageName" not in summary
    missing = refusal(sagemaker.list_model_packages, ModelPackageGroupName="no-such-group")
    assert missing["Message"] == f"ModelPackageGroup {ARN}:model-package-group/no-such-group does not exist."


def test_groups_are_listed_by_name_and_an_empty_one_can_be_deleted(aws, group):
    sagemaker = aws("sagemaker")
    listed = sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert [(item["ModelPackageGroupName"], item["ModelPackageGroupDescription"]) for item in listed] == [(group, "Ratings")]
    again = refusal(sagemaker.create_model_package_group, ModelPackageGroupName=group.upper())
    assert (again["Code"], again["Message"]) == (
        "ValidationException",
        f"Model Package Group already exists: {ARN}:model-package-group/{group}",
    )
    arn = register(sagemaker, group)
    assert refusal(sagemaker.delete_model_package_group, ModelPackageGroupName=group)["Code"] == "ConflictException"
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=f"{ARN}:model-package-group/{group}")
    gone = refusal(sagemaker.describe_model_package_group, ModelPackageGroupName=group)
    assert gone["Message"] == f"ModelPackageGroup {ARN}:model-package-group/{group} does not exist."


def test_an_arn_of_another_account_or_kind_is_no_resource_here(aws, group):
    sagemaker = aws("sagemaker")
    register(sagemaker, group)
    for arn in (f"{ARN}:model-package/{group}/1".replace("123456789012", "210987654321"), f"{ARN}:model-package-group/{group}"):
        assert refusal(sagemaker.describe_model_package, ModelPackageName=arn)["Message"] == f"ModelPackage {arn} does not exist."


def test_a_version_has_the_tags_of_its_group(aws, group):
    sagemaker = aws("sagemaker")
    arn, group_arn = register(sagemaker, group), f"{ARN}:model-package-group/{group}"
    sagemaker.add_tags(ResourceArn=group_arn, Tags=[{"Key": "team", "Value": "ml"}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "ml"}]
    assert group_arn in refusal(sagemaker.add_tags, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])["Message"]
    assert "Tags" in refusal(sagemaker.create_model_package, ModelPackageGroupName=group, Tags=[{"Key": "a", "Value": "b"}])["Message"]
    sagemaker.delete_tags(ResourceArn=group_arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == []
    alone = sagemaker.create_model_package(ModelPackageName=new_name(), Tags=[{"Key": "team", "Value": "ml"}])["ModelPackageArn"]
    assert sagemaker.list_tags(ResourceArn=alone)["Tags"] == [{"Key": "team", "Value": "ml"}]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({}, "Missing ARN."),
        ({"ModelPackageName": "a", "ModelPackageGroupName": "b"}, "Both ModelPackageName and ModelPackageGroupName are provided"),
        (
            {"ModelPackageName": "a", "ModelApprovalStatus": "Approved"},
            "ModelApprovalStatus does not apply to an unversioned model package",
        ),
        ({"ModelPackageGroupName": "no-such-group"}, f"ModelPackageGroup {ARN}:model-package-group/no-such-group does not exist."),
        ({"ModelPackageName": "a", "SourceUri": "s3://b"}, "SourceUri is not honoured by the local AWS."),
        ({"ModelPackageName": "a", "ModelLifeCycle": {"Stage": "s", "StageStatus": "t"}}, "ModelLifeCycle is not honoured"),
        ({"ModelPackageName": "a", "CertifyForMarketplace": True}, "CertifyForMarketplace True is not honoured"),
        ({"ModelPackageName": "a", "InferenceSpecification": {"Containers": [{}]}}, "InferenceSpecification.Containers.Image is required."),
        (
            {"ModelPackageName": "a", "InferenceSpecification": {"Containers": [{"Image": "i", "ImageDigest": f"sha256:{'0' * 64}"}]}},
            "InferenceSpecification.Containers.ImageDigest is not honoured",
        ),
    ],
)
def test_a_registration_that_is_not_honoured_is_refused_with_its_reason(aws, members, text):
    error = refusal(aws("sagemaker").create_model_package, **members)
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith(text)


def test_an_unversioned_package_cannot_be_updated(aws):
    sagemaker = aws("sagemaker")
    arn = sagemaker.create_model_package(ModelPackageName=new_name())["ModelPackageArn"]
    assert "is not versioned" in refusal(sagemaker.update_model_package, ModelPackageArn=arn, ModelApprovalStatus="Approved")["Message"]


# ---- permissions ----


def test_a_role_has_the_rights_of_its_policy_on_a_group_and_its_versions(aws, as_role, group):
    other = new_name()
    aws("sagemaker").create_model_package_group(ModelPackageGroupName=other)
    for name in (group, other):
        register(aws("sagemaker"), name)
    actions = ["CreateModelPackage", "DescribeModelPackage", "ListModelPackages", "DeleteModelPackage"]
    mine = as_role(
        allow([f"sagemaker:{action}" for action in actions], f"{ARN}:model-package/{group}/*"),
        allow("sagemaker:DescribeModelPackageGroup", f"{ARN}:model-package-group/{group}"),
    )("sagemaker")
    mine.describe_model_package_group(ModelPackageGroupName=group)
    arn = register(mine, group)
    mine.describe_model_package(ModelPackageName=arn)
    assert len(mine.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 2
    mine.delete_model_package(ModelPackageName=arn)
    for operation, members, resource in (
        (mine.describe_model_package_group, {"ModelPackageGroupName": other}, f"model-package-group/{other}"),
        (mine.delete_model_package_group, {"ModelPackageGroupName": group}, f"model-package-group/{group}"),
        (mine.create_model_package, {"ModelPackageGroupName": f"{ARN}:model-package-group/{other}"}, f"model-package/{other}/*"),
        (mine.describe_model_package, {"ModelPackageName": f"{other}/1"}, f"model-package/{other}/1"),
        (mine.list_model_packages, {"ModelPackageGroupName": other}, f"model-package/{other}/*"),
        (mine.list_model_packages, {}, "model-package/*"),
        (mine.update_model_package, {"ModelPackageArn": f"{ARN}:model-package/{group}/1"}, f"model-package/{group}/1"),
    ):
        error = refusal(operation, **members)
        assert error["Code"] == "AccessDeniedException"
        assert f"{ARN}:{resource}" in error["Message"]


def test_a_deny_holds_whatever_the_case_of_the_arn(aws, as_role, group):
    arn = register(aws("sagemaker"), group)
    deny = {"Effect": "Deny", "Action": "sagemaker:DescribeModelPackage", "Resource": f"{ARN}:model-package/{group}/*"}
    role = as_role(allow("sagemaker:*"), deny)("sagemaker")
    shouted = arn.replace(group, group.upper())
    assert aws("sagemaker").describe_model_package(ModelPackageName=shouted)["ModelPackageArn"] == arn
    assert refusal(role.describe_model_package, ModelPackageName=shouted)["Code"] == "AccessDeniedException"


def test_a_policy_can_allow_registration_and_not_approval(aws, as_role, group):
    pending = {"StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}}
    actions = ["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"]
    build = as_role(allow(actions, f"{ARN}:model-package/{group}/*", Condition=pending))("sagemaker")
    arn = register(build, group, ModelApprovalStatus="PendingManualApproval")
    assert refusal(build.update_model_package, ModelPackageArn=arn, ModelApprovalStatus="Approved")["Code"] == "AccessDeniedException"
    assert (
        refusal(build.create_model_package, ModelPackageGroupName=group, ModelApprovalStatus="Approved")["Code"] == "AccessDeniedException"
    )


def test_the_tags_of_a_group_are_condition_keys_of_its_versions(aws, as_role):
    arns = {}
    for team in ("ml", "web"):
        name = new_name()
        aws("sagemaker").create_model_package_group(ModelPackageGroupName=name, Tags=[{"Key": "team", "Value": team}])
        arns[team] = register(aws("sagemaker"), name)
    own = {"StringEquals": {"aws:ResourceTag/team": "ml"}}
    role = as_role(allow("sagemaker:UpdateModelPackage", "*", Condition=own))("sagemaker")
    role.update_model_package(ModelPackageArn=arns["ml"], ModelApprovalStatus="Approved")
    error = refusal(role.update_model_package, ModelPackageArn=arns["web"], ModelApprovalStatus="Approved")
    assert error["Code"] == "AccessDeniedException"


def test_a_model_from_a_version_needs_the_right_on_both(aws, as_role, group):
    arn = register(aws("sagemaker"), group)
    execution = "arn:aws:iam::123456789012:role/some"
    members = {"ModelName": new_name(), "PrimaryContainer": {"ModelPackageName": arn}, "ExecutionRoleArn": execution}
    role = as_role(allow("sagemaker:CreateModel", f"{ARN}:model/*"), allow("iam:PassRole", execution))("sagemaker")
    assert f"sagemaker:CreateModel on resource: {arn}" in refusal(role.create_model, **members)["Message"]


# ---- models from a version, with a tiny algorithm ----


@pytest.fixture
def service(local_aws, tmp_path):
    found = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()])
    yield found
    found.stop()


@pytest.fixture
def role(make_role, bucket):
    return make_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), allow("logs:*"))


@pytest.fixture
def version(service, aws, bucket):
    """The ARN of a new version, which is pending; its model doubles."""
    from test_sagemaker_endpoints import put_model

    put_model(aws, bucket, "model", 2.0)
    call(service, "CreateModelPackageGroup", ModelPackageGroupName="group")
    url = f"s3://{bucket}/model.tar.gz"
    return call(service, "CreateModelPackage", ModelPackageGroupName="group", InferenceSpecification=specification(url))["ModelPackageArn"]


def test_an_endpoint_serves_the_model_of_an_approved_version(service, version, role):
    from test_sagemaker_endpoints import ask, settled

    call(service, "UpdateModelPackage", ModelPackageArn=version, ModelApprovalStatus="Approved")
    call(service, "CreateModel", ModelName="primary", PrimaryContainer={"ModelPackageName": version}, ExecutionRoleArn=role)
    call(service, "CreateModel", ModelName="listed", Containers=[{"ModelPackageName": "group/1"}], ExecutionRoleArn=role)
    assert call(service, "DescribeModel", ModelName="primary")["PrimaryContainer"] == {"Mode": "SingleModel", "ModelPackageName": version}
    described = call(service, "DescribeModel", ModelName="listed")
    assert described["Containers"] == [{"Mode": "SingleModel", "ModelPackageName": "group/1"}]
    assert "PrimaryContainer" not in described
    call(service, "DeleteModelPackage", ModelPackageName=version)  # a model keeps what it was created from
    for name in ("primary", "listed"):
        variant = {"VariantName": "v0", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium"}
        call(service, "CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
        call(service, "CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        assert settled(service, name)["EndpointStatus"] == "InService"
        assert ask(SageMakerRuntime(service), name, "21") == ("42.0", "v0")


def test_a_version_that_is_not_approved_cannot_be_deployed(service, version, role):
    members = {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": version}, "ExecutionRoleArn": role}
    with pytest.raises(AwsError, match="its approval status is PendingManualApproval, not Approved"):
        call(service, "CreateModel", **members)
    with assuming(model_package_approval="not-asked"):
        call(service, "CreateModel", **members)


def test_a_registration_and_a_decision_are_events(service, version):
    call(service, "UpdateModelPackage", ModelPackageArn=version, ModelApprovalStatus="Rejected", ApprovalDescription="worse")
    registered, decided = service.host.published
    assert registered[:2] == decided[:2] == ("aws.sagemaker", "SageMaker Model Package State Change")
    assert (registered[3], registered[2]["ModelApprovalStatus"]) == ([version], "PendingManualApproval")
    detail = decided[2]
    assert (detail["ModelPackageGroupName"], detail["ModelPackageVersion"], detail["ModelPackageArn"]) == ("group", 1, version)
    assert (detail["ModelApprovalStatus"], detail["ApprovalDescription"]) == ("Rejected", "worse")
    assert "ModelPackageName" not in detail
    assert json.loads(json.dumps(detail)) == detail


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"PrimaryContainer": {"ModelPackageName": "group/9"}}, f"ModelPackage {ARN}:model-package/group/9 does not exist."),
        ({"PrimaryContainer": {"ModelPackageName": "group/1", "Image": IMAGE}}, "Image beside ModelPackageName is not honoured"),
        ({"Containers": [{"ModelPackageName": "group/1"}] * 2}, "Containers with more than one container is not honoured"),
        ({"Containers": [{"Image": IMAGE}], "PrimaryContainer": {"Image": IMAGE}}, "Containers with more than one container"),
        ({"PrimaryContainer": {"ModelPackageName": "empty"}}, f"ModelPackage {ARN}:model-package/empty has 0 containers"),
    ],
)
def test_a_model_that_its_package_cannot_give_is_refused(service, version, role, members, text):
    call(service, "UpdateModelPackage", ModelPackageArn=version, ModelApprovalStatus="Approved")
    call(service, "CreateModelPackage", ModelPackageName="empty")
    with pytest.raises(AwsError) as error:
        call(service, "CreateModel", ModelName="m", ExecutionRoleArn=role, **members)
    assert error.value.code == "ValidationException"
    assert error.value.message.startswith(text)


# ---- CloudFormation ----


def stack(group, *, tags=(), package=None, role=None, **properties):
    tagged = {"Tags": [{"Key": key, "Value": value} for key, value in tags]} if tags else {}
    resources: dict[str, Any] = {
        "Group": {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": {"ModelPackageGroupName": group, **tagged, **properties}}
    }
    if package:
        for name, container in (
            ("One", {"PrimaryContainer": {"ModelPackageName": package}}),
            ("Two", {"Containers": [{"ModelPackageName": package}]}),
        ):
            resources[name] = {"Type": "AWS::SageMaker::Model", "Properties": {"ExecutionRoleArn": role, **container}}
    outputs = {
        "Ref": {"Value": {"Ref": "Group"}},
        "Arn": {"Value": {"Fn::GetAtt": ["Group", "ModelPackageGroupArn"]}},
        "Status": {"Value": {"Fn::GetAtt": ["Group", "ModelPackageGroupStatus"]}},
        **({name: {"Value": {"Fn::GetAtt": [name, "ModelName"]}} for name in ("One", "Two")} if package else {}),
    }
    return json.dumps({"Resources": resources, "Outputs": outputs})


def deployed(cloudformation, name):
    found = wait_for_stack(cloudformation, name)
    return found["StackStatus"], {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def test_a_stack_has_a_group_and_models_from_one_of_its_versions(aws, bucket, make_role):
    from test_sagemaker_endpoints import put_model

    cloudformation, sagemaker, name = aws("cloudformation"), aws("sagemaker"), new_name()
    cloudformation.create_stack(StackName=name, TemplateBody=stack(name, tags=[("team", "ml")], ModelPackageGroupDescription="d"))
    status, outputs = deployed(cloudformation, name)
    arn = f"{ARN}:model-package-group/{name}"
    assert (status, outputs) == ("CREATE_COMPLETE", {"Ref": arn, "Arn": arn, "Status": "Completed"})
    assert {"Key": "team", "Value": "ml"} in sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert sagemaker.describe_model_package_group(ModelPackageGroupName=name)["ModelPackageGroupDescription"] == "d"

    put_model(aws, bucket, "model", 1.0)
    role = make_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), service="sagemaker.amazonaws.com")
    version = sagemaker.create_model_package(
        ModelPackageGroupName=name,
        InferenceSpecification=specification(f"s3://{bucket}/model.tar.gz", FM),
        ModelApprovalStatus="Approved",
    )["ModelPackageArn"]
    body = stack(name, tags=[("team", "web")], package=version, role=role, ModelPackageGroupDescription="d")
    cloudformation.update_stack(StackName=name, TemplateBody=body)
    status, outputs = deployed(cloudformation, name)
    assert status == "UPDATE_COMPLETE"
    assert {"Key": "team", "Value": "web"} in sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert sagemaker.describe_model(ModelName=outputs["One"])["PrimaryContainer"]["ModelPackageName"] == version
    assert sagemaker.describe_model(ModelName=outputs["Two"])["Containers"][0]["ModelPackageName"] == version

    cloudformation.delete_stack(StackName=name)  # the group is not empty
    assert deployed(cloudformation, name)[0] == "DELETE_FAILED"
    sagemaker.delete_model_package(ModelPackageName=version)
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    assert deployed(cloudformation, stack_id)[0] == "DELETE_COMPLETE"
    assert "does not exist" in refusal(sagemaker.describe_model_package_group, ModelPackageGroupName=name)["Message"]


def test_a_stack_whose_group_was_deleted_before_can_be_deleted(aws):
    cloudformation, name = aws("cloudformation"), new_name()
    cloudformation.create_stack(StackName=name, TemplateBody=stack(name))
    assert deployed(cloudformation, name)[0] == "CREATE_COMPLETE"
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    aws("sagemaker").delete_model_package_group(ModelPackageGroupName=name)
    cloudformation.delete_stack(StackName=name)
    assert deployed(cloudformation, stack_id)[0] == "DELETE_COMPLETE"


def test_a_stack_s_group_policy_is_refused_by_name(aws):
    cloudformation, name = aws("cloudformation"), new_name()
    error = refusal(
        cloudformation.create_stack, StackName=name, TemplateBody=stack(name, ModelPackageGroupPolicy={"Version": "2012-10-17"})
    )
    assert "ModelPackageGroupPolicy" in error["Message"]


# ---- other clients, and a restart ----


@pytest.mark.filterwarnings("ignore")
def test_the_python_sdk_reads_approves_and_deletes(local_aws, aws, monkeypatch, tmp_path):
    for key, value in {**local_aws.environment, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(key, value)
    import boto3

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    from sagemaker.core import resources

    name = new_name()
    group = resources.ModelPackageGroup.create(model_package_group_name=name)
    group.wait_for_status("Completed", poll=1)
    # ModelPackage.create of SDK 3.27 fails after its call: it looks for ModelPackageName in the answer, which has the ARN only.
    arn = register(aws("sagemaker"), name, CustomerMetadataProperties={"metric.auc": "0.7"})
    package = resources.ModelPackage.get(model_package_name=arn)
    # The SDK updates by the ARN, then describes and deletes by model_package_name, which for a version is its group's name.
    package.model_package_name = arn
    package.update(model_approval_status="Approved", approval_description="good")
    assert (package.model_approval_status, package.model_package_version) == ("Approved", 1)
    assert package.inference_specification.containers[0].model_data_url == "s3://b/model.tar.gz"
    found = list(resources.ModelPackage.get_all(model_package_group_name=name, model_approval_status="Approved"))
    assert [item.model_package_arn for item in found] == [arn]
    package.model_package_name = arn
    package.delete()
    group.delete()
    assert not list(resources.ModelPackageGroup.get_all(name_contains=name))


def test_the_registry_survives_a_kill(tmp_path):
    home = tmp_path / "home"
    aws = start_local_aws(home)
    try:
        sagemaker = aws.client("sagemaker")
        sagemaker.create_model_package_group(ModelPackageGroupName="kept", Tags=[{"Key": "team", "Value": "ml"}])
        arns = [register(sagemaker, "kept", ClientToken="once") for _ in range(2)]
        sagemaker.update_model_package(ModelPackageArn=arns[0], ModelApprovalStatus="Approved", ApprovalDescription="good")
        before = sagemaker.describe_model_package(ModelPackageName=arns[0])
        wait_until_saved(aws)
        os.kill(lifecycle.up(home, port=0).pid, signal.SIGKILL)
        sagemaker = start_local_aws(home).client("sagemaker")
        after = sagemaker.describe_model_package(ModelPackageName=arns[0])
        assert {**after, "ResponseMetadata": 0} == {**before, "ResponseMetadata": 0}
        assert register(sagemaker, "kept", ClientToken="once") == arns[0]
        assert register(sagemaker, "kept").endswith("/2")
        assert sagemaker.list_tags(ResourceArn=arns[0])["Tags"] == [{"Key": "team", "Value": "ml"}]
    finally:
        lifecycle.down(home)
