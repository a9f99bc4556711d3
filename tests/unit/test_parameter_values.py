"""Values at any depth: what the record, JSON and the kernel hold alike is taken, all else is refused with its place."""

import datetime
import enum
import json
import math
from decimal import Decimal
from pathlib import PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

from mlkit.errors import InvalidNotebook, InvalidParameters
from mlkit.parameters import Parameter, ParameterType, Typed, bind, parameters_of
from mlkit.parameters.checked_values import DEEPEST, LARGEST


def declared(line):
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": line}
    return parameters_of({"cells": [cell]}, "x.ipynb")


def refusal(line, **given):
    with pytest.raises(InvalidParameters) as raised:
        bind(declared(line), given)
    return str(raised.value)


def nested(depth, inside=1):
    return inside if depth == 0 else [nested(depth - 1, inside)]


def holding_itself():
    value = {"a": []}
    value["a"].append(value)
    return value


class Colour(enum.StrEnum):
    RED = "red"


def short(value):
    """An id: pytest's own would print numbers of thousands of digits."""
    return ascii(value)[1:30] if isinstance(value, str) else ""


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"when": datetime.date(2024, 1, 31)}, "`d.when` is a date; in quotes it is a text"),
        ({"at": [1, datetime.datetime(2024, 1, 31, 12)]}, "`d.at[1]` is a datetime; in quotes it is a text"),
        ({"x": math.nan}, "`d.x` is not a finite number"),
        ({"x": {"y": -math.inf}}, "`d.x.y` is not a finite number"),
        ({2: "two"}, "a key of it is an int, not a text"),
        ({"n": {True: "x"}}, "a key of `d.n` is a bool, not a text"),
        ({"n": {None: "x"}}, "a key of `d.n` is None, not a text"),
        ({"s": {1}}, "`d.s` is a set; write a list"),
        ({"s": (1, 2)}, "`d.s` is a tuple; write a list"),
        ({"b": b"x"}, "`d.b` is a bytes"),
        ({"p": PurePath("a")}, "`d.p` is a PurePosixPath"),
        ({"n": Decimal(1)}, "`d.n` is a Decimal"),
        ({"t": "\ud83d"}, r"`d.t` holds what is not a whole character in UTF-8 (`\ud83d`)"),
        ({"\udcff": 1}, r"it holds what is not a whole character in UTF-8 (`\udcff`)"),
        ({"a b": [None, {3}]}, "`d['a b'][1]` is a set"),
        ({"n": 10**4000}, "`d.n` is too large a number"),
        ({"n": 2 ** (10**6)}, "`d.n` is too large a number"),
        (holding_itself(), "`d.a[0]` holds itself"),
        ({"x": nested(DEEPEST)}, f"it is nested more than {DEEPEST} deep"),
        ({"x": "a" * LARGEST}, f"it holds more than {LARGEST:,} characters"),
        ({"x": [[1] * 1000] * 1000}, f"it holds more than {LARGEST:,} characters"),
    ],
    ids=short,
)
def test_a_value_without_a_json_form_is_refused_at_any_depth_with_its_place(value, complaint):
    assert f"Parameter `d` is dict (default {{}}): {complaint}" in refusal("d: dict = {}", d=value)


@pytest.mark.parametrize(
    ("line", "value", "complaint"),
    [
        ("f: float = 1.0", 10**400, "it is not a finite number"),
        ("f: float = 1.0", Typed("1e999"), "it is not a finite number"),
        ("l: list[float] = []", [1, 10**400], "`l[1]` is not a finite number"),
        ("l: list[int] = []", [1, "2"], "`l[1]` is a str; leave out the quotes"),
        ("l: list[list[int]] = []", [[1], [True]], "`l[1][0]` is a bool"),
        ("l: dict[str, list[str]] = {}", {"a": ["x", 1]}, "`l.a[1]` is an int; in quotes it is a text"),
        ("l: list[str] = []", ["x", None], "`l[1]` cannot be None"),
        ("i: int = 1", "8", "not '8': it is a str; leave out the quotes"),
        ("b: bool = False", "true", "not 'true': it is a str; leave out the quotes"),
        ("l: list = []", "[1]", "not '[1]': it is a str; leave out the quotes"),
        ("i: int = 1", 2 ** (10**6), "not a number of thousands of digits: it is too large a number"),
        ("s: str = 'x'", datetime.date(2024, 1, 31), "not 2024-01-31: it is a date; in quotes it is a text"),
        ("s: str = 'x'", Typed("caf\udce9"), r"not 'caf?': it holds what is not a whole character in UTF-8 (`\udce9`)"),
        ("l: list = []", Typed('["\\ud83d"]'), r"`l[0]` holds what is not a whole character in UTF-8 (`\ud83d`)"),
        ("l: list = []", Typed("[NaN]"), "NaN is no number that JSON has"),
        ("l: list = []", Typed("[-Infinity]"), "-Infinity is no number that JSON has"),
        ("l: list = []", Typed("[1e999]"), "`l[0]` is not a finite number"),
        ("l: list = []", Typed("[" * 100_000), "it is nested too deeply"),
        ("d: dict = {}", Typed('{"a": 1, "b": {"c": 1, "c": 2}}'), "the key 'c' is there twice"),
    ],
    ids=short,
)
def test_a_value_of_another_type_is_refused_with_its_place(line, value, complaint):
    assert complaint in refusal(line, **{line[0]: value})


