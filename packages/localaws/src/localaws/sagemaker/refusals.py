"""Refuses members of SageMaker's requests that are not honoured, by name, before anything is created."""

from collections.abc import Mapping

from localaws.kit.members import ANY, Honoured, only
from localaws.sagemaker.checkpoints import LOCAL_PATHS

_TAGS: Mapping[str, Honoured] = {"Key": ANY, "Value": ANY}

_CHANNELS: Mapping[str, Honoured] = {
    "ChannelName": ANY,
    "ContentType": ANY,
    "CompressionType": only("None"),
    "RecordWrapperType": only("None"),
    "InputMode": only("File"),
    "DataSource": {
        "S3DataSource": {
            "S3DataType": only("S3Prefix", "ManifestFile"),
            "S3Uri": ANY,
            # With one instance, both values give it all objects.
            "S3DataDistributionType": only("FullyReplicated", "ShardedByS3Key"),
        }
    },
}

_JOB: Mapping[str, Honoured] = {
    "RoleArn": ANY,
    "InputDataConfig": _CHANNELS,
    "OutputDataConfig": {"S3OutputPath": ANY, "KmsKeyId": ANY, "CompressionType": only("GZIP")},
    # Recorded only: the algorithms open no connection, and every job runs on this machine with this disk.
    "ResourceConfig": {
        "InstanceType": ANY,
        "InstanceCount": only(
            1, why="A job is one process on this machine, so a job on several instances would not be tried, but guessed."
        ),
        "VolumeSizeInGB": ANY,
        "VolumeKmsKeyId": ANY,
        "KeepAlivePeriodInSeconds": only(0),
    },
    "EnableNetworkIsolation": ANY,
    "EnableInterContainerTrafficEncryption": ANY,
    "StoppingCondition": {"MaxRuntimeInSeconds": ANY},
    "EnableManagedSpotTraining": only(False),
    "Environment": ANY,
}

TRAINING_JOB: Mapping[str, Honoured] = {
    **_JOB,
    "TrainingJobName": ANY,
    "HyperParameters": ANY,
    "CheckpointConfig": {"S3Uri": ANY, "LocalPath": only(*LOCAL_PATHS)},
    "AlgorithmSpecification": {
        "TrainingImage": ANY,
        "TrainingInputMode": only("File"),
        "MetricDefinitions": ANY,  # refused for built-in algorithms with AWS's own text
        "EnableSageMakerMetricsTimeSeries": only(False),
    },
    "Tags": _TAGS,
    # Recorded only: nothing is profiled, and the debugger saves no tensors. What would need their data is refused: collections, rules.
    "ProfilerConfig": {"DisableProfiler": ANY, "S3OutputPath": ANY, "ProfilingIntervalInMilliseconds": ANY},
    "DebugHookConfig": {"S3OutputPath": ANY, "LocalPath": ANY},
    "RemoteDebugConfig": {"EnableRemoteDebug": only(False)},
    "InfraCheckConfig": {"EnableInfraCheck": only(False)},
    "SessionChainingConfig": {"EnableSessionTagChaining": only(False)},
}

TRANSFORM_JOB: Mapping[str, Honoured] = {
    "TransformJobName": ANY,
    "ModelName": ANY,
    "MaxPayloadInMB": ANY,
    "BatchStrategy": ANY,
    "TransformInput": {
        "DataSource": {"S3DataSource": {"S3DataType": only("S3Prefix"), "S3Uri": ANY}},
        "ContentType": ANY,
        "CompressionType": only("None"),
        "SplitType": only("None", "Line"),
    },
    "TransformOutput": {"S3OutputPath": ANY, "Accept": ANY, "AssembleWith": ANY, "KmsKeyId": ANY},
    # Filters and joins would change what the model gets and what is written.
    "DataProcessing": {"InputFilter": only("$"), "OutputFilter": only("$"), "JoinSource": only("None")},
    "Tags": _TAGS,
    # Recorded only: one request runs at a time, on this machine.
    "MaxConcurrentTransforms": ANY,
    "ModelClientConfig": ANY,
    "Environment": ANY,
    "TransformResources": {"InstanceType": ANY, "InstanceCount": ANY, "VolumeKmsKeyId": ANY},
}

