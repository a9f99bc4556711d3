"""A role gets what its policies say, and a denial names the action and the resource."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from started import allow, policy


def denial(call, **arguments) -> str:
    """The text of the refusal; the call must be refused for want of a permission."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert error.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "AuthorizationError"), error.value
    return error.value.response["Error"]["Message"]


def deny(actions, resources="*"):
    return {**allow(actions, resources), "Effect": "Deny"}


def test_a_role_reaches_only_the_prefix_of_its_policy(bucket, as_role):
    s3 = as_role(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/mine/*"))("s3")
    s3.put_object(Bucket=bucket, Key="mine/a", Body=b"1")
    text = denial(s3.put_object, Bucket=bucket, Key="yours/a", Body=b"1")
    assert f'is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::{bucket}/yours/a"' in text
    assert "because no identity-based policy allows the s3:PutObject action" in text
    assert "assumed-role/role-" in text


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "expected"),
    [
        ("glue", "get_table", {"DatabaseName": "d", "Name": "t"}, "glue:GetTable on resource: arn:aws:glue:us-east-1:123456789012:"),
        ("iam", "get_role", {"RoleName": "r"}, "iam:GetRole on resource: arn:aws:iam::123456789012:role/r "),
        ("kms", "describe_key", {"KeyId": "k"}, "kms:DescribeKey on resource: arn:aws:kms:us-east-1:123456789012:key/k "),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "m"}, "arn:aws:sns:us-east-1:123456789012:t "),
        ("logs", "create_log_group", {"logGroupName": "g"}, "arn:aws:logs:us-east-1:123456789012:log-group:g"),
        ("ssm", "get_parameter", {"Name": "/p"}, "arn:aws:ssm:us-east-1:123456789012:parameter/p"),
        ("cloudformation", "describe_stacks", {"StackName": "s"}, "arn:aws:cloudformation:us-east-1:123456789012:stack/s/"),
        ("sagemaker", "describe_training_job", {"TrainingJobName": "j"}, "arn:aws:sagemaker:us-east-1:123456789012:training-job/j"),
        ("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "e", "Body": b""}, "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"),
        ("athena", "get_work_group", {"WorkGroup": "primary"}, "arn:aws:athena:us-east-1:123456789012:workgroup/primary"),
    ],
)
def test_a_role_without_permissions_is_told_action_and_resource(as_role, service, operation, arguments, expected):
    text = denial(getattr(as_role()(service), operation), **arguments)
    assert expected in text
    assert "because no identity-based policy allows the" in text


def test_an_explicit_deny_holds_also_for_a_user_with_all_rights(local_aws, aws, bucket):
    user = f"user-{uuid.uuid4().hex[:8]}"
    aws("iam").create_user(UserName=user)
    aws("iam").put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy(allow("*"), deny("s3:DeleteBucket")))
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    keys = local_aws.credentials.__class__(access_key_id=key["AccessKeyId"], secret_access_key=key["SecretAccessKey"])
    text = denial(local_aws.client("s3", keys).delete_bucket, Bucket=bucket)
    assert (
        f'arn:aws:iam::123456789012:user/{user} is not authorized to perform: s3:DeleteBucket on resource: "arn:aws:s3:::{bucket}"' in text
    )
    assert text.endswith("with an explicit deny in an identity-based policy")


def test_a_bucket_policy_can_deny_the_administrator(aws, bucket):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/locked/*"}
    aws("s3").put_bucket_policy(Bucket=bucket, Policy=policy(statement))
    assert "explicit deny in a resource-based policy" in denial(aws("s3").put_object, Bucket=bucket, Key="locked/a", Body=b"")
    aws("s3").put_object(Bucket=bucket, Key="open/a", Body=b"")


def test_a_policy_that_demands_tls_does_not_lock_everybody_out(aws, bucket):
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resources, "Condition": condition}
    aws("s3").put_bucket_policy(Bucket=bucket, Policy=policy(statement))
    aws("s3").put_object(Bucket=bucket, Key="a", Body=b"1")


def test_a_missing_object_is_forbidden_to_who_may_not_list(aws, bucket, as_role):
    blind = as_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))("s3")
    assert f's3:ListBucket on resource: "arn:aws:s3:::{bucket}"' in denial(blind.get_object, Bucket=bucket, Key="nothing")
    with pytest.raises(ClientError, match="403"):
        blind.head_object(Bucket=bucket, Key="nothing")
    seeing = as_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"))("s3")
    with pytest.raises(seeing.exceptions.NoSuchKey):
        seeing.get_object(Bucket=bucket, Key="nothing")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        aws("s3").get_object(Bucket=f"{bucket}-none", Key="nothing")


@pytest.fixture
def key(aws):
    return aws("kms").create_key()["KeyMetadata"]["Arn"]


def test_an_encrypted_object_asks_for_the_key(aws, bucket, key, as_role):
    objects = allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*")
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    without = as_role(objects)("s3")
    assert f"kms:GenerateDataKey on resource: {key}" in denial(without.put_object, Bucket=bucket, Key="a", Body=b"1", **encrypted)
    writer = as_role(objects, allow("kms:GenerateDataKey", key))("s3")
    writer.put_object(Bucket=bucket, Key="a", Body=b"1", **encrypted)
    assert f"kms:Decrypt on resource: {key}" in denial(writer.get_object, Bucket=bucket, Key="a")
    reader = as_role(objects, allow("kms:Decrypt", key))("s3")
    assert reader.get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_a_bucket_that_encrypts_by_default_asks_for_its_key(aws, bucket, key, as_role):
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    aws("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    objects = allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*")
    assert f"kms:GenerateDataKey on resource: {key}" in denial(as_role(objects)("s3").put_object, Bucket=bucket, Key="a", Body=b"1")
    assert f"kms:GenerateDataKey on resource: {key}" in denial(as_role(objects)("s3").create_multipart_upload, Bucket=bucket, Key="a")
    via_s3 = allow("kms:GenerateDataKey", key, Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})
    as_role(objects, via_s3)("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    assert f"kms:Decrypt on resource: {key}" in denial(as_role(objects, via_s3)("s3").get_object, Bucket=bucket, Key="a")


def test_a_policy_on_the_key_holds_for_its_alias(aws, key, as_role):
    alias = f"alias/{uuid.uuid4().hex[:12]}"
    aws("kms").create_alias(AliasName=alias, TargetKeyId=key)
    kms = as_role(allow("kms:Encrypt", key))("kms")
    kms.encrypt(KeyId=alias, Plaintext=b"1")
    assert f"kms:Sign on resource: {key}" in denial(kms.sign, KeyId=alias, Message=b"1", SigningAlgorithm="ECDSA_SHA_256")


def test_the_metric_namespace_can_be_a_condition(as_role):
    statement = allow("cloudwatch:PutMetricData", Condition={"StringEquals": {"cloudwatch:namespace": "mine"}})
    cloudwatch = as_role(statement)("cloudwatch")
    cloudwatch.put_metric_data(Namespace="mine", MetricData=[{"MetricName": "m", "Value": 1}])
    assert "cloudwatch:PutMetricData" in denial(cloudwatch.put_metric_data, Namespace="yours", MetricData=[{"MetricName": "m", "Value": 1}])


def test_handing_on_a_role_needs_pass_role(as_role, make_role):
    role = make_role(service="glue.amazonaws.com")
    crawler = {"Name": f"c-{uuid.uuid4().hex[:8]}", "Role": role, "Targets": {"S3Targets": [{"Path": "s3://b/"}]}}
    assert f"iam:PassRole on resource: {role}" in denial(as_role(allow("glue:*"))("glue").create_crawler, **crawler)
    to_others = allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}})
    assert f"iam:PassRole on resource: {role}" in denial(as_role(allow("glue:*"), to_others)("glue").create_crawler, **crawler)
    to_glue = allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}})
    as_role(allow("glue:*"), to_glue)("glue").create_crawler(**crawler)


def test_a_training_job_needs_its_action_its_name_and_pass_role(as_role, make_role, bucket):
    role = make_role(service="sagemaker.amazonaws.com")
    job = {
        "TrainingJobName": "other-1",
        "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
        "RoleArn": role,
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job"
    create = "sagemaker:CreateTrainingJob"
    text = denial(as_role(allow("iam:PassRole", role))("sagemaker").create_training_job, **job)
    assert f"{create} on resource: {arn}/other-1 because no identity-based policy allows the {create} action" in text
    mine = allow(create, f"{arn}/mine-*")
    assert f"{create} on resource: {arn}/other-1" in denial(as_role(mine, allow("iam:PassRole"))("sagemaker").create_training_job, **job)
    assert f"iam:PassRole on resource: {role}" in denial(
        as_role(mine)("sagemaker").create_training_job, **job | {"TrainingJobName": "mine-1"}
    )


def test_a_role_for_a_service_cannot_be_assumed_by_a_user(aws, make_role):
    role = make_role(allow("*"), service="sagemaker.amazonaws.com")
    assert f"sts:AssumeRole on resource: {role}" in denial(aws("sts").assume_role, RoleArn=role, RoleSessionName="test")


def test_a_session_policy_limits_a_role(aws, local_aws, make_role, bucket):
    role = make_role(allow("s3:*"))
    session = aws("sts").assume_role(RoleArn=role, RoleSessionName="test", Policy=policy(allow("s3:ListBucket")))["Credentials"]
    keys = local_aws.credentials.__class__(
        access_key_id=session["AccessKeyId"], secret_access_key=session["SecretAccessKey"], session_token=session["SessionToken"]
    )
    s3 = local_aws.client("s3", keys)
    s3.list_objects_v2(Bucket=bucket)
    assert "s3:PutObject" in denial(s3.put_object, Bucket=bucket, Key="a", Body=b"")


def test_the_error_of_a_json_service_carries_code_and_status(as_role):
    with pytest.raises(ClientError) as error:
        as_role()("sagemaker").list_models()
    metadata = error.value.response["ResponseMetadata"]
    assert error.value.response["Error"]["Code"] == "AccessDeniedException"
    assert (metadata["HTTPStatusCode"], metadata["HTTPHeaders"]["x-amzn-errortype"]) == (400, "AccessDeniedException")
    with pytest.raises(ClientError) as error:
        as_role()("sagemaker-runtime").invoke_endpoint(EndpointName="e", Body=json.dumps({}))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_tags_of_a_workgroup_and_of_a_connection_are_condition_keys(aws, as_role):
    blue, red = (f"{colour}-{uuid.uuid4().hex[:8]}" for colour in ("blue", "red"))
    for group in (blue, red):
        aws("athena").create_work_group(Name=group, Tags=[{"Key": "team", "Value": group}])
    allowed = as_role(
        allow("athena:GetWorkGroup", Condition={"StringEquals": {"aws:ResourceTag/team": blue}}),
        allow(
            ["codeconnections:CreateConnection", "codeconnections:TagResource"],
            Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
        ),
    )
    connections = allowed("codeconnections")

    assert allowed("athena").get_work_group(WorkGroup=blue)["WorkGroup"]["Name"] == blue
    assert "athena:GetWorkGroup" in denial(allowed("athena").get_work_group, WorkGroup=red)
    tagged = {"ConnectionName": "tagged", "ProviderType": "GitHub"}
    assert connections.create_connection(**tagged, Tags=[{"Key": "team", "Value": "blue"}])["ConnectionArn"]
    assert "CreateConnection" in denial(connections.create_connection, **tagged, Tags=[{"Key": "cost", "Value": "1"}])
