"""Expressions of GetPartitions beyond the cases of the table of conformance: types, quotes, and what is refused."""

import pytest

from localaws.emulator.partition_expressions import ExpressionError, partition_filter

KEYS = {"Year": "int", "name": "string", "day": "date"}


@pytest.mark.parametrize(
    ("expression", "is_found"),
    [
        ("year = 2024", True),
        ("YEAR > '200'", True),  # a number, though it is quoted
        ("year > 20000", False),
        ("name = 'it''s'", True),
        ("`name` like 'it%' and not year in (2023, 2025)", True),
        ("name LIKE 'i_'", False),
        ("name LIKE '[i]%'", False),
        ("day >= DATE '2024-02-01' AND day < '2024-03-01'", True),
        ("day NOT BETWEEN '2024-01-01' AND '2024-12-31'", False),
        ("year = 1 OR year = 2 OR (year = 2024)", True),
    ],
)
def test_a_partition_fits_an_expression_or_not(expression: str, is_found: bool) -> None:
    assert partition_filter(expression, KEYS)(["2024", "it's", "2024-02-29"]) is is_found


@pytest.mark.parametrize(
    "expression",
    ["", "year", "year =", "year = 'x'", "size = 1", "year = 1 AND", "(year = 1", "year = 1)", "year ~ 1", "year IN (1", "(" * 1000],
)
def test_an_expression_that_glue_does_not_take_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        partition_filter(expression, KEYS)
