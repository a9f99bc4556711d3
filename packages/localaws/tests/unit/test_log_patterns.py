"""Filter patterns of CloudWatch Logs beyond the cases of the table of conformance: what is refused, and what a hostile pattern costs."""

import pytest

from localaws.emulator.log_patterns import InvalidPatternError, PatternNotHonouredError, compile_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a = 1",
        "{ a = 1 }",
        "{ $.a > x }",
        "{ $.a ~ 1 }",
        "{ $.a = 1 && }",
        "{ ($.a = 1 }",
        "[a, b",
        "[..., a, ...]",
        '"open',
        "%(%",
        "{ $.a = 1 } x",
        "{ " + "(" * 1000,
    ],
)
def test_a_pattern_that_does_not_parse_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPatternError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "message", "is_found"),
    [
        ("", "anything", True),
        ('"a \\"b\\""', 'a "b"', True),
        ("-a -b", "c", True),
        ("-a -b", "b", False),
        ("[a = b*, ...]", "bcd x y", True),
        ("[...]", "", True),
        ("[a]", "", False),
        ('[a, b = "x y"]', 'q "x y"', True),
        ("[a != b, ...]", "b c", False),
        ("{ $.a = 1 || $.b = 2 && $.c = 3 }", '{"a": 1}', True),
        ("{ $.a = 1 || $.b = 2 && $.c = 3 }", '{"b": 2}', False),
        ("{ $.a != 1 }", "{}", False),
        ('{ $.a = "[x]?" }', '{"a": "[x]?"}', True),
        ("{ $.a = 1.0 }", '{"a": 1}', True),
        ("{ $.a IS NULL }", "{}", False),
        ('{ $.["a b"] = 1 }', '{"a b": 1}', True),
        ("{ $.a = 1 }", "[" * 5000, False),
    ],
)
def test_a_message_fits_a_pattern_or_not(pattern: str, message: str, is_found: bool) -> None:
    assert compile_pattern(pattern)(message) is is_found


def test_a_regular_expression_that_would_run_for_years_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.emulator.log_patterns._LONGEST_MATCH_S", 0.01)
    with pytest.raises(PatternNotHonouredError, match="takes too long"):
        compile_pattern("%(a|aa)+$%")("a" * 60 + "b")
