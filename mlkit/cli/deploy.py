"""mlkit deploy | undeploy | rollback: create, update or delete an environment's endpoint, or put production's last model back."""

from typing import TYPE_CHECKING, Annotated

import typer

from mlkit.cli.console import StackEvents, out
from mlkit.cli.shared_options import INITIALS, YourInitials
from mlkit.errors import NotFound
from mlkit.naming import LabNames, checked_environment
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.aws.manual_changes import ByHand

Environment = Annotated[str, typer.Argument(help="dev, qa or production")]
# Neither option reads an environment variable: a variable left over in a shell must not bypass an approval.
BypassPipeline = Annotated[
    str | None,
    typer.Option(metavar="ENVIRONMENT", help="Change the pipeline's environment without approval: repeat the environment's name."),
]
Reason = Annotated[str, typer.Option(help="Reason for the record of the change; required for production and with --bypass-pipeline.")]


def deploy(environment: Environment, bypass_pipeline: BypassPipeline = None, reason: Reason = "") -> None:
    """Deploy the model of the last 02_train to an environment's endpoint.

    If there is a pipeline, it owns qa and production, and this command refuses to change them: push instead.
    --bypass-pipeline overrides the refusal. mlkit records a change of production with its reason.

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
    """Delete an environment's endpoint, so that it costs nothing. The pipeline's environments are refused as by `mlkit deploy`.

    Example: mlkit undeploy dev
    """
    from mlkit.aws.endpoints import undeploy as undeploy_endpoint
    from mlkit.aws.session import Session

    by_hand = _by_hand(environment, bypass_pipeline, reason)
    gone = undeploy_endpoint(Session(), environment, your_initials, by_hand=by_hand, on_event=StackEvents())
    name = LabNames(initials=your_initials).endpoint(environment)
    out.print(f"{name} was deleted" if gone else f"There was no {name}")


def rollback(your_initials: YourInitials = INITIALS, bypass_pipeline: BypassPipeline = None, reason: Reason = "") -> None:
    """Put back the model that production served before, from its sealed evidence. The present one's approval is taken away.

    It needs --bypass-pipeline production, because no approval precedes it. mlkit records the change, and the approvers get a mail.

    Example: mlkit rollback --bypass-pipeline production --reason "answers are wrong since noon"
    """
    from mlkit.aws.rollback import ENVIRONMENT, roll_back
    from mlkit.aws.session import Session

    by_hand = _by_hand(ENVIRONMENT, bypass_pipeline, reason)
    done = roll_back(Session(), LabNames(initials=your_initials), by_hand, on_event=StackEvents())
    out.print(
        f"{done.stack.outputs['EndpointName']} serves version {done.now.version} again; version {done.before.version} is rejected",
        markup=False,
    )


def _by_hand(environment: str, bypass_pipeline: str | None, reason: str) -> "ByHand":
    """The reason, bypass and origin for the record. Raises UsageError for a bypass of another environment."""
    from mlkit.aws.manual_changes import ByHand, check_bypass
    from mlkit.runner.provenance import origin

    check_bypass(checked_environment(environment), bypass_pipeline)
    try:
        project = Project.here()
    except NotFound:  # undeploy needs no project
        project = None
    return ByHand(reason=reason, bypass=bypass_pipeline, origin=origin(project))
