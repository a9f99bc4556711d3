"""mlkit check: do steps, notebooks and templates fit together, and does git hold the notebooks' sources alone?"""

from pathlib import Path
from typing import Annotated

import typer

from mlkit.cli.console import out
from mlkit.errors import NotFound


def check(project: Annotated[Path, typer.Argument(help="The project's folder.", file_okay=False, exists=True)] = Path()) -> None:
    """Check the steps of mlkit.yml against the notebooks and against the templates, before a build does.

    Refused are notebooks that do not exist, parameters that they do not have, environment variables that neither the CodeBuild project
    nor the action sets, and values of another type, also each value that a stack's parameter allows. Values that are known on AWS only,
    such as imports, are accepted. The commands of buildspecs are not interpreted: only the steps' names behind `mlkit run` are read.
    The data set and the table of mlkit.yml are to be those of CloudFormation/datalake.yaml and of 01_prep's parameters.
    In git, a notebook holds no outputs, no parameters of an earlier run and no `deploy_dev = True`.

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
