"""What people answer and give up at the terminal: the question at an approval, the one before a deletion, a stack's parameter, Ctrl-C."""

import json
import os
import string
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from hypothesis import given as given_any
from hypothesis import strategies as st
from terminal import CTRL_C, CTRL_D, Terminal, terminal
from typer.testing import CliRunner

from mlkit import cli
from mlkit.cli import approval, questions
from mlkit.cli.questions import WORDS, Decision, decision
from mlkit.errors import Interrupted, UsageError
from mlkit.settings import Project

AGAIN = None
# What is typed, and what comes of it: (agreed, the comment that is kept), or the question once more.
ANSWERS = [
    ("yes", (True, "yes")),
    ("yes, looks good", (True, "looks good")),
    ("YES", (True, "YES")),
    ("Yes. As good as the last one, so yes", (True, "As good as the last one, so yes")),
    ("  approve   as good as the last one ", (True, "as good as the last one")),
    ("approve", (True, "approve")),
    ("no", (False, "no")),
    ("No: log loss is worse", (False, "log loss is worse")),
    ("reject, too few rows", (False, "too few rows")),
    ("yesterday's model was better, so no", AGAIN),
    ("", AGAIN),
    ("   ", AGAIN),
    ("y", AGAIN),
    ("n", AGAIN),
    ("not yet", AGAIN),
    ("nope", AGAIN),
    ("approved by nobody", AGAIN),
    ("no-one objects", AGAIN),
    ("yes/no", AGAIN),
    ("yes?", AGAIN),
    ("yes... or rather not", AGAIN),
    ("I say yes", AGAIN),
    ("yes\x1b[D\x1b[D", AGAIN),  # the arrow keys
    ("yes, good\x1b[D\x1b[D\x1b[Dnot ", AGAIN),
    ("true", AGAIN),
    (f"yes {'x' * 513}", AGAIN),  # more than CodePipeline keeps
]


@pytest.mark.parametrize(("text", "outcome"), ANSWERS[:-1])
def test_a_text_decides_by_its_first_word_or_not_at_all(text: str, outcome: tuple[bool, str] | None) -> None:
    found = decision(text + "\n")
    assert (found and (found.agreed, found.comment or found.word)) == outcome


WRITTEN = st.one_of(st.text(), st.from_regex(r"[ \t]*(yes|no|approve|reject|YES|nO)[ ,.:;!?'\-a-z]{0,12}", fullmatch=True))


@given_any(WRITTEN)
def test_only_a_text_whose_first_word_is_one_of_the_four_decides(text: str) -> None:
    found = decision(text)
    if found is not None:
        first, *rest = text.split(maxsplit=1)
        assert first.lower().rstrip(",.:;!") in WORDS
        assert set(first) <= set(string.ascii_letters + ",.:;!")
        assert found.agreed is (first.lower().rstrip(",.:;!") in ("yes", "approve"))
        assert found.comment == (rest[0].strip() if rest else "")


@given_any(st.sampled_from(sorted(WORDS)), st.from_regex(r"[a-zA-Z0-9][ -~]{0,40}", fullmatch=True))
def test_a_word_of_the_four_decides_whatever_the_comment_says(word: str, comment: str) -> None:
    assert decision(f"{word}, {comment}\n") == Decision(agreed=WORDS[word], word=word, comment=comment.strip())


# `settle` is what `mlkit local run` calls at the approval. Here it decides nothing but says what it was told; `pending` ends the waiting.
PROGRAM = """
import json
from pathlib import Path
from mlkit.cli.approval import settle

def shown(kind, *told):
    print(f"<{kind} {json.dumps(told)}>", flush=True)

pending = Path(os.environ["PENDING"])
print("<ready>", flush=True)
while True:
    wait_for_go()
    settle(
        beforehand=None, decide=lambda agreed, comment: shown("decided", agreed, comment),
        is_pending=pending.exists, longest=512, say=lambda line: shown("said", line),
    )
"""
MARK = r"(?m)^> $"
ENDED = r"<(?:decided|said) .*>"


@pytest.fixture(scope="module")
def pending(tmp_path_factory: pytest.TempPathFactory):
    """While this file exists, the approval is waited for."""
    path = tmp_path_factory.mktemp("approval") / "pending"
    path.touch()
    return path


