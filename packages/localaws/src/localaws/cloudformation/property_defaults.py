"""Properties that are not honoured: the value that AWS documents as the default, which asks for nothing, and what to write instead."""

from collections.abc import Mapping
from typing import Any

# From the page of each resource type, AWSCloudFormation/latest/UserGuide/aws-resource-*.html.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "AWS::CodeBuild::Project": {"AutoRetryLimit": "0", "Triggers": {"Webhook": "false"}, "Visibility": "PRIVATE"},
    "AWS::Events::Rule": {"EventBusName": "default"},
    "AWS::KMS::Key": {
        "BypassPolicyLockoutSafetyCheck": "false",
        "MultiRegion": "false",
        "Origin": "AWS_KMS",
        "RotationPeriodInDays": "365",
    },
    "AWS::Logs::LogGroup": {"DeletionProtectionEnabled": "false", "LogGroupClass": "STANDARD"},
    "AWS::S3::Bucket": {"AccelerateConfiguration": {"AccelerationStatus": "Suspended"}, "AccessControl": "Private"},
    "AWS::SNS::Topic": {
        "ContentBasedDeduplication": "false",
        "FifoTopic": "false",
        "SignatureVersion": "1",
        "TracingConfig": "PassThrough",
    },
    "AWS::SageMaker::EndpointConfig": {"DataCaptureConfig": {"EnableCapture": "false"}, "EnableNetworkIsolation": "false"},
}
_INSTEAD: Mapping[tuple[str, str], str] = {
    ("AWS::CodePipeline::Pipeline", "ArtifactStores"): "the local AWS has one region: write ArtifactStore",
    ("AWS::S3::Bucket", "AccessControl"): "AWS refuses ACLs on new buckets too: write an AWS::S3::BucketPolicy",
    ("AWS::S3::Bucket", "NotificationConfiguration"): "start the pipeline or the build by hand",
    ("AWS::S3::Bucket", "WebsiteConfiguration"): "the local AWS serves no websites",
    ("AWS::SecretsManager::Secret", "GenerateSecretString"): "write SecretString",
    ("AWS::SageMaker::EndpointConfig", "VpcConfig"): "the local AWS has no networks",
    ("AWS::SageMaker::Model", "VpcConfig"): "the local AWS has no networks",
    ("AWS::CodeBuild::Project", "VpcConfig"): "the local AWS has no networks",
}


def is_default(kind: str, name: str, value: Any) -> bool:
    """Whether a property says what AWS does without it. In a structure, the switch that turns it off decides."""
    default = _DEFAULTS.get(kind, {}).get(name)
    if isinstance(default, Mapping):
        return isinstance(value, Mapping) and all(_as_text(value.get(key)) == off for key, off in default.items())
    return default is not None and _as_text(value) == default


def instead_of(kind: str, name: str) -> str:
    """What to do about a property that is not honoured, as the end of a sentence, or "" where leaving it out says it all."""
    reason = _INSTEAD.get((kind, name))
    return f" ({reason})" if reason else ""


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
