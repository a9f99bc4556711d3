"""The metrics of an endpoint's invocations, in the namespace AWS/SageMaker.

Each value has two sets of dimensions: the endpoint's variant, and the variant under its endpoint configuration. With the second, an alarm
watches one fleet only: during a deployment, the first counts the errors of the old and the new fleet.
Source: Amazon SageMaker Developer Guide, "Amazon SageMaker AI endpoint invocation metrics".
"""

import time
from collections.abc import Mapping, Sequence

from localaws.kit.open_questions import assumed
from localaws.kit.service import Host
from localaws.sagemaker.endpoint_record import Endpoint, EndpointDeployment, Variant

NAMESPACE = "AWS/SageMaker"


def dimensions_of(endpoint: Endpoint, deployment: EndpointDeployment, variant: Variant) -> Sequence[Mapping[str, str]]:
    both = {"EndpointName": endpoint.name, "VariantName": variant.name}
    return [both, {**both, "EndpointConfigName": deployment.config_name}]


def count(host: Host, endpoint: Endpoint, deployment: EndpointDeployment, variant: Variant, *, status: int, latency_s: float) -> None:
    """Count an invocation by the status that the model's container answered with."""
    values = {
        "Invocations": (1.0, "None"),
        "Invocation4XXErrors": (float(400 <= status < 500), "None"),
        "Invocation5XXErrors": (float(status >= 500), "None"),
        "InvocationsPerInstance": (1.0 / variant.instance_count, "None"),
        "ModelLatency": (latency_s * 1e6, "Microseconds"),
    }
    dimensions, now, delay_s = dimensions_of(endpoint, deployment, variant), time.time(), float(assumed("metric-delay"))
    for name, (value, unit) in values.items():
        host.put_metric(NAMESPACE, name, value, dimensions, unit=unit, time_s=now, delay_s=delay_s)
