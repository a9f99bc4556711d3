"""What people answer and give up at the terminal: the question at an approval, a stack's parameter, Ctrl-C."""

import os
import sys

import pytest
import typer

from mlkit import cli
from mlkit.cli.pipeline import _answer, check_parameters
from mlkit.errors import Interrupted, UsageError
from mlkit.settings import Project


@pytest.fixture
def typed(monkeypatch):
    """A standard input to which the test types."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as end:
        monkeypatch.setattr(sys, "stdin", end)
        yield lambda text: os.write(writing, text.encode())
    os.close(writing)


def test_what_is_typed_is_the_answer(typed):
    typed("yes, as good as the last one\n")
    assert _answer(lambda: True) == "yes, as good as the last one"


def test_a_decision_from_elsewhere_ends_the_question(typed):
    assert _answer(lambda: False) is None
    waits = iter([True, False])
    assert _answer(lambda: next(waits)) is None


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"Tune": "maybe"}, "It takes one of notebook, true, false."),
        ({"Tune": "true", "MinMatchRate": "65%"}, "It takes notebook, or a share above 0 and at most 1, such as 0.65."),
    ],
)
def test_what_the_stack_would_refuse_is_refused_before_anything_is_deployed(given, needed):
    with pytest.raises(UsageError) as refused:
        check_parameters(Project.here(), given)
    assert refused.value.cure == needed
    check_parameters(Project.here(), {"Tune": "notebook", "MinMatchRate": "0.65"})


def test_ctrl_c_ends_with_one_line_and_the_code_of_interrupted_runs(monkeypatch, capsys):
    def waits():
        raise KeyboardInterrupt

    app = typer.Typer()
    app.command()(waits)
    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["mlkit"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == Interrupted.exit_code
    assert capsys.readouterr().err == "Error: Interrupted from the keyboard\n  Next: Run it again.\n"
