"""mlkit deploy | undeploy | predict: an environment's endpoint."""

from typing import Annotated

import typer

from mlkit.cli.console import StackEvents, out, show_table
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


def predict(
    user: Annotated[list[str], typer.Option("--user", help="A user's id; repeat it with --movie for several rows.")],
    movie: Annotated[list[str], typer.Option("--movie", help="A movie's id.")],
    environment: Annotated[str, typer.Option("--environment", help="dev, qa or production")] = "dev",
    your_initials: Initials = "mlkit",
) -> None:
    """Ask an endpoint whether a user rates a movie 4 or more.

    Ids that the model never saw are named under `unseen`: bias and the other id decide then.

    Example: mlkit predict --user 196 --movie 242
    """
    from mlkit.aws.endpoints import predict as ask
    from mlkit.aws.session import Session
    from mlkit.errors import UsageError

    if len(user) != len(movie):
        raise UsageError(f"{len(user)} users and {len(movie)} movies", cure="Give --user and --movie in pairs.")
    answer = ask(Session(), LabNames(initials=your_initials).endpoint(environment), user, movie)
    show_table(answer.to_dict("records"))
    if (answer["unseen"] != "").any():
        out.print("unseen: the model does not know this id; it answers from its bias and the other id alone")
