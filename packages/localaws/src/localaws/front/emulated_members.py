"""Members of requests that the emulator passes over. Each has a rule here; tests/contract/test_emulator_members.py finds those without one.

A member without effect on AWS, or with none in one account of one region, is left out of the request's meaning. Any other is refused by
its name, unless it has the value that it has when it is left out.
"""

from collections.abc import Mapping

from localaws.kit.members import ANY, Honoured, only
from localaws.kit.properties import words

# Operations whose lists the emulator answers whole. The front cuts them into pages.
PAGED: Mapping[str, frozenset[str]] = {
    service: words(names)
    for service, names in {
        "iam": """
            GetGroup ListAccessKeys ListAccountAliases ListAttachedGroupPolicies ListAttachedRolePolicies ListAttachedUserPolicies
            ListGroupPolicies ListGroups ListGroupsForUser ListPolicies ListPolicyTags ListPolicyVersions ListRolePolicies ListRoleTags
            ListRoles ListUserPolicies ListUserTags ListUsers""",
        "glue": "GetCrawlers GetDatabases GetPartitions GetTables",
        "kms": "ListAliases ListKeyPolicies ListKeys ListResourceTags",
        "sns": "ListSubscriptionsByTopic",
        "events": "ListTargetsByRule",
        "cloudwatch": "ListMetrics",
    }.items()
}
_UNSET = only()  # no value but an empty one
_OFF = only(False)
_GLUE_READ = {"TransactionId": _UNSET, "QueryAsOfTime": _UNSET, "AuditContext": ANY}
_DATABASE = dict.fromkeys(words("Name Description LocationUri Parameters CreateTableDefaultPermissions"), ANY)
_TABLE = dict.fromkeys(
    words(
        """Name Description Owner LastAccessTime LastAnalyzedTime Retention StorageDescriptor PartitionKeys ViewOriginalText
        ViewExpandedText TableType Parameters"""
    ),
    ANY,
)
_KMS = {"GrantTokens": _UNSET, "DryRun": _OFF, "DryRunModifiers": _UNSET}

