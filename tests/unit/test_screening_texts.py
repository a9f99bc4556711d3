"""Texts that are stored apart but read as one, and marks of what was redacted before."""

import pytest

from mlkit.screening.known_secrets import KnownValues
from mlkit.screening.texts import Kind, Texts

RULE, VALUE = "a secret of one", "first part\nsecond part"


@pytest.fixture
def texts() -> Texts:
    known = KnownValues()
    known.add(RULE, VALUE)
    return Texts(known)


def test_a_value_over_two_texts_is_found_with_what_stands_between_them(texts: Texts) -> None:
    leaves = ("x first part", "second part y")
    assert texts.clean(leaves, Kind.TEXT, between="\n").leaves == (f"x [redacted: {RULE}]", f"[redacted: {RULE}] y")
    assert texts.clean(leaves, Kind.TEXT).leaves == leaves


def test_each_of_several_marks_stays_the_mark_of_its_own_rule(texts: Texts) -> None:
    marked = f'key [redacted: AWS Access Key], password = "[redacted: {RULE}]", token = "[redacted: AWS Access Key]"'
    assert texts.clean((marked,), Kind.TEXT).leaves == (marked,)
    fresh = f'key AKIAIOSFODNN7EXAMPQE, password = "{VALUE}"'
    assert texts.clean((fresh,), Kind.TEXT).leaves == (f'key [redacted: AWS Access Key], password = "[redacted: {RULE}]"',)


def test_a_value_that_is_part_of_a_mark_changes_no_mark(texts: Texts) -> None:
    texts.known.add("a password", "AWS Access Key")
    marked = "[redacted: AWS Access Key], again [redacted: AWS Access Key]"
    assert texts.clean((f"{marked}: AWS Access Key",), Kind.TEXT).leaves == (f"{marked}: [redacted: a password]",)


def test_the_assignment_at_the_border_is_found_behind_another(texts: Texts) -> None:
    leaves = ('password = "hunter2hunter2x", api_key = "hunterabc', '123defx9" ok')
    cleaned = texts.clean_borders(leaves, (Kind.TEXT, Kind.TEXT))
    assert cleaned.leaves == ('password = "hunter2hunter2x", api_key = "[redacted: Secret Keyword]', '[redacted: Secret Keyword]" ok')
