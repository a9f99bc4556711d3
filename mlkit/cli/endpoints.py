"""mlkit deploy | undeploy: an environment's endpoint."""

from typing import Annotated

import typer

from mlkit.cli.console import StackEvents, out
from mlkit.settings import LabNames, Project

Environment = Annotated[str, typer.Argument(help="dev, qa or production")]
Initials = Annotated[str, typer.Option("--your-initials", help="Prefix of the lab's names.", envvar="MLKIT_YOUR_INITIALS")]


def deploy(environment: Environment) -> None:
    """Bring an environment's endpoint to the model of the last 02_train.

    Example: mlkit deploy dev
    """
    from mlkit.aws.endpoints import deploy as deploy_endpoint
    from mlkit.aws.session import Session

    stack = deploy_endpoint(Session(), environment, Project.here(), on_event=StackEvents())
    verb = "now serves" if stack.changed else "already served"
    out.print(f"{stack.outputs['EndpointName']} {verb} {stack.outputs['ModelName']}")


def undeploy(environment: Environment, your_initials: Initials = "mlkit") -> None:
    """Take an environment's endpoint down, so that it costs nothing.

    Example: mlkit undeploy dev
    """
    from mlkit.aws.endpoints import undeploy as undeploy_endpoint
    from mlkit.aws.session import Session

    gone = undeploy_endpoint(Session(), environment, your_initials, on_event=StackEvents())
    name = LabNames(initials=your_initials).endpoint(environment)
    out.print(f"{name} is gone" if gone else f"There was no {name}")
