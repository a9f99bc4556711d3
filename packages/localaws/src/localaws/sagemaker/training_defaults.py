"""The members that DescribeTrainingJob and DescribeHyperParameterTuningJob show although the request left them out."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.service import Members
from localaws.sagemaker.algorithm_images import Algorithm

_DAY_S = 86_400  # AWS's default for MaxRuntimeInSeconds
_FLAGS = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")


def with_defaults(request: Mapping[str, Any], algorithm: Algorithm) -> Members:
    """A training job's request, or the definition in a tuning job's. Clients read these members without asking whether they are there."""
    metrics = [{"Name": definition.name, "Regex": definition.regex} for definition in algorithm.metric_definitions]
    return {
        **dict.fromkeys(_FLAGS, False),
        **request,
        "AlgorithmSpecification": {**request["AlgorithmSpecification"], "MetricDefinitions": metrics},
        "OutputDataConfig": {"KmsKeyId": "", "CompressionType": "GZIP", **request["OutputDataConfig"]},
        "StoppingCondition": {"MaxRuntimeInSeconds": _DAY_S, **request["StoppingCondition"]},
        **({"InputDataConfig": [_channel(channel) for channel in request["InputDataConfig"]]} if request.get("InputDataConfig") else {}),
    }


def resources(request: Mapping[str, Any]) -> Members:
    """The ResourceConfig of a tuning job's definition, which may have the form with HyperParameterTuningResourceConfig."""
    return dict(request.get("ResourceConfig") or request.get("HyperParameterTuningResourceConfig") or {})


def _channel(channel: Mapping[str, Any]) -> Members:
    source = {"S3DataDistributionType": "FullyReplicated", **channel["DataSource"]["S3DataSource"]}
    return {"CompressionType": "None", "RecordWrapperType": "None", **channel, "DataSource": {"S3DataSource": source}}
