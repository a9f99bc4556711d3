"""The command line: each command is a thin call into the library; errors end it with one message and their own exit code."""

import sys

import typer

from mlkit.cli import check, data, doctor, endpoints, evidence, local, notebooks

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    help="CI/CD for SageMaker models whose pipeline steps are notebooks.",
)
app.command(name="run", cls=notebooks.PapermillOptions)(notebooks.run)
app.command(name="params")(notebooks.params)
app.command(name="check")(check.check)
app.command(name="deploy")(endpoints.deploy)
app.command(name="undeploy")(endpoints.undeploy)
app.command(name="predict")(endpoints.predict)
app.command(name="doctor")(doctor.doctor)
app.command(name="exports")(evidence.exports)
app.command(name="sweep")(evidence.sweep)
app.add_typer(evidence.app, name="evidence")
app.add_typer(data.app, name="data")
app.add_typer(local.app, name="local")


def main() -> None:
    """Run the command line. A user's mistake ends with a message and an exit code, not with a stack trace."""
    from mlkit.cli.console import err, show_error
    from mlkit.errors import MlkitError

    try:
        app()
    except MlkitError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("Interrupted.")
        sys.exit(130)