# The values that a member may have, by service and operation; "*" is every operation that has the member.
RULES: Mapping[str, Mapping[str, Mapping[str, Honoured]]] = {
    "iam": {
        "ListPolicies": {"OnlyAttached": _OFF, "PolicyUsageFilter": _UNSET},
        "ListAttachedGroupPolicies": {"PathPrefix": only("/")},
        "ListAttachedRolePolicies": {"PathPrefix": only("/")},
        "ListAttachedUserPolicies": {"PathPrefix": only("/")},
        "DeleteAccessKey": {"UserName": ANY},
        "GetAccountAuthorizationDetails": {"MaxItems": _UNSET, "Marker": _UNSET},
        "ListEntitiesForPolicy": {"MaxItems": _UNSET, "Marker": _UNSET},
    },
    "glue": {
        "*": _GLUE_READ
        | {
            "CatalogId": ANY,  # checked against the account
            "ResourceShareType": _UNSET,
            "AttributesToGet": _UNSET,
            "IncludeStatusDetails": _OFF,
            "QuerySessionContext": _UNSET,
            "PartitionIndexes": _UNSET,
            "OpenTableFormatInput": _UNSET,
            "UpdateOpenTableFormatInput": _UNSET,
            "ViewUpdateAction": _UNSET,
            "Force": _OFF,
            "SkipArchive": ANY,  # earlier versions of a table are not kept, and no operation shows them
            "Segment": _UNSET,
            "ExcludeColumnSchema": ANY,
            "Expression": ANY,
            "LakeFormationConfiguration": _UNSET,
        },
        "CreateCrawler": {"Tags": _UNSET},
        "CreateDatabase": {"DatabaseInput": _DATABASE},
        "UpdateDatabase": {"DatabaseInput": _DATABASE},
        "CreateTable": {"TableInput": _TABLE},
        "UpdateTable": {"TableInput": _TABLE},
    },
    "kms": {
        "*": _KMS,
        "CreateKey": {"CustomKeyStoreId": _UNSET, "BypassPolicyLockoutSafetyCheck": ANY, "XksKeyId": _UNSET},
        "PutKeyPolicy": {"PolicyName": only("default"), "BypassPolicyLockoutSafetyCheck": ANY},
    },
    "sns": {"CreateTopic": {"DataProtectionPolicy": _UNSET}, "Subscribe": {"ReturnSubscriptionArn": ANY}},
    "secretsmanager": {
        "CreateSecret": {
            "ClientRequestToken": ANY,
            "AddReplicaRegions": _UNSET,
            "ForceOverwriteReplicaSecret": _OFF,
            "Type": _UNSET,
        },
        "UpdateSecret": {"ClientRequestToken": ANY, "Type": _UNSET},
        "ListSecretVersionIds": {"IncludeDeprecated": _OFF},
        "ListSecrets": {"SortOrder": _UNSET, "SortBy": _UNSET},
        "PutResourcePolicy": {"BlockPublicPolicy": _OFF},
        "PutSecretValue": {"RotationToken": _UNSET},
        "ValidateResourcePolicy": {"SecretId": ANY, "ResourcePolicy": ANY},
    },
    "ssm": {"DescribeParameters": {"Shared": _OFF}, "GetParametersByPath": {"ParameterFilters": _UNSET}},
    "logs": {
        "CreateLogGroup": {"deletionProtectionEnabled": _OFF},
        "DescribeLogGroups": {"accountIdentifiers": _UNSET, "includeLinkedAccounts": _OFF, "logGroupIdentifiers": _UNSET},
        "DescribeLogStreams": {"logGroupIdentifier": _UNSET},
        "FilterLogEvents": {
            "logStreamNamePrefix": ANY,  # honoured by emulator/log_search.py, as are pages
            "nextToken": ANY,
            "startFromHead": only(True),
            "interleaved": ANY,  # AWS ignores it
            "unmask": ANY,
        },
        "GetLogEvents": {"unmask": ANY},
        "PutLogEvents": {"sequenceToken": ANY, "entity": _UNSET},  # AWS ignores sequence tokens
    },
    "events": {
        "DeleteRule": {"Force": ANY},  # for rules that a service manages
        "RemoveTargets": {"Force": ANY},
        "PutEvents": {"EndpointId": _UNSET},
        "PutTargets": {"Targets": dict.fromkeys(words("Id Arn RoleArn Input InputPath InputTransformer"), ANY)},  # nothing is retried
        "ListEventBuses": {"NextToken": _UNSET, "Limit": ANY},  # there is one bus
    },
    "cloudwatch": {
        "DescribeAlarmHistory": {"AlarmContributorId": _UNSET},
        "DescribeAlarms": {"ChildrenOfAlarmName": _UNSET, "ParentsOfAlarmName": _UNSET, "ActionPrefix": _UNSET},
        "DescribeAlarmsForMetric": {
            "Statistic": _UNSET,
            "ExtendedStatistic": _UNSET,
            "Dimensions": _UNSET,
            "Period": _UNSET,
            "Unit": _UNSET,
        },
        "GetMetricData": {
            "MetricDataQueries": dict.fromkeys(words("Id MetricStat Label ReturnData Period"), ANY),  # no metric math
            "NextToken": _UNSET,
            "ScanBy": _UNSET,
            "MaxDatapoints": _UNSET,
            "LabelOptions": _UNSET,
        },
        "ListMetrics": {"RecentlyActive": _UNSET, "IncludeLinkedAccounts": _OFF, "OwningAccount": _UNSET},
        "PutMetricAlarm": {
            "EvaluateLowSampleCountPercentile": _UNSET,
            "Metrics": _UNSET,
            "ThresholdMetricId": _UNSET,
            "EvaluationWindow": _UNSET,
            "WarmUpConfiguration": _UNSET,
            "EvaluationCriteria": _UNSET,
            "EvaluationInterval": _UNSET,
        },
        "PutMetricData": {"EntityMetricData": _UNSET, "StrictEntityValidation": _OFF},
    },
}


def rule_of(service: str, operation: str, member: str) -> "Honoured | str":
    """The values that the member may have, or "" if it has no rule."""
    rules = RULES.get(service, {})
    for name in (operation, "*"):
        if member in rules.get(name, {}):
            return rules[name][member]
    return ""
