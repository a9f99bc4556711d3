"""KMS, SNS and CloudWatch."""

import json
from typing import Any

from conformance_cases import AWS, Call, call, case

SERVICE = "kms"
_KMS = f"{AWS}/kms/latest/APIReference"
_SNS = f"{AWS}/sns/latest/api"
_METRICS = f"{AWS}/AmazonCloudWatch/latest/APIReference"
SCENE = [
    call("kms.create_key", {"key": "KeyMetadata.KeyId"}),
    call("kms.encrypt", {"blob": "CiphertextBlob"}, KeyId="<key>", Plaintext=b"text", EncryptionContext={"a": "b"}),
    call("sns.create_topic", {"topic": "TopicArn"}, Name="<name>"),
]


def _alarm(**more: Any) -> Call:
    given = {
        "AlarmName": "<name>",
        "Namespace": "Mine",
        "MetricName": "m",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return call("cloudwatch.put_metric_alarm", **{name: value for name, value in {**given, **more}.items() if value is not None})


_NOBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::<account>:role/none"}, "Action": "*", "Resource": "*"}],
    }
)

CASES = [
    case(
        "a key's policy names principals that exist",
        f"{_KMS}/API_PutKeyPolicy.html",
        call("kms.put_key_policy", KeyId="<key>", Policy=_NOBODY),
        error="MalformedPolicyDocumentException: ",
    ),
    case(
        "a topic's policy names principals that exist",
        "https://github.com/hashicorp/terraform-provider-aws/issues/26041",
        call("sns.set_topic_attributes", TopicArn="<topic>", AttributeName="Policy", AttributeValue=_NOBODY),
        error="InvalidParameter: Invalid parameter: Policy Error",
    ),
    case(
        "a secret's policy is JSON",
        f"{AWS}/secretsmanager/latest/apireference/API_PutResourcePolicy.html",
        call("secretsmanager.create_secret", Name="<name>", SecretString="s"),
        call("secretsmanager.put_resource_policy", SecretId="<name>", ResourcePolicy="{"),
        error="MalformedPolicyDocumentException: ",
    ),
    case(
        "a key that does not exist",
        f"{_KMS}/API_DescribeKey.html",
        call("kms.describe_key", KeyId="11111111-2222-3333-4444-555555555555"),
        error="NotFoundException: ",
    ),
    case(
        "a text has at most 4,096 bytes",
        "botocore: kms Encrypt.Plaintext",
        call("kms.encrypt", KeyId="<key>", Plaintext=b"x" * 4097),
        error="ValidationException: 1 validation error detected",
    ),
    case(
        "an alias of AWS's own is not created",
        f"{_KMS}/API_CreateAlias.html",
        call("kms.create_alias", AliasName="alias/aws/mine", TargetKeyId="<key>"),
        error="NotAuthorizedException: ",
    ),
    case(
        "an alias begins with alias/",
        f"{_KMS}/API_CreateAlias.html",
        call("kms.create_alias", AliasName="mine", TargetKeyId="<key>"),
        error="ValidationException: ",
    ),
    case(
        "an alias that exists is not created again",
        f"{_KMS}/API_CreateAlias.html",
        call("kms.create_alias", AliasName="alias/<name>", TargetKeyId="<key>"),
        call("kms.create_alias", AliasName="alias/<name>", TargetKeyId="<key>"),
        error="AlreadyExistsException: ",
    ),
    case(
        "a disabled key encrypts nothing",
        f"{_KMS}/API_Encrypt.html",
        call("kms.create_key", {"mine": "KeyMetadata.KeyId"}),
        call("kms.disable_key", KeyId="<mine>"),
        call("kms.encrypt", KeyId="<mine>", Plaintext=b"x"),
        error="DisabledException: ",
    ),
    case(
        "a key waits 7 to 30 days for its deletion",
        "botocore: kms ScheduleKeyDeletion.PendingWindowInDays",
        call("kms.schedule_key_deletion", KeyId="<key>", PendingWindowInDays=3),
        error="ValidationException: ",
    ),
    case(
        "a data key is named by the key's ARN",
        f"{_KMS}/API_GenerateDataKey.html",
        call("kms.generate_data_key", KeyId="<key>", KeySpec="AES_256"),
        gives={"KeyId": "arn:aws:kms:us-east-1:<account>:key/<key>", "CiphertextBlob": ...},
    ),
    case(
        "a ciphertext is read with its encryption context",
        f"{_KMS}/API_Decrypt.html",
        call("kms.decrypt", CiphertextBlob="<blob>", EncryptionContext={"a": "b"}),
        gives={"Plaintext": b"text"},
    ),
    case(
        "a ciphertext is not read with another encryption context",
        f"{_KMS}/API_Decrypt.html",
        call("kms.decrypt", CiphertextBlob="<blob>", EncryptionContext={"a": "c"}),
        error="InvalidCiphertextException",
    ),
    case(
        "keys are listed in pages",
        f"{_KMS}/API_ListKeys.html",
        call("kms.create_key"),
        call("kms.list_keys", Limit=1),
        gives={"length(Keys)": 1, "Truncated": True, "NextMarker": ...},
    ),
    case(
        "aliases of a key are listed",
        f"{_KMS}/API_ListAliases.html",
        call("kms.create_key", {"mine": "KeyMetadata.KeyId"}),
        call("kms.create_alias", AliasName="alias/<name>", TargetKeyId="<mine>"),
        call("kms.list_aliases", KeyId="<mine>"),
        gives={"Aliases[].AliasName": ["alias/<name>"], "Truncated": False},
    ),
    case(
        "a grant",
        f"{_KMS}/API_CreateGrant.html",
        call("kms.create_grant", KeyId="<key>", GranteePrincipal="arn:aws:iam::<account>:root", Operations=["Decrypt"]),
        refused="The local AWS does not honour kms:CreateGrant.",
    ),
    case(
        "a request that is only checked",
        f"{_KMS}/API_Encrypt.html",
        call("kms.encrypt", KeyId="<key>", Plaintext=b"x", DryRun=True),
        refused="DryRun True is not honoured by the local AWS",
    ),
    case(
        "a topic's name has none of the characters that SNS excludes",
        f"{_SNS}/API_CreateTopic.html",
        call("sns.create_topic", Name="a b"),
        error="InvalidParameter",
    ),
    case(
        "a topic that exists is created again with the same ARN",
        f"{_SNS}/API_CreateTopic.html",
        call("sns.create_topic", {"mine": "TopicArn"}, Name="<name>"),
        call("sns.create_topic", Name="<name>"),
        gives={"TopicArn": "<mine>"},
    ),
    case(
        "a topic that does not exist",
        f"{_SNS}/API_Publish.html",
        call("sns.publish", TopicArn="arn:aws:sns:us-east-1:<account>:none", Message="m"),
        error="NotFound",
    ),
    case(
        "a message is not empty",
        "https://github.com/localstack/localstack/issues/5096",
        call("sns.publish", TopicArn="<topic>", Message=""),
        error="InvalidParameter",
    ),
    case(
        "an address of e-mail is subscribed",
        f"{_SNS}/API_Subscribe.html",
        call("sns.subscribe", TopicArn="<topic>", Protocol="email", Endpoint="a@example.com"),
        gives={"SubscriptionArn": ...},
    ),
    case(
        "a web address",
        f"{_SNS}/API_Subscribe.html",
        call("sns.subscribe", TopicArn="<topic>", Protocol="https", Endpoint="https://example.com"),
        refused="The local AWS delivers nothing to https: only e-mail is recorded.",
    ),
    case(
        "an alarm has a comparison",
        "botocore: cloudwatch PutMetricAlarm.ComparisonOperator",
        _alarm(ComparisonOperator="Above"),
        error="ValidationError: 1 validation error detected: Value 'Above' at 'comparisonOperator'",
    ),
    case(
        "an alarm without data has no state yet",
        f"{_METRICS}/API_PutMetricAlarm.html",
        _alarm(),
        call("cloudwatch.describe_alarms", AlarmNames=["<name>"]),
        gives={"MetricAlarms[].StateValue": ["INSUFFICIENT_DATA"]},
    ),
    case(
        "an alarm that does not exist has no state",
        f"{_METRICS}/API_SetAlarmState.html",
        call("cloudwatch.set_alarm_state", AlarmName="<name>", StateValue="OK", StateReason="r"),
        error="ResourceNotFound",
    ),
    case(
        "metric math in an alarm",
        f"{_METRICS}/API_PutMetricAlarm.html",
        _alarm(MetricName=None, Namespace=None, Statistic=None, Period=None, Metrics=[{"Id": "m", "Expression": "1"}]),
        refused="Metrics is not honoured by the local AWS",
    ),
    case(
        "metric math over metrics",
        f"{_METRICS}/API_GetMetricData.html",
        call("cloudwatch.get_metric_data", StartTime=0, EndTime=60, MetricDataQueries=[{"Id": "m", "Expression": "1 + 1"}]),
        refused="MetricDataQueries.Expression is not honoured by the local AWS.",
    ),
    case(
        "a dashboard",
        f"{_METRICS}/API_PutDashboard.html",
        call("cloudwatch.put_dashboard", DashboardName="d", DashboardBody="{}"),
        refused="The local AWS does not honour cloudwatch:PutDashboard.",
    ),
]
