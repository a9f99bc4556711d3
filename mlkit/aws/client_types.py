"""The class of each service's client, for the type checker alone: the stubs that hold them are installed for development only."""

from typing import Any, Literal, Protocol, overload

from types_boto3_athena import AthenaClient
from types_boto3_cloudformation import CloudFormationClient
from types_boto3_codebuild import CodeBuildClient
from types_boto3_codeconnections import CodeConnectionsClient
from types_boto3_codepipeline import CodePipelineClient
from types_boto3_events import EventBridgeClient
from types_boto3_glue import GlueClient
from types_boto3_iam import IAMClient
from types_boto3_kms import KMSClient
from types_boto3_logs import CloudWatchLogsClient
from types_boto3_s3 import S3Client
from types_boto3_sagemaker import SageMakerClient
from types_boto3_sagemaker_runtime import SageMakerRuntimeClient
from types_boto3_secretsmanager import SecretsManagerClient
from types_boto3_service_quotas import ServiceQuotasClient
from types_boto3_sns import SNSClient
from types_boto3_ssm import SSMClient
from types_boto3_sts import STSClient


class ClientOf(Protocol):
    """`client("s3")` is a client of the service, in the session's region unless another one follows."""

    @overload
    def __call__(self, service: Literal["athena"], /) -> AthenaClient: ...
    @overload
    def __call__(self, service: Literal["cloudformation"], /) -> CloudFormationClient: ...
    @overload
    def __call__(self, service: Literal["codebuild"], /) -> CodeBuildClient: ...
    @overload
    def __call__(self, service: Literal["codeconnections"], /) -> CodeConnectionsClient: ...
    @overload
    def __call__(self, service: Literal["codepipeline"], /) -> CodePipelineClient: ...
    @overload
    def __call__(self, service: Literal["events"], /) -> EventBridgeClient: ...
    @overload
    def __call__(self, service: Literal["glue"], /) -> GlueClient: ...
    @overload
    def __call__(self, service: Literal["iam"], /) -> IAMClient: ...
    @overload
    def __call__(self, service: Literal["kms"], /) -> KMSClient: ...
    @overload
    def __call__(self, service: Literal["logs"], /) -> CloudWatchLogsClient: ...
    @overload
    def __call__(self, service: Literal["s3"], /) -> S3Client: ...
    @overload
    def __call__(self, service: Literal["sagemaker"], /) -> SageMakerClient: ...
    @overload
    def __call__(self, service: Literal["sagemaker-runtime"], /) -> SageMakerRuntimeClient: ...
    @overload
    def __call__(self, service: Literal["secretsmanager"], /) -> SecretsManagerClient: ...
    @overload
    def __call__(self, service: Literal["service-quotas"], /) -> ServiceQuotasClient: ...
    @overload
    def __call__(self, service: Literal["sns"], /) -> SNSClient: ...
    @overload
    def __call__(self, service: Literal["ssm"], /) -> SSMClient: ...
    @overload
    def __call__(self, service: Literal["sts"], /) -> STSClient: ...
    @overload
    def __call__(self, service: str, region: str | None = None, /) -> Any: ...
