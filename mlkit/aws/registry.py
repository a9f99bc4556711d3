"""SageMaker's model registry: registers a sealed model as a version of a model package group, decides about it, finds the champion.

What mlkit knows of a version is in its customer metadata properties. A caller needs `sagemaker:ListModelPackages`,
`CreateModelPackage`, `DescribeModelPackage` or `UpdateModelPackage` on `model-package/GROUP/*`. With the condition key
`sagemaker:ModelApprovalStatus`, a policy can allow to register and not to approve.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

from mlkit.aws.session import Session, aws_errors
from mlkit.errors import InvalidData, NotFound
from mlkit.naming import EXECUTION_TAG

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef

_TEXTS = {
    "model_sha256": "mlkit:model-sha256",
    "evidence_uri": "mlkit:evidence-uri",
    "seal_sha256": "mlkit:seal-sha256",
    "execution": EXECUTION_TAG,
    "verdict": "mlkit:verdict",
}
_METRIC = "mlkit:metric:"  # before the metric's name
# AWS's limits for customer metadata properties, as in botocore's model.
_MOST, _LONGEST_KEY, _LONGEST_VALUE = 50, 128, 256
_PERMITTED = re.compile(r"[\w .:/=+@-]+")
_LONGEST_COMMENT = 1024  # characters of ApprovalDescription
_LONGEST_TOKEN = 36


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A tested model whose evidence is sealed.

    `group` is the model package group; `image` and `model_s3_uri` are what an endpoint runs. `evidence_uri` is the manifest's address
    and `seal_sha256` its digest; `execution` is the pipeline execution; `verdict` is the gate's outcome.
    """

    group: str
    image: str
    model_s3_uri: str
    model_sha256: str
    evidence_uri: str
    seal_sha256: str
    execution: str
    metrics: Mapping[str, float]
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Champion(Candidate):
    """The newest approved version of a group, as it was registered. `comment` is the approver's."""

    package_arn: str
    version: int
    comment: str


def register(aws: Session, candidate: Candidate) -> str:
    """Register the candidate as a version that waits for its approval. Returns the ARN of the model package.

    The same execution and seal are registered once. Raises NotFound if the group does not exist, InvalidData if a value cannot be a
    property of a model package.
    """
    properties = _properties(candidate)
    with aws_errors(missing=_no_group(candidate.group)):
        if (found := _find(aws, candidate)) is not None:
            return found
        answer = aws.client("sagemaker").create_model_package(
            ModelPackageGroupName=candidate.group,
            ModelPackageDescription=_description(candidate),
            InferenceSpecification={"Containers": [{"Image": candidate.image, "ModelDataUrl": candidate.model_s3_uri}]},
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties=properties,
            ClientToken=_token(candidate),
        )
    return answer["ModelPackageArn"]


def decide(aws: Session, package_arn: str, *, approved: bool, comment: str) -> None:
    """Approve or reject a version. The comment is kept on one line, cut to 1024 characters. Raises NotFound for an unknown version."""
    with aws_errors(missing=f"List the versions: `aws sagemaker list-model-packages --model-package-group-name {_group_of(package_arn)}`."):
        aws.client("sagemaker").update_model_package(
            ModelPackageArn=package_arn,
            ModelApprovalStatus="Approved" if approved else "Rejected",
            ApprovalDescription=" ".join(comment.split())[:_LONGEST_COMMENT],
        )


def pending(aws: Session, group: str, execution: str) -> list[str]:
    """The ARNs of the execution's versions that wait for a decision; none if there is no such group."""
    try:
        with aws_errors():
            pages = (
                aws.client("sagemaker")
                .get_paginator("list_model_packages")
                .paginate(ModelPackageGroupName=group, ModelApprovalStatus="PendingManualApproval")
            )
            items = [item for page in pages for item in page["ModelPackageSummaryList"]]
    except NotFound:
        return []
    begins = _of_execution(execution)
    return [item["ModelPackageArn"] for item in items if item.get("ModelPackageDescription", "").startswith(begins)]


def champion(aws: Session, group: str) -> Champion | None:
    """The newest approved version; None if there is none, or no such group. Raises InvalidData if mlkit did not register it."""
    return next(iter(champions(aws, group, most=1)), None)


