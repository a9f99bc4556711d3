"""Checks of SageMaker: the algorithm's image, and endpoints that cost money."""

from mlkit.doctor.account import Account
from mlkit.doctor.checking import Check
from mlkit.doctor.findings import Finding, fail, ok, warn
from mlkit.errors import NotFound
from mlkit.naming import PIPELINE_ENVIRONMENTS

_TOLD = 3


def image(account: Account) -> Finding:
    """The address of the built-in algorithm's image in this region; the SDK knows it without a call."""
    from mlkit.aws.training_jobs import image_uri
    from mlkit.kinds import algorithms_of

    try:
        registry, _, name = image_uri(account.aws, algorithms_of(account.project)[0]).partition("/")
    except ValueError as error:
        return fail(str(error), "Choose a region that has the algorithm, for example `export AWS_DEFAULT_REGION=us-east-1`.", NotFound)
    return ok(f"{name} from {registry}")


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


CHECKS = (
    Check(name="endpoints", run=endpoints, needs=("identity",), optional=True),
    Check(name="image", run=image, needs=("region", "project")),
)
