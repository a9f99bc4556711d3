"""The question at an approval: answered here, or given up when somebody has decided elsewhere."""

import os
import sys

import pytest

from mlkit.cli.pipeline import _answer


@pytest.fixture
def typed(monkeypatch):
    """A standard input to which the test types."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as end:
        monkeypatch.setattr(sys, "stdin", end)
        yield lambda text: os.write(writing, text.encode())
    os.close(writing)


def test_what_is_typed_is_the_answer(typed):
    typed("yes, as good as the last one\n")
    assert _answer(lambda: True) == "yes, as good as the last one"


def test_a_decision_from_elsewhere_ends_the_question(typed):
    assert _answer(lambda: False) is None
    waits = iter([True, False])
    assert _answer(lambda: next(waits)) is None
