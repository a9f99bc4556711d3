from localaws.kit.service import Caller, Credentials
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