def test_a_value_shared_by_two_places_is_no_cycle_and_is_copied():
    shared = [1]
    bound = bind(declared("d: dict = {}"), {"d": {"a": shared, "b": shared}})["d"]
    assert bound == {"a": [1], "b": [1]}
    assert bound["a"] is not shared


def test_a_text_of_a_class_of_its_own_becomes_a_plain_text():
    bound = bind(declared("l: list = []"), {"l": [Colour.RED, Typed("x")]})["l"]
    assert [(type(one), one) for one in bound] == [(str, "red"), (str, "x")]


def test_a_value_of_the_greatest_depth_is_bound():
    assert bind(declared("l: list = []"), {"l": nested(DEEPEST)}) == {"l": nested(DEEPEST)}


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("l: list = [(1, 2)]", "`l[0]` is a tuple"),
        ("d = {1: 2}", "a key of it is an int"),
        ("d = {'a': {1e999}}", "`d.a` is a set"),
        ("d = [1e999]", "`d[0]` is not a finite number"),
        ("x = 1\ns = '\\ud83d'", "line 2 of the `parameters` cell: the default of `s` does not fit `str`: it holds"),
        ("split: \"Literal['a', 'b']\" = 'c'", "is not one of the choices"),
        ("x = " + "[" * 150 + "]" * 150, "nested more than"),
        ("x = " + "-" * 5000 + "1", "nested too deeply"),
        ("x = '\x00'", "is not Python"),
        ("x = 'a\ud83d'", "is not Python"),
    ],
)
def test_a_default_is_held_to_the_same_rules(source, complaint):
    with pytest.raises(InvalidNotebook, match=r"x\.ipynb") as raised:
        declared(source)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    ("annotation", "text", "choices"),
    [
        ("Literal['a', 'b']", "Literal['a', 'b']", ("a", "b")),
        ("\"Literal['a', 'b']\"", "Literal['a', 'b']", ("a", "b")),
        ('"""Literal[\'a\',\n \'b\']"""', "Literal['a', 'b']", ("a", "b")),
        ("typing.Literal['a']", "Literal['a']", ("a",)),
        ("'Literal[1, -2]'", "Literal[1, -2]", (1, -2)),
        ("\"Literal['a'] | None\"", "Literal['a'] | None", ("a",)),
        ("\"Literal['a', None]\"", "Literal['a'] | None", ("a",)),
        ("\"Optional[Literal['a']]\"", "Literal['a'] | None", ("a",)),
    ],
)
def test_a_parameter_may_name_its_choices(annotation, text, choices):
    [found] = declared(f"x: {annotation}")
    assert (str(found.type), found.type.choices) == (text, choices)


@pytest.mark.parametrize(
    "annotation", ["Literal[1, 'a']", "Literal[1.5]", "Literal[True]", "Literal[None]", "Literal[()]", "Literal['a', 'a']", "Literal[x]"]
)
def test_choices_are_texts_or_whole_numbers_of_one_kind(annotation):
    with pytest.raises(InvalidNotebook, match="the choices of a Literal are whole numbers or texts"):
        declared(f"x: {annotation}")


SPLIT = "split: \"Literal['hashed', 'latest']\" = 'hashed'"


def test_a_value_that_is_no_choice_is_refused_with_the_choices_and_the_nearest():
    assert refusal(SPLIT, split=Typed("newest")) == (
        "Parameter `split` is Literal['hashed', 'latest'] (default 'hashed'), not 'newest': "
        "it is not one of the choices; did you mean 'latest'?"
    )


