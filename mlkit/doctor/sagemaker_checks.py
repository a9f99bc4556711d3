"""Checks of SageMaker: the algorithm's image, quotas, and endpoints that cost money."""

from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, skipped, warn
from mlkit.errors import NotFound
from mlkit.naming import ENDPOINT_TEMPLATE, PIPELINE_ENVIRONMENTS
from mlkit.project.yaml_lines import load

_ENDPOINTS = 3  # qa and production in the pipeline, dev beside them
_TOLD = 3


def image(account: Account) -> Finding:
    """The address of the built-in algorithm's image in this region; the SDK knows it without a call."""
    from mlkit.aws.training_jobs import image_uri
    from mlkit.kinds import algorithm_of

    try:
        registry, _, name = image_uri(account.aws, algorithm_of(account.project)).partition("/")
    except ValueError as error:
        return fail(str(error), "Choose a region that has the algorithm, for example `export AWS_DEFAULT_REGION=us-east-1`.", NotFound)
    return ok(f"{name} from {registry}")


def training_quota(account: Account) -> Finding:
    instance, jobs = account.parameter("02_train", "instance_type"), account.parameter("02_train", "max_parallel_jobs")
    return _quota(account, f"{instance} for training job usage", jobs, f"tuning starts {jobs} at once: lower max_parallel_jobs")


def endpoint_quota(account: Account) -> Finding:
    instance = endpoint_instance_type((account.project.root / ENDPOINT_TEMPLATE).read_text())
    return _quota(
        account,
        f"{instance} for endpoint usage",
        _ENDPOINTS,
        "dev, qa and production may run together: undeploy those that you do not need",
    )


def endpoints(account: Account) -> Finding:
    """The running endpoints, which cost money, whoever started them."""
    pages = account.aws.client("sagemaker").get_paginator("list_endpoints").paginate()
    running = {item["EndpointName"]: item["CreationTime"] for page in pages for item in page["Endpoints"]}
    if not running:
        return ok("none runs, so none costs money")
    names = account.names
    passing = [environment for environment in ("dev", "qa") if names.endpoint(environment) in running]
    ours = [name for name in (names.endpoint("production"), *map(names.endpoint, passing)) if name in running]
    shown = [*ours, *sorted(set(running) - set(ours))]
    told = ", ".join(f"{name} since {running[name]:%Y-%m-%d %H:%M}" for name in shown[:_TOLD])
    told += f" and {len(shown) - _TOLD} more" if len(shown) > _TOLD else ""
    if passing:
        bypass = {name: f' --bypass-pipeline {name} --reason "left over"' for name in PIPELINE_ENVIRONMENTS}
        commands = (f"mlkit undeploy {name} --your-initials {names.initials}{bypass.get(name, '')}" for name in passing)
        undeploy = " && ".join(commands)
        return warn(f"{told}: each costs while it runs", f"`{undeploy}` when you are done.")
    return ok(f"{told}: each costs while it runs")


def endpoint_instance_type(template: str) -> str:
    """The default instance type of the endpoint's template."""
    return str(load(template)["Parameters"]["InstanceType"]["Default"])


def _quota(account: Account, name: str, wanted: int, when_lower: str) -> Finding:
    """The quota of this name. A quota of 0 is a failure, less than `wanted` a warning."""
    pages = account.aws.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    values = {item["QuotaName"]: item["Value"] for page in pages for item in page["Quotas"]}
    if name not in values:
        return skipped(f"Service Quotas lists no {name}", "Look in the console: Service Quotas, Amazon SageMaker.")
    told = f"{name}: {values[name]:.0f}"
    ask = f"Service Quotas console, Amazon SageMaker, {name}: Request increase"
    if values[name] < 1:
        return fail(told, f"{ask}.")
    if values[name] < wanted:
        return warn(f"{told}; {when_lower}", f"{ask} to {wanted}.")
    return ok(told)


CHECKS = (
    Check(name="training quota", run=training_quota, needs=("identity",), optional=True),
    Check(name="endpoint quota", run=endpoint_quota, needs=("identity",), optional=True),
    Check(name="endpoints", run=endpoints, needs=("identity",), optional=True),
    Check(name="image", run=image, needs=("region", "project")),
)
