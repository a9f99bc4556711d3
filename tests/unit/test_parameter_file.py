"""YAML files of parameters: what people write by mistake is refused with its line, the rest is read as it stands there."""

import datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlkit.errors import InvalidParameters, NotFound, UsageError
from mlkit.parameters import Typed, bind, parameters_in, parameters_of, read_parameter_file

CELL = "i: int = 1\nf: float = 1.0\nb: bool = False\ns: str = 'x'\nl: list = []\nd: dict = {}\no: str | None = 'x'\nn: list[float] = []"


def read(text):
    return parameters_in(text.encode(), "p.yaml")


def bound(text):
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": CELL}
    return bind(parameters_of({"cells": [cell]}, "x.ipynb"), read(text))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("f: 1e5\ni: 0123", {"f": 100000.0, "i": 83}),
        ("i: 8\nb: yes\ns: '8'", {"i": 8, "b": True, "s": "8"}),
        ("s: \"no\"\no: 'none'", {"s": "no", "o": "none"}),
        ("o: None", {"o": None}),
        ("o:", {"o": None}),
        ("s: |\n  two\n  lines", {"s": "two\nlines"}),
        ("s: !!str 5", {"s": "5"}),
        ("s: =", {"s": "="}),
        ("n: [1, 1e-3, 2.5]", {"n": [1.0, 0.001, 2.5]}),
        ("l: [1e5, '1e5', x]", {"l": [100000.0, "1e5", "x"]}),
        ('{"d": {"lr": 1e-3, "name": "a"}}', {"d": {"lr": 0.001, "name": "a"}}),
        ('s: "\\ud83d\\ude00"', {"s": "\U0001f600"}),
        ("l: &a [1]\nd: {x: *a, y: *a}", {"l": [1], "d": {"x": [1], "y": [1]}}),
        ("d:\n  <<: {a: 1, b: 1}\n  b: 2", {"d": {"a": 1, "b": 2}}),
        ("d:\n  <<: [{a: 1}, {a: 2, b: 2}]", {"d": {"a": 1, "b": 2}}),
        ("\ufeffi: 8", {"i": 8}),
        ("{}", {}),
    ],
)
def test_values_are_read_as_they_are_written(text, values):
    assert repr(sorted(bound(text).items())) == repr(sorted(values.items()))


@pytest.mark.parametrize(
    "text", ['i: "8"', "i: '8'", 'f: "1.5"', 'b: "true"', "l: '[1]'", "n: ['1']", "i: |\n  8", "i: !!str 8", "i: 1e3", "i: x"]
)
def test_a_text_in_quotes_is_a_text_and_no_number(text):
    with pytest.raises(InvalidParameters, match=f"Parameter `{text[0]}` is"):
        bound(text)


def test_text_without_quotes_is_still_to_be_read_as_the_parameters_type():
    assert {name: type(value) for name, value in read("a: x\nb: 'x'\nc: >-\n  x").items()} == {"a": Typed, "b": str, "c": str}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("s: a\ns: b", "p.yaml, line 2: `s` is there twice"),
        ("d:\n  x: 1\n  y: {z: 1, z: 1}", "p.yaml, line 3: `z` is there twice"),
        ("l:\n- a: 1\n  'a': 2", "p.yaml, line 3: `a` is there twice"),
        ("d:\n  n: {2: two}", "p.yaml, line 2: the key `2` is no text to YAML"),
        ("d: {true: x}", "line 1: the key `true` is no text"),
        ("on: x", "line 1: the key `on` is no text"),
        ("d: {null: x}", "line 1: the key `null` is no text"),
        ("? [a]\n: x", "line 1: the key a list or mapping is no text"),
        ("d: &a\n  self: *a", "line 1: an alias is inside its own value"),
        ("l: &a [[*a]]", "line 1: an alias is inside"),
        ("d: &a\n  <<: *a", "an alias is inside its own value"),
        ("d:\n  <<: 3", "line 2: `<<` takes mappings"),
        ("s: {a}\nd: !!set {a, b}", "line 2: `!!set` is no list or mapping"),
        ("l: !!omap [a: 1]", "line 1: `!!omap` is no list or mapping"),
        ("x: 1\ns: !mine text", "line 2: could not determine a constructor for the tag '!mine'"),
        ("s: !!python/object/apply:os.getcwd []", "`!!python/object/apply:os.getcwd` is no list or mapping"),
        ("d: {day: 2024-13-45}", "line 1: `2024-13-45` is no date"),
        ("i: !!int x", "line 1: `x` is no int"),
        ("b: !!bool x", "line 1: `x` is no bool"),
        ("i: " + "9" * 5000, "is no int"),
        ("- i\n- f", "line 1: the file is a list, not parameters by name"),
        ("just text", "line 1: the file is no mapping of names"),
        ("", "line 1: the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("i: 1\nl: [1, 2", "p.yaml is not YAML: line 2"),
        ("i: 1\n---\ni: 2", "p.yaml is not YAML: line 2: but found another document"),
        ("s: a\x00b", "p.yaml is not YAML: unacceptable character"),
        ("l: " + "[" * 60 + "]" * 60, "nested more than 50 deep"),
        ("l: " + "[" * 1000, "nested too deeply"),
        ("l: *nowhere", "line 1: found undefined alias"),
    ],
    ids=lambda value: ascii(value)[1:40],
)
def test_a_malformed_parameter_file_is_refused_with_file_and_line(text, complaint):
    with pytest.raises(InvalidParameters) as raised:
        read(text)
    assert complaint in str(raised.value)
    assert raised.value.exit_code == 10
    assert raised.value.cure


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x, x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)),
        "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 12)),
        "s: &s " + "x" * 100_000 + f"\nl: [{', '.join(['*s'] * 1000)}]",
    ],
    ids=["lists", "merged mappings", "one long text"],
)
def test_aliases_that_stand_for_more_than_a_machine_has_are_refused(text):
    with pytest.raises(InvalidParameters, match="more than 1,000,000 characters"):
        read(text)


def test_a_date_is_left_to_the_binding_which_names_its_place():
    assert read("d: {when: 2024-01-31}") == {"d": {"when": datetime.date(2024, 1, 31)}}
    with pytest.raises(InvalidParameters, match=r"`d\.when` is a date; in quotes it is a text"):
        bound("d: {when: 2024-01-31}")


@pytest.mark.parametrize(
    ("content", "error", "complaint"),
    [
        (b"i: 1\ns: caf\xe9\n", InvalidParameters, r"p\.yaml, line 2: it is not text in UTF-8"),
        ("i: 1".encode("utf-16"), InvalidParameters, r"line 1: it is not text in UTF-8"),
        (b"#" * 2_000_001, InvalidParameters, r"larger than 2,000,000 bytes"),
    ],
    ids=["Latin-1", "UTF-16", "large"],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content, error, complaint):
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(error, match=complaint):
        read_parameter_file(path)


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path):
    with pytest.raises(NotFound, match=r"no file .*p\.yaml"):
        read_parameter_file(tmp_path / "p.yaml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_parameter_file(tmp_path)


ODD = [
    "&a",
    "*a",
    "<<:",
    "!!set",
    "!!int",
    "? ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "|",
    "\n",
    "  ",
    "2024-13-45",
    ".nan",
    "0x",
    "#",
    "%",
    "---",
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(ODD) | st.text(max_size=3), max_size=25).map("".join))
@example("=: =")
@example("<<: <<")
def test_no_text_is_more_than_refused(text):
    try:
        values = parameters_in(text.encode("utf-8", "surrogatepass"), "p.yaml")
    except InvalidParameters:
        return
    assert all(isinstance(name, str) for name in values)
