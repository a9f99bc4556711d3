"""mlkit check: do buildspecs and templates give the notebooks what they take, and does git hold their sources alone?"""

from pathlib import Path
from typing import Annotated

import typer

from mlkit.cli.console import out
from mlkit.errors import NotFound


def check(project: Annotated[Path, typer.Argument(help="The project's folder.", file_okay=False, exists=True)] = Path()) -> None:
    """Check every run of a notebook in the buildspecs against its parameters, and that the data has one name, before a build does.

    Refused are notebooks that do not exist, parameters that they do not have, values of another type - also those that the templates'
    parameters allow - and variables that nothing sets. What is known on AWS only, such as imports, is accepted.
    The data set and the table of mlkit.yml are to be those of CloudFormation/datalake.yaml and of 01_prep's parameters.
    In git, a notebook holds no outputs, no parameters of an earlier run and no `deploy_dev = True`.

    Example: mlkit check
    """
    from mlkit.contract import check_project

    checked = check_project(project.resolve())
    if not checked.buildspecs:
        raise NotFound(f"{project.resolve()} has no buildspec to check", cure="Name the project's folder: `mlkit check FOLDER`.")
    checked.raise_problems()
    runs = "1 run of a notebook" if checked.runs == 1 else f"{checked.runs} runs of notebooks"
    out.print(f"Fits: {runs} in {checked.buildspecs} buildspec{'' if checked.buildspecs == 1 else 's'}")