def champions(aws: Session, group: str, *, most: int) -> list[Champion]:
    """The newest approved versions, at most `most`, the newest first. Raises InvalidData for one that mlkit did not register."""
    client = aws.client("sagemaker")
    try:
        with aws_errors():
            pages = client.get_paginator("list_model_packages").paginate(
                ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
            )
            # A page can be empty although another one follows, because AWS may filter what it has cut into pages.
            arns = islice((item["ModelPackageArn"] for page in pages for item in page["ModelPackageSummaryList"]), most)
            return [_champion(group, client.describe_model_package(ModelPackageName=arn)) for arn in arns]
    except NotFound:
        return []


def _champion(group: str, package: "DescribeModelPackageOutputTypeDef") -> Champion:
    properties = package.get("CustomerMetadataProperties", {})
    containers = package.get("InferenceSpecification", {"Containers": []})["Containers"]
    arn = package["ModelPackageArn"]
    if missing := [name for name in _TEXTS.values() if name not in properties]:
        raise InvalidData(
            f"{arn} is approved, but mlkit did not register it: it has no property {missing[0]}",
            cure=f"Approve a version that the pipeline registered, or reject this one: `aws sagemaker update-model-package "
            f"--model-package-arn {arn} --model-approval-status Rejected`.",
        )
    return Champion(
        group=group,
        package_arn=arn,
        version=package["ModelPackageVersion"],
        comment=package.get("ApprovalDescription", ""),
        image=containers[0]["Image"],
        model_s3_uri=containers[0]["ModelDataUrl"],
        metrics={name.removeprefix(_METRIC): float(text) for name, text in properties.items() if name.startswith(_METRIC)},
        **{field: _joined(properties, name) for field, name in _TEXTS.items()},
    )


def _properties(candidate: Candidate) -> dict[str, str]:
    """The candidate as customer metadata properties. Raises InvalidData for what AWS would refuse."""
    found: dict[str, str] = {}
    for field, name in _TEXTS.items():
        found |= _parts(name, getattr(candidate, field))
    for metric, value in candidate.metrics.items():
        if not math.isfinite(value):
            raise InvalidData(f"The metric {metric} is {value}, which is no result", cure="Look at the test's rows and answers.")
        found[f"{_METRIC}{metric}"] = repr(float(value))
    for name, text in found.items():
        if not (_PERMITTED.fullmatch(name) and _PERMITTED.fullmatch(text) and len(name) <= _LONGEST_KEY):
            raise InvalidData(
                f"{name}={text!r} cannot be a property of a model package",
                cure=f"AWS allows letters, digits, spaces and _.:/=+-@, and {_LONGEST_KEY} characters in a name.",
            )
    if len(found) > _MOST:
        raise InvalidData(f"The candidate has {len(found)} properties; a model package can have {_MOST}", cure="Register fewer metrics.")
    return found


def _parts(name: str, text: str) -> dict[str, str]:
    """The text under its name; what is longer than a value may be goes on under the names NAME:2, NAME:3 and so on."""
    pieces = [text[start : start + _LONGEST_VALUE] for start in range(0, len(text), _LONGEST_VALUE)] or [""]
    return {_part(name, number): piece for number, piece in enumerate(pieces, 1)}


def _joined(properties: Mapping[str, str], name: str) -> str:
    text = ""
    for number in count(1):
        if (piece := properties.get(_part(name, number))) is None:
            break
        text += piece
    return text


def _part(name: str, number: int) -> str:
    return name if number == 1 else f"{name}:{number}"


def _find(aws: Session, candidate: Candidate) -> str | None:
    """The version of the same execution and seal. A list has the descriptions of versions and not their properties."""
    pages = aws.client("sagemaker").get_paginator("list_model_packages").paginate(ModelPackageGroupName=candidate.group)
    described = _description(candidate)
    items = (item for page in pages for item in page["ModelPackageSummaryList"])
    return next((item["ModelPackageArn"] for item in items if item.get("ModelPackageDescription") == described), None)


def _description(candidate: Candidate) -> str:
    return f"{_of_execution(candidate.execution)}{candidate.seal_sha256}"


def _of_execution(execution: str) -> str:
    return f"Pipeline execution {execution}, seal "


def _token(candidate: Candidate) -> str:
    """One token for each execution and seal, so that AWS also recognises two attempts at the same moment."""
    text = "\n".join((candidate.group, candidate.execution, candidate.seal_sha256))
    return hashlib.sha256(text.encode()).hexdigest()[:_LONGEST_TOKEN]


def _group_of(package_arn: str) -> str:
    return package_arn.partition("/")[2].partition("/")[0] or "GROUP"


def _no_group(group: str) -> str:
    return f"Create the group: `aws sagemaker create-model-package-group --model-package-group-name {group}`."
