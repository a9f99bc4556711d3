"""Values in error messages of our own: what was given as a password and refused is not repeated."""

import pytest

from mlkit.cli import console
from mlkit.errors import InvalidParameters
from mlkit.parameters import Parameter, ParameterType, bind
from mlkit.screening import screened

VALUE = "blue.horse"


def refusal(name, kind, value):
    with pytest.raises(InvalidParameters) as refused:
        bind([Parameter(name=name, type=ParameterType(name=kind), default=3, required=False)], {name: value})
    return str(refused.value)


@pytest.mark.parametrize("name", ["n_password", "db_secret", "api_key"])
@pytest.mark.parametrize("kind", ["int", "float", "bool", "list"])
def test_a_refused_value_of_a_secret_parameter_is_not_repeated(name, kind):
    told = screened(refusal(name, kind, VALUE))
    assert VALUE not in told
    assert name in told
    assert "[redacted: Secret Keyword]" in told


def test_a_refused_value_of_another_parameter_is_shown():
    told = refusal("epochs", "int", VALUE)
    assert screened(told, ["mlkit", "run", "x.ipynb", "-p", "epochs", VALUE]) == told


def test_a_token_is_taken_out_whatever_its_parameter_is_called():
    token = "gh" + "p_" + "a1B2c3D4e5F6" * 3
    assert token not in screened(refusal("epochs", "int", token))


def test_a_value_from_the_command_line_is_taken_out_of_any_message():
    arguments = ["mlkit", "run", "x.ipynb", "-p", "password", "green-horse"]
    assert screened("No such file: green-horse.", arguments) == "No such file: [redacted: Secret Keyword]."
    assert screened("No such file: green-horse.", ["mlkit", "-p", "name", "green-horse"]) == "No such file: green-horse."


def test_a_secret_variable_of_the_environment_is_taken_out():
    told = screened("Cannot connect with hunter-two-3.", environ={"DB_PASSWORD": "hunter-two-3"})
    assert told == "Cannot connect with [redacted: DB_PASSWORD in the environment]."


def test_the_command_line_prints_errors_screened(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["mlkit", "run", "x.ipynb", "-p", "n_password", VALUE])
    console.show_error(InvalidParameters(refusal("n_password", "int", VALUE), cure=f"Not {VALUE}."))
    told = capsys.readouterr().err
    assert VALUE not in told
    assert told.count("[redacted: Secret Keyword]") == 2
