"""Stacks are made by real calls under the right credentials; what a template says is what there is afterwards."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from started import allow
from waiting import wait_for_stack

CLOUDFORMATION = "cloudformation.amazonaws.com"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def settle(cloudformation, name):
    """The stack's status when its operation has ended."""
    return wait_for_stack(cloudformation, name)["StackStatus"]


def create(cloudformation, resources, *, name=None, outputs=None, **more):
    name = name or f"s-{uuid.uuid4().hex[:10]}"
    template = {"Resources": resources, **({"Outputs": outputs} if outputs else {})}
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"], **more)
    return name, settle(cloudformation, name)


def update(cloudformation, name, resources, **more):
    body = json.dumps({"Resources": resources})
    cloudformation.update_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"], **more)
    return settle(cloudformation, name)


def delete(cloudformation, name):
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=name)
    return settle(cloudformation, stack_id)


def failures(cloudformation, name):
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return {e["LogicalResourceId"]: e.get("ResourceStatusReason", "") for e in events if e["ResourceStatus"].endswith("_FAILED")}


def physical(cloudformation, name):
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def resource(kind, **properties):
    return {"Type": kind, "Properties": properties}


def test_a_bucket_gets_everything_that_its_template_says(aws):
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True}
    block = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
    rule = {"Id": "old", "Status": "Enabled", "ExpirationInDays": 3, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
    bucket = resource(
        "AWS::S3::Bucket",
        VersioningConfiguration={"Status": "Enabled"},
        ObjectLockEnabled=True,
        ObjectLockConfiguration=lock,
        BucketEncryption={"ServerSideEncryptionConfiguration": [encryption]},
        PublicAccessBlockConfiguration=block,
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        LifecycleConfiguration={"Rules": [rule]},
        Tags=[{"Key": "team", "Value": "ml"}],
    )
    cloudformation, s3 = aws("cloudformation"), aws("s3")
    name, status = create(cloudformation, {"B": bucket}, outputs={"Arn": {"Value": {"Fn::GetAtt": ["B", "Arn"]}}})
    assert (status, failures(cloudformation, name)) == ("CREATE_COMPLETE", {})
    made = physical(cloudformation, name)["B"]
    assert made.startswith(f"{name}-b-")
    assert cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"][0]["OutputValue"] == f"arn:aws:s3:::{made}"
    assert s3.get_bucket_versioning(Bucket=made)["Status"] == "Enabled"
    assert s3.get_object_lock_configuration(Bucket=made)["ObjectLockConfiguration"] == lock
    assert s3.get_bucket_encryption(Bucket=made)["ServerSideEncryptionConfiguration"]["Rules"][0]["BucketKeyEnabled"] is True
    assert s3.get_public_access_block(Bucket=made)["PublicAccessBlockConfiguration"] == block
    assert s3.get_bucket_ownership_controls(Bucket=made)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_bucket_lifecycle_configuration(Bucket=made)["Rules"][0]["Expiration"] == {"Days": 3}
    assert s3.get_bucket_tagging(Bucket=made)["TagSet"] == [{"Key": "team", "Value": "ml"}]


def test_a_bucket_that_is_not_empty_is_not_deleted(aws):
    cloudformation, s3 = aws("cloudformation"), aws("s3")
    name, _ = create(cloudformation, {"B": resource("AWS::S3::Bucket")})
    bucket = physical(cloudformation, name)["B"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert delete(cloudformation, name) == "DELETE_FAILED"
    assert "BucketNotEmpty" in failures(cloudformation, name)["B"]
    s3.delete_object(Bucket=bucket, Key="k")
    assert delete(cloudformation, name) == "DELETE_COMPLETE"


def test_a_retained_bucket_outlives_its_stack_and_the_next_stack_of_that_name_gets_another(aws):
    cloudformation, s3 = aws("cloudformation"), aws("s3")
    retained = {**resource("AWS::S3::Bucket"), "DeletionPolicy": "Retain"}
    name, _ = create(cloudformation, {"B": retained})
    first = physical(cloudformation, name)["B"]
    assert delete(cloudformation, name) == "DELETE_COMPLETE"
    _, status = create(cloudformation, {"B": retained}, name=name)
    assert status == "CREATE_COMPLETE"
    second = physical(cloudformation, name)["B"]
    assert first != second
    assert {first, second} <= {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


READING = {"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]}
EVERYTHING = {
    "Key": resource("AWS::KMS::Key", Description="a", EnableKeyRotation=True),
    "Alias": resource("AWS::KMS::Alias", AliasName={"Fn::Sub": "alias/${AWS::StackName}"}, TargetKeyId={"Ref": "Key"}),
    "Database": resource("AWS::Glue::Database", CatalogId={"Ref": "AWS::AccountId"}, DatabaseInput={"Name": {"Ref": "AWS::StackName"}}),
    "Table": resource(
        "AWS::Glue::Table",
        CatalogId={"Ref": "AWS::AccountId"},
        DatabaseName={"Ref": "Database"},
        TableInput={"Name": "u_data", "TableType": "EXTERNAL_TABLE", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "bigint"}]}},
    ),
    "Role": resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST, Policies=[]),
    "Inline": resource("AWS::IAM::Policy", PolicyName="p", Roles=[{"Ref": "Role"}], PolicyDocument=READING),
    "Managed": resource("AWS::IAM::ManagedPolicy", Roles=[{"Ref": "Role"}], PolicyDocument=READING),
    "Crawler": resource(
        "AWS::Glue::Crawler",
        Role={"Fn::GetAtt": ["Role", "Arn"]},
        DatabaseName={"Ref": "Database"},
        Targets={"S3Targets": [{"Path": "s3://x/"}]},
    ),
    "Topic": resource("AWS::SNS::Topic", DisplayName="a", Subscription=[{"Protocol": "email", "Endpoint": "a@example.com"}]),
    "Subscription": resource("AWS::SNS::Subscription", TopicArn={"Ref": "Topic"}, Protocol="email", Endpoint="b@example.com"),
    "TopicPolicy": resource(
        "AWS::SNS::TopicPolicy",
        Topics=[{"Ref": "Topic"}],
        PolicyDocument={
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": {"Ref": "Topic"}}
            ],
        },
    ),
    "Logs": resource("AWS::Logs::LogGroup", LogGroupName={"Fn::Sub": "/test/${AWS::StackName}"}, RetentionInDays=7),
    "Secret": resource("AWS::SecretsManager::Secret", SecretString="a"),
    "Parameter": resource("AWS::SSM::Parameter", Type="String", Value="a"),
    "Rule": resource("AWS::Events::Rule", EventPattern={"source": ["mine"]}, Targets=[{"Id": "t", "Arn": {"Ref": "Topic"}}]),
    "Alarm": resource(
        "AWS::CloudWatch::Alarm",
        Namespace="n",
        MetricName="m",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    ),
}
CHANGES = {
    "Key": {"Description": "b", "EnableKeyRotation": False},
    "Role": {"Description": "b", "Tags": [{"Key": "a", "Value": "b"}]},
    "Table": {"TableInput": {"Name": "u_data", "Parameters": {"a": "b"}}},
    "Crawler": {"TablePrefix": "b"},
    "Topic": {"DisplayName": "b", "Subscription": []},
    "Subscription": {"Endpoint": "c@example.com"},
    "Logs": {"RetentionInDays": 14},
    "Secret": {"SecretString": "b"},
    "Parameter": {"Value": "b"},
    "Rule": {"Description": "b", "Targets": [{"Id": "u", "Arn": {"Ref": "Topic"}}]},
    "Alarm": {"Threshold": 2},
}


