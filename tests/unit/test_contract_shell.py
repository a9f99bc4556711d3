"""The shell that is followed without running it, against the shell itself."""

import os
import shutil
import subprocess

import pytest

from mlkit.contract.shell import SOURCE, Setting, Shell
from mlkit.contract.words import UNKNOWN

BASH = shutil.which("bash")
ENVIRONMENT = {"TUNE": "true", "EMPTY": "", "SPACED": "a  b", "LEADING": " c d ", "NAME": "02_train"}


def starts(text, environment=None, **more):
    settings = {name: Setting(values=(value,)) for name, value in (environment or ENVIRONMENT).items()}
    settings |= {name: Setting(values=values) for name, values in more.items()}
    return list(Shell(settings).run(text))


def followed(text, **more):
    """The words with which `show` is started, in each way."""
    return [list(start.words[1:]) for start in starts(text, **more) if start.words[:1] == ("show",)]


def executed(text):
    """The words with which bash starts `show`."""
    assert BASH is not None
    program = 'show() { printf "%s\\0" "$#" "$@"; }; export -f show\n' + text
    done = subprocess.run([BASH, "-c", program], capture_output=True, env={"PATH": os.environ["PATH"], **ENVIRONMENT}, check=True)
    given = done.stdout.decode().split("\0")[:-1]
    calls = []
    while given:
        count = int(given.pop(0))
        calls.append([given.pop(0) for _ in range(count)])
    return calls


@pytest.mark.skipif(BASH is None, reason="there is no bash to compare with")
@pytest.mark.parametrize(
    "text",
    [
        "show a 'b c' \"d e\" f\\ g",
        "show $TUNE \"$TUNE\" '$TUNE' \\$TUNE ${TUNE} x${TUNE}y",
        'show $EMPTY "$EMPTY" x',
        'show $SPACED "$SPACED" p$SPACED $LEADING q$LEADING',
        'show "${NOT_SET:-fallback}" ${EMPTY:-two words} "${EMPTY-kept}" "${TUNE:-unused}"',
        'show "${NOT_SET:-$TUNE}" "${NOT_SET:=given}"; show "$NOT_SET"',
        ': "${NOT_SET:=given}"\nshow "$NOT_SET"',
        "show one \\\n  two # a comment\nshow three # show no",
        'show a#b "#c"',
        "show 1 && show 2 || show 3; show 4",
        "true > /dev/null 2>&1; show b 2>/dev/null c; show d 2>&1 < /dev/null",
        "cat > /dev/null <<EOF\nshow inside\nEOF\nshow outside",
        "cat > /dev/null <<-'EOF'\n\tshow inside\n\tEOF\nshow outside",
        'show "say \\"hi\\"" "it\'s" \'a"b\'',
        'if [ -z "$TUNE" ]; then :; else show yes; fi',
        'for N in a b; do export LAST=$N; done; show "$LAST"',
        'A=1 B="$TUNE x"; show "$A$B"',
        'A=old; A=new show x; show "$A"',
        "export A=1 B=2; show $A $B",
        '(TUNE=inner; show "$TUNE"); show "$TUNE"',
        "bash -c 'show inner'; show \"$NAME\"",
        'bash -ec "show $NAME"',
        'show notebooks/"$NAME".ipynb "notebooks/${NAME}.ipynb"',
        "show a;show b\n\n  \nshow c",
        "show '' \"\"",
        "{ show grouped; }",
        "show $(echo hidden) | cat; show next",
    ],
)
def test_commands_are_started_with_the_words_that_bash_gives_them(text):
    possible, started = followed(text), executed(text)
    hidden = "$(" in text  # then some of the words are not known
    for call in started:
        assert any(call == words or (hidden and fits(call, words)) for words in possible), (call, possible)
    if "||" not in text and "for" not in text:  # else more is possible than what happens
        assert len(possible) == len(started)


def fits(call, words):
    """Whether the words are the call's where they are known."""
    return len(call) == len(words) and all(one == word or UNKNOWN in word for one, word in zip(call, words, strict=True))


def test_nothing_is_started_that_is_only_text():
    assert followed("# show a\necho 'x\nshow b'\ncat <<EOF\nshow c\nEOF\n") == []


