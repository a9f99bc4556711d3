import pytest

from mlkit.data.cell_values import is_number
from mlkit.errors import InvalidData, UsageError
from mlkit.tabular.columns import LabelledTable, choose

TYPES = {"id": "bigint", "outcome": "string", "a": "double", "b": "decimal(10,2)", "c": "int"}


def features(types=TYPES, *, key="id", label="outcome", left_out=()):
    return choose(types, key=key, label=label, left_out=left_out)


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
