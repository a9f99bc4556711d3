"""The SageMaker service: its operations with their permissions, its CloudFormation types, its state."""

from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any

from localaws.kit.service import Host, Operation
from localaws.sagemaker.algorithm_images import Algorithm
from localaws.sagemaker.cloudformation import RESOURCE_TYPES
from localaws.sagemaker.data_capture import DataCapture
from localaws.sagemaker.endpoint_operations import Endpoints
from localaws.sagemaker.execution_roles import Roles
from localaws.sagemaker.model_operations import EndpointConfigs, Models
from localaws.sagemaker.model_package_operations import model_packages
from localaws.sagemaker.model_package_permissions import creating_package, listing_packages, packages_of_model, updating_package
from localaws.sagemaker.permissions import anywhere, creating, on, tagging
from localaws.sagemaker.resource_tables import Table
from localaws.sagemaker.serving import Serving
from localaws.sagemaker.tagging import Tagging
from localaws.sagemaker.training_defaults import resources
from localaws.sagemaker.training_operations import TrainingJobs
from localaws.sagemaker.transform_operations import TransformJobs
from localaws.sagemaker.tuning_operations import TuningJobs

_GRACE_S = 120.0  # AWS's time between SIGTERM and SIGKILL

_JOB, _TUNING = ("training-job", "TrainingJobName"), ("hyper-parameter-tuning-job", "HyperParameterTuningJobName")
_TRANSFORM = ("transform-job", "TransformJobName")
_GROUP, _PACKAGE = ("model-package-group", "ModelPackageGroupName"), ("model-package", "ModelPackageName")
_MODEL, _CONFIG, _ENDPOINT = ("model", "ModelName"), ("endpoint-config", "EndpointConfigName"), ("endpoint", "EndpointName")


