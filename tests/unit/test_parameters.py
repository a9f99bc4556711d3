import json

import pytest

from mlkit.errors import InvalidNotebook, InvalidParameters, NotFound
from mlkit.parameters import Typed, bind, load_notebook, parameters_of, read_parameters

CELL = """# parameters
tune: bool = False             # whether to search
epochs = 100
rate: float = 1
name: str | None = None
layers = [
    64,
]  # sizes
prices: dict[str, float] = {"ml.m5.large": 0.1}
"""


def code(source, *tags):
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source}


def content(source=CELL):
    return {"nbformat": 4, "cells": [code("import mlkit"), code(source, "parameters")]}


def parameters(source=CELL):
    return parameters_of(content(source), "x.ipynb")


def test_parameters_are_read_with_type_default_and_comment(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(content()))
    found = [(p.name, str(p.type), p.default, p.help) for p in read_parameters(path)]
    assert found == [
        ("tune", "bool", False, "whether to search"),
        ("epochs", "int", 100, ""),
        ("rate", "float", 1.0, ""),
        ("name", "str | None", None, ""),
        ("layers", "list", [64], "sizes"),
        ("prices", "dict[str, float]", {"ml.m5.large": 0.1}, ""),
    ]


def test_an_int_default_of_a_float_parameter_is_a_float():
    assert type(parameters("rate: float = 1")[0].default) is float


@pytest.mark.parametrize("annotation", ["Optional[int]", "typing.Optional[int]", "int | None", "None | int", '"int | None"'])
def test_optional_is_understood_in_every_spelling(annotation):
    assert str(parameters(f"x: {annotation} = None")[0].type) == "int | None"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("x = 1 + y", "default of `x` is not a literal"),
        ("import os", "not `name = literal`"),
        ("x = y = 1", "not `name = literal`"),
        ("x = None", "does not say its type"),
        ("x = (1, 2)", "is a tuple"),
        ("x: int = 'a'", "does not fit `int`"),
        ("x: int = True", "does not fit `int`: it is a bool"),
        ("x: bytes = b''", "`bytes` is not a parameter type"),
        ("x: 'in t' = 1", "is not a parameter type"),
        ("x = {[]: 1}", "not a literal"),
        ("%matplotlib inline", "is not Python"),
        ("x = 1\nx = 2", "`x` is assigned twice"),
    ],
)
def test_a_parameters_cell_with_more_than_literals_is_refused(source, complaint):
    with pytest.raises(InvalidNotebook, match=r"x\.ipynb") as raised:
        parameters(source)
    assert complaint in str(raised.value)


def test_a_notebook_without_a_parameters_cell_has_none():
    assert parameters_of({"cells": [code("x = 1")]}, "x.ipynb") == ()


@pytest.mark.parametrize("cells", [[code("x = 1")], [code("# nothing yet", "parameters")], []])
def test_a_parameter_for_a_notebook_that_has_none_is_refused_with_the_way_to_tag_a_cell(cells):
    with pytest.raises(InvalidParameters, match="no parameter `x`: the notebook has no cell tagged `parameters`") as raised:
        bind(parameters_of({"cells": cells}, "x.ipynb"), {"x": 1})
    assert "Property Inspector" in raised.value.cure


def test_a_notebook_with_two_parameters_cells_is_refused():
    with pytest.raises(InvalidNotebook, match="2 cells tagged"):
        parameters_of({"cells": [code("x = 1", "parameters")] * 2}, "x.ipynb")


def test_a_markdown_cell_cannot_hold_parameters():
    cell = code("x = 1", "parameters") | {"cell_type": "markdown"}
    with pytest.raises(InvalidNotebook, match="not a code cell"):
        parameters_of({"cells": [cell]}, "x.ipynb")


@pytest.mark.parametrize("text", ["not json", "[]", '{"cells": []}', '{"nbformat": 3, "cells": []}', "\xff"])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "x.ipynb"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InvalidNotebook, match="is not a notebook"):
        load_notebook(path)


def test_a_missing_notebook_is_not_found(tmp_path):
    with pytest.raises(NotFound, match=r"nowhere\.ipynb"):
        load_notebook(tmp_path / "nowhere.ipynb")


def test_only_given_parameters_are_bound():
    assert bind(parameters(), {"epochs": Typed("7")}) == {"epochs": 7}


