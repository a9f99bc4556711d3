"""mlkit pipeline deploy | tools: create or update the pipeline's stacks, and upload the code that seals evidence."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mlkit.aws import pipeline_source
from mlkit.cli.console import StackEvents, out, plain, step
from mlkit.cli.shared_options import INITIALS, YourInitials
from mlkit.errors import UsageError
from mlkit.naming import BUILDS_TEMPLATE, FOUNDATION_TEMPLATE
from mlkit.settings import Project

if TYPE_CHECKING:
    from mlkit.aws.pipeline_stacks import PlannedStack
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import Stack

_TOOLS = "ToolsSha256"  # the parameter of BUILDS_TEMPLATE
app = typer.Typer(no_args_is_help=True, help="Deploy the pipeline's stacks.")


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
    given = pairs(parameters or [])
    # What these refuse is refused before the tools are packed.
    checked = plan(project.root, names, {_TOOLS: "0" * 64, **given})
    aws = None if show else Session()
    if aws is not None:
        check_deployable(aws, names, checked)
    given, tools = with_tools(project, given)
    planned = plan(project.root, names, given)
    if aws is None:
        for stack in planned:
            if stack.template == BUILDS_TEMPLATE and tools:
                typer.echo(f"mlkit pipeline tools --your-initials {names.initials}")
            typer.echo(stack.command)
        return
    deployed = deploy_planned(aws, project, planned, tools)
    source = pipeline_source.shown(deployed.parameters)
    out.print(f"A push to {plain(source)}, starts the pipeline {deployed.outputs['Pipeline']}")


@app.command()
def tools(your_initials: YourInitials = INITIALS) -> None:
    """Upload the code that seals evidence and verifies approvals, and print its digest.

    `mlkit pipeline deploy` does the same. Use this command if you deploy the stacks by other means.

    Example: mlkit pipeline tools
    """
    from mlkit.aws.session import Session
    from mlkit.aws.stacks import find_export
    from mlkit.aws.tools_upload import upload
    from mlkit.errors import NotFound

    project, aws = Project.here(), Session()
    export = project.names(your_initials).evidence_bucket_export
    bucket = find_export(aws, export)
    if bucket is None:
        raise NotFound(f"No stack exports {export}", cure=f"Deploy {FOUNDATION_TEMPLATE} first.")
    given, packed = with_tools(project, {})
    upload(aws, f"s3://{bucket}", packed)
    typer.echo(f"{_TOOLS}={given[_TOOLS]}")


def with_tools(project: Project, given: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """The parameters with the digest of the project's tools, and the tools; without tools if the parameter is given."""
    from mlkit.evidence.manifest import sha256_of
    from mlkit.project.evidence_tools import pack

    if _TOOLS in given:
        return dict(given), b""
    packed = pack(project.root)
    return {**given, _TOOLS: sha256_of(packed)}, packed


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


def deploy_planned(aws: "Session", project: Project, planned: Sequence["PlannedStack"], tools: bytes) -> "Stack":
    """Deploy the stacks one after the other and print their progress. Returns the last stack, the pipeline's.

    `tools` are uploaded once their bucket is there.
    """
    from mlkit.aws.tools_upload import upload

    for stack in planned:
        with step(f"Stack {stack.name} ({stack.template.as_posix()})"):
            deployed = stack.deploy(aws, project.root, on_event=StackEvents())
            if stack.template == FOUNDATION_TEMPLATE and tools:
                upload(aws, f"s3://{deployed.outputs['EvidenceBucket']}", tools)
    return deployed
