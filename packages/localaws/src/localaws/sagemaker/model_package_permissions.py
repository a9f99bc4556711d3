"""The permissions that the model registry's operations need, with the condition keys that only it has."""

from collections.abc import Iterable
from typing import Any

from localaws.kit import permissions
from localaws.kit.permissions import Asked, TagsOf
from localaws.kit.service import Caller, Members
from localaws.sagemaker.permissions import arn_of, on
from localaws.sagemaker.resource_tables import MODEL_PACKAGE

_SLUG = MODEL_PACKAGE.slug


def creating_package() -> Asked:
    """CreateModelPackage. The version is not known before, so it is asked for every version of the group."""
    return permissions.on("sagemaker:CreateModelPackage", _new_or_all, context=_conditions, tagging="sagemaker:AddTags")


def listing_packages() -> Asked:
    """ListModelPackages, on every version of the group or on every package, as AWS's reference has model packages as its resource."""
    return permissions.on("sagemaker:ListModelPackages", _new_or_all)


def updating_package(*, tags_of: TagsOf) -> Asked:
    """UpdateModelPackage. A policy can allow some approval statuses only."""
    return on("UpdateModelPackage", (_SLUG, "ModelPackageArn"), tags_of=tags_of, context=_conditions)


def packages_of_model(caller: Caller, request: Members) -> Iterable[str]:
    """The packages that CreateModel's request names. AWS's page about other accounts shows CreateModel as an action on packages."""
    containers = [request.get("PrimaryContainer", {}), *request.get("Containers", [])]
    return [arn_of(_SLUG, container["ModelPackageName"], caller) for container in containers if "ModelPackageName" in container]


def _new_or_all(caller: Caller, request: Members) -> list[str]:
    if "ModelPackageGroupName" in request:
        group = str(request["ModelPackageGroupName"]).rpartition("/")[2]
        return [arn_of(_SLUG, f"{group}/*", caller)]
    return [arn_of(_SLUG, request.get("ModelPackageName", "*"), caller)]


def _conditions(request: Members) -> dict[str, Any]:
    """SageMaker's condition keys for what the request sets."""
    found = {f"sagemaker:CustomerMetadataProperties/{name}": value for name, value in request.get("CustomerMetadataProperties", {}).items()}
    if "ModelApprovalStatus" in request:
        found["sagemaker:ModelApprovalStatus"] = request["ModelApprovalStatus"]
    if removed := request.get("CustomerMetadataPropertiesToRemove"):
        found["sagemaker:CustomerMetadataPropertiesToRemove"] = removed
    return found
