"""The command line. Each command is a thin call into the library; an error ends it with one message and its own exit code."""

import contextlib
import io
import sys

import typer

from mlkit.cli import check, deploy, doctor, evidence_commands, local, new, pipeline_commands, replay, review_commands, run, verify
from mlkit.cli.data_commands import ProjectGroup

_KEYBOARD = 130  # Typer returns it for Ctrl-C
app = typer.Typer(
    cls=ProjectGroup,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="CI/CD for SageMaker models whose pipeline steps are notebooks.",
)
app.command(name="new")(new.new)
app.command(name="run", cls=run.PapermillOptions)(run.run)
app.command(name="params")(run.params)
app.command(name="check")(check.check)
app.command(name="verify")(verify.verify)
app.command(name="replay", cls=run.PapermillOptions)(replay.replay)
app.command(name="deploy")(deploy.deploy)
app.command(name="undeploy")(deploy.undeploy)
app.command(name="rollback")(deploy.rollback)
app.command(name="doctor")(doctor.doctor)
app.command(name="exports")(evidence_commands.exports)
app.command(name="sweep")(evidence_commands.sweep)
app.add_typer(pipeline_commands.app, name="pipeline")
review_commands.register(evidence_commands.app)
app.add_typer(evidence_commands.app, name="evidence")
app.add_typer(local.app, name="local")


def main() -> None:
    """Run the command line. A user's mistake ends with a message and an exit code, not with a stack trace."""
    from mlkit.cli.console import drop_unprintable_output, show_error
    from mlkit.cli.error_translation import as_error
    from mlkit.errors import Interrupted

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr does: a notebook may print what UTF-8 cannot encode
    try:
        code = app(standalone_mode=False)
        if code == _KEYBOARD:
            raise Interrupted("Interrupted from the keyboard", retry=False)  # noqa: TRY301  one place prints all errors
    except Exception as problem:
        error = as_error(problem)
        if error is None:
            raise
        if str(error):
            with contextlib.suppress(OSError):  # the exit code counts, also where nothing can be printed
                show_error(error)
        code = error.exit_code
    drop_unprintable_output()
    sys.exit(code if isinstance(code, int) else 0)
