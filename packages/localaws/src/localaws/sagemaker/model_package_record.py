"""Records of the model registry: model package groups, and model packages with their descriptions."""

from dataclasses import dataclass, field
from typing import Any

from localaws.kit.service import AwsError, Members
from localaws.kit.timestamps import moment
from localaws.sagemaker.resource_tables import Resource, Table

# No package is validated or scanned here, so each is complete at once.
_STATUS: Members = {
    "ModelPackageStatus": "Completed",
    "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
}
_SUMMARISED = ("ModelPackageDescription", "ModelPackageRegistrationType")


@dataclass(kw_only=True)
class ModelPackageGroup(Resource):
    """A model package group. `last_version` is never used again, even after the package was deleted."""

    created_by: str
    description: str | None = None
    last_version: int = 0

    def summary(self) -> Members:
        described = {"ModelPackageGroupDescription": self.description} if self.description is not None else {}
        return {
            "ModelPackageGroupName": self.name,
            "ModelPackageGroupArn": self.arn,
            **described,
            "CreationTime": moment(self.created),
            "ModelPackageGroupStatus": "Completed",
        }

    def describe(self) -> Members:
        return {**self.summary(), "CreatedBy": user_context(self.created_by)}


@dataclass(kw_only=True)
class ModelPackage(Resource):
    """A model package. `request` is CreateModelPackage's, without what can change later; `creation_digest` is that of the whole request.

    The name of a version is `group/version`, as in its ARN. An unversioned package has no group, no version and no approval status.
    """

    request: dict[str, Any]
    created_by: str
    group: str | None = None
    version: int | None = None
    approval: str | None = None
    approval_description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    modified_by: str | None = None
    client_token: str | None = None
    creation_digest: str = ""

    @property
    def containers(self) -> list[Members]:
        return list(self.request.get("InferenceSpecification", {}).get("Containers", []))

    def summary(self) -> Members:
        # The summary of a version has no ModelPackageName.
        named = {"ModelPackageName": self.name} if self.group is None else self._version()
        described: Members = {name: value for name, value in self.request.items() if name in _SUMMARISED}
        return {
            **named,
            "ModelPackageArn": self.arn,
            **described,
            "CreationTime": moment(self.created),
            "ModelPackageStatus": _STATUS["ModelPackageStatus"],
            **({"ModelApprovalStatus": self.approval} if self.approval else {}),
        }

    def describe(self) -> Members:
        answer: Members = {
            "CertifyForMarketplace": False,
            **self.request,
            "ModelPackageName": self.group or self.name,
            **self._version(),
            "ModelPackageArn": self.arn,
            "CreationTime": moment(self.created),
            "CreatedBy": user_context(self.created_by),
            **_STATUS,
            **({"CustomerMetadataProperties": self.metadata} if self.metadata else {}),
            **({"ModelApprovalStatus": self.approval} if self.approval else {}),
            **({"ApprovalDescription": self.approval_description} if self.approval_description is not None else {}),
        }
        if self.modified_by is not None:
            answer |= {"LastModifiedTime": moment(self.modified), "LastModifiedBy": user_context(self.modified_by)}
        return answer

    def _version(self) -> Members:
        return {} if self.group is None else {"ModelPackageGroupName": self.group, "ModelPackageVersion": self.version}


def user_context(arn: str) -> Members:
    """Who created or changed a resource. Users of Studio have other members, and there is no Studio here."""
    return {"IamIdentity": {"Arn": arn}}


def name_in(table: Table[Any], given: str) -> str:
    """The name of the table's resource that is given by name or by ARN. Raises AwsError for an ARN of another kind, account or region."""
    if not given.startswith("arn:"):
        return given
    name = given.partition("/")[2]
    if table.arn(name).lower() != given.lower():
        raise AwsError(table.kind.missing_code, table.kind.missing_text.format(arn=given))
    return name