def test_every_other_type_is_made_changed_in_place_and_deleted(aws):
    cloudformation = aws("cloudformation")
    name, status = create(cloudformation, EVERYTHING)
    assert (status, failures(cloudformation, name)) == ("CREATE_COMPLETE", {})
    before = physical(cloudformation, name)
    changed = {key: {**value, "Properties": value["Properties"] | CHANGES.get(key, {})} for key, value in EVERYTHING.items()}
    assert (update(cloudformation, name, changed), failures(cloudformation, name)) == ("UPDATE_COMPLETE", {})
    after = physical(cloudformation, name)
    assert {key for key in before if before[key] != after[key]} == {"Subscription"}
    assert aws("kms").describe_key(KeyId=after["Key"])["KeyMetadata"]["Description"] == "b"
    assert aws("kms").get_key_rotation_status(KeyId=after["Key"])["KeyRotationEnabled"] is False
    assert aws("iam").get_role(RoleName=after["Role"])["Role"]["Description"] == "b"
    assert aws("glue").get_table(DatabaseName=name, Name="u_data")["Table"]["Parameters"] == {"a": "b"}
    assert aws("glue").get_crawler(Name=after["Crawler"])["Crawler"]["TablePrefix"] == "b"
    topic = aws("sns").list_subscriptions_by_topic(TopicArn=after["Topic"])["Subscriptions"]
    assert [subscription["Endpoint"] for subscription in topic] == ["c@example.com"]
    assert aws("logs").describe_log_groups(logGroupNamePrefix=f"/test/{name}")["logGroups"][0]["retentionInDays"] == 14
    assert aws("secretsmanager").get_secret_value(SecretId=after["Secret"])["SecretString"] == "b"
    assert aws("ssm").get_parameter(Name=after["Parameter"])["Parameter"]["Value"] == "b"
    assert [target["Id"] for target in aws("events").list_targets_by_rule(Rule=after["Rule"])["Targets"]] == ["u"]
    assert aws("cloudwatch").describe_alarms(AlarmNames=[after["Alarm"]])["MetricAlarms"][0]["Threshold"] == 2
    assert delete(cloudformation, name) == "DELETE_COMPLETE"
    assert aws("kms").describe_key(KeyId=after["Key"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        aws("iam").get_role(RoleName=after["Role"])


def test_a_role_for_the_stack_needs_pass_role(aws, as_role, make_role):
    role = make_role(allow("sns:*"), service=CLOUDFORMATION)
    cloudformation = as_role(allow("cloudformation:*"))("cloudformation")
    with pytest.raises(ClientError, match=f"iam:PassRole on resource: {role}") as error:
        create(cloudformation, {"T": resource("AWS::SNS::Topic")}, RoleARN=role)
    assert error.value.response["Error"]["Code"] == "AccessDenied"


def test_a_role_that_does_not_trust_cloudformation_is_refused(aws, make_role):
    role = make_role(allow("sns:*"), service="glue.amazonaws.com")
    with pytest.raises(ClientError, match=f"Role {role} is invalid or cannot be assumed"):
        create(aws("cloudformation"), {"T": resource("AWS::SNS::Topic")}, RoleARN=role)


def test_the_stack_keeps_its_role_for_later_operations(aws, as_role, make_role):
    role = make_role(allow("sns:*"), service=CLOUDFORMATION)
    caller = as_role(allow("cloudformation:*"), allow("iam:PassRole", role))("cloudformation")
    name, status = create(caller, {"T": resource("AWS::SNS::Topic")}, RoleARN=role)
    assert (status, failures(caller, name)) == ("CREATE_COMPLETE", {})
    assert caller.describe_stacks(StackName=name)["Stacks"][0]["RoleARN"] == role
    others = as_role(allow("cloudformation:*"))("cloudformation")  # may touch neither topics nor log groups, nor pass the role
    assert update(others, name, {"T": resource("AWS::SNS::Topic", DisplayName="b")}) == "UPDATE_COMPLETE"
    assert update(aws("cloudformation"), name, {"L": resource("AWS::Logs::LogGroup")}) == "UPDATE_ROLLBACK_COMPLETE"
    reason = failures(others, name)["L"]
    assert "logs:CreateLogGroup on resource: arn:aws:logs:us-east-1:123456789012:log-group:" in reason
    assert "assumed-role/role-" in reason
    assert "AWSCloudFormation is not authorized" in reason
    assert delete(others, name) == "DELETE_COMPLETE"


def test_a_new_stack_has_nothing_of_a_deleted_one_of_its_name(aws, make_role):
    role = make_role(allow("sns:*"), service="cloudformation.amazonaws.com")
    name, _ = create(aws("cloudformation"), {"T": resource("AWS::SNS::Topic")}, RoleARN=role)
    delete(aws("cloudformation"), name)
    aws("iam").delete_role_policy(RoleName=role.split("/")[1], PolicyName="inline")
    aws("iam").delete_role(RoleName=role.split("/")[1])
    _, status = create(aws("cloudformation"), {"T": resource("AWS::SNS::Topic")}, name=name)
    assert status == "CREATE_COMPLETE"


def test_without_a_role_the_callers_own_rights_count(as_role):
    cloudformation = as_role(allow("cloudformation:*"), allow("sns:*"))("cloudformation")
    name, status = create(cloudformation, {"T": resource("AWS::SNS::Topic"), "K": {**resource("AWS::KMS::Key"), "DependsOn": "T"}})
    assert status == "ROLLBACK_COMPLETE"
    assert "kms:CreateKey" in failures(cloudformation, name)["K"]
    assert "HandlerErrorCode: AccessDenied" in failures(cloudformation, name)["K"]


def test_a_change_set_is_executed_under_the_role_it_was_made_with(aws, as_role, make_role):
    role = make_role(allow("sns:*"), service=CLOUDFORMATION)
    cloudformation = as_role(allow("cloudformation:*"), allow("iam:PassRole", role))("cloudformation")
    name = f"s-{uuid.uuid4().hex[:10]}"
    body = json.dumps({"Resources": {"T": resource("AWS::SNS::Topic"), "L": {**resource("AWS::Logs::LogGroup"), "DependsOn": "T"}}})
    made = cloudformation.create_change_set(StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body, RoleARN=role)
    aws("cloudformation").execute_change_set(ChangeSetName=made["Id"])
    assert settle(cloudformation, name) == "ROLLBACK_COMPLETE"
    assert list(failures(cloudformation, name)) == ["L"]


def test_a_stack_cannot_hand_a_role_to_a_service_without_pass_role(as_role, make_role):
    role = make_role(service="glue.amazonaws.com")
    cloudformation = as_role(allow(["cloudformation:*", "glue:*"]))("cloudformation")
    crawler = resource("AWS::Glue::Crawler", Role=role, Targets={"S3Targets": [{"Path": "s3://x/"}]})
    name, status = create(cloudformation, {"C": crawler})
    assert status == "ROLLBACK_COMPLETE"
    assert f"iam:PassRole on resource: {role}" in failures(cloudformation, name)["C"]


def test_half_a_creation_leaves_nothing_behind(aws, as_role):
    cloudformation = as_role(allow(["cloudformation:*", "s3:CreateBucket", "s3:DeleteBucket", "s3:ListBucket"]))("cloudformation")
    bucket = f"half-{uuid.uuid4().hex[:10]}"
    versioned = resource("AWS::S3::Bucket", BucketName=bucket, VersioningConfiguration={"Status": "Enabled"})
    name, status = create(cloudformation, {"B": versioned})
    assert status == "ROLLBACK_COMPLETE"
    assert "s3:PutBucketVersioning" in failures(cloudformation, name)["B"]
    assert bucket not in [found["Name"] for found in aws("s3").list_buckets()["Buckets"]]


def test_a_secret_in_a_template_is_read_with_the_stacks_rights(aws, as_role):
    secret = aws("secretsmanager").create_secret(Name=f"s-{uuid.uuid4().hex[:8]}", SecretString="value")["Name"]
    template = {"P": resource("AWS::SSM::Parameter", Type="String", Value=f"{{{{resolve:secretsmanager:{secret}}}}}")}
    cloudformation = as_role(allow(["cloudformation:*", "ssm:*"]))("cloudformation")
    name, status = create(cloudformation, template)
    assert status == "ROLLBACK_COMPLETE"
    assert "secretsmanager:GetSecretValue" in failures(cloudformation, name)["P"]
    name, status = create(aws("cloudformation"), template)
    assert status == "CREATE_COMPLETE"
    assert aws("ssm").get_parameter(Name=physical(aws("cloudformation"), name)["P"])["Parameter"]["Value"] == "value"


def test_a_template_in_s3_is_read_with_the_callers_rights(aws, as_role, local_aws):
    aws("s3").create_bucket(Bucket="templates")
    aws("s3").put_object(Bucket="templates", Key="t.json", Body=json.dumps({"Resources": {"T": resource("AWS::SNS::Topic")}}))
    url = f"{local_aws.endpoint_url}/templates/t.json"
    with pytest.raises(ClientError, match="s3:GetObject"):
        as_role(allow("cloudformation:*"))("cloudformation").create_stack(StackName="never", TemplateURL=url)
    name = f"s-{uuid.uuid4().hex[:10]}"
    aws("cloudformation").create_stack(StackName=name, TemplateURL=url)
    assert settle(aws("cloudformation"), name) == "CREATE_COMPLETE"


def test_a_name_that_exists_fails_the_stack_and_leaves_the_other_alone(aws):
    bucket = f"mine-{uuid.uuid4().hex[:10]}"
    aws("s3").create_bucket(Bucket=bucket)
    name, status = create(aws("cloudformation"), {"B": resource("AWS::S3::Bucket", BucketName=bucket)}, DisableRollback=True)
    assert status == "CREATE_FAILED"
    assert "already exists" in json.dumps(aws("cloudformation").describe_stack_events(StackName=name)["StackEvents"], default=str) or (
        "already exists" in json.dumps(aws("cloudformation").describe_events(StackName=name), default=str)
    )
    aws("s3").head_bucket(Bucket=bucket)


def test_an_alarm_looks_at_its_own_dimensions_and_publishes(aws):
    cloudwatch, namespace = aws("cloudwatch"), uuid.uuid4().hex
    for endpoint in ("qa", "production"):
        cloudwatch.put_metric_alarm(
            AlarmName=f"{namespace}-{endpoint}",
            Namespace=namespace,
            MetricName="Invocation5XXErrors",
            Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
    datum = {"MetricName": "Invocation5XXErrors", "Value": 1, "Dimensions": [{"Name": "EndpointName", "Value": "qa"}]}
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=namespace)["MetricAlarms"]
    assert {alarm["AlarmName"].rpartition("-")[2]: alarm["StateValue"] for alarm in alarms} == {"qa": "ALARM", "production": "OK"}


BROKEN = {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": ["arn:aws:sns:us-east-1:123456789012:none"], "PolicyDocument": {}}}


def deletions(cloudformation, name, logical_id):
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    ordered = sorted(events, key=lambda event: event["Timestamp"])
    return [e["ResourceStatus"] for e in ordered if e["LogicalResourceId"] == logical_id and e["ResourceStatus"].startswith("DELETE")]


@pytest.mark.parametrize(
    ("policy", "is_kept", "statuses"),
    [
        ("Retain", True, ["DELETE_SKIPPED"]),
        ("RetainExceptOnCreate", False, ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]),
        ("Delete", False, ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]),
    ],
)
def test_what_a_first_creation_that_is_rolled_back_keeps(aws, policy, is_kept, statuses):
    cloudformation, bucket = aws("cloudformation"), f"named-{uuid.uuid4().hex[:10]}"
    kept = {**resource("AWS::S3::Bucket", BucketName=bucket), "DeletionPolicy": policy}
    template = {"B": kept, "Broken": {**BROKEN, "DependsOn": "B"}}
    name, status = create(cloudformation, template)
    assert status == "ROLLBACK_COMPLETE"
    assert deletions(cloudformation, name, "B") == statuses
    assert (bucket in {found["Name"] for found in aws("s3").list_buckets()["Buckets"]}) == is_kept
    assert delete(cloudformation, name) == "DELETE_COMPLETE"
    name, status = create(cloudformation, {"B": kept})
    if is_kept:
        assert status == "ROLLBACK_COMPLETE"
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        told = json.dumps(events, default=str) + json.dumps(cloudformation.describe_events(StackName=name), default=str)
        assert "already exists" in told
    else:
        assert status == "CREATE_COMPLETE"


def test_a_resource_that_is_retained_except_on_create_outlives_its_stack(aws):
    cloudformation, bucket = aws("cloudformation"), f"named-{uuid.uuid4().hex[:10]}"
    kept = {**resource("AWS::S3::Bucket", BucketName=bucket), "DeletionPolicy": "RetainExceptOnCreate"}
    name, status = create(cloudformation, {"B": kept})
    assert status == "CREATE_COMPLETE"
    stack_id = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    assert delete(cloudformation, name) == "DELETE_COMPLETE"
    assert deletions(cloudformation, stack_id, "B") == ["DELETE_SKIPPED"]
    aws("s3").head_bucket(Bucket=bucket)
