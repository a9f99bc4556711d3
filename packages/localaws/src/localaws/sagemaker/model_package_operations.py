"""Operations of the model registry: model package groups, and the packages in them."""

import hashlib
import json
import time
from threading import RLock
from typing import Any

from localaws.kit.members import refuse_unhonoured
from localaws.kit.open_questions import assumed
from localaws.kit.service import AwsError, Caller, Host, Members
from localaws.kit.tags import tags_of_request
from localaws.sagemaker import refusals
from localaws.sagemaker.listing import select
from localaws.sagemaker.model_package_events import publish_state
from localaws.sagemaker.model_package_record import ModelPackage, ModelPackageGroup, name_in
from localaws.sagemaker.resource_tables import MODEL_PACKAGE, MODEL_PACKAGE_GROUP, Resource, Table

_PENDING = "PendingManualApproval"  # the status of a version that is created without one
_MOST_PROPERTIES = 50
# Members of CreateModelPackage that the record keeps in fields of their own.
_FIELDS = ("Tags", "ClientToken", "ModelApprovalStatus", "CustomerMetadataProperties", "ModelPackageName", "ModelPackageGroupName")


class ModelPackageGroups:
    """CreateModelPackageGroup and the other operations on model package groups."""

    def __init__(self, host: Host, packages: Table[ModelPackage]) -> None:
        self.table = Table(MODEL_PACKAGE_GROUP, ModelPackageGroup, account=host.account, region=host.region, lock=packages.lock)
        self._packages = packages

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.MODEL_PACKAGE_GROUP)
        name, now = request["ModelPackageGroupName"], time.time()
        group = ModelPackageGroup(
            name=name,
            arn=self.table.arn(name),
            created=now,
            modified=now,
            tags=tags_of_request(request),
            created_by=caller.arn,
            description=request.get("ModelPackageGroupDescription"),
        )
        self.table.add(group)
        return {"ModelPackageGroupArn": group.arn}

    def describe(self, caller: Caller, request: Members) -> Members:
        return self.get(request["ModelPackageGroupName"]).describe()

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.MODEL_PACKAGE_GROUPS)
        return {"ModelPackageGroupSummaryList": [group.summary() for group in select(self.table, request, order="Ascending")]}

    def delete(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            group = self.get(request["ModelPackageGroupName"])
            if any(package.group == group.name for package in self._packages):
                # The code is the one that the operation declares; the text is ours.
                text = f"ModelPackageGroup {group.arn} cannot be deleted, because it contains model packages. Delete them first."
                raise AwsError("ConflictException", text)
            self.table.remove(group.name)
        return {}

    def get(self, given: str) -> ModelPackageGroup:
        return self.table.get(name_in(self.table, given))


class ModelPackages:
    """CreateModelPackage and the other operations on model packages."""

    def __init__(self, host: Host, groups: ModelPackageGroups, table: Table[ModelPackage]) -> None:
        self.table, self._host, self._groups = table, host, groups

    def create(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.MODEL_PACKAGE)
        _check_creation(request)
        with self.table.lock:
            if (package := self._again(request)) is None:
                package = self._add(caller, request)
                publish_state(self._host, package)
        return {"ModelPackageArn": package.arn}

    def describe(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            return self.get(request["ModelPackageName"]).describe()

    def list_summaries(self, caller: Caller, request: Members) -> Members:
        found: list[ModelPackage] = list(self.table)
        kind = request.get("ModelPackageType", "Unversioned")
        if "ModelPackageGroupName" in request:
            group = self._groups.get(request["ModelPackageGroupName"]).name
            found, kind = [p for p in found if p.group == group], request.get("ModelPackageType", "Versioned")
        contained = str(request.get("NameContains", "")).lower()
        chosen = [
            package
            for package in found
            if kind in ("Both", "Unversioned" if package.group is None else "Versioned")
            and request.get("ModelApprovalStatus", package.approval) == package.approval
            and contained in (package.group or package.name).lower()
        ]
        by_name = {"Name": lambda p: ((p.group or p.name).lower(), p.version or 0)}
        others = {name: value for name, value in request.items() if name != "NameContains"}  # it does not look at the version
        return {"ModelPackageSummaryList": [p.summary() for p in select(chosen, others, order="Ascending", values=by_name)]}

    def update(self, caller: Caller, request: Members) -> Members:
        refuse_unhonoured(request, refusals.MODEL_PACKAGE_UPDATE)
        with self.table.lock:
            package = self.get(request["ModelPackageArn"])
            if package.group is None:
                raise AwsError("ValidationException", f"ModelPackage {package.arn} is not versioned, so it cannot be updated.")
            removed = request.get("CustomerMetadataPropertiesToRemove", [])
            kept = {name: value for name, value in package.metadata.items() if name not in removed}
            metadata = {**kept, **request.get("CustomerMetadataProperties", {})}
            if len(metadata) > _MOST_PROPERTIES:
                raise AwsError("ValidationException", f"A model package can have at most {_MOST_PROPERTIES} customer metadata properties.")
            package.metadata = metadata
            package.approval = request.get("ModelApprovalStatus", package.approval)
            package.approval_description = request.get("ApprovalDescription", package.approval_description)
            package.modified, package.modified_by = time.time(), caller.arn
            publish_state(self._host, package)
        return {"ModelPackageArn": package.arn}

    def delete(self, caller: Caller, request: Members) -> Members:
        with self.table.lock:
            self.table.remove(self.get(request["ModelPackageName"]).name)
        return {}

    def get(self, given: str) -> ModelPackage:
        return self.table.get(name_in(self.table, given))

    def tagged(self, resource: Resource) -> Resource:
        """The resource that has the tags: a version has those of its group."""
        if isinstance(resource, ModelPackage) and resource.group is not None:
            return self._groups.table.get(resource.group)
        return resource

    def container(self, given: str) -> Members:
        """Image, ModelDataUrl and Environment of the package, for CreateModel. Raises AwsError if it cannot be deployed."""
        with self.table.lock:
            package = self.get(given)
            # AWS's page says that a version must be approved to be deployed, and not which operation refuses it.
            if package.group is not None and package.approval != "Approved" and assumed("model-package-approval") == "asked":
                text = f"ModelPackage {package.arn} cannot be deployed: its approval status is {package.approval}, not Approved."
                raise AwsError("ValidationException", text)
            if len(package.containers) != 1:
                count = len(package.containers)
                raise AwsError("ValidationException", f"ModelPackage {package.arn} has {count} containers; the local AWS honours one.")
            return {name: package.containers[0][name] for name in ("Image", "ModelDataUrl", "Environment") if name in package.containers[0]}

    def _again(self, request: Members) -> ModelPackage | None:
        """The package that an earlier request with the same token created. Raises AwsError if that request was another one."""
        token = request.get("ClientToken")
        package = next((p for p in self.table if token is not None and p.client_token == token), None)
        if package is not None and package.creation_digest != _digest(request):
            raise AwsError("ConflictException", f"The ClientToken {token} was used with other parameters.")
        return package

    def _add(self, caller: Caller, request: Members) -> ModelPackage:
        named: dict[str, Any] = {"name": request.get("ModelPackageName", "")}
        if "ModelPackageGroupName" in request:
            group = self._groups.get(request["ModelPackageGroupName"])
            group.last_version += 1
            approval = request.get("ModelApprovalStatus", _PENDING)
            named = {"name": f"{group.name}/{group.last_version}", "group": group.name, "version": group.last_version, "approval": approval}
        now = time.time()
        package = ModelPackage(
            **named,
            arn=self.table.arn(named["name"]),
            created=now,
            modified=now,
            tags=tags_of_request(request),
            request={name: value for name, value in request.items() if name not in _FIELDS},
            created_by=caller.arn,
            metadata=request.get("CustomerMetadataProperties", {}),
            client_token=request.get("ClientToken"),
            creation_digest=_digest(request),
        )
        self.table.add(package)
        return package


def model_packages(host: Host, *, lock: RLock) -> tuple[ModelPackageGroups, ModelPackages]:
    """The two parts of the model registry, which share the table of packages."""
    table = Table(MODEL_PACKAGE, ModelPackage, account=host.account, region=host.region, lock=lock)
    groups = ModelPackageGroups(host, table)
    return groups, ModelPackages(host, groups, table)


def _digest(request: Members) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _check_creation(request: Members) -> None:
    """Raises AwsError for members that AWS refuses beside each other."""
    is_versioned = "ModelPackageGroupName" in request
    if is_versioned and "ModelPackageName" in request:
        text = "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to use."
        raise AwsError("ValidationException", text)
    if not is_versioned and "ModelPackageName" not in request:
        raise AwsError("ValidationException", "Missing ARN.")
    # AWS's page names these rules; the texts are ours.
    if is_versioned and request.get("Tags"):
        raise AwsError("ValidationException", "Tags are not supported for a versioned model package: it uses the tags of its group.")
    if not is_versioned and "ModelApprovalStatus" in request:
        raise AwsError("ValidationException", "ModelApprovalStatus does not apply to an unversioned model package.")
    if any(not container.get("Image") for container in request.get("InferenceSpecification", {}).get("Containers", [])):
        raise AwsError("ValidationException", "InferenceSpecification.Containers.Image is required.")
