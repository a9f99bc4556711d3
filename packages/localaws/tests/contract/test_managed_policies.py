"""The policies that AWS manages: they exist, they are enforced, and others cannot be attached."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from localaws.kit.service import Credentials

AWS = "arn:aws:iam::aws:policy/"
FULL = f"{AWS}AmazonSageMakerFullAccess"


@pytest.fixture
def with_policy(local_aws, make_role):
    """`with_policy(arn)("s3")` is a client of a new role that has this policy and no other."""

    def assume(arn):
        role = make_role()
        local_aws.client("iam").attach_role_policy(RoleName=role.rpartition("/")[2], PolicyArn=arn)
        keys = local_aws.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        credentials = Credentials(
            access_key_id=keys["AccessKeyId"], secret_access_key=keys["SecretAccessKey"], session_token=keys["SessionToken"]
        )
        return lambda service: local_aws.client(service, credentials)

    return assume


@pytest.mark.parametrize(
    ("name", "version", "action"),
    [
        ("AmazonSageMakerFullAccess", "v29", "iam:PassRole"),
        ("AmazonAthenaFullAccess", None, "athena:*"),
        ("service-role/AWSGlueServiceRole", None, "glue:*"),
        ("job-function/DataScientist", None, "sagemaker:"),
    ],
)
def test_a_policy_has_its_document(aws, name, version, action):
    iam = aws("iam")
    policy = iam.get_policy(PolicyArn=f"{AWS}{name}")["Policy"]
    assert (policy["Path"], policy["PolicyName"]) == (f"/{name}"[: -len(name.rpartition("/")[2])], name.rpartition("/")[2])
    if version:
        assert policy["DefaultVersionId"] == version
    document = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert action in json.dumps(document)


def test_what_a_policy_allows_is_allowed_and_nothing_else(aws, with_policy):
    sagemaker_bucket, other = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("own-sagemaker", "other"))
    for bucket in (sagemaker_bucket, other):
        aws("s3").create_bucket(Bucket=bucket)
        aws("s3").put_object(Bucket=bucket, Key="a", Body=b"a")
    client = with_policy(FULL)
    client("sagemaker").list_endpoints()
    assert client("s3").get_object(Bucket=sagemaker_bucket, Key="a")["Body"].read() == b"a"
    for call in (
        lambda: client("s3").get_object(Bucket=other, Key="a"),
        lambda: client("iam").create_user(UserName="x"),
        lambda: client("athena").list_work_groups(),
    ):
        with pytest.raises(ClientError) as denied:
            call()
        assert denied.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{AWS}AmazonSageMakerFullAcess", "NoSuchEntity"),
        ("arn:aws:iam::123456789012:policy/not-there", "NoSuchEntity"),
        (f"{AWS}aws-service-role/AmazonSageMakerNotebooksServiceRolePolicy", "PolicyNotAttachable"),
    ],
)
@pytest.mark.parametrize("kind", ["role", "user", "group"])
def test_a_policy_that_does_not_exist_is_not_attached(aws, make_role, kind, arn, code):
    iam, name = aws("iam"), f"{kind}-{uuid.uuid4().hex[:8]}"
    if kind == "role":
        name = make_role().rpartition("/")[2]
    else:
        getattr(iam, f"create_{kind}")(**{f"{kind.title()}Name": name})
    with pytest.raises(ClientError) as refused:
        getattr(iam, f"attach_{kind}_policy")(**{f"{kind.title()}Name": name}, PolicyArn=arn)
    assert refused.value.response["Error"]["Code"] == code
    assert getattr(iam, f"list_attached_{kind}_policies")(**{f"{kind.title()}Name": name})["AttachedPolicies"] == []


def test_a_stack_whose_role_names_an_unknown_policy_is_rolled_back(aws):
    cloudformation, name = aws("cloudformation"), f"managed-{uuid.uuid4().hex[:8]}"
    statement = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    role = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [FULL, f"{AWS}NoSuchPolicy"]}
    template = {"Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    with pytest.raises(Exception, match="ROLLBACK"):
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    reasons = [event.get("ResourceStatusReason", "") for event in cloudformation.describe_stack_events(StackName=name)["StackEvents"]]
    assert any(f"Policy {AWS}NoSuchPolicy does not exist or is not attachable." in reason for reason in reasons)
