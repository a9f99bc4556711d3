"""mlkit local ...: the local AWS and the whole walk on it."""

import os
import shlex
import shutil
import sys
from typing import Annotated

import typer

from mlkit.cli.alone import alone
from mlkit.cli.asking import is_confirmed
from mlkit.cli.console import out, plain
from mlkit.cli.local_server import stand_for, start
from mlkit.cli.options import INITIALS, Port, Tune, Worktree, Yes, YourInitials
from mlkit.errors import UsageError
from mlkit.settings import Project

app = typer.Typer(no_args_is_help=True, help="The local AWS: start it, look at it, use it.")


@app.command()
def up(port: Port = None) -> None:
    """Start the local AWS in the background, unless it runs.

    Example: mlkit local up
    """

    running = start(Project.here(), port)
    out.print(f"The local AWS answers at {running.endpoint_url} (account {running.account}, {running.region})")
    out.print('Use it in this shell: eval "$(mlkit local env)"')


@app.command()
def down() -> None:
    """Stop it; what it holds stays.

    Example: mlkit local down
    """
    from localaws import lifecycle

    out.print("Stopped." if lifecycle.down(Project.here().local_home) else "It did not run.")


@app.command()
def status() -> None:
    """Say whether it runs, where, where its state and log are, and what its pipelines are at.

    Example: mlkit local status
    """
    from localaws import lifecycle
    from mlkit.cli import pipeline

    project = Project.here()
    found = lifecycle.status(project.local_home)
    state = f"running at {found.running.endpoint_url}, process {found.running.pid}" if found.running else "not running"
    out.print(f"local AWS: {state}\nstate:     {found.home}\nlog:       {found.log}")
    if found.running:
        pipeline.show_state(project)


@app.command()
def reset(yes: Yes = False) -> None:
    """Stop it and delete all that it holds: buckets, stacks, models, evidence.

    Example: mlkit local reset --yes
    """
    from localaws import lifecycle

    home = Project.here().local_home
    if not yes and not is_confirmed(f"Delete everything in {plain(str(home))}? Type yes or no."):
        raise UsageError("Nothing was deleted", cure="Add --yes to delete without the question.")
    lifecycle.reset(home)
    out.print(f"{home} is gone.")


@app.command()
def env() -> None:
    """Print the variables that point AWS tools to it.

    Example: eval "$(mlkit local env)"
    """
    from localaws import lifecycle

    for name, value in lifecycle.environment(Project.here().local_home).items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def logs(lines: Annotated[int, typer.Option(help="How many of the last lines.")] = 40) -> None:
    """Show the end of its log.

    Example: mlkit local logs --lines 100
    """
    from localaws import lifecycle

    path = lifecycle.log_path(Project.here().local_home)
    typer.echo("\n".join(path.read_text().splitlines()[-lines:]) if path.is_file() else f"{path} does not exist yet")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def jupyter(context: typer.Context) -> None:
    """Open JupyterLab on the notebooks, pointed to the local AWS. Further options go to `jupyter lab`.

    Example: mlkit local jupyter --no-browser
    """
    from localaws import lifecycle

    project = Project.here()
    start(project)
    program = shutil.which("jupyter-lab", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
    if program is None:
        raise UsageError("JupyterLab is not installed", cure="Install the extra: pip install 'sagemaker-mlkit[jupyter]', or `make setup`.")
    os.environ.update(lifecycle.environment(project.local_home))
    private = ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url="]
    opened = [f"--notebook-dir={project.root}", "--LabApp.default_url=/lab/tree/notebooks/01_prep.ipynb"]
    saved = ["--FileContentsManager.post_save_hook=mlkit.jupyter.after_save"]
    os.execv(program, [program, *opened, *private, *saved, *context.args])


@app.command()
def run(
    your_initials: YourInitials = INITIALS,
    port: Port = None,
    worktree: Worktree = False,
    approve: Annotated[
        str | None, typer.Option(metavar="COMMENT", help="Approve for production with this comment, without being asked.")
    ] = None,
    tune: Tune = "notebook",
    min_match_rate: Annotated[str, typer.Option(help="The stack's parameter MinMatchRate: notebook, or a share.")] = "notebook",
) -> None:
    """Run the whole pipeline on the local AWS: source, build and train, QA, approval, production.

    Example: mlkit local run --approve "looks good"
    """
    from mlkit.cli import pipeline

    parameters = {"Tune": tune, "MinMatchRate": min_match_rate}
    options = pipeline.Options(your_initials=your_initials, port=port, worktree=worktree, approve=approve, parameters=parameters)
    project = Project.here()
    with alone(project):
        pipeline.run(project, options)


@app.command()
def approve(comment: Annotated[str, typer.Argument(help="Why.")], your_initials: YourInitials = INITIALS) -> None:
    """Approve the execution that waits.

    Example: mlkit local approve "as good as the last one"
    """
    from mlkit.cli import pipeline

    pipeline.decide(Project.here(), your_initials=your_initials, approved=True, comment=comment)


@app.command()
def reject(comment: Annotated[str, typer.Argument(help="Why.")], your_initials: YourInitials = INITIALS) -> None:
    """Reject the execution that waits; production stays as it is.

    Example: mlkit local reject "log loss is worse"
    """
    from mlkit.cli import pipeline

    pipeline.decide(Project.here(), your_initials=your_initials, approved=False, comment=comment)


@app.command()
def stop(your_initials: YourInitials = INITIALS) -> None:
    """Stop what is running in the pipeline, builds included.

    Example: mlkit local stop
    """
    from mlkit.cli import pipeline

    pipeline.stop(Project.here(), your_initials=your_initials)


@app.command()
def walk(
    tune: Tune = "notebook",
    your_initials: YourInitials = INITIALS,
    port: Port = None,
) -> None:
    """Run the three notebooks from the working tree without a pipeline, with the dev endpoint between the second and the third.

    Example: mlkit local walk
    """
    from mlkit.cli.walk import walk as walk_through

    project = Project.here()
    with alone(project):
        walk_through(project, your_initials=your_initials, tune=tune, port=port)


@app.command()
def repository(
    name: Annotated[str, typer.Argument(metavar="OWNER/REPO", help="As the pipeline's Source names it: GitHubUser/Repo.")],
    worktree: Worktree = False,
) -> None:
    """Let this project's git repository stand for a repository on GitHub, which the local AWS does not reach.

    Example: mlkit local repository you/mlkit
    """
    project = Project.here()
    if name.count("/") != 1 or not all(name.split("/")):
        raise UsageError(
            f"{name!r} is not OWNER/REPO", cure="Give what the pipeline's stack has as GitHubUser and Repo, with a slash between."
        )
    stand_for(project, name, worktree=worktree)
    out.print(f"On this local AWS, {project.root} stands for {name}.")
