"""The screen reads each save of a run: no text may stop it. The limits are there against hanging, not to measure a machine."""

import base64
import random
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from waiting import SLOWNESS

from mlkit.screening import Screener
from mlkit.screening.json_values import TOO_DEEP

SIZE = 100_000  # characters
PATTERNS = {
    "one letter": "a",
    "a=": "a=",
    "spaces": " ",
    "line breaks": "\n",
    "quotes": "'",
    "backslashes": "\\",
    "password=": "password=",
    "password": "password",
    "lists": "password: ['a', ",
    "comparisons": '"x" == password ',
    "tags": "<password>x",
    "keys": "<key>password</key>",
    "headers": "user  password\n",
    "wide header": "password  ",
    "cells": "<td>",
    "rows": "<tr><th>password</th><td>abc1!</td></tr>",
    "JWT": "eyJ.",
    "URLs": "://a:",
    "curl": "curl -u ",
    "keys, open": "-----BEGIN RSA PRIVATE KEY-----",
    "entities": "&amp;",
    "letters": "'a', ",
    "codes": "104, ",
    "escapes": "\x1b[0m",
    "brackets": "[",
    "scripts": "<script>",
}


def printed(text, mime):
    return new_notebook(cells=[new_code_cell("x()", outputs=[new_output("display_data", data={mime: text})])])


@pytest.mark.timeout(120 * SLOWNESS)
@pytest.mark.parametrize("mime", ["text/plain", "text/html"])
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_text_that_repeats_itself_is_read_to_its_end(pattern, mime):
    text = pattern * (SIZE // len(pattern))
    clean, _ = Screener({"one": "Zp1t4k9Xw2LmQ8vR"}).notebook(printed(f"{text}\nZp1t4k9Xw2LmQ8vR", mime))
    assert clean.cells[0].outputs[0].data[mime].endswith("[redacted: one]")


@pytest.mark.timeout(120 * SLOWNESS)
def test_bytes_in_base64_and_hex_are_read_to_their_end():
    chance = random.Random(1)
    for text in (base64.b64encode(chance.randbytes(SIZE)).decode(), chance.randbytes(SIZE).hex()):
        assert Screener().text(text, "log") == (text, ())


@pytest.mark.timeout(120 * SLOWNESS)
def test_thousands_of_cells_are_read():
    cells = [new_code_cell("x()", outputs=[new_output("stream", text=f"{number}\n")]) for number in range(3000)]
    assert Screener().notebook(new_notebook(cells=cells))[1] == ()


def test_values_that_are_nested_too_deep_are_left_out():
    value: dict[str, Any] = {"note": "kept"}
    deep = value
    for _ in range(5000):
        deep = {"x": [deep]}
    clean, redactions = Screener().document({"shallow": value, "deep": deep}, "record")
    assert redactions == ()
    assert clean["shallow"] == value
    assert TOO_DEEP in repr(clean["deep"])


def test_a_packed_text_that_unpacks_without_end_does_no_harm():
    import zlib

    text = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    assert Screener().text(f"{text} " * 20, "log")[1] == ()