_RANGE: Mapping[str, Honoured] = {"Name": ANY, "MinValue": ANY, "MaxValue": ANY, "ScalingType": ANY}

TUNING_JOB: Mapping[str, Honoured] = {
    "HyperParameterTuningJobName": ANY,
    "HyperParameterTuningJobConfig": {
        "Strategy": only("Bayesian", "Random"),
        "HyperParameterTuningJobObjective": {"Type": ANY, "MetricName": ANY},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": ANY, "MaxParallelTrainingJobs": ANY},
        "ParameterRanges": {
            "IntegerParameterRanges": {**_RANGE, "ScalingType": only("Auto", "Linear", "Logarithmic")},
            "ContinuousParameterRanges": _RANGE,
            "CategoricalParameterRanges": {"Name": ANY, "Values": ANY},
        },
        "TrainingJobEarlyStoppingType": only("Off"),
        "RandomSeed": ANY,
    },
    "TrainingJobDefinition": {
        **_JOB,
        "StaticHyperParameters": ANY,
        "AlgorithmSpecification": {"TrainingImage": ANY, "TrainingInputMode": only("File"), "MetricDefinitions": ANY},
        "HyperParameterTuningResourceConfig": {
            "InstanceType": ANY,
            "InstanceCount": only(1),
            "VolumeSizeInGB": ANY,
            "VolumeKmsKeyId": ANY,
        },
    },
    "Tags": _TAGS,
}

_CONTAINER: Mapping[str, Honoured] = {
    "Image": ANY,
    "ModelDataUrl": ANY,
    "ModelPackageName": ANY,
    "Mode": only("SingleModel"),
    "ContainerHostname": ANY,
    "Environment": ANY,
}

MODEL: Mapping[str, Honoured] = {
    "ModelName": ANY,
    "PrimaryContainer": _CONTAINER,
    "Containers": _CONTAINER,  # one entry: `model_operations` refuses more
    "ExecutionRoleArn": ANY,
    "EnableNetworkIsolation": ANY,
    "Tags": _TAGS,
}

ENDPOINT_CONFIG: Mapping[str, Honoured] = {
    "EndpointConfigName": ANY,
    "ProductionVariants": {
        "VariantName": ANY,
        "ModelName": ANY,
        # Recorded only: the model runs in this machine's memory.
        "InitialInstanceCount": ANY,
        "InstanceType": ANY,
        "VolumeSizeInGB": ANY,
        "InitialVariantWeight": ANY,
        "ModelDataDownloadTimeoutInSeconds": ANY,
        "ContainerStartupHealthCheckTimeoutInSeconds": ANY,
        "ServerlessConfig": {"MemorySizeInMB": ANY, "MaxConcurrency": ANY, "ProvisionedConcurrency": ANY},
    },
    "DataCaptureConfig": {
        "EnableCapture": ANY,
        "InitialSamplingPercentage": ANY,
        "DestinationS3Uri": ANY,
        "KmsKeyId": ANY,
        "CaptureOptions": {"CaptureMode": ANY},
        "CaptureContentTypeHeader": {"CsvContentTypes": ANY, "JsonContentTypes": ANY},
    },
    "AsyncInferenceConfig": {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": ANY},  # recorded only: two requests run at a time
        "OutputConfig": {"S3OutputPath": ANY, "S3FailurePath": ANY},
    },
    "KmsKeyId": ANY,
    "Tags": _TAGS,
}

MODEL_PACKAGE_GROUP: Mapping[str, Honoured] = {"ModelPackageGroupName": ANY, "ModelPackageGroupDescription": ANY, "Tags": _TAGS}

