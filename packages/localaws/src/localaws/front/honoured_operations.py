"""The operations of the emulated services that are honoured. The front refuses all others by name."""

from collections.abc import Mapping

from localaws.kit.properties import words

# Operations that the emulator really carries out, by their names in IAM. Those that it would only record or answer are left out.
HONOURED: Mapping[str, frozenset[str]] = {
    service: words(names)
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
            RestoreSecret GetRandomPassword TagResource UntagResource GetResourcePolicy PutResourcePolicy
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

# Query parameters of S3 that are not sub-resources.
S3_PARAMETERS = words(
    """list-type prefix delimiter max-keys marker start-after continuation-token encoding-type fetch-owner key-marker
    version-id-marker upload-id-marker max-uploads part-number-marker max-parts versionId partNumber x-id max-buckets bucket-region
    AWSAccessKeyId Signature Expires allow-unordered"""
)
S3_SUBRESOURCES = words(
    """tagging versioning policy lifecycle encryption location uploads uploadId versions delete publicAccessBlock ownershipControls
    object-lock policyStatus retention legal-hold attributes acl logging"""
)
