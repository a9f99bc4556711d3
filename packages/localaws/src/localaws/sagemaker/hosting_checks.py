"""What an endpoint configuration may combine: instances or serverless, data capture, asynchronous answers."""

from collections.abc import Mapping
from typing import Any

from localaws.kit.s3 import parse_uri
from localaws.kit.service import AwsError

_MEMORY_MB = range(1024, 6145, 1024)


def check_serving(request: Mapping[str, Any]) -> None:
    """Check CreateEndpointConfig's variants and settings against one another. Raises AwsError."""
    variants = request["ProductionVariants"]
    serverless = [variant for variant in variants if "ServerlessConfig" in variant]
    for variant in variants:
        _check_resources(variant)
    for member in ("DataCaptureConfig", "AsyncInferenceConfig"):
        if serverless and member in request:
            raise _refusal(f"{member} is not supported for serverless endpoints.")
    if serverless and len(variants) > 1:
        raise _refusal("A serverless endpoint has one production variant.")
    output = request.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    if "AsyncInferenceConfig" in request and "S3OutputPath" not in output:
        raise _refusal("AsyncInferenceConfig.OutputConfig.S3OutputPath is required by the local AWS.")
    _check_uris({"DataCaptureConfig.DestinationS3Uri": request.get("DataCaptureConfig", {}).get("DestinationS3Uri"), **output})


def _check_resources(variant: Mapping[str, Any]) -> None:
    instances = [name for name in ("InstanceType", "InitialInstanceCount") if name in variant]
    if "ServerlessConfig" not in variant:
        if len(instances) < 2:
            raise _refusal("ProductionVariants: a variant has InstanceType and InitialInstanceCount, or ServerlessConfig.")
        return
    if instances:
        raise _refusal(f"ProductionVariants: ServerlessConfig cannot be combined with {' and '.join(instances)}.")
    if (memory := variant["ServerlessConfig"]["MemorySizeInMB"]) not in _MEMORY_MB:
        raise _refusal(f"ServerlessConfig.MemorySizeInMB {memory} is not one of {', '.join(map(str, _MEMORY_MB))}.")


def _check_uris(given: Mapping[str, str | None]) -> None:
    for member, uri in given.items():
        if uri is not None:
            try:
                parse_uri(uri)
            except ValueError as error:
                raise _refusal(f"{member}: {error}.") from error


def _refusal(text: str) -> AwsError:
    return AwsError("ValidationException", text)
