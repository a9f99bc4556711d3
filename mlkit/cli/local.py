"""mlkit local ...: the local AWS, and runs of the pipeline and the notebooks on it."""

import os
import shlex
import shutil
import sys
from typing import Annotated

import typer

from mlkit.aws.sdk_defaults import without_telemetry
from mlkit.cli.console import out, plain
from mlkit.cli.local_server import stand_for, start
from mlkit.cli.project_lock import alone
from mlkit.cli.questions import is_confirmed
from mlkit.cli.shared_options import INITIALS, Port, Tune, Worktree, Yes, YourInitials
from mlkit.errors import UsageError
from mlkit.settings import Project

app = typer.Typer(no_args_is_help=True, help="Start, inspect and use the local AWS.")


@app.command()
def up(port: Port = None) -> None:
    """Start the local AWS in the background, if it does not run.

    Example: mlkit local up
    """

    running = start(Project.here(), port)
    out.print(f"The local AWS answers at {running.endpoint_url} (account {running.account}, {running.region})")
    out.print('Use it in this shell: eval "$(mlkit local env)"')


@app.command()
def down() -> None:
    """Stop the local AWS; it keeps its data.

    Example: mlkit local down
    """
    from localaws import lifecycle

    out.print("Stopped." if lifecycle.down(Project.here().local_home) else "The local AWS did not run.")


@app.command()
def status() -> None:
    """Show whether the local AWS runs, its address, state and log, and the state of its pipelines.

    Example: mlkit local status
    """
    from localaws import lifecycle
    from mlkit.cli import local_pipeline

    project = Project.here()
    found = lifecycle.status(project.local_home)
    state = f"running at {found.running.endpoint_url}, process {found.running.pid}" if found.running else "not running"
    out.print(f"local AWS: {state}\nstate:     {found.home}\nlog:       {found.log}")
    if found.running:
        local_pipeline.show_state(project)


@app.command()
def reset(yes: Yes = False) -> None:
    """Stop the local AWS and delete its data: buckets, stacks, models, evidence.

    Example: mlkit local reset --yes
    """
    from localaws import lifecycle

    home = Project.here().local_home
    if not yes and not is_confirmed(f"Delete everything in {plain(str(home))}? Type yes or no."):
        raise UsageError("Nothing was deleted", cure="Add --yes to delete without the question.")
    lifecycle.reset(home)
    out.print(f"{home} was deleted.")


@app.command()
def env() -> None:
    """Print the environment variables that point AWS tools to the local AWS.

    Example: eval "$(mlkit local env)"
    """
    from localaws import lifecycle

    for name, value in lifecycle.environment(Project.here().local_home).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def logs(lines: Annotated[int, typer.Option(help="Number of lines.")] = 40) -> None:
    """Show the end of the local AWS's log.

    Example: mlkit local logs --lines 100
    """
    from localaws import lifecycle

    path = lifecycle.log_path(Project.here().local_home)
    typer.echo("\n".join(path.read_text().splitlines()[-lines:]) if path.is_file() else f"{path} does not exist yet")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def jupyter(context: typer.Context) -> None:
    """Open the notebooks in JupyterLab with the local AWS. Further options go to `jupyter lab`.

    Example: mlkit local jupyter --no-browser
    """
    from localaws import lifecycle

    project = Project.here()
    start(project)
    program = shutil.which("jupyter-lab", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
    if program is None:
        raise UsageError("JupyterLab is not installed", cure="Install the extra: pip install 'sagemaker-mlkit[jupyter]', or `make setup`.")
    os.environ.update({**without_telemetry(), **lifecycle.environment(project.local_home)})
    private = ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url="]
    opened = [f"--notebook-dir={project.root}", "--LabApp.default_url=/lab/tree/notebooks/01_prep.ipynb"]
    saved = ["--FileContentsManager.post_save_hook=mlkit.jupyter.save_hook.after_save"]
    os.execv(program, [program, *opened, *private, *saved, *context.args])


@app.command()
def run(
    your_initials: YourInitials = INITIALS,
    port: Port = None,
    worktree: Worktree = False,
    approve: Annotated[str | None, typer.Option(metavar="COMMENT", help="Approve for production with this comment; do not ask.")] = None,
    tune: Tune = "notebook",
    min_match_rate: Annotated[
        str, typer.Option(help="The stack's parameter MinMatchRate: `notebook`, or a share such as 0.65.")
    ] = "notebook",
) -> None:
    """Run the whole pipeline on the local AWS: source, build and train, QA, approval, production.

    Example: mlkit local run --approve "looks good"
    """
    from mlkit.cli import local_pipeline

    parameters = {"Tune": tune, "MinMatchRate": min_match_rate}
    options = local_pipeline.Options(your_initials=your_initials, port=port, worktree=worktree, approve=approve, parameters=parameters)
    project = Project.here()
    with alone(project):
        local_pipeline.run(project, options)


@app.command()
def approve(comment: Annotated[str, typer.Argument(help="Why.")], your_initials: YourInitials = INITIALS) -> None:
    """Approve the execution that waits for approval.

    Example: mlkit local approve "as good as the last one"
    """
    from mlkit.cli import local_pipeline

    local_pipeline.decide(Project.here(), your_initials=your_initials, approved=True, comment=comment)


@app.command()
def reject(comment: Annotated[str, typer.Argument(help="Why.")], your_initials: YourInitials = INITIALS) -> None:
    """Reject the execution that waits for approval; production does not change.

    Example: mlkit local reject "log loss is worse"
    """
    from mlkit.cli import local_pipeline

    local_pipeline.decide(Project.here(), your_initials=your_initials, approved=False, comment=comment)


@app.command()
def stop(your_initials: YourInitials = INITIALS) -> None:
    """Stop the pipeline's running executions and their builds.

    Example: mlkit local stop
    """
    from mlkit.cli import local_pipeline

    local_pipeline.stop(Project.here(), your_initials=your_initials)


@app.command()
def walk(
    tune: Tune = "notebook",
    your_initials: YourInitials = INITIALS,
    port: Port = None,
) -> None:
    """Run the three notebooks from the working tree without a pipeline; deploy the dev endpoint before the third.

    Example: mlkit local walk
    """
    from mlkit.cli.local_walk import walk as walk_through

    project = Project.here()
    with alone(project):
        walk_through(project, your_initials=your_initials, tune=tune, port=port)


@app.command()
def repository(
    name: Annotated[str, typer.Argument(metavar="OWNER/REPO", help="The repository that the pipeline's stack names.")],
    worktree: Worktree = False,
) -> None:
    """Use this project's git repository in place of one on GitHub, which the local AWS does not contact.

    Example: mlkit local repository you/mlkit
    """
    project = Project.here()
    if name.count("/") != 1 or not all(name.split("/")):
        raise UsageError(
            f"{name!r} is not OWNER/REPO",
            cure="Give owner and repository as the pipeline's stack names them.",
        )
    stand_for(project, name, worktree=worktree)
    out.print(f"Pipelines of this local AWS that name {name} read {project.root}.")
