"""The command line as a person meets it: help with an example everywhere, one clear error, the class's exit code."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner
from waiting import HANG_S

from mlkit import cli, errors

ROOT = Path(__file__).parents[2]


def commands(app: typer.main.Typer) -> list[tuple[list[str], object]]:
    group = typer.main.get_command(app)
    found: list[tuple[list[str], object]] = []

    def collect(path: list[str], command: Any) -> None:
        context = command.context_class(command)
        names = command.list_commands(context) if hasattr(command, "list_commands") else []
        for name in names:
            collect([*path, name], command.get_command(context, name))
        if path and not names:
            found.append((path, command))

    collect([], group)
    return found


@pytest.mark.parametrize(("path", "command"), commands(cli.app), ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_every_command_explains_itself_with_an_example(path: list[str], command: object) -> None:
    result = CliRunner().invoke(cli.app, [*path, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert re.search(rf"Example: .*\bmlkit {' '.join(path)}\b", " ".join(result.output.split()))
    assert max(len(line.rstrip()) for line in result.output.splitlines()) <= 80


def mlkit(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = "from mlkit.cli import main; main()"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=cwd, timeout=HANG_S)


def test_a_mistake_ends_with_one_message_a_next_step_and_its_own_exit_code(tmp_path: Path) -> None:
    result = mlkit("params", str(tmp_path / "missing.ipynb"))
    assert result.returncode == errors.NotFound.exit_code
    assert result.stderr.startswith("Error: ")
    assert "Next: " in result.stderr
    assert "Traceback" not in result.stderr


TYPES = "b: bool = False\ni: int = -1\nf: float = 1e-3\ns: str = 'x'\nl: list = []\nd: dict = {}\no: str | None = None"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-p", "s", b"caf\xe9"], "what is not a whole character in UTF-8"),
        (["-p", b"caf\xe9", "s"], "no parameter `caf\\udce9`"),
        (["-p", "l", '["\\ud83d"]'], "`l[0]` holds what is not a whole character"),
        (["-p", "l", "[NaN]"], "NaN is no number that JSON has"),
        (["-f", b"i: '8'"], "not '8': it is a str; leave out the quotes"),
        (["-f", b"d: {when: 2024-01-31}\nl: [2024-02-01]"], "`d.when` is a date"),
        (["-f", b"d:\n  n: {2: two, true: x}"], "line 2: the key `2` is no text"),
        (["-f", b"d: {x: .nan, y: .inf}"], "`d.x` is not a finite number"),
        (["-f", b"d: &a\n  self: *a"], "line 1: an alias is inside its own value"),
        (["-f", b"s: a\ns: b"], "line 2: `s` is there twice"),
    ],
    ids=ascii,
)
def test_a_value_that_cannot_be_kept_ends_with_the_parameters_exit_code(tmp_path: Path, arguments: list[Any], complaint: str) -> None:
    path = notebook(tmp_path / "types.ipynb", TYPES)
    if arguments[0] == "-f":
        (tmp_path / "values.yaml").write_bytes(arguments[1])
        arguments = ["-f", "values.yaml"]
    program = [sys.executable, "-c", "from mlkit.cli import main; main()", "run", str(path)]
    result = subprocess.run([*program, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=HANG_S)
    assert result.returncode == errors.InvalidParameters.exit_code
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "executed").exists()


def test_params_shows_choices_to_people_and_to_programs(tmp_path: Path) -> None:
    path = notebook(tmp_path / "x.ipynb", "split: Literal['hashed', 'latest'] = 'hashed'  # which rows\nn: 'Literal[1, 2] | None' = 1")
    shown = " ".join(CliRunner().invoke(cli.app, ["params", str(path)], env={"COLUMNS": "200"}).output.split())
    assert "split │ str │ 'hashed' │ which rows: 'hashed' or 'latest'" in shown
    assert "n │ int | None │ 1 │ 1 or 2" in shown
    told = json.loads(CliRunner().invoke(cli.app, ["params", str(path), "--json"]).output)
    assert [(one["type"], one["choices"]) for one in told] == [
        ("Literal['hashed', 'latest']", ["hashed", "latest"]),
        ("Literal[1, 2] | None", [1, 2]),
    ]


def test_an_unknown_parameter_is_refused_with_the_near_spelling() -> None:
    result = mlkit("run", "notebooks/02_train.ipynb", "/nowhere/out.ipynb", "-p", "tun", "True")
    assert result.returncode == errors.InvalidParameters.exit_code
    assert "`tune`" in result.stderr


def notebook(path: Path, cell: str) -> Path:
    code = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": cell, "outputs": [], "execution_count": None}
    spec = {"name": "python3", "language": "python"}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}, "cells": [code]}))
    return path


def test_params_says_what_is_required_to_people_and_to_programs(tmp_path: Path) -> None:
    path = notebook(tmp_path / "x.ipynb", "country: str  # two letters\nepochs = 3")
    shown = CliRunner().invoke(cli.app, ["params", str(path)]).output
    assert "required" in next(line for line in shown.splitlines() if "country" in line)
    assert json.loads(CliRunner().invoke(cli.app, ["params", str(path), "--json"]).output) == [
        {"name": "country", "type": "str", "required": True, "default": None, "help": "two letters"},
        {"name": "epochs", "type": "int", "required": False, "default": 3, "help": ""},
    ]


@pytest.mark.parametrize("given", [[], ["-p", "country", "no"]])
def test_a_missing_parameter_and_an_ambiguous_word_are_refused_before_a_kernel_starts(tmp_path: Path, given: list[str]) -> None:
    path = notebook(tmp_path / "x.ipynb", "country: str")
    result = CliRunner().invoke(cli.app, ["run", str(path), str(tmp_path / "out.ipynb"), *given])
    assert isinstance(result.exception, errors.InvalidParameters)
    assert "`country`" in str(result.exception)
    assert not (tmp_path / "out.ipynb").exists()


def test_every_error_has_a_cure_and_an_exit_code_of_its_own() -> None:
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.MlkitError)]
    own = [item for item in classes if item is not errors.MlkitError]
    assert all(item.cure for item in own)
    codes = [item.exit_code for item in own]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_starting_the_command_line_imports_no_sdk() -> None:
    code = "import sys, mlkit.cli; print([m for m in ('boto3', 'pandas', 'sagemaker', 'numba', 'ministack') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_what_deploys_seals_and_finds_the_lake_does_not_wait_for_pandas() -> None:
    """Only what shows tables or queries Athena needs it, and it takes most of a command's start."""
    code = "import sys, mlkit.aws.endpoints, mlkit.aws.data_lake, mlkit.evidence.manifest; print('pandas' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
