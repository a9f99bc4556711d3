"""Checks of what the account and the region allow: quotas of builds, training jobs and endpoints, and the instance types in use."""

import json
from collections.abc import Iterator

from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import CheckStatus, Finding, fail, ok, skipped, warn
from mlkit.errors import DeploymentFailed, QuotaExceeded
from mlkit.naming import BUILDS_TEMPLATE, PIPELINE_TEMPLATE
from mlkit.project.yaml_lines import load

_DEV = 1  # instances
_QA = 2 + 3  # the new model and the untuned one, while an update brings up both with production's
_NO_BUILDS = 'every build would end with "Cannot have more than 0 builds in queue for the account"'
_SUPPORT = "open a case with AWS Support, Account and billing (free), and ask to allow CodeBuild builds"
# CodeBuild's names of compute types, as its quotas spell them.
# https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
_COMPUTE = {
    "BUILD_GENERAL1_SMALL": "Linux/Small",
    "BUILD_GENERAL1_MEDIUM": "Linux/Medium",
    "BUILD_GENERAL1_LARGE": "Linux/Large",
    "BUILD_GENERAL1_XLARGE": "Linux/XLarge",
    "BUILD_GENERAL1_2XLARGE": "Linux/2XLarge",
}


def builds(account: Account) -> Finding:
    """The quotas of running builds for the compute types of our projects. A new account may be held at 0 whatever they say."""
    names = sorted({f"Concurrently running builds for {compute} environment" for compute in _compute_types(account)})
    found = [_quota(account, "codebuild", "AWS CodeBuild", name, 1, when_none=_NO_BUILDS) for name in names]
    for outcome in (CheckStatus.FAIL, CheckStatus.SKIPPED):
        if chosen := next((finding for finding in found if finding.outcome is outcome), None):
            return chosen
    told = "; ".join(finding.detail for finding in found)
    if account.aws.client("codebuild").list_builds().get("ids"):
        return ok(told)
    return warn(f"{told}; no build has run here yet, and a new account may be held at 0: {_NO_BUILDS}", f"If that happens, {_SUPPORT}.")


def training_quota(account: Account) -> Finding:
    instance, jobs = account.train_instance_type, account.parameter("02_train", "max_parallel_jobs")
    told = f"tuning starts {jobs} at once: lower max_parallel_jobs"
    return _sagemaker(account, f"{instance} for training job usage", jobs, told)


def endpoint_quota(account: Account) -> Finding:
    """The quota counts instances, not endpoints. An update of production has the old and the new fleet at once.

    AWS words a refusal: "The account-level service limit ... is 2 Instances, with current utilization of 2 Instances".
    """
    wanted = _DEV + _QA + 2 * account.production_instances
    told = f"dev, qa and an update of production may need {wanted} instances together: undeploy dev while the pipeline runs"
    return _sagemaker(account, f"{account.endpoint_instance_type} for endpoint usage", wanted, told)


def instance_types(account: Account) -> Finding:
    """Whether the region offers the instance types in use. AWS says so in its price list alone, which has no price for the others."""
    training, hosting, region = account.train_instance_type, account.endpoint_instance_type, account.aws.region
    if not account.price_list_region:
        return skipped(f"AWS has no price list for {region}", "Look at https://aws.amazon.com/sagemaker/ai/pricing/ for the region.")
    missing = [(use, name) for use, name in (("hosting", hosting), ("training", training)) if use not in _uses(account, name)]
    if not missing:
        return ok(f"{region} offers {hosting} for hosting and {training} for training")
    if not next(_products(account), None):
        return skipped(
            f"the price list has no SageMaker in {region}", "Look at https://aws.amazon.com/sagemaker/ai/pricing/ for the region."
        )
    parameters = {"hosting": "EndpointInstanceType", "training": "TrainInstanceType"}
    given = " ".join(f"{parameters[use]}=ml.m5.large" for use, _ in missing)
    told = " and ".join(f"{name} for {use}" for use, name in missing)
    cure = f"`mlkit pipeline deploy {given}`, after a look at that type's quota. In a notebook: the parameters of 02_train."
    return fail(f"{region} does not offer {told}", cure, DeploymentFailed)


def _uses(account: Account, instance_type: str) -> set[str]:
    """What the region offers the instance type for: `hosting`, `training` and so on, in lower case."""
    return {found.get("component", "").lower() for found in _products(account, instance_type)}


def _products(account: Account, instance_type: str = "") -> Iterator[dict[str, str]]:
    """The attributes of SageMaker's products in the region; without an instance type, those of all products."""
    wanted = {"regionCode": account.aws.region, **({"instanceName": instance_type} if instance_type else {})}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    client = account.aws.client("pricing", account.price_list_region)
    for page in client.get_paginator("get_products").paginate(ServiceCode="AmazonSageMaker", Filters=filters):
        for item in page["PriceList"]:
            yield json.loads(item)["product"]["attributes"]


def _compute_types(account: Account) -> set[str]:
    """The compute types of the templates' CodeBuild projects, as their quotas spell them."""
    files = (account.project.root / template for template in (BUILDS_TEMPLATE, PIPELINE_TEMPLATE))
    resources = [one for file in files if file.is_file() for one in load(file.read_text())["Resources"].values()]
    types = {one["Properties"]["Environment"]["ComputeType"] for one in resources if one["Type"] == "AWS::CodeBuild::Project"}
    return {_COMPUTE.get(str(name), str(name)) for name in types}


def _sagemaker(account: Account, name: str, wanted: int, when_lower: str) -> Finding:
    return _quota(account, "sagemaker", "Amazon SageMaker", name, wanted, when_lower=when_lower)


def _quota(account: Account, service: str, title: str, name: str, wanted: int, *, when_lower: str = "", when_none: str = "") -> Finding:
    """The quota of this name. A quota of 0 is a failure, less than `wanted` a warning. `title` is the service's name in the console."""
    found = account.quotas(service).get(name)
    console = f"Service Quotas console, {title}, {name}"
    if found is None:
        return skipped(f"Service Quotas lists no {name}", f"Look in the console: Service Quotas, {title}.")
    told = f"{name}: {found.value:.0f}"
    command = f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {found.code} --desired-value"
    if found.value < 1:
        more = f" If that is refused, {_SUPPORT}." if service == "codebuild" else ""
        detail = f"{told}: {when_none}" if when_none else told
        return fail(detail, f"`{command} {wanted}`, or {console}: Request increase.{more}", QuotaExceeded)
    if found.value < wanted:
        return warn(f"{told}; {when_lower}", f"`{command} {wanted}`, or {console}: Request increase to {wanted}.")
    return ok(told)


CHECKS = (
    Check(name="build quota", run=builds, needs=("identity",), optional=True),
    Check(name="training quota", run=training_quota, needs=("identity",), optional=True),
    Check(name="endpoint quota", run=endpoint_quota, needs=("identity",), optional=True),
    Check(name="instance types", run=instance_types, needs=("identity",), optional=True),
)