@pytest.mark.parametrize(
    ("text", "value"), [(t, True) for t in ("true", "Yes", "ON", "1")] + [(f, False) for f in ("false", "No", "OFF", "0")]
)
def test_words_for_yes_and_no_become_booleans(text, value):
    assert bind(parameters(), {"tune": Typed(text)})["tune"] is value


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({"rate": Typed("3")}, 3.0),
        ({"rate": 3}, 3.0),
        ({"rate": Typed("1e-3")}, 0.001),
        ({"name": Typed("null")}, None),
        ({"name": Typed("None of these")}, "None of these"),
        ({"name": "5"}, "5"),
        ({"name": " spaced "}, " spaced "),
        ({"layers": Typed("[64, 32]")}, [64, 32]),
        ({"layers": [1]}, [1]),
        ({"prices": Typed('{"a": 2}')}, {"a": 2.0}),
        ({"epochs": Typed("1_000")}, 1000),
        ({"epochs": Typed("0")}, 0),
        ({"rate": Typed("0")}, 0.0),
        ({"name": "0"}, "0"),
        ({"name": Typed("0")}, "0"),
        ({"name": Typed("north")}, "north"),
        ({"name": Typed("none")}, None),
        ({"epochs": Typed(" 7 ")}, 7),
        ({"layers": Typed("[1]")}, [1]),
        ({"tune": Typed("off")}, False),
        ({"name": "off"}, "off"),
    ],
)
def test_values_become_what_the_notebook_declares(given, bound):
    [value] = bind(parameters(), given).values()
    assert (value, type(value)) == (bound, type(bound))


@pytest.mark.parametrize(
    "given",
    [
        {"tune": Typed("maybe")},
        {"tune": 1},
        {"tune": None},
        {"epochs": Typed("false")},
        {"epochs": True},
        {"epochs": Typed("1e3")},
        {"epochs": 1.0},
        {"rate": Typed("off")},
        {"rate": Typed("nan")},
        {"rate": float("inf")},
        {"rate": False},
        {"name": 5},
        {"layers": Typed("64, 32")},
        {"layers": Typed('{"a": 1}')},
        {"prices": {"a": Typed("b")}},
        {"prices": {1: 2.0}},
        {"epochs": Typed("none")},
        {"epochs": Typed("off")},
        {"epochs": Typed("yes")},
        {"rate": Typed("no")},
        {"layers": Typed("false")},
        {"prices": Typed("off")},
        {"name": Typed("false")},
        {"name": Typed("No")},
        {"name": Typed(" off ")},
        {"name": False},
    ],
)
def test_a_value_of_another_type_is_refused_by_name(given):
    [name] = given
    with pytest.raises(InvalidParameters, match=f"Parameter `{name}` is "):
        bind(parameters(), given)


def test_an_unknown_parameter_is_refused_with_the_nearest_spelling():
    with pytest.raises(InvalidParameters, match=r"no parameter `epoch`\. Did you mean `epochs`\?"):
        bind(parameters(), {"epoch": "7"})


def test_all_problems_are_told_at_once():
    with pytest.raises(InvalidParameters) as raised:
        bind(parameters(), {"epoch": "7", "tune": "maybe", "rate": 1})
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize("word", ["false", "no", "off", "on", "true", "yes"])
def test_a_text_whose_own_default_is_a_word_for_a_boolean_takes_them_from_the_command_line(word):
    assert bind(parameters('switch: str = "on"'), {"switch": Typed(word)}) == {"switch": word}


def test_a_word_that_is_no_boolean_is_refused_with_the_way_to_give_it_as_text():
    with pytest.raises(InvalidParameters, match=r"`no` is for a bool; in a file for -f, in quotes, it is a text"):
        bind(parameters('country: str = "de"'), {"country": Typed("no")})


def test_a_parameter_without_a_default_is_required():
    [found] = parameters("country: str  # two letters")
    assert (found.name, str(found.type), found.required, found.default, found.help) == ("country", "str", True, None, "two letters")
    assert [one.required for one in parameters("a: int | None = None\nb: int | None")] == [False, True]


def test_all_that_is_required_and_missing_is_named_at_once_and_before_anything_runs():
    declared = parameters("country: str\nyear: int\ntune: bool = False")
    with pytest.raises(InvalidParameters) as raised:
        bind(declared, {"tune": "maybe"})
    assert [line.split(": ")[0] for line in str(raised.value).splitlines()] == [
        "Parameter `tune` is bool (default False), not 'maybe'",
        "Parameter `country` (str) is required and was not given.",
        "Parameter `year` (int) is required and was not given.",
    ]
    assert bind(declared, {"year": Typed("2024"), "country": Typed("de")}) == {"year": 2024, "country": "de"}


def test_a_required_parameter_given_wrong_is_told_once():
    with pytest.raises(InvalidParameters) as caught:
        bind(parameters("year: int"), {"year": Typed("x")})
    assert str(caught.value) == "Parameter `year` is int (required), not 'x': it is no whole number."


def test_a_required_parameter_may_be_given_none_where_its_type_allows_it():
    assert bind(parameters("seed: int | None"), {"seed": None}) == {"seed": None}
    with pytest.raises(InvalidParameters, match="it cannot be None"):
        bind(parameters("seed: int"), {"seed": None})
