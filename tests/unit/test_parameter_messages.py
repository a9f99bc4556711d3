"""Refusals of parameters as the user reads them: the whole message and the next step."""

import json
from pathlib import Path

import pytest

from mlkit.errors import InvalidNotebook, InvalidParameters
from mlkit.parameters import Typed, bind, parameters_in, parameters_of, read_parameters

IN_THE_CELL = "x.ipynb: line 1 of the `parameters` cell"
ONE_A_LINE = "Write one `name: value` a line."
SEE_PARAMS = "Run `mlkit params NOTEBOOK` to see the names, types and defaults."
DECLARED = "epochs: int = 1\nsplit: Literal['a', 'b'] = 'a'\nl: list[int] = [1]\nneeded: str"


def cell(source: str) -> dict[str, object]:
    return {"cells": [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source}]}


@pytest.mark.parametrize(
    ("source", "message", "cure"),
    [
        ("x = 1 + y", f"{IN_THE_CELL}: the default of `x` is not a literal.", "Compute it in the next cell."),
        ("import os", f"{IN_THE_CELL} is not `name = literal`.", "Write one name and one literal a line, without imports and code."),
        ("x = None", f"{IN_THE_CELL}: `x = None` does not say its type.", "Write for example `x: str | None = None`."),
        ("x = (1, 2)", f"{IN_THE_CELL}: the default of `x` is a tuple.", "Use bool, int, float, str, list or dict."),
        (
            "x: int = 'a'",
            f"{IN_THE_CELL}: the default of `x` does not fit `int`: it is a str; leave out the quotes.",
            InvalidNotebook.cure,
        ),
        (
            "x: bytes = b''",
            f"{IN_THE_CELL}: the type `bytes` is not a parameter type.",
            "Use bool, int, float, str, Literal['a', 'b'], list[...], dict[str, ...], each also with `| None`.",
        ),
        ("x = 1\nx = 2", "x.ipynb: `x` is assigned twice in the `parameters` cell.", "Keep one default."),
        (
            "x: Literal[1, 'a'] = 1",
            f"{IN_THE_CELL}: the choices of a Literal are whole numbers or texts, all of one kind, each once.",
            "Write for example `split: Literal['hashed', 'latest'] = 'hashed'`.",
        ),
    ],
)
def test_a_cell_is_refused_with_its_line_and_the_next_step(source, message, cure):
    with pytest.raises(InvalidNotebook) as refused:
        parameters_of(cell(source), "x.ipynb")
    assert (str(refused.value), refused.value.cure) == (message, cure)


def test_a_notebook_file_is_named_in_the_message(tmp_path: Path):
    file = tmp_path / "broken.ipynb"
    file.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, **cell("x = y")}))
    with pytest.raises(InvalidNotebook, match=f"^{file}: line 1"):
        read_parameters(file)


@pytest.mark.parametrize(
    ("text", "message", "cure"),
    [
        ("", ", line 1: the file is empty, not parameters by name", ONE_A_LINE),
        ("\n- 1", ", line 2: the file is a list, not parameters by name", ONE_A_LINE),
        ("a: 1\na: 2", ", line 2: `a` is there twice", "Keep one of the two."),
        ("a: 1\n1: a", ", line 2: the key `1` is no text to YAML", "Put it in quotes."),
        ("a: 1\nb: &b\n  c: *b", ", line 2: an alias is inside its own value", "Write the value out."),
        ("a: " + "[" * 1000, " is nested too deeply", ONE_A_LINE),
        ("a: 1\nb: 2020-13-45", ", line 2: `2020-13-45` is no date", "Put it in quotes if it is a text."),
        ("a: 1\nb: !!set {x}", ", line 2: `!!set` is no list or mapping", "Write a list or a mapping, without a tag."),
        ("a: 1\n<<: 1", ", line 2: `<<` takes mappings", ONE_A_LINE),
        ("a: 1\na: b: c", " is not YAML: line 2: mapping values are not allowed here", ONE_A_LINE),
    ],
)
def test_a_parameter_file_is_refused_with_its_line_and_the_next_step(text, message, cure):
    with pytest.raises(InvalidParameters) as refused:
        parameters_in(text.encode(), "p.yaml")
    assert (str(refused.value), refused.value.cure) == (f"p.yaml{message}", cure)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epoch": 1}, "There is no parameter `epoch`. Did you mean `epochs`? The notebook has: epochs, split, l, needed."),
        ({"zzz": 1}, "There is no parameter `zzz`. The notebook has: epochs, split, l, needed."),
        ({"epochs": "x"}, "Parameter `epochs` is int (default 1), not 'x': it is a str; leave out the quotes."),
        ({"split": "c"}, "Parameter `split` is Literal['a', 'b'] (default 'a'), not 'c': it is not one of the choices."),
        ({"l": ["a"]}, "Parameter `l` is list[int] (default [1]): `l[0]` is a str; leave out the quotes."),
        ({"needed": 5}, "Parameter `needed` is str (required), not 5: it is an int; in quotes it is a text."),
    ],
)
def test_a_value_is_refused_with_the_type_that_it_needs(given, message):
    with pytest.raises(InvalidParameters) as refused:
        bind(parameters_of(cell(DECLARED), "x.ipynb"), {"needed": "x", **given})
    assert (str(refused.value), refused.value.cure) == (message, SEE_PARAMS)


def test_a_value_for_a_notebook_without_parameters_is_refused_with_where_to_declare_it():
    with pytest.raises(InvalidParameters) as refused:
        bind((), {"a": 1})
    assert str(refused.value) == "There is no parameter `a`: the notebook has no cell tagged `parameters`, or nothing in it."
    assert refused.value.cure.startswith("Put `name = default` in a code cell of its own and give the cell the tag `parameters`")


@pytest.mark.parametrize("word", ["true", "yes", "on", "false", "no", "off", "Yes", " on "])
@pytest.mark.parametrize("kind", ["int", "float"])
def test_a_word_of_a_bool_is_no_number_and_the_message_says_so(word, kind):
    with pytest.raises(InvalidParameters) as refused:
        bind(parameters_of(cell(f"x: {kind} = 1"), "x.ipynb"), {"x": Typed(word)})
    assert f": `{word.strip().lower()}` is for a bool." in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("bool", "maybe", "write one of true yes on 1 false no off 0"),
        ("int", "1.5", "it is no whole number"),
        ("float", "one", "it is no number"),
        ("list", "[1,", "write it as JSON (Expecting value: line 1 column 4 (char 3))"),
        ("dict", '{"a": 1, "b": 2, "b": 3}', "the key 'b' is there twice"),
        ("list", "[NaN]", "NaN is no number that JSON has"),
        ("str", "off", "`off` is for a bool; in a file for -f, in quotes, it is a text"),
    ],
)
def test_typed_text_is_refused_with_what_to_write(kind, text, problem):
    with pytest.raises(InvalidParameters) as refused:
        bind(parameters_of(cell(f"x: {kind}"), "x.ipynb"), {"x": Typed(text)})
    assert str(refused.value).endswith(f": {problem}.")


@pytest.mark.parametrize(
    ("text", "value"), [("12e3", 12000.0), ("-1.5E-2", -0.015), ("+1.e1", 10.0), ("1e", "1e"), ("e5", "e5"), ("1_0", "1_0")]
)
def test_text_of_any_type_is_a_number_only_with_an_exponent_that_yaml_overlooks(text, value):
    assert bind(parameters_of(cell("x: list = []"), "x.ipynb"), {"x": [Typed(text)]}) == {"x": [value]}
