"""Finds the models and endpoint configurations that updates of an endpoint's stack have replaced, and deletes them.

CloudFormation retains them, because an endpoint that SageMaker has rolled back serves the one that its stack has just replaced. Later
nobody needs them: `mlkit rollback` makes new ones of the sealed evidence.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mlkit.aws.endpoint_states import name_key
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import find_stack
from mlkit.errors import NotFound
from mlkit.naming import ENDPOINT_TAG, ENVIRONMENTS, LabNames

CONFIGURATION, MODEL = "endpoint configuration", "model"
# In any other state, a deployment is in progress, or a person has to mend the stack and may need what it replaced.
_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE")


@dataclass(frozen=True)
class Part:
    """A model or an endpoint configuration of an endpoint's template."""

    kind: str
    name: str


def find_superseded(aws: Session, names: LabNames) -> list[Part]:
    """The parts of all environments that neither stack nor endpoint uses, configurations first.

    They are listed before stacks and endpoints are looked at. So what a deployment makes meanwhile is not among them.
    """
    made: dict[str, list[Part]] = {}
    for endpoint, part in _tagged(aws):
        made.setdefault(endpoint, []).append(part)
    found: list[Part] = []
    for environment in ENVIRONMENTS:
        parts = made.get(names.endpoint(environment), [])
        used = _in_use(aws, names, environment) if parts else None
        found += [part for part in parts if used is not None and _key(part) not in used]
    return sorted(found, key=lambda part: part.kind != CONFIGURATION)


def delete(aws: Session, kind: str, name: str) -> None:
    """Delete one part. It is no error if it has gone meanwhile."""
    sagemaker = aws.client("sagemaker")
    try:
        with aws_errors():
            if kind == CONFIGURATION:
                sagemaker.delete_endpoint_config(EndpointConfigName=name)
            else:
                sagemaker.delete_model(ModelName=name)
    except NotFound:
        pass


def _tagged(aws: Session) -> Iterator[tuple[str, Part]]:
    """All parts that carry ENDPOINT_TAG, each with its endpoint."""
    sagemaker = aws.client("sagemaker")
    with aws_errors():
        configurations = sagemaker.get_paginator("list_endpoint_configs").paginate().search("EndpointConfigs[]")
        listed = [(one["EndpointConfigArn"], Part(CONFIGURATION, one["EndpointConfigName"])) for one in configurations]
        models = sagemaker.get_paginator("list_models").paginate().search("Models[]")
        listed += [(one["ModelArn"], Part(MODEL, one["ModelName"])) for one in models]
    for arn, part in listed:
        for endpoint in _tag(aws, arn):
            yield endpoint, part


def _tag(aws: Session, arn: str) -> list[str]:
    """The value of ENDPOINT_TAG; empty without the tag, or if the resource has gone meanwhile."""
    try:
        with aws_errors():
            pages = aws.client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
            return [tag["Value"] for page in pages for tag in page["Tags"] if tag["Key"] == ENDPOINT_TAG]
    except NotFound:
        return []


def _in_use(aws: Session, names: LabNames, environment: str) -> set[tuple[str, str]] | None:
    """What the environment's stack holds and its endpoint serves; None while that can change or cannot be known."""
    stack = find_stack(aws, names.endpoint_stack(environment))
    if stack is not None and stack.status not in _SETTLED:
        return None
    outputs = stack.outputs if stack is not None else {}
    configurations = {value for name, value in outputs.items() if name.endswith("EndpointConfigName")}
    sagemaker = aws.client("sagemaker")
    try:
        with aws_errors():
            endpoint = sagemaker.describe_endpoint(EndpointName=names.endpoint(environment))
    except NotFound:
        pass
    else:
        if endpoint["EndpointStatus"] not in ("InService", "Failed"):
            return None
        configurations.add(endpoint["EndpointConfigName"])
    return _with_models(aws, configurations)


def _with_models(aws: Session, configurations: set[str]) -> set[tuple[str, str]] | None:
    """The configurations and the models that they name; None if one is gone, because then its models are unknown."""
    used: set[tuple[str, str]] = set()
    for name in configurations:
        try:
            with aws_errors():
                described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        except NotFound:
            return None
        models = [Part(MODEL, variant["ModelName"]) for variant in described["ProductionVariants"] if "ModelName" in variant]
        used |= {_key(part) for part in (Part(CONFIGURATION, name), *models)}
    return used


def _key(part: Part) -> tuple[str, str]:
    return part.kind, name_key(part.name)