MODEL_PACKAGE_GROUPS: Mapping[str, Honoured] = {
    **dict.fromkeys(("CreationTimeAfter", "CreationTimeBefore", "MaxResults", "NameContains", "NextToken", "SortBy", "SortOrder"), ANY),
    "CrossAccountFilterOption": only("SameAccount"),
}

MODEL_PACKAGE: Mapping[str, Honoured] = {
    "ModelPackageName": ANY,
    "ModelPackageGroupName": ANY,
    "ModelPackageDescription": ANY,
    "ModelPackageRegistrationType": only("Registered"),
    "InferenceSpecification": {
        # Recorded only: the framework. ImageDigest and ModelDataETag are refused, because nothing checks them here.
        "Containers": dict.fromkeys(
            ("ContainerHostname", "Image", "ModelDataUrl", "Environment", "Framework", "FrameworkVersion", "NearestModelName"), ANY
        ),
        # Recorded only: any instance type serves any model here, and the algorithm knows its content types.
        "SupportedTransformInstanceTypes": ANY,
        "SupportedRealtimeInferenceInstanceTypes": ANY,
        "SupportedContentTypes": ANY,
        "SupportedResponseMIMETypes": ANY,
    },
    "CertifyForMarketplace": only(False),
    "ModelApprovalStatus": ANY,
    "CustomerMetadataProperties": ANY,
    "ClientToken": ANY,
    "Tags": _TAGS,
    # Recorded only: no operation of AWS that is honoured here reads them.
    "MetadataProperties": ANY,
    "ModelMetrics": ANY,
    "DriftCheckBaselines": ANY,
    "SkipModelValidation": ANY,
    "Domain": ANY,
    "Task": ANY,
    "SamplePayloadUrl": ANY,
}

MODEL_PACKAGE_UPDATE: Mapping[str, Honoured] = {
    "ModelPackageArn": ANY,
    "ModelApprovalStatus": ANY,
    "ModelPackageRegistrationType": only("Registered"),
    "ApprovalDescription": ANY,
    "CustomerMetadataProperties": ANY,
    "CustomerMetadataPropertiesToRemove": ANY,
    "ClientToken": ANY,  # a repeated update changes nothing
}

_DEPLOYMENT: Mapping[str, Honoured] = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": only("ALL_AT_ONCE"), "WaitIntervalInSeconds": ANY},
        "TerminationWaitInSeconds": ANY,
        "MaximumExecutionTimeoutInSeconds": ANY,
    },
    "AutoRollbackConfiguration": {"Alarms": {"AlarmName": ANY}},
}

ENDPOINT: Mapping[str, Honoured] = {"EndpointName": ANY, "EndpointConfigName": ANY, "DeploymentConfig": _DEPLOYMENT, "Tags": _TAGS}

ENDPOINT_UPDATE: Mapping[str, Honoured] = {
    "EndpointName": ANY,
    "EndpointConfigName": ANY,
    "DeploymentConfig": _DEPLOYMENT,
    "RetainAllVariantProperties": ANY,
    "ExcludeRetainedVariantProperties": {"VariantPropertyType": ANY},
    "RetainDeploymentConfig": ANY,
}

WEIGHTS: Mapping[str, Honoured] = {
    "EndpointName": ANY,
    "DesiredWeightsAndCapacities": {"VariantName": ANY, "DesiredWeight": ANY, "DesiredInstanceCount": ANY},
}

INVOCATION: Mapping[str, Honoured] = {
    "EndpointName": ANY,
    "Body": ANY,
    "ContentType": ANY,
    "Accept": ANY,
    "CustomAttributes": ANY,
    "TargetVariant": ANY,
    "InferenceId": ANY,  # it marks captured data
}

ASYNC_INVOCATION: Mapping[str, Honoured] = {
    "EndpointName": ANY,
    "ContentType": ANY,
    "Accept": ANY,
    "CustomAttributes": ANY,
    "InferenceId": ANY,
    "InputLocation": ANY,
    "RequestTTLSeconds": ANY,
    "InvocationTimeoutSeconds": ANY,  # recorded only
}
