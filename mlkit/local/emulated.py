"""What the front knows about single operations of the emulated services: which are honoured, and which hand a role to a service."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from mlkit.local.guard import Request
from mlkit.local.service import AwsError, Permission, pass_role

# IAM's names of what the emulator really does. What it would only record, or answer without doing, is not here and is refused by name.
HONOURED: Mapping[str, frozenset[str]] = {
    service: frozenset(names.split())
    for service, names in {
        "s3": """
            ListAllMyBuckets CreateBucket DeleteBucket ListBucket ListBucketVersions GetBucketLocation ListBucketMultipartUploads
            ListMultipartUploadParts AbortMultipartUpload PutObject GetObject GetObjectVersion DeleteObject DeleteObjectVersion
            GetObjectAttributes GetObjectVersionAttributes GetObjectTagging GetObjectVersionTagging PutObjectTagging
            PutObjectVersionTagging DeleteObjectTagging DeleteObjectVersionTagging GetObjectRetention PutObjectRetention
            GetObjectLegalHold PutObjectLegalHold GetObjectAcl GetObjectVersionAcl GetBucketAcl GetBucketTagging PutBucketTagging
            GetBucketVersioning PutBucketVersioning GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus
            GetLifecycleConfiguration PutLifecycleConfiguration GetEncryptionConfiguration PutEncryptionConfiguration GetBucketLogging
            PutBucketLogging GetBucketPublicAccessBlock PutBucketPublicAccessBlock GetBucketOwnershipControls PutBucketOwnershipControls
            GetBucketObjectLockConfiguration PutBucketObjectLockConfiguration""",
        "iam": """
            CreateRole GetRole UpdateRole DeleteRole ListRoles UpdateAssumeRolePolicy TagRole UntagRole ListRoleTags PutRolePolicy
            GetRolePolicy DeleteRolePolicy ListRolePolicies AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies
            PutRolePermissionsBoundary DeleteRolePermissionsBoundary CreateUser GetUser UpdateUser DeleteUser ListUsers TagUser UntagUser
            ListUserTags PutUserPolicy GetUserPolicy DeleteUserPolicy ListUserPolicies AttachUserPolicy DetachUserPolicy
            ListAttachedUserPolicies PutUserPermissionsBoundary DeleteUserPermissionsBoundary CreateAccessKey DeleteAccessKey
            UpdateAccessKey ListAccessKeys GetAccessKeyLastUsed CreateGroup GetGroup DeleteGroup ListGroups AddUserToGroup
            RemoveUserFromGroup ListGroupsForUser PutGroupPolicy GetGroupPolicy DeleteGroupPolicy ListGroupPolicies AttachGroupPolicy
            DetachGroupPolicy ListAttachedGroupPolicies CreatePolicy GetPolicy DeletePolicy ListPolicies CreatePolicyVersion
            GetPolicyVersion DeletePolicyVersion ListPolicyVersions SetDefaultPolicyVersion ListEntitiesForPolicy TagPolicy UntagPolicy
            ListPolicyTags GetAccountAuthorizationDetails GetAccountSummary ListAccountAliases""",
        "sts": "AssumeRole GetCallerIdentity GetAccessKeyInfo",
        "cloudformation": """
            CreateStack UpdateStack DeleteStack DescribeStacks ListStacks DescribeStackEvents DescribeEvents DescribeStackResource
            DescribeStackResources ListStackResources GetTemplate GetTemplateSummary ValidateTemplate ListExports ListImports
            CreateChangeSet DescribeChangeSet ExecuteChangeSet DeleteChangeSet ListChangeSets ContinueUpdateRollback RollbackStack
            CancelUpdateStack UpdateTerminationProtection""",
        "glue": """
            CreateDatabase GetDatabase GetDatabases UpdateDatabase DeleteDatabase CreateTable GetTable GetTables UpdateTable DeleteTable
            BatchDeleteTable CreatePartition BatchCreatePartition GetPartition GetPartitions BatchGetPartition BatchUpdatePartition
            DeletePartition CreateCrawler UpdateCrawler GetCrawler GetCrawlers DeleteCrawler GetTags TagResource UntagResource""",
        "kms": """
            CreateKey DescribeKey ListKeys EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion UpdateKeyDescription CreateAlias
            UpdateAlias DeleteAlias ListAliases GetKeyPolicy PutKeyPolicy ListKeyPolicies EnableKeyRotation DisableKeyRotation
            GetKeyRotationStatus TagResource UntagResource ListResourceTags Encrypt Decrypt GenerateDataKey GenerateDataKeyWithoutPlaintext
            GenerateRandom GenerateMac VerifyMac Sign Verify GetPublicKey""",
        "sns": """
            CreateTopic DeleteTopic ListTopics GetTopicAttributes SetTopicAttributes Subscribe Unsubscribe ListSubscriptions
            ListSubscriptionsByTopic GetSubscriptionAttributes SetSubscriptionAttributes Publish PublishBatch TagResource UntagResource
            ListTagsForResource""",
        "secretsmanager": """
            CreateSecret GetSecretValue PutSecretValue UpdateSecret DescribeSecret ListSecrets ListSecretVersionIds DeleteSecret
            RestoreSecret BatchGetSecretValue GetRandomPassword TagResource UntagResource GetResourcePolicy PutResourcePolicy
            DeleteResourcePolicy ValidateResourcePolicy UpdateSecretVersionStage""",
        "ssm": """
            PutParameter GetParameter GetParameters GetParametersByPath GetParameterHistory DescribeParameters DeleteParameter
            DeleteParameters LabelParameterVersion AddTagsToResource RemoveTagsFromResource ListTagsForResource""",
        "logs": """
            CreateLogGroup DeleteLogGroup DescribeLogGroups CreateLogStream DeleteLogStream DescribeLogStreams PutLogEvents GetLogEvents
            FilterLogEvents PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource ListTagsForResource TagLogGroup
            UntagLogGroup ListTagsLogGroup""",
        "events": """
            PutRule DescribeRule ListRules EnableRule DisableRule DeleteRule PutTargets RemoveTargets ListTargetsByRule
            ListRuleNamesByTarget PutEvents TestEventPattern TagResource UntagResource ListTagsForResource DescribeEventBus
            ListEventBuses""",
        "cloudwatch": """
            PutMetricAlarm DescribeAlarms DescribeAlarmsForMetric DescribeAlarmHistory DeleteAlarms SetAlarmState EnableAlarmActions
            DisableAlarmActions PutMetricData GetMetricData GetMetricStatistics ListMetrics TagResource UntagResource
            ListTagsForResource""",
    }.items()
}

# CloudFormation's parameters that would be recorded without effect.
_STACK_PARAMETERS = re.compile(
    r"(NotificationARNs\.|StackPolicy|RollbackConfiguration\.|ResourceTypes\.|TimeoutInMinutes|ResourcesToImport|ImportExistingResources"
    r"|IncludeNestedStacks|DisableValidation|RetentionPolicy).*"
)
_EVENT_TARGETS = ("sns",)
_SUBSCRIBERS = ("email", "email-json")
_OBJECT_HEADERS = ("x-amz-acl", "x-amz-grant-read", "x-amz-grant-full-control", "x-amz-website-redirect-location")

# operation -> the members that hold a role's ARN, and the service that will act under it
_ROLE_MEMBERS: Mapping[str, tuple[Sequence[str], str]] = {
    "glue:CreateCrawler": (("Role",), "glue.amazonaws.com"),
    "glue:UpdateCrawler": (("Role",), "glue.amazonaws.com"),
    "events:PutRule": (("RoleArn",), "events.amazonaws.com"),
    "events:PutTargets": (("RoleArn", "Targets.RoleArn"), "events.amazonaws.com"),
}


def check_honoured(action: str, request: Request, body: bytes) -> None:
    """Refuse by name what the emulator would take without doing it. Raises AwsError."""
    service, _, operation = action.partition(":")
    if operation not in HONOURED.get(service, ()):
        code = "InvalidAction" if "x-amz-target" not in request.headers else "UnknownOperationException"
        raise AwsError(code, f"The local AWS does not honour {action}.")
    if service == "cloudformation":
        for name, values in parse_qs(body.decode()).items():
            if _STACK_PARAMETERS.fullmatch(name) and values[-1] not in ("", "false"):
                raise AwsError("ValidationError", f"The local AWS does not honour the parameter {name.split('.')[0]} of {operation}.")
    elif action == "sns:Subscribe":
        protocol = parse_qs(body.decode()).get("Protocol", [""])[-1]
        if protocol not in _SUBSCRIBERS:
            raise AwsError("InvalidParameter", f"The local AWS delivers nothing to {protocol or 'this protocol'}: only e-mail is recorded.")
    elif action == "events:PutTargets":
        for target in _members(body).get("Targets", ()):
            if target.get("Arn", "").split(":")[2:3] not in ([name] for name in _EVENT_TARGETS):
                raise AwsError("ValidationException", f"The local AWS delivers no events to {target.get('Arn')}.")
    elif service == "s3":
        _check_object_request(operation, request)


# Query parameters of S3 that are no sub-resource.
_S3_PARAMETERS = frozenset(
    """list-type prefix delimiter max-keys marker start-after continuation-token encoding-type fetch-owner key-marker
    version-id-marker upload-id-marker max-uploads part-number-marker max-parts versionId partNumber x-id max-buckets bucket-region
    AWSAccessKeyId Signature Expires allow-unordered""".split()
)
_S3_SUBRESOURCES = frozenset(
    """tagging versioning policy lifecycle encryption location uploads uploadId versions delete publicAccessBlock ownershipControls
    object-lock policyStatus retention legal-hold attributes acl logging""".split()
)


def _check_object_request(operation: str, request: Request) -> None:
    """One sub-resource at most, and a known one: what authorises a request and what carries it out must mean the same."""
    subresources = [name for name in request.query if name in _S3_SUBRESOURCES]
    for name in request.query:
        known = name in _S3_PARAMETERS or name in _S3_SUBRESOURCES or name.lower().startswith(("x-amz-", "response-"))
        if not known:
            raise AwsError("NotImplemented", f"The local AWS does not honour the parameter {name} of Amazon S3.", status=501)
    if len(subresources) > 1:
        raise AwsError("InvalidArgument", f"Conflicting query string parameters: {', '.join(subresources)}")
    is_bucket = len([part for part in request.path.split("/") if part]) == 1
    if is_bucket and request.method == "POST" and "delete" not in request.query:
        raise AwsError("NotImplemented", "The local AWS does not honour form uploads.", status=501)
    if operation in ("CreateBucket", "PutObject"):
        for name in _OBJECT_HEADERS:
            if request.headers.get(name, "private") not in ("private", "bucket-owner-full-control"):
                raise AwsError("NotImplemented", f"The local AWS does not honour the header {name}.", status=501)


def passed_roles(action: str, body: bytes) -> list[Permission]:
    """iam:PassRole for every role that the request hands on."""
    if action not in _ROLE_MEMBERS:
        return []
    paths, service = _ROLE_MEMBERS[action]
    return [pass_role(role, service) for path in paths for role in _at(_members(body), path.split("."))]


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _at(value: Any, path: Sequence[str]) -> list[str]:
    if isinstance(value, list):
        return [role for item in value for role in _at(item, path)]
    if not path:
        return [value] if isinstance(value, str) and value else []
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else []
