from localaws.kit.service import Caller, Credentials
from localaws.sagemaker.model_package_permissions import creating_package, listing_packages, packages_of_model, updating_package
from localaws.sagemaker.permissions import anywhere, creating, on, tagging

NOBODY = Credentials(access_key_id="a", secret_access_key="b")
CALLER = Caller(arn="arn:user", account="1", region="r", credentials=NOBODY)
ROLE = "arn:aws:iam::1:role/execution"


def asked(permissions):
    return [(permission.action, permission.resource) for permission in permissions]


def test_making_a_job_asks_for_the_job_its_tags_and_the_role():
    rule = creating("CreateTrainingJob", ("training-job", "Name"), role=lambda r: r["RoleArn"], instances=lambda r: ["ml.m5.large"])
    permissions = rule(CALLER, {"Name": "Job", "RoleArn": ROLE, "Tags": [{"Key": "k", "Value": "v"}]})
    assert asked(permissions) == [
        ("sagemaker:CreateTrainingJob", "arn:aws:sagemaker:r:1:training-job/job"),
        ("sagemaker:AddTags", "arn:aws:sagemaker:r:1:training-job/job"),
        ("iam:PassRole", ROLE),
    ]
    assert permissions[0].context == {"aws:RequestTag/k": "v", "aws:TagKeys": ["k"], "sagemaker:InstanceTypes": ["ml.m5.large"]}
    assert permissions[2].context == {"iam:PassedToService": "sagemaker.amazonaws.com"}


def test_making_an_endpoint_asks_for_its_configuration_too():
    resources = ("endpoint", "E"), ("endpoint-config", "C")
    rule = creating("CreateEndpoint", *resources, role=lambda r: None, instances=lambda r: [])
    assert asked(rule(CALLER, {"E": "x", "C": "y"})) == [
        ("sagemaker:CreateEndpoint", "arn:aws:sagemaker:r:1:endpoint/x"),
        ("sagemaker:CreateEndpoint", "arn:aws:sagemaker:r:1:endpoint-config/y"),
    ]


def test_the_tags_of_what_exists_are_condition_keys():
    rule = on("StopTrainingJob", ("training-job", "Name"), tags_of={"arn:aws:sagemaker:r:1:training-job/job": {"run": "7"}}.__getitem__)
    assert rule(CALLER, {"Name": "Job"})[0].context == {"aws:ResourceTag/run": "7", "sagemaker:ResourceTag/run": "7"}


def test_lists_ask_for_no_resource_and_tags_for_theirs():
    assert asked(anywhere("ListModels")(CALLER, {})) == [("sagemaker:ListModels", "*")]
    rule = tagging("DeleteTags", tags_of=lambda arn: {})
    assert rule(CALLER, {"ResourceArn": "arn:x", "TagKeys": ["k"]})[0].context == {"aws:TagKeys": ["k"]}


def test_a_new_version_is_asked_for_every_version_of_its_group():
    for group in ("Group", "arn:aws:sagemaker:r:1:model-package-group/Group"):
        given = {"ModelPackageGroupName": group, "ModelApprovalStatus": "Approved", "CustomerMetadataProperties": {"k": "v"}}
        permission = creating_package()(CALLER, given)[0]
        assert permission.resource == "arn:aws:sagemaker:r:1:model-package/group/*"
        assert permission.context == {"sagemaker:ModelApprovalStatus": "Approved", "sagemaker:CustomerMetadataProperties/k": "v"}
    named = {"ModelPackageName": "P", "Tags": [{"Key": "k", "Value": "v"}]}
    assert asked(creating_package()(CALLER, named)) == [
        ("sagemaker:CreateModelPackage", "arn:aws:sagemaker:r:1:model-package/p"),
        ("sagemaker:AddTags", "arn:aws:sagemaker:r:1:model-package/p"),
    ]


def test_a_version_is_asked_for_by_its_own_arn_in_its_own_case():
    rule = updating_package(tags_of=lambda arn: {})
    permission = rule(CALLER, {"ModelPackageArn": "arn:aws:sagemaker:r:1:model-package/G/1", "CustomerMetadataPropertiesToRemove": ["k"]})[
        0
    ]
    assert permission.resource == "arn:aws:sagemaker:r:1:model-package/g/1"
    assert permission.context == {"sagemaker:CustomerMetadataPropertiesToRemove": ["k"]}
    theirs = "arn:aws:sagemaker:r:2:model-package/G/1"
    assert rule(CALLER, {"ModelPackageArn": theirs})[0].resource == theirs


def test_packages_are_listed_by_group_or_all():
    listed = listing_packages()
    assert listed(CALLER, {"ModelPackageGroupName": "g"})[0].resource == "arn:aws:sagemaker:r:1:model-package/g/*"
    assert listed(CALLER, {})[0].resource == "arn:aws:sagemaker:r:1:model-package/*"


def test_a_model_from_packages_asks_for_each():
    assert list(packages_of_model(CALLER, {"PrimaryContainer": {"Image": "i"}})) == []
    found = packages_of_model(CALLER, {"Containers": [{"ModelPackageName": "g/1"}, {"Image": "i"}, {"ModelPackageName": "p"}]})
    assert list(found) == ["arn:aws:sagemaker:r:1:model-package/g/1", "arn:aws:sagemaker:r:1:model-package/p"]
