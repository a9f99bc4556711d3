"""mlkit pipeline deploy: create or update the pipeline's stacks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mlkit.cli.console import StackEvents, out, plain, step
from mlkit.cli.shared_options import INITIALS, YourInitials
from mlkit.errors import UsageError
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.aws.pipeline_stacks import PlannedStack
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import Stack

app = typer.Typer(no_args_is_help=True, help="Deploy the pipeline's stacks.")


@app.callback()
def _group() -> None:
    """Without it, Typer takes the only command of a group for the group itself."""


@app.command()
def deploy(
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Parameters of the stacks.", show_default=False)
    ] = None,
    your_initials: YourInitials = INITIALS,
    show: Annotated[bool, typer.Option("--show", help="Print the AWS CLI commands that do the same; deploy nothing.")] = False,
) -> None:
    """Deploy the pipeline: its key and buckets, the role for endpoints, the builds, and the pipeline itself, a stack each.

    Each parameter goes to the stack that declares it. A parameter that is not given keeps its value, in a new stack its default.

    Example: mlkit pipeline deploy Email=you@example.com GitHubUser=you ConnectionArn="$CONNECTION"
    Example: mlkit pipeline deploy Tune=true
    """
    from mlkit.aws.pipeline_stacks import check_deployable, plan
    from mlkit.aws.session import Session

    project = Project.here()
    names = project.names(your_initials)
    planned = plan(project.root, names, pairs(parameters or []))
    if show:
        for stack in planned:
            typer.echo(stack.command)
        return
    aws = Session()
    check_deployable(aws, names, planned)
    deployed = deploy_planned(aws, project, planned)
    source = "{GitHubUser}/{Repo}, branch {Branch},".format(**deployed.parameters)
    out.print(f"A push to {plain(source)} starts the pipeline {deployed.outputs['Pipeline']}")


def pairs(given: Sequence[str]) -> dict[str, str]:
    """The values by name. Raises UsageError for a text without `=`, and for a name that is given twice."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} is not KEY=VALUE", cure="Write a parameter as Email=you@example.com, without spaces around `=`.")
        if name in found:
            raise UsageError(f"{name} is given twice", cure="Give each parameter once.")
        found[name] = value
    return found


def deploy_planned(aws: "Session", project: Project, planned: Sequence["PlannedStack"]) -> "Stack":
    """Deploy the stacks one after the other and print their progress. Returns the last stack, the pipeline's."""
    for stack in planned:
        with step(f"Stack {stack.name} ({stack.template.as_posix()})"):
            deployed = stack.deploy(aws, project.root, on_event=StackEvents())
    return deployed
