"""Text that anybody may have written, in messages and mails."""

import pytest

from mlkit.evidence.foreign_text import one_line, shown, without_links


def test_control_characters_and_those_that_turn_text_are_left_out() -> None:
    assert one_line("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a/b-c.json", "a/b-c.json"),
        ("gpj\u202e.exe", "gpj\\u202e.exe"),
        ("r\u0435view", "r\\u0435view"),
        ("\xe9", "\\xe9"),
        ("a\n\x1b[2J", "a\\n\\x1b[2J"),
        ("\\u202e", "\\\\u202e"),
        ("\udcff", "\\udcff"),
        (" a b ", "\\x20a b\\x20"),
        ("n" * 1100, "n" * 1100),
        ("n" * 1101, "n" * 1100 + "..."),
        (7, "7"),
    ],
)
def test_a_name_is_shown_whole_and_unmistakably(name: object, told: str) -> None:
    assert shown(name) == told


@pytest.mark.parametrize(
    "link", ["https://a.example", "x:https://a.example/y", "www.a.example", "a.example/path", "(a.example/", "s3://b/k"]
)
def test_what_a_mail_program_would_make_a_link_is_no_link(link: str) -> None:
    assert without_links(f"Ada  says\n{link} now") == "Ada says [link] now"


@pytest.mark.parametrize("text", ["Fix prep.py and train.py", "0.65 or 0.7", "notebooks/02_train.ipynb", "and/or"])
def test_other_words_stay(text: str) -> None:
    assert without_links(text) == text
