"""The build's one shell: what lasts from command to command, what a command may do to it, how it ends."""

import os

import pytest
from processes import is_alive, wait_until_ended
from waiting import HANG_S, wait_until

from localaws.codebuild.shell import Shell, ShellEnded

PROGRAMS = ["/bin/sh", "/bin/bash"]


def nothing():
    """Watches nothing."""


@pytest.fixture
def start(tmp_path):
    """`start(program)` is a shell whose output goes to tmp_path / "output"."""
    shells = []

    def make(program="/bin/sh", **environment):
        (tmp_path / "src").mkdir()
        shell = Shell(
            program,
            folder=tmp_path / "shell",
            cwd=tmp_path / "src",
            environment={"PATH": "/usr/bin:/bin", **environment},
            output=tmp_path / "output",
        )
        shells.append(shell)
        return lambda command, watch=nothing: shell.run(command, watch), shell

    yield make
    for shell in shells:
        shell.end()


def output(tmp_path):
    return (tmp_path / "output").read_text()


@pytest.mark.parametrize("program", PROGRAMS)
def test_folder_variables_and_functions_last(tmp_path, start, program):
    run, _ = start(program)
    assert run("mkdir sub; cd sub; PLAIN=a; export SHARED=b; greet() { echo hello $1; }") == 0
    assert run('greet you; echo "$PLAIN $SHARED $(basename $PWD)"; printenv SHARED') == 0
    assert output(tmp_path) == "hello you\na b sub\nb\n"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("ending", ["exit 7", "(exit 7)", "sh -c 'exit 7'", "set -e; sh -c 'exit 7'; echo not reached"])
def test_a_command_that_ends_the_shell_is_one_that_fails_and_the_next_finds_everything_as_it_was(tmp_path, start, program, ending):
    run, _ = start(program)
    assert run('TEXT="it\'s\n two lines"; export TEXT; OWN=x; mkdir sub; cd sub') == 0
    assert run(ending) == 7
    assert run('echo "$TEXT|$OWN|$(basename $PWD)"; sh -c "echo \\"\\$TEXT\\""') == 0
    assert output(tmp_path) == "it's\n two lines|x|sub\nit's\n two lines\n"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ('trap "rm -f x" EXIT; exit 0', 0),
        ('trap "rm -f x" EXIT; sub() { return 3; }; sub; exit', 3),
        ("trap - EXIT; exit 4", 4),
        ("exec sh -c 'exit 5'", 5),
        ("exec true", 0),
        ("kill -9 $$", 137),
        ("set -C; exit 6", 6),
    ],
)
def test_what_was_before_a_command_that_replaces_or_kills_the_shell_is_there_after_it(tmp_path, start, program, ending, code):
    run, _ = start(program)
    assert run("export TAG=v1; OWN=x; mkdir sub; cd sub; touch x") == 0
    assert run(ending) == code
    assert run('echo "$TAG $OWN $(basename $PWD)"') == 0
    assert run("cd ..; TAG=v2") == 0
    assert run(ending) == code
    assert run('echo "$TAG $(basename $PWD)"') == 0
    lines = [line for line in output(tmp_path).splitlines() if "Killed" not in line]
    assert lines == ["v1 x sub", "v2 src"]


def test_only_the_last_exit_code_of_several_lines_counts(start):
    run, _ = start()
    assert run("false\ntrue") == 0
    assert run("true\nfalse") == 1


def test_exit_0_ends_a_command_and_not_the_build(tmp_path, start):
    run, _ = start()
    assert run("exit 0; echo not reached") == 0
    assert run("echo next") == 0
    assert output(tmp_path) == "next\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_syntax_error_fails_its_command_alone(start, program):
    run, _ = start(program)
    assert run("if [") == 2
    assert run("true") == 0


def test_the_environment_is_what_was_given_and_nothing_of_the_servers(tmp_path, start, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the user's")
    monkeypatch.setenv("PYTHONPATH", "/the/users")
    run, _ = start(GIVEN="a 'quoted' $value")
    assert run("printenv | cut -d= -f1 | sort; echo $GIVEN; cat; umask") == 0
    lines = output(tmp_path).splitlines()
    assert set(lines[:-2]) <= {"GIVEN", "OLDPWD", "PATH", "PWD"}
    assert lines[-2:] == ["a 'quoted' $value", "0022"]


def test_a_background_process_outlives_its_command_and_ends_with_the_shell(tmp_path, start):
    run, shell = start()
    assert run("sleep 100000 & echo $!") == 0
    assert run("exit 3") == 3
    pid = int(output(tmp_path))
    assert is_alive(pid)
    shell.end()
    wait_until_ended(pid)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="other systems do not let a process adopt its descendants")
def test_a_process_that_left_the_group_dies_with_the_shell_too(tmp_path, start):
    run, shell = start()
    assert run("setsid sh -c 'sleep 100000 & echo $!; wait' &") == 0
    wait_until(lambda: output(tmp_path).strip(), "the process that left the group tells its child's id")
    pid = int(output(tmp_path))
    assert is_alive(pid)
    shell.end()
    wait_until_ended(pid)


class Enough(Exception):
    """The watcher has had enough."""


def test_end_asks_the_running_command_first_and_gives_it_time(tmp_path, start):
    run, shell = start()

    def stop_when_it_runs():
        if "ready" in output(tmp_path):
            raise Enough

    with pytest.raises(Enough):
        run("sh -c 'trap \"echo saved; exit 0\" TERM; echo ready; while :; do sleep 0.05; done'; echo not reached", stop_when_it_runs)
    shell.end(grace_s=HANG_S)
    assert "saved" in output(tmp_path).splitlines()
    assert "not reached" not in output(tmp_path)


def test_a_command_that_does_not_listen_is_killed_and_its_children_with_it(tmp_path, start):
    run, shell = start()

    def stop_when_it_runs():
        if output(tmp_path).strip():
            raise Enough

    with pytest.raises(Enough):
        run('sh -c \'trap "" TERM; sh -c "echo \\$\\$; exec sleep 100000"; sleep 100000\'', stop_when_it_runs)
    pid = int(output(tmp_path))
    shell.end(grace_s=0.1)
    wait_until_ended(pid)
    with pytest.raises(ShellEnded):
        run("true")
