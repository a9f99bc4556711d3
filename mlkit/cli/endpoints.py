"""mlkit deploy | undeploy: an environment's endpoint."""

from typing import TYPE_CHECKING, Annotated

import typer

from mlkit.cli.console import StackEvents, out
from mlkit.cli.options import INITIALS, YourInitials
from mlkit.errors import NotFound
from mlkit.settings import LabNames, Project, checked_environment

if TYPE_CHECKING:
    from mlkit.aws.by_hand import ByHand

Environment = Annotated[str, typer.Argument(help="dev, qa or production")]
# Neither reads a variable: one that is left over in a shell must not bypass an approval.
BypassPipeline = Annotated[
    str | None,
    typer.Option(metavar="ENVIRONMENT", help="Change an environment of a pipeline without its approval: repeat the environment's name."),
]
Reason = Annotated[str, typer.Option(help="Why, for the record of the change: needed for production and with --bypass-pipeline.")]


def deploy(environment: Environment, bypass_pipeline: BypassPipeline = None, reason: Reason = "") -> None:
    """Bring an environment's endpoint to the model of the last 02_train.

    qa and production belong to the pipeline where there is one, and are refused: push, and it deploys what is approved.
    With --bypass-pipeline they are changed all the same. A change of production is recorded, with its reason.

    Example: mlkit deploy dev
    """
    from mlkit.aws.endpoints import deploy as deploy_endpoint
    from mlkit.aws.session import Session

    project, by_hand = Project.here(), _by_hand(environment, bypass_pipeline, reason)
    stack = deploy_endpoint(Session(), environment, project, by_hand=by_hand, on_event=StackEvents())
    verb = "now serves" if stack.changed else "already served"
    out.print(f"{stack.outputs['EndpointName']} {verb} {stack.outputs['ModelName']}")


def undeploy(
    environment: Environment, your_initials: YourInitials = INITIALS, bypass_pipeline: BypassPipeline = None, reason: Reason = ""
) -> None:
    """Take an environment's endpoint down, so that it costs nothing. An environment of a pipeline is refused as `mlkit deploy` says.

    Example: mlkit undeploy dev
    """
    from mlkit.aws.endpoints import undeploy as undeploy_endpoint
    from mlkit.aws.session import Session

    by_hand = _by_hand(environment, bypass_pipeline, reason)
    gone = undeploy_endpoint(Session(), environment, your_initials, by_hand=by_hand, on_event=StackEvents())
    name = LabNames(initials=your_initials).endpoint(environment)
    out.print(f"{name} is gone" if gone else f"There was no {name}")


def _by_hand(environment: str, bypass_pipeline: str | None, reason: str) -> "ByHand":
    """What is recorded beside the caller. Raises UsageError for a bypass of another environment."""
    from mlkit.aws.by_hand import ByHand, check_bypass
    from mlkit.runner.provenance import origin

    check_bypass(checked_environment(environment), bypass_pipeline)
    try:
        project = Project.here()
    except NotFound:  # an endpoint is taken down from anywhere
        project = None
    return ByHand(reason=reason, bypass=bypass_pipeline, origin=origin(project))