@pytest.mark.parametrize(
    ("line", "value", "bound"),
    [
        (SPLIT, Typed("latest"), "latest"),
        (SPLIT, "latest", "latest"),
        ("x: 'Literal[1, 2]' = 1", Typed("2"), 2),
        ("x: \"Literal['off', 'auto']\" = 'auto'", Typed("off"), "off"),
        ("x: \"Literal['none', 'all'] | None\" = None", Typed("none"), "none"),
        ("x: \"Literal['one', 'all'] | None\" = 'one'", Typed("none"), None),
        ("x: \"list[Literal['a', 'b']]\" = []", Typed('["b", "a"]'), ["b", "a"]),
    ],
)
def test_a_choice_is_bound(line, value, bound):
    [name] = [one.name for one in declared(line)]
    assert bind(declared(line), {name: value}) == {name: bound}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (SPLIT, Typed("Latest")),
        (SPLIT, Typed("false")),
        (SPLIT, Typed(" latest ")),
        (SPLIT, 1),
        ("x: 'Literal[1, 2]' = 1", Typed("3")),
        ("x: 'Literal[1, 2]' = 1", True),
        ("x: 'Literal[1, 2]' = 1", "1"),
        ("x: \"dict[str, Literal['a']]\" = {}", {"k": "b"}),
    ],
)
def test_a_value_that_is_no_choice_is_refused_at_any_depth(line, value):
    [name] = [one.name for one in declared(line)]
    assert f"Parameter `{name}` is" in refusal(line, **{name: value})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("n_password: int = 1", Typed("hunter2-and-more")),
        ("api_key: int = 1", "hunter2-and-more"),
        ("rows: int = 1", Typed("AKIAIOSFODNN7REALKEY")),
        ("rows: list[str] = []", Typed('ghp_hunter2-and-more"]')),
    ],
)
def test_a_refusal_hides_what_looks_like_a_secret_by_name_or_by_itself(line, value):
    name = line.partition(":")[0]
    told = refusal(line, **{name: value})
    assert "[redacted" in told or name == "rows"
    if name != "rows" or "AKIA" in value:
        assert value not in told


def test_a_refusal_hides_a_default_that_looks_like_a_secret():
    assert "hunter2" not in refusal("password: str = 'hunter2-and-more'", password=5)


def test_a_refusal_of_a_long_text_is_short():
    assert len(refusal("i: int = 1", i=Typed("x" * 100_000))) < 500


def test_a_refusal_can_be_printed_whatever_was_typed():
    assert "no parameter `\\udcff`" in refusal("i: int = 1", **{"\udcff": "1"})


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.text(st.characters(categories=["Cs"]), max_size=2)
)
STRANGE = LEAVES | st.dates() | st.binary(max_size=3) | st.sets(st.integers(), max_size=2) | st.tuples(st.integers()) | st.just(10**4000)
KEYS = st.text(max_size=3) | st.integers() | st.booleans() | st.none()
VALUES = st.recursive(STRANGE, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
TYPED = st.builds(Typed, st.text() | PLAIN.map(json.dumps) | st.sampled_from(["true", "off", "none", "1e5", "[NaN]", '["\\ud83d"]', "1_0"]))
SIMPLE_KINDS = st.builds(
    ParameterType, name=st.sampled_from(["bool", "int", "float", "str", "list", "dict"]), optional=st.booleans()
) | st.builds(ParameterType, name=st.just("str"), choices=st.just(("a", "off")), optional=st.booleans())
KINDS = st.recursive(
    SIMPLE_KINDS,
    lambda inner: st.builds(ParameterType, name=st.sampled_from(["list", "dict"]), item=inner, optional=st.booleans()),
    max_leaves=3,
)


@settings(max_examples=400)
@given(kind=KINDS, value=VALUES | PLAIN | TYPED)
def test_any_value_for_any_type_is_refused_or_survives_json_and_the_kernel(kind, value):
    parameter = Parameter(name="x", type=kind, required=True)
    try:
        bound = bind([parameter], {"x": value})["x"]
    except InvalidParameters as refused:
        str(refused).encode()
        return
    assert json.loads(json.dumps(bound, allow_nan=False, ensure_ascii=False).encode()) == bound
    in_the_kernel = {}
    exec(PythonTranslator.codify({"x": bound}), in_the_kernel)
    assert in_the_kernel["x"] == bound
    assert repr(in_the_kernel["x"]) == repr(bound)  # True is no 1, and 1 no 1.0
    assert bind([parameter], {"x": bound}) == {"x": bound}


@given(value=PLAIN)
def test_whatever_json_has_is_bound_as_it_is(value):
    parameter = Parameter(name="x", type=ParameterType(name="dict"), required=True)
    bound = bind([parameter], {"x": {"inside": value}})
    assert repr(bound) == repr({"x": {"inside": value}})