def test_each_value_of_each_variable_is_a_way():
    assert followed('show "$A" "$B"', A=("1", "2"), B=("x", "y")) == [["1", "x"], ["2", "x"], ["1", "y"]]


def test_what_comes_out_of_a_command_is_not_known():
    assert followed('X=$(date); show "$X" `date` "a-$(date "+%s" | cut -c1)" ${TUNE%e} ${!TUNE} $1') == [
        [UNKNOWN, UNKNOWN, f"a-{UNKNOWN}", UNKNOWN, UNKNOWN, UNKNOWN]
    ]


def test_commands_within_commands_are_seen():
    assert followed('X="$(show a "$(show b)")" && cat <(show c)') == [["b"], ["a", UNKNOWN], ["c"]]


@pytest.mark.parametrize(
    "text",
    [
        'if [ "$TUNE" = x ]; then TUNE=false; fi',
        'if [ "$TUNE" = x ]; then\n  TUNE=false\nfi',
        '[ "$TUNE" = x ] && TUNE=false',
        "grep -q x y || TUNE=false",
        'case "$TUNE" in x) TUNE=false;; esac',
        "while read -r line; do TUNE=false; done < file",
    ],
)
def test_what_depends_on_a_test_is_possible_either_way(text):
    assert followed(f'{text}\nshow "$TUNE"') == [["true"], ["false"]]


def test_what_follows_a_command_that_must_succeed_is_sure():
    assert followed('cd x && export TUNE=false && show "$TUNE"') == [["false"]]


@pytest.mark.parametrize(
    ("text", "unset"),
    [
        ('show "$NOT_SET"', ("NOT_SET",)),
        ('show "${NOT_SET##*:}"', ("NOT_SET",)),
        ('show "${NOT_SET:-}"', ()),
        ('show "${NOT_SET:-$NEITHER}"', ("NEITHER",)),
        ('show "${TUNE:-$NEITHER}"', ()),
        ('show "${NOT_SET:+x}"', ()),
        ('A="x$NOT_SET"; show "$A"', ("NOT_SET",)),
        ('A="x$NOT_SET"; B="$A"; show "$B"', ("NOT_SET",)),
        ("read -r NOT_SET < file; show $NOT_SET", ()),
        ("unset TUNE; show $TUNE", ("TUNE",)),
        (". ./exports.env; show $NOT_SET", ()),
        ("source exports.env\nshow $NOT_SET", ()),
        ("(NOT_SET=1); show $NOT_SET", ("NOT_SET",)),
        ("show '$NOT_SET'", ()),
    ],
)
def test_a_variable_that_nothing_sets_is_named(text, unset):
    [found] = [start.unset for start in starts(text) if start.words[:1] == ("show",)]
    assert found == unset


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("cd a/b; show", f"{SOURCE}/a/b"),
        ("cd a\ncd ..\nshow", SOURCE),
        ("(cd a); show", SOURCE),
        ("(cd a; show)", f"{SOURCE}/a"),
        ('cd "$CODEBUILD_SRC_DIR/a"; show', f"{SOURCE}/a"),
        ("cd $(mktemp -d); show", None),
        ("cd; show", None),
        ("cd -; show", None),
        ("cd $(mktemp -d); cd /tmp; show", "/tmp"),
        ("pushd a; show", None),
    ],
)
def test_the_folder_is_followed(text, folder):
    [start] = [s for s in starts(text, CODEBUILD_SRC_DIR=(SOURCE,)) if s.words[:1] == ("show",)]
    assert start.folder == folder


def test_lines_are_counted_from_the_text_s_first():
    assert [start.line for start in starts("true\n\nshow \\\n  a; bash -c 'true\nshow b'\nshow c") if "show" in start.words] == [2, 4, 5]


@pytest.mark.parametrize(
    "text", ["'", '"', "$(", "${", "`", "\\", "a <<EOF", "<(", "${}", "$((1+", ")", "((", ";;", "&", "for", "case", "=x", "+=1"]
)
def test_text_that_is_no_shell_is_no_error(text):
    starts(text)
    starts(f"show {text}")
