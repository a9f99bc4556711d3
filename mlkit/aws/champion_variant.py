"""Brings production's model, the champion, onto QA's endpoint beside the new one.

SageMaker brings an endpoint up with all its variants or not at all. So QA's stack creates the endpoint without the champion, and holds a
second configuration with it. The test updates the endpoint to that one: if SageMaker cannot load the champion, it rolls the endpoint back,
and the new model goes on alone.
"""

from dataclasses import dataclass

from mlkit.aws.endpoint_states import name_key, settled
from mlkit.aws.endpoints import Served, describe_champion
from mlkit.aws.session import Session, aws_errors
from mlkit.aws.stacks import find_stack
from mlkit.errors import DeploymentFailed
from mlkit.naming import LabNames

COMPARING = "qa"  # the environment whose stack holds the champion


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The champion that QA's stack names: its model, the configuration with it, and why there is none."""

    model_s3_uri: str
    configuration: str
    problem: str


def planned_champion(aws: Session, environment: str, names: LabNames) -> Planned | None:
    """The champion of the environment's stack; None if it names none, as all but QA's."""
    stack = find_stack(aws, names.endpoint_stack(environment)) if environment == COMPARING else None
    if stack is None or stack.parameters.get("ChampionModelDataUrl", "none") == "none":
        return None
    problem = stack.parameters.get("ChampionProblem", "none")
    return Planned(
        model_s3_uri=stack.parameters["ChampionModelDataUrl"],
        configuration=stack.outputs.get("ComparisonEndpointConfigName", ""),
        problem="" if problem == "none" else problem,
    )


def serve_champion(aws: Session, endpoint: str, configuration: str) -> Served:
    """What the champion's variant serves, after an update to the configuration with it.

    Raises DeploymentFailed with SageMaker's reason if the endpoint goes on without it.
    """
    if name_key(settled(aws, endpoint)["EndpointConfigName"]) != name_key(configuration):
        with aws_errors():
            aws.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=configuration)
    described, served = settled(aws, endpoint), describe_champion(aws, endpoint)
    if described["EndpointStatus"] != "InService" or served is None:
        reason = described.get("FailureReason") or f"the endpoint is {described['EndpointStatus']} without it"
        raise DeploymentFailed(f"SageMaker could not load it: {reason}", cure="Look at its file and its image.")
    return served
