"""An endpoint's record: its current and its pending deployment, and its description in DescribeEndpoint."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws.kit.timestamps import moment
from localaws.sagemaker.model_operations import EndpointConfig, Model
from localaws.sagemaker.resource_tables import Resource


@dataclass(kw_only=True)
class Variant:
    """A production variant, with everything that is needed to load its model after model and configuration were deleted."""

    name: str
    image: str
    model_data_url: str
    role_arn: str
    weight: float
    instance_count: int
    serverless: dict[str, Any] | None = None

    def summary(self) -> dict[str, Any]:
        return {
            "VariantName": self.name,
            "DeployedImages": [{"SpecifiedImage": self.image}],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.weight,
            **self._resources(),
        }

    def _resources(self) -> dict[str, Any]:
        if self.serverless is not None:
            return {"CurrentServerlessConfig": self.serverless, "DesiredServerlessConfig": self.serverless}
        return {"CurrentInstanceCount": self.instance_count, "DesiredInstanceCount": self.instance_count}


@dataclass(kw_only=True)
class EndpointDeployment:
    """A deployment of an endpoint configuration. `id` is never used again."""

    id: str
    config_name: str
    started: float
    variants: list[Variant]
    capture: dict[str, Any] | None = None  # DataCaptureConfig
    asynchronous: dict[str, Any] | None = None  # AsyncInferenceConfig

    def describe(self) -> dict[str, Any]:
        """The members of DescribeEndpoint that follow from the configuration."""
        answer: dict[str, Any] = {"ProductionVariants": [variant.summary() for variant in self.variants]}
        if self.capture is not None:
            answer["DataCaptureConfig"] = {
                "EnableCapture": self.capture.get("EnableCapture", False),
                "CaptureStatus": "Started" if self.capture.get("EnableCapture") else "Stopped",
                "CurrentSamplingPercentage": self.capture["InitialSamplingPercentage"],
                "DestinationS3Uri": self.capture["DestinationS3Uri"],
                "KmsKeyId": self.capture.get("KmsKeyId", ""),
            }
        if self.asynchronous is not None:
            answer["AsyncInferenceConfig"] = self.asynchronous
        return answer

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "EndpointDeployment":
        return cls(**{**row, "variants": [Variant(**variant) for variant in row["variants"]]})


def deployment_of(config: EndpointConfig, models: Mapping[str, Model], *, id: str, now: float) -> EndpointDeployment:
    """A new deployment of a configuration. `models` has the models by the names in the variants."""
    variants = [
        Variant(
            name=variant["VariantName"],
            image=models[variant["ModelName"]].container["Image"],
            model_data_url=models[variant["ModelName"]].container["ModelDataUrl"],
            role_arn=models[variant["ModelName"]].request["ExecutionRoleArn"],
            weight=variant["InitialVariantWeight"],
            instance_count=variant.get("InitialInstanceCount", 1),
            serverless=variant.get("ServerlessConfig"),
        )
        for variant in config.request["ProductionVariants"]
    ]
    return EndpointDeployment(
        id=id,
        config_name=config.name,
        started=now,
        variants=variants,
        capture=config.request.get("DataCaptureConfig"),
        asynchronous=config.request.get("AsyncInferenceConfig"),
    )


@dataclass(kw_only=True)
class Endpoint(Resource):
    """`deployment` is the one in DescribeEndpoint. `pending` is the new one, which receives the traffic once `shifted` is true."""

    config_name: str
    status: str = "Creating"
    failure_reason: str | None = None
    deployment: EndpointDeployment | None = None
    pending: EndpointDeployment | None = None
    shifted: bool = False
    deployment_config: dict[str, Any] | None = None

    @classmethod
    def from_json(cls, **row: Any) -> "Endpoint":
        loaded = {name: EndpointDeployment.from_json(row[name]) for name in ("deployment", "pending") if row[name] is not None}
        return cls(**{**row, **loaded})

    @property
    def live(self) -> EndpointDeployment | None:
        """The deployment that answers invocations."""
        return self.pending if self.shifted else self.deployment

    @property
    def is_busy(self) -> bool:
        return self.status in ("Creating", "Updating", "RollingBack", "Deleting")

    def begin_update(self, pending: EndpointDeployment, deployment_config: dict[str, Any] | None, now: float) -> None:
        self.pending, self.shifted, self.failure_reason = pending, False, None
        self.deployment_config = deployment_config or self.deployment_config
        self.status, self.modified = ("Updating" if self.deployment else "Creating"), now

    def shift_traffic(self) -> None:
        self.shifted = True

    def complete(self, now: float) -> EndpointDeployment | None:
        """Make the pending deployment the endpoint's. Returns the deployment that it replaces."""
        if self.pending is None:
            raise ValueError("no deployment is pending")
        old, self.deployment = self.deployment, self.pending
        self.config_name, self.pending, self.shifted = self.deployment.config_name, None, False
        self.status, self.modified = "InService", now
        return old

    def begin_rollback(self, now: float) -> None:
        """Give the traffic back to the old deployment."""
        self.status, self.shifted, self.modified = "RollingBack", False, now

    def give_up(self, reason: str, now: float) -> EndpointDeployment | None:
        """Drop the pending deployment and return it. The endpoint is in service on the old one, or failed if there is none."""
        dropped, self.pending, self.shifted = self.pending, None, False
        self.failure_reason, self.modified = reason, now
        self.status = "InService" if self.deployment else "Failed"
        return dropped

    def set_capacity(self, variant_name: str, *, weight: float | None, instance_count: int | None) -> None:
        """Raises KeyError if the endpoint has no such variant."""
        variant = {variant.name: variant for variant in (self.deployment.variants if self.deployment else [])}[variant_name]
        variant.weight = variant.weight if weight is None else weight
        variant.instance_count = variant.instance_count if instance_count is None else instance_count

    def describe(self) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config_name,
            "EndpointStatus": self.status,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(self.modified),
        }
        if self.deployment:
            answer |= self.deployment.describe()
        if self.pending:
            answer["PendingDeploymentSummary"] = {
                "EndpointConfigName": self.pending.config_name,
                "ProductionVariants": [variant.summary() for variant in self.pending.variants],
                "StartTime": moment(self.pending.started),
            }
        if self.failure_reason:
            answer["FailureReason"] = self.failure_reason
        if self.deployment_config:
            answer["LastDeploymentConfig"] = self.deployment_config
        return answer

    def summary(self) -> dict[str, Any]:
        return {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "CreationTime": moment(self.created),
            "LastModifiedTime": moment(self.modified),
            "EndpointStatus": self.status,
        }
