"""One option, one meaning: where several commands have an option, it has one variable, one default and one help text."""

import itertools
from collections import defaultdict
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mlkit import cli
from mlkit.cli import movielens_data, tabular_data
from mlkit.errors import UsageError

APPS = (cli.app, movielens_data.app, tabular_data.app)
INITIALS = "MLKIT_YOUR_INITIALS"


def commands(app: typer.Typer) -> list[tuple[str, Any]]:
    """Each command of the app with its words."""
    found: list[tuple[str, Any]] = []
    open_groups: list[tuple[str, Any]] = [("", typer.main.get_command(app))]
    while open_groups:
        words, command = open_groups.pop()
        context = command.context_class(command)
        if hasattr(command, "list_commands"):
            open_groups += [(f"{words} {name}".strip(), command.get_command(context, name)) for name in command.list_commands(context)]
        else:
            found.append((words, command))
    return found


def meanings() -> dict[str, dict[tuple[Any, ...], list[str]]]:
    """Of each option, what it means and in which commands it means that."""
    found: dict[str, dict[tuple[Any, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for words, command in itertools.chain.from_iterable(map(commands, APPS)):
        for option in command.params:
            if option.param_type_name == "option":
                meaning = (option.envvar, repr(option.default), option.help, option.is_flag, option.multiple, option.metavar)
                for name in option.opts:
                    found[name][meaning].append(words)
    return found


def test_an_option_means_the_same_in_every_command() -> None:
    assert {name: dict(each) for name, each in meanings().items() if len(each) > 1} == {}


def test_a_variable_stands_for_one_option() -> None:
    options = defaultdict(set)
    for name, each in meanings().items():
        for variable, *_ in each:
            if variable is not None:
                options[variable].add(name)
    assert {variable: names for variable, names in options.items() if len(names) > 1} == {}


def test_the_initials_are_read_from_one_variable_by_every_command_that_takes_them() -> None:
    (meaning,) = meanings()["--your-initials"].items()
    assert meaning[0][0] == INITIALS
    assert {"undeploy", "doctor", "sweep", "data load", "predict", "local run", "local approve", "local reject"} <= set(meaning[1])


@pytest.mark.parametrize("typed", [["undeploy", "dev"], ["sweep", "01234567-89ab-cdef-0123-456789abcdef"], ["local", "stop"]])
def test_an_empty_variable_does_not_choose_the_default_s_resources(typed: list[str]) -> None:
    done = CliRunner().invoke(cli.app, typed, env={INITIALS: ""})
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == f"{INITIALS} is set and empty"


def test_initials_that_are_given_need_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr("mlkit.cli.local_pipeline.stop", lambda project, *, your_initials: taken.append(your_initials))
    for environment in ({INITIALS: ""}, {INITIALS: "xyz"}):
        assert CliRunner().invoke(cli.app, ["local", "stop", "--your-initials", "abc"], env=environment).exit_code == 0
    assert CliRunner().invoke(cli.app, ["local", "stop"], env={INITIALS: "xyz"}).exit_code == 0
    assert CliRunner().invoke(cli.app, ["local", "stop"], env={INITIALS: None}).exit_code == 0
    assert taken == ["abc", "abc", "xyz", "mlkit"]


@pytest.mark.parametrize(
    "typed", [["local", "reset", "--ye"], ["local", "rese", "--yes"], ["undep", "dev"], ["deploy", "production", "--byp", "production"]]
)
def test_commands_and_options_cannot_be_abbreviated(typed: list[str]) -> None:
    done = CliRunner().invoke(cli.app, typed)
    assert done.exit_code == 2
    assert "No such" in done.output
