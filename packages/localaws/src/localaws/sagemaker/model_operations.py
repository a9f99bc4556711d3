"""Operations on models and endpoint configurations. Neither can change after its creation."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from localaws.kit.members import refuse_unhonoured
from localaws.kit.s3 import parse_uri
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.tags import tags_of_request
from localaws.kit.timestamps import moment
from localaws.sagemaker import refusals
from localaws.sagemaker.algorithm_images import Algorithm
from localaws.sagemaker.execution_roles import Roles, require_algorithm
from localaws.sagemaker.hosting_checks import check_serving
from localaws.sagemaker.listing import select
from localaws.sagemaker.model_package_operations import ModelPackages
from localaws.sagemaker.resource_tables import ENDPOINT_CONFIG, MODEL, Resource, Table

_NO_DATA = (
    'Could not access model data at {url}. Please ensure that the role "{role}" exists and that its trust relationship policy allows the '
    'action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" '
    "permissions and that the object is located in {region}."
)


@dataclass(kw_only=True)
class Model(Resource):
    """A model. `request` is CreateModel's. `packaged` is the container of its model package, if it was created from one."""

    request: dict[str, Any]
    packaged: dict[str, Any] | None = None

    @property
    def container(self) -> dict[str, Any]:
        """The container that an endpoint runs. A member of the request replaces that of the package."""
        return {**(self.packaged or {}), **_container(self.request)}


@dataclass(kw_only=True)
class EndpointConfig(Resource):
    """An endpoint configuration. `request` is CreateEndpointConfig's; each variant has its weight."""

    request: dict[str, Any]


class Models:
    """CreateModel and the other operations on models."""

    def __init__(self, host: Host, roles: Roles, algorithms: Sequence[Algorithm], packages: ModelPackages) -> None:
        self.table = Table(MODEL, Model, account=host.account, region=host.region, lock=packages.table.lock)
        self._host, self._roles, self._algorithms, self._packages = host, roles, algorithms, packages

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.MODEL)
        name = request["ModelName"]
        self.table.check_free(name)
        now, arn = time.time(), self.table.arn(name)
        model = Model(name=name, arn=arn, created=now, modified=now, tags=tags_of_request(request), request=_without_tags(request))
        model.packaged = self._packaged(_container(request))
        container = model.container
        for member, value in (
            ("PrimaryContainer.Image", container.get("Image")),
            ("PrimaryContainer.ModelDataUrl", container.get("ModelDataUrl")),
            ("ExecutionRoleArn", request.get("ExecutionRoleArn")),
        ):
            if not value:
                raise AwsError("ValidationException", f"{member} is required for a model of a built-in algorithm.")
        require_algorithm(container["Image"], self._algorithms)
        self._check_data(container["ModelDataUrl"], request["ExecutionRoleArn"], arn)
        self.table.add(model)
        return {"ModelArn": arn}

    def describe(self, caller: Caller, request: Members) -> Members:
        model = self.table.get(request["ModelName"])
        return {
            "ModelName": model.name,
            "ModelArn": model.arn,
            "CreationTime": moment(model.created),
            **_described_container(model.request),
            "ExecutionRoleArn": model.request["ExecutionRoleArn"],
            "EnableNetworkIsolation": model.request.get("EnableNetworkIsolation", False),
        }

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        def summary(model: Model) -> Members:
            return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": moment(model.created)}

        return {"Models": [summary(model) for model in select(self.table, request, order="Descending")]}

    def delete(self, caller: Caller, request: Members) -> Members:
        self.table.remove(request["ModelName"])
        return {}

    def _packaged(self, container: Members) -> Members | None:
        if "ModelPackageName" not in container:
            return None
        if both := [name for name in ("Image", "ModelDataUrl") if name in container]:
            text = f"{' and '.join(both)} beside ModelPackageName is not honoured by the local AWS: the package has its own."
            raise AwsError("ValidationException", text)
        return self._packages.container(container["ModelPackageName"])

    def _check_data(self, url: str, role_arn: str, source_arn: str) -> None:
        try:
            location = parse_uri(url)
            client = self._roles.client("s3", role_arn=role_arn, source_arn=source_arn)
            client.head_object(Bucket=location.bucket, Key=location.key)
        except (AwsError, ClientError, ValueError) as error:
            text = _NO_DATA.format(url=url, role=role_arn, region=self._host.region)
            raise AwsError("ValidationException", text) from error


class EndpointConfigs:
    """CreateEndpointConfig and the other operations on endpoint configurations."""

    def __init__(self, host: Host, models: Models) -> None:
        self.table = Table(ENDPOINT_CONFIG, EndpointConfig, account=host.account, region=host.region, lock=models.table.lock)
        self._models = models

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.ENDPOINT_CONFIG)
        name = request["EndpointConfigName"]
        self.table.check_free(name)
        variants = [self._variant(variant) for variant in request["ProductionVariants"]]
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) != len(names):
            raise AwsError("ValidationException", f"Variant names must be unique within an endpoint configuration: {', '.join(names)}.")
        check_serving(request)
        now, arn = time.time(), self.table.arn(name)
        kept = {**_without_tags(request), "ProductionVariants": variants}
        self.table.add(EndpointConfig(name=name, arn=arn, created=now, modified=now, tags=tags_of_request(request), request=kept))
        return {"EndpointConfigArn": arn}

    def describe(self, caller: Caller, request: Members) -> Members:
        config = self.table.get(request["EndpointConfigName"])
        return {
            "EndpointConfigName": config.name,
            "EndpointConfigArn": config.arn,
            "CreationTime": moment(config.created),
            "ProductionVariants": config.request["ProductionVariants"],
            **{name: config.request[name] for name in ("KmsKeyId", "DataCaptureConfig", "AsyncInferenceConfig") if name in config.request},
            "EnableNetworkIsolation": False,
        }

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        def summary(config: EndpointConfig) -> Members:
            return {"EndpointConfigName": config.name, "EndpointConfigArn": config.arn, "CreationTime": moment(config.created)}

        return {"EndpointConfigs": [summary(config) for config in select(self.table, request, order="Descending")]}

    def delete(self, caller: Caller, request: Members) -> Members:
        self.table.remove(request["EndpointConfigName"])
        return {}

    def _variant(self, variant: Members) -> Members:
        if "ModelName" not in variant:
            raise AwsError("ValidationException", "ProductionVariants.ModelName is required: inference components are not honoured.")
        self._models.table.get(variant["ModelName"])
        return {"InitialVariantWeight": 1.0, **variant}


def _container(request: Mapping[str, Any]) -> Members:
    """The only container of CreateModel's request. Raises AwsError if there are several."""
    listed = request.get("Containers", [])
    if len(listed) > 1 or (listed and "PrimaryContainer" in request):
        raise AwsError("ValidationException", "Containers with more than one container is not honoured by the local AWS.")
    return dict(listed[0] if listed else request.get("PrimaryContainer", {}))


def _described_container(request: Mapping[str, Any]) -> Members:
    """The container in DescribeModel, under the member of the request. Of a package it has the name only."""
    shown = {"Mode": "SingleModel", **{name: value for name, value in _container(request).items() if value}}
    return {"Containers": [shown]} if request.get("Containers") else {"PrimaryContainer": shown}


def _without_tags(request: Mapping[str, Any]) -> Members:
    return {name: value for name, value in request.items() if name != "Tags"}