class SageMaker:
    """`name` is botocore's. `grace_s` is the time that a job has to stop."""

    name = "sagemaker"

    def __init__(self, host: Host, algorithms: Sequence[Algorithm], *, grace_s: float = _GRACE_S) -> None:
        lock = RLock()
        self.host, self.lock, self.roles = host, lock, Roles(host)
        self.training = TrainingJobs(host, self.roles, algorithms, lock=lock, grace_s=grace_s)
        self.tuning = TuningJobs(host, self.training)
        self.package_groups, self.packages = model_packages(host, lock=lock)
        self.models = Models(host, self.roles, algorithms, self.packages)
        self.configs = EndpointConfigs(host, self.models)
        serving = Serving(host.home("sagemaker") / "endpoints", algorithms, self.roles)
        self.endpoints = Endpoints(host, self.roles, self.models, self.configs, serving)
        self.transforms = TransformJobs(host, self.roles, self.models, serving)
        self._tables: dict[str, Table[Any]] = {
            "training_jobs": self.training.table,
            "tuning_jobs": self.tuning.table,
            "model_package_groups": self.package_groups.table,
            "model_packages": self.packages.table,
            "models": self.models.table,
            "endpoint_configs": self.configs.table,
            "endpoints": self.endpoints.table,
            "transform_jobs": self.transforms.table,
        }
        self.capture = DataCapture(self.roles, lock=lock)
        self.tagging = Tagging(list(self._tables.values()), self.packages.tagged)
        self.resource_types = RESOURCE_TYPES
        self.operations: Mapping[str, Operation] = {
            **self._job_operations(),
            **self._registry_operations(),
            **self._hosting_operations(),
            **self._transform_operations(),
            "AddTags": Operation(handler=self.tagging.add, permissions=tagging("AddTags", tags_of=self.tagging.of)),
            "ListTags": Operation(handler=self.tagging.list_tags, permissions=tagging("ListTags", tags_of=self.tagging.of)),
            "DeleteTags": Operation(handler=self.tagging.delete, permissions=tagging("DeleteTags", tags_of=self.tagging.of)),
        }

    def get_state(self) -> dict[str, Any]:
        with self.lock:
            return {**{name: table.to_json() for name, table in self._tables.items()}, "captured": self.capture.to_json()}

    def load_state(self, state: dict[str, Any]) -> None:
        with self.lock:
            for name, table in self._tables.items():
                table.load_json(state.get(name, []))
        self.capture.load(state.get("captured", []))
        self.endpoints.resume()
        self.training.resume()
        self.transforms.resume()
        self.tuning.resume()

    def stop(self) -> None:
        self.tuning.shut_down()
        self.transforms.shut_down()
        self.endpoints.shut_down()
        self.capture.shut_down()
        self.training.shut_down()

    def _job_operations(self) -> dict[str, Operation]:
        training, tuning, tags_of = self.training, self.tuning, self.tagging.of
        create_job = creating(
            "CreateTrainingJob", _JOB, role=lambda r: r["RoleArn"], instances=lambda r: _types(r.get("ResourceConfig"), "InstanceType")
        )
        create_tuning = creating(
            "CreateHyperParameterTuningJob",
            _TUNING,
            role=lambda r: r.get("TrainingJobDefinition", {}).get("RoleArn"),
            instances=lambda r: _types(resources(r.get("TrainingJobDefinition", {})), "InstanceType"),
        )
        return {
            "CreateTrainingJob": Operation(handler=training.create, permissions=create_job),
            "DescribeTrainingJob": Operation(handler=training.describe, permissions=on("DescribeTrainingJob", _JOB, tags_of=tags_of)),
            "ListTrainingJobs": Operation(handler=training.list_summaries, permissions=anywhere("ListTrainingJobs")),
            "StopTrainingJob": Operation(handler=training.stop, permissions=on("StopTrainingJob", _JOB, tags_of=tags_of)),
            "CreateHyperParameterTuningJob": Operation(handler=tuning.create, permissions=create_tuning),
            "DescribeHyperParameterTuningJob": Operation(
                handler=tuning.describe, permissions=on("DescribeHyperParameterTuningJob", _TUNING, tags_of=tags_of)
            ),
            "ListHyperParameterTuningJobs": Operation(handler=tuning.list_summaries, permissions=anywhere("ListHyperParameterTuningJobs")),
            "ListTrainingJobsForHyperParameterTuningJob": Operation(
                handler=tuning.list_training_jobs, permissions=on("ListTrainingJobsForHyperParameterTuningJob", _TUNING, tags_of=tags_of)
            ),
            "StopHyperParameterTuningJob": Operation(
                handler=tuning.stop, permissions=on("StopHyperParameterTuningJob", _TUNING, tags_of=tags_of)
            ),
        }

    def _transform_operations(self) -> dict[str, Operation]:
        jobs, tags_of = self.transforms, self.tagging.of
        create = creating("CreateTransformJob", _TRANSFORM, instances=lambda r: _types(r["TransformResources"], "InstanceType"))
        return {
            "CreateTransformJob": Operation(handler=jobs.create, permissions=create),
            "DescribeTransformJob": Operation(handler=jobs.describe, permissions=on("DescribeTransformJob", _TRANSFORM, tags_of=tags_of)),
            "ListTransformJobs": Operation(handler=jobs.list_summaries, permissions=anywhere("ListTransformJobs")),
            "StopTransformJob": Operation(handler=jobs.stop, permissions=on("StopTransformJob", _TRANSFORM, tags_of=tags_of)),
        }

    def _registry_operations(self) -> dict[str, Operation]:
        groups, packages, tags_of = self.package_groups, self.packages, self.tagging.of

        def existing(action: str, resource: tuple[str, str]) -> Any:
            return on(action, resource, tags_of=tags_of)

        return {
            "CreateModelPackageGroup": Operation(handler=groups.create, permissions=creating("CreateModelPackageGroup", _GROUP)),
            "DescribeModelPackageGroup": Operation(handler=groups.describe, permissions=existing("DescribeModelPackageGroup", _GROUP)),
            "ListModelPackageGroups": Operation(handler=groups.list_summaries, permissions=anywhere("ListModelPackageGroups")),
            "DeleteModelPackageGroup": Operation(handler=groups.delete, permissions=existing("DeleteModelPackageGroup", _GROUP)),
            "CreateModelPackage": Operation(handler=packages.create, permissions=creating_package()),
            "DescribeModelPackage": Operation(handler=packages.describe, permissions=existing("DescribeModelPackage", _PACKAGE)),
            "ListModelPackages": Operation(handler=packages.list_summaries, permissions=listing_packages()),
            "UpdateModelPackage": Operation(handler=packages.update, permissions=updating_package(tags_of=tags_of)),
            "DeleteModelPackage": Operation(handler=packages.delete, permissions=existing("DeleteModelPackage", _PACKAGE)),
        }

    def _hosting_operations(self) -> dict[str, Operation]:
        models, configs, endpoints, tags_of = self.models, self.configs, self.endpoints, self.tagging.of
        create_model = creating("CreateModel", _MODEL, role=lambda r: r.get("ExecutionRoleArn"), used=packages_of_model)
        create_config = creating("CreateEndpointConfig", _CONFIG, instances=lambda r: _types(r["ProductionVariants"], "InstanceType"))
        create_endpoint = creating("CreateEndpoint", _ENDPOINT, _CONFIG)

        def existing(action: str, *resources: tuple[str, str]) -> Any:
            return on(action, *resources, tags_of=tags_of)

        return {
            "CreateModel": Operation(handler=models.create, permissions=create_model),
            "DescribeModel": Operation(handler=models.describe, permissions=existing("DescribeModel", _MODEL)),
            "ListModels": Operation(handler=models.list_summaries, permissions=anywhere("ListModels")),
            "DeleteModel": Operation(handler=models.delete, permissions=existing("DeleteModel", _MODEL)),
            "CreateEndpointConfig": Operation(handler=configs.create, permissions=create_config),
            "DescribeEndpointConfig": Operation(handler=configs.describe, permissions=existing("DescribeEndpointConfig", _CONFIG)),
            "ListEndpointConfigs": Operation(handler=configs.list_summaries, permissions=anywhere("ListEndpointConfigs")),
            "DeleteEndpointConfig": Operation(handler=configs.delete, permissions=existing("DeleteEndpointConfig", _CONFIG)),
            "CreateEndpoint": Operation(handler=endpoints.create, permissions=create_endpoint),
            "UpdateEndpoint": Operation(handler=endpoints.update, permissions=existing("UpdateEndpoint", _ENDPOINT, _CONFIG)),
            "UpdateEndpointWeightsAndCapacities": Operation(
                handler=endpoints.update_weights, permissions=existing("UpdateEndpointWeightsAndCapacities", _ENDPOINT)
            ),
            "DescribeEndpoint": Operation(handler=endpoints.describe, permissions=existing("DescribeEndpoint", _ENDPOINT)),
            "ListEndpoints": Operation(handler=endpoints.list_summaries, permissions=anywhere("ListEndpoints")),
            "DeleteEndpoint": Operation(handler=endpoints.delete, permissions=existing("DeleteEndpoint", _ENDPOINT)),
        }


def _types(value: Any, member: str) -> list[str]:
    """All instance types in a structure or a list of structures."""
    items = value if isinstance(value, list) else [value or {}]
    return [item[member] for item in items if member in item]
