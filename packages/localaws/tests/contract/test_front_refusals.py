"""What is not honoured is refused by name, never taken in silence."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError


def refusal(call, **arguments) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return f"{error.value.response['Error']['Code']}: {error.value.response['Error']['Message']}"


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("dynamodb", "list_tables", {}),
        ("lambda", "list_functions", {}),
        ("sqs", "list_queues", {}),
        ("ec2", "describe_instances", {}),
        ("ecs", "list_clusters", {}),
    ],
)
def test_a_service_that_is_not_there_is_named(aws, service, operation, arguments):
    text = refusal(getattr(aws(service), operation), **arguments)
    assert f"does not honour the service {service}" in text


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "named"),
    [
        ("glue", "start_crawler", {"Name": "c"}, "UnknownOperationException: The local AWS does not honour glue:StartCrawler."),
        ("glue", "start_job_run", {"JobName": "j"}, "glue:StartJobRun"),
        ("kms", "create_grant", {"KeyId": "k", "GranteePrincipal": "arn:aws:iam::1:root", "Operations": ["Decrypt"]}, "kms:CreateGrant"),
        (
            "iam",
            "create_saml_provider",
            {"Name": "n", "SAMLMetadataDocument": "x" * 1000},
            "InvalidAction: The local AWS does not honour iam:",
        ),
        (
            "iam",
            "simulate_principal_policy",
            {"PolicySourceArn": "arn:aws:iam::123456789012:role/r", "ActionNames": ["s3:GetObject"]},
            "iam:Sim",
        ),
        ("logs", "start_query", {"logGroupName": "g", "startTime": 0, "endTime": 1, "queryString": "fields @message"}, "logs:StartQuery"),
        ("ssm", "send_command", {"DocumentName": "d"}, "ssm:SendCommand"),
        ("cloudformation", "set_stack_policy", {"StackName": "s"}, "cloudformation:SetStackPolicy"),
        ("cloudwatch", "put_dashboard", {"DashboardName": "d", "DashboardBody": "{}"}, "cloudwatch:PutDashboard"),
        ("sns", "subscribe", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Protocol": "https", "Endpoint": "https://e.x"}, "https"),
        ("events", "put_targets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}]}, "arn:aws:sqs"),
        ("sagemaker", "create_auto_ml_job_v2", {}, "sagemaker:CreateAutoMLJobV2"),
        ("sagemaker", "create_notebook_instance", {}, "sagemaker:CreateNotebookInstance"),
    ],
)
def test_an_operation_that_would_only_be_recorded_is_named(local_aws, service, operation, arguments, named):
    client = local_aws.client(service, parameter_validation=False)
    assert named in refusal(getattr(client, operation), **arguments)


@pytest.mark.parametrize(
    ("operation", "arguments", "named"),
    [
        (
            "put_bucket_replication",
            {"ReplicationConfiguration": {"Role": "r", "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "b"}}]}},
            "PutRepl",
        ),
        ("put_bucket_website", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}}}, "s3:PutBucketWebsite"),
        ("put_bucket_accelerate_configuration", {"AccelerateConfiguration": {"Status": "Enabled"}}, "s3:PutAccelerate"),
        ("put_bucket_acl", {"ACL": "public-read"}, "s3:PutBucketAcl"),
        ("put_object", {"Key": "k", "ACL": "public-read"}, "x-amz-acl"),
        (
            "create_bucket_metadata_table_configuration",
            {"MetadataTableConfiguration": {"S3TablesDestination": {"TableBucketArn": "a", "TableName": "t"}}},
            "metadataTable",
        ),
    ],
)
def test_a_part_of_s3_that_is_not_done_is_named(aws, operation, arguments, named):
    aws("s3").create_bucket(Bucket="refusals")
    assert named in refusal(getattr(aws("s3"), operation), Bucket="refusals", **arguments)


def stack(**resources):
    return json.dumps({"Resources": resources})


TOPIC = {"Type": "AWS::SNS::Topic"}


@pytest.mark.parametrize(
    ("template", "named"),
    [
        (stack(Q={"Type": "AWS::SQS::Queue"}), "Template format error: Unrecognized resource types: [AWS::SQS::Queue]"),
        (stack(Q={"Type": "Custom::Thing"}), "Unrecognized resource types: [Custom::Thing]"),
        (stack(Q={"Type": "AWS::CloudFormation::WaitConditionHandle"}), "Unrecognized resource types"),
        (stack(T={**TOPIC, "Properties": {"DisplayNam": "x"}}), "T (AWS::SNS::Topic): extraneous key [DisplayNam] is not permitted"),
        (
            stack(T={**TOPIC, "Properties": {"FifoTopic": True}}),
            "T (AWS::SNS::Topic): the local AWS does not honour the property FifoTopic",
        ),
        (
            stack(B={"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Statu": "Enabled"}}}),
            "extraneous key [VersioningConfiguration.Statu] is not permitted; B (AWS::S3::Bucket): required key [VersioningConfiguration.",
        ),
        (
            stack(
                B={
                    "Type": "AWS::S3::Bucket",
                    "Properties": {"VersioningConfiguration": {"Fn::If": ["C", {"Bad": 1}, {"Ref": "AWS::NoValue"}]}},
                }
            ),
            "extraneous key [VersioningConfiguration.Bad]",
        ),
        (stack(R={"Type": "AWS::IAM::Role"}), "required key [AssumeRolePolicyDocument] not found"),
        (stack(E={"Type": "AWS::SageMaker::Endpoint", "Properties": {"EndpointConfigName": "c", "Nme": "x"}}), "extraneous key [Nme]"),
        (stack(T={**TOPIC, "UpdatePolicy": {}}), "T: the local AWS does not honour UpdatePolicy"),
        (json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"T": TOPIC}}), "transform AWS::Serverless-2016-10-31"),
        (
            json.dumps({"Parameters": {"P": {"Type": "AWS::EC2::VPC::Id", "Default": "vpc-1"}}, "Resources": {"T": TOPIC}}),
            "The local AWS has no EC2",
        ),
    ],
)
def test_a_template_with_what_is_not_honoured_is_refused_before_anything_is_made(aws, template, named):
    name = f"refused-{uuid.uuid4().hex[:12]}"
    cloudformation = aws("cloudformation")
    template = (
        template if "Fn::If" not in template else json.dumps({**json.loads(template), "Conditions": {"C": {"Fn::Equals": ["a", "a"]}}})
    )
    text = refusal(
        cloudformation.create_stack, StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    assert text.startswith("ValidationError: ")
    assert named in text
    change_set = {"StackName": name, "ChangeSetName": "c", "ChangeSetType": "CREATE", "TemplateBody": template}
    assert named in refusal(cloudformation.create_change_set, **change_set, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    assert "does not exist" in refusal(cloudformation.describe_stacks, StackName=name)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"NotificationARNs": ["arn:aws:sns:us-east-1:123456789012:t"]}, "NotificationARNs"),
        ({"TimeoutInMinutes": 5}, "TimeoutInMinutes"),
        ({"StackPolicyBody": "{}"}, "StackPolicyBody"),
        ({"RollbackConfiguration": {"MonitoringTimeInMinutes": 5}}, "RollbackConfiguration"),
    ],
)
def test_a_parameter_of_a_stack_operation_without_effect_is_named(aws, arguments, named):
    text = refusal(aws("cloudformation").create_stack, StackName="never", TemplateBody=stack(T=TOPIC), **arguments)
    assert f"does not honour the parameter {named} of CreateStack" in text


def test_a_template_from_elsewhere_is_refused(aws):
    text = refusal(aws("cloudformation").create_stack, StackName="never", TemplateURL="https://evil.example/bucket/template.json")
    assert "TemplateURL must reference a valid S3 object" in text


def test_the_constraints_of_the_model_are_checked_as_aws_checks_them(local_aws):
    sagemaker = local_aws.client("sagemaker", parameter_validation=False)
    assert refusal(sagemaker.describe_training_job, TrainingJobName="a_b") == (
        "ValidationException: 1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )
    assert "Member must satisfy enum value set" in refusal(sagemaker.list_training_jobs, StatusEquals="Broken")
    assert "Member must have length less than or equal to 63" in refusal(sagemaker.describe_training_job, TrainingJobName="a" * 64)
    assert "Member must have value less than or equal to 100" in refusal(sagemaker.list_training_jobs, MaxResults=101)
    assert "Value null at 'trainingJobName' failed to satisfy constraint: Member must not be null" in refusal(
        sagemaker.describe_training_job
    )


def test_a_request_that_is_no_json_is_a_serialization_error(local_aws):
    client = local_aws.client("sagemaker")
    client.meta.events.register("before-sign.sagemaker", lambda request, **_: setattr(request, "data", b"{"))
    assert refusal(client.list_models).startswith("SerializationException")


def test_an_unknown_operation_is_named(local_aws):
    client = local_aws.client("sagemaker")

    def rename(request, **_):
        request.headers.replace_header("X-Amz-Target", "SageMaker.MakeCoffee")

    client.meta.events.register("before-sign.sagemaker", rename)
    assert "UnknownOperationException: The local AWS does not know the operation SageMaker.MakeCoffee." in refusal(client.list_models)
