from dataclasses import replace

import pytest

from mlkit.data.cell_values import is_number
from mlkit.errors import InvalidData, UsageError
from mlkit.tabular.columns import LabelledTable, choose

TYPES = {"id": "bigint", "outcome": "string", "a": "double", "b": "decimal(10,2)", "c": "int"}


def features(types=TYPES, *, key="id", label="outcome", left_out=(), **others):
    return choose(types, key=key, label=label, left_out=left_out, **others)


def test_all_other_columns_are_features_in_the_tables_order():
    assert features() == ("a", "b", "c")
    assert features(left_out=["b"]) == ("a", "c")


@pytest.mark.parametrize("kind", ["string", "varchar(3)", "date", "timestamp", "boolean", "array<int>", "struct<a:int>"])
def test_a_feature_that_is_no_number_is_refused_by_name_and_type(kind):
    with pytest.raises(InvalidData, match=rf"Not columns of numbers: site \({kind.replace('(', '.').replace(')', '.')}\)") as caught:
        features({**TYPES, "site": kind})
    assert "left_out" in caught.value.cure
    assert features({**TYPES, "site": kind}, left_out=["site"]) == ("a", "b", "c")


@pytest.mark.parametrize(
    "kind", ["tinyint", "smallint", "int", "integer", "bigint", "float", "real", "double", "decimal", "decimal(38, 9)"]
)
def test_the_kinds_of_numbers_are_known(kind):
    assert is_number(kind)


@pytest.mark.parametrize("wrong", [{"key": "nr"}, {"label": "class"}, {"left_out": ["d"]}, {"key": "outcome"}])
def test_columns_that_are_not_there_or_play_two_parts_are_refused(wrong):
    with pytest.raises(UsageError):
        features(**wrong)


@pytest.mark.parametrize("part", ["key", "label"])
def test_a_key_or_label_whose_text_would_not_be_exact_is_refused(part):
    with pytest.raises(InvalidData, match=f"The {part} a is a double"):
        features(**{part: "a"})


def test_a_feature_may_not_be_called_as_the_preparation_calls_something():
    with pytest.raises(InvalidData, match="split"):
        features({**TYPES, "split": "int"})


def test_a_table_without_features_is_refused():
    with pytest.raises(InvalidData, match="No feature is left"):
        features(left_out=["a", "b", "c"])


def test_the_tables_name_is_quoted():
    table = LabelledTable(database="abc-lab", table="t", key="id", label="y", positive="1", features=("a",))
    assert table.name == '"abc-lab"."t"'


@pytest.mark.parametrize("kind", ["string", "varchar(3)", "boolean", "int"])
def test_a_column_of_categories_is_a_feature_when_it_is_named(kind):
    assert features({**TYPES, "site": kind}, categorical=["site"]) == ("a", "b", "c", "site")


@pytest.mark.parametrize("kind", ["double", "date", "array<int>"])
def test_categories_whose_text_would_not_be_exact_are_refused(kind):
    with pytest.raises(InvalidData, match="The category site is a"):
        features({**TYPES, "site": kind}, categorical=["site"])


@pytest.mark.parametrize("wrong", [{"categorical": ["d"]}, {"categorical": ["id"]}, {"categorical": ["c"], "left_out": ["c"]}])
def test_a_category_that_is_no_feature_is_refused(wrong):
    with pytest.raises(UsageError, match="categorical names"):
        features(**wrong)


def test_a_regression_predicts_any_number_and_nothing_else():
    assert features(label="a", task="regression", left_out=["outcome"]) == ("b", "c")
    with pytest.raises(InvalidData, match="The label outcome is a string") as caught:
        features(task="regression")
    assert "other tasks predict classes" in caught.value.cure


TABLE = LabelledTable(database="d", table="t", key="id", label="outcome", positive="bad", features=("a",))


def test_the_target_says_which_class_is_which_label():
    assert TABLE.target_of({"good": 3, "bad": 2}).classes == ("good", "bad")
    assert replace(TABLE, positive="good").target_of({"bad": 2, "good": 3}).classes == ("bad", "good")
    assert replace(TABLE, task="multi-class").target_of({"b": 1, "a": 2, "c": 1}).classes == ("a", "b", "c")
    number = replace(TABLE, task="regression", unit="mm").target_of({})
    assert (str(number), number.title, number.classes) == ("outcome: a number of mm", "outcome (mm)", ())


@pytest.mark.parametrize(
    ("task", "classes", "told"),
    [
        ("binary", {"a": 1, "b": 1}, "holds 2 classes: 'a' .1 rows., 'b' .1 rows.. It must hold two, one of them 'bad'"),
        ("multi-class", {"a": 1}, "holds 1 classes: 'a' .1 rows.. It must hold 2 to 100"),
        ("multi-class", {str(n): 1 for n in range(101)}, "holds 101 classes"),
    ],
)
def test_classes_that_do_not_fit_the_task_are_refused(task, classes, told):
    with pytest.raises(InvalidData, match=told):
        replace(TABLE, task=task).target_of(classes)