@pytest.fixture(scope="module")
def asked(pending) -> Iterator[Terminal]:
    """A terminal in which the approval is asked for again and again."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PENDING", str(pending))
    with terminal(PROGRAM) as opened:
        opened.read_until("<ready>")
        yield opened
    patch.undo()


def outcome(shown: str) -> list[object]:
    """What `settle` ended with: the kind, then what it was told."""
    kind, told = shown.rsplit("<", 1)[1].removesuffix(">").split(" ", 1)
    return [kind, *json.loads(told)]


@pytest.mark.parametrize(("text", "expected"), ANSWERS)
def test_each_answer_in_a_terminal_has_its_outcome(asked: Terminal, text: str, expected: tuple[bool, str] | None) -> None:
    asked.go()
    assert asked.read_until(MARK).strip().startswith("Approve for production? Type yes and a comment, or no and a reason.")
    asked.type(f"{text}\n")
    if expected is not AGAIN:
        assert outcome(asked.read_until(ENDED)) == ["decided", *expected]
        return
    again = asked.read_until(MARK)
    assert "Not decided" in again
    assert "decided [" not in again
    asked.type(CTRL_D)
    asked.read_until(ENDED)


def test_ctrl_d_leaves_the_question_open_and_tells_the_command_to_type(asked: Terminal) -> None:
    asked.go()
    asked.read_until(MARK)
    asked.type(CTRL_D)
    kind, told = outcome(asked.read_until(ENDED))
    assert kind == "said"
    assert told == 'not decided: type in another terminal `mlkit local approve "comment"` or `mlkit local reject "reason"`'


def test_ctrl_d_after_half_a_line_does_not_send_it(asked: Terminal) -> None:
    asked.go()
    asked.read_until(MARK)
    asked.type(f"yes{CTRL_D}{CTRL_D}")
    assert outcome(asked.read_until(ENDED))[0] == "said"


@pytest.mark.parametrize("text", ["\n", "yes\n", "no\nyes, as well\n"])
def test_input_typed_before_the_question_is_dropped(asked: Terminal, text: str) -> None:
    asked.type_ahead(text)
    asked.go()
    asked.read_until(MARK)
    asked.type("no, seen now\n")
    shown = asked.read_until(ENDED)
    assert outcome(shown) == ["decided", False, "seen now"]
    assert "Not decided" not in shown


def test_input_after_an_unclear_answer_is_dropped(asked: Terminal) -> None:
    asked.go()
    asked.read_until(MARK)
    asked.type("well\nyes\n")  # pasted: the second line was written for no question that was shown
    asked.read_until(r"Not decided[^>]*> ")
    asked.type("no, seen now\n")
    assert outcome(asked.read_until(ENDED)) == ["decided", False, "seen now"]


def test_a_decision_from_elsewhere_ends_the_question(asked: Terminal, pending) -> None:
    asked.go()
    asked.read_until(MARK)
    pending.unlink()
    try:
        assert outcome(asked.read_until(ENDED)) == ["said", "already decided in another terminal"]
    finally:
        pending.touch()


def test_ctrl_c_ends_the_program_and_decides_nothing(pending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENDING", str(pending))
    with terminal(PROGRAM) as opened:
        opened.read_until("<ready>")
        opened.go()
        opened.read_until(MARK)
        opened.type(CTRL_C)
        shown = opened.read_until("KeyboardInterrupt")
        assert opened.process.wait(60) != 0
    assert "<decided" not in shown


@pytest.mark.parametrize(("typed", "expected"), [("yes\n", True), ("y\nno\n", False), ("\nno\n", False), (CTRL_D, False)])
def test_a_deletion_is_confirmed_by_a_whole_yes_alone(typed: str, expected: bool) -> None:
    program = "from mlkit.cli.questions import is_confirmed; print(f'<{is_confirmed(\"Delete everything?\")}>')"
    with terminal(program) as opened:
        opened.read_until(MARK)
        for line in typed.splitlines(keepends=True):
            opened.type(line)
            opened.read_until(rf"<{expected}>" if line in ("yes\n", "no\n", CTRL_D) else MARK)


@pytest.mark.parametrize("piped", ["yes\n", "y\n" * 100])
def test_piped_input_decides_nothing(monkeypatch: pytest.MonkeyPatch, piped: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, piped.encode())
    os.close(writing)
    said: list[str] = []
    asks: dict[str, Any] = {
        "decide": pytest.fail,
        "is_pending": lambda: True,
        "longest": 512,
        "say": said.append,
        "options": " --your-initials abc",
    }
    with os.fdopen(reading) as end:
        monkeypatch.setattr(sys, "stdin", end)
        approval.settle(beforehand=None, **asks)
        assert questions.is_confirmed("Delete everything?") is False
    assert said == [
        'waits for approval: type in another terminal `mlkit local approve --your-initials abc "comment"` '
        'or `mlkit local reject --your-initials abc "reason"`'
    ]


def test_a_background_process_does_not_ask() -> None:
    program = """
        from mlkit.cli.questions import is_attended
        in_front = is_attended()
        if os.fork() == 0:
            os.setpgid(0, 0)  # as a shell does for `mlkit local run &`
            os.write(1, f"<{in_front} {is_attended()}>".encode())
        else:
            os.wait()
    """
    with terminal(textwrap.dedent(program)) as opened:
        assert opened.read_until("<.*>") == "<True False>"


def test_nothing_is_reset_by_a_piped_yes(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "here", lambda: Project(root=tmp_path))
    kept = tmp_path / ".mlkit" / "local" / "state"
    kept.mkdir(parents=True)
    done = CliRunner().invoke(cli.app, ["local", "reset"], input="y\nyes\n")
    assert isinstance(done.exception, UsageError)
    assert kept.is_dir()


@pytest.mark.parametrize("comment", ["", "   "])
@pytest.mark.parametrize("typed", [["run", "--approve"], ["approve"], ["reject"]])
def test_an_empty_comment_such_as_an_unset_variable_s_decides_nothing(typed: list[str], comment: str) -> None:
    done = CliRunner().invoke(cli.app, ["local", *typed, comment])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == "The comment is empty; nothing was decided"
    assert done.output == ""


def test_what_the_stack_would_refuse_is_refused_before_anything_is_started(monkeypatch):
    monkeypatch.setattr("mlkit.cli.local_server.start", lambda *_: pytest.fail("the local AWS was started"))
    refused = CliRunner().invoke(cli.app, ["local", "run", "--min-match-rate", "65%"]).exception
    assert isinstance(refused, UsageError)
    assert refused.cure == "It takes notebook, or a share above 0 and at most 1, such as 0.65."


def test_ctrl_c_ends_with_one_line_and_the_code_of_interrupted_runs(monkeypatch, capsys):
    def waits():
        raise KeyboardInterrupt

    app = typer.Typer()
    app.command()(waits)
    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["mlkit"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == Interrupted.exit_code
    assert capsys.readouterr().err == "Error: Interrupted from the keyboard\n  Next: Run it again.\n"
