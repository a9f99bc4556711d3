"""mlkit check: compares steps, notebooks and templates, and checks the notebooks in git."""

from pathlib import Path
from typing import Annotated

import typer

from mlkit.cli.console import out
from mlkit.errors import NotFound


def check(project: Annotated[Path, typer.Argument(help="The project's folder.", file_okay=False, exists=True)] = Path()) -> None:
    """Compare the steps of mlkit.yml with the notebooks and the templates, before a build runs.

    It reports notebooks that do not exist, parameters that they do not have, environment variables that neither the CodeBuild project nor
    the action sets, and values of another type, for every value that a stack parameter allows. It accepts values that only AWS knows, such
    as imports. It does not interpret the commands of buildspecs; it reads only the step names after `mlkit run`. The data set and the table
    in mlkit.yml must be those of CloudFormation/datalake.yaml and of 01_prep's parameters. In git, a notebook must have no outputs, no
    parameters of an earlier run and no `deploy_dev = True`.

    Example: mlkit check
    """
    from mlkit.check import check_project

    checked = check_project(project.resolve())
    checked.raise_problems()
    if not checked.steps:
        cure = "Name the project's folder: `mlkit check FOLDER`; or list its steps in mlkit.yml."
        raise NotFound(f"{project.resolve()} has no mlkit.yml with steps to check", cure=cure)
    out.print(f"Checked {_counted(checked.steps, 'step')} and {_counted(checked.buildspecs, 'buildspec')}: all parameters fit")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
