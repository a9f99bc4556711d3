"""The supervised child process: exit codes, signals, and that nothing outlives it."""

import os
import signal
import subprocess
import sys

import pytest
from processes import wait_until_ended
from waiting import HANG_S, wait_until

from localaws.kit import supervise
from localaws.kit.child_process import Child

SLEEP = "import time; time.sleep(99999)"
PARENT = f"import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); time.sleep(99999)"


def start(tmp_path, code, **environment):
    command = [sys.executable, "-c", code]
    return Child(command, cwd=tmp_path, output=tmp_path / "log", pidfile=tmp_path / "pid", environment=environment)


def read(path):
    return path.read_text().strip() if path.exists() else ""


@pytest.mark.parametrize(("code", "expected"), [("", 0), ("import sys; sys.exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)])
def test_the_exit_code_is_the_commands(tmp_path, code, expected):
    assert start(tmp_path, code).wait(HANG_S) == expected


def test_output_of_both_streams_is_in_the_file_and_the_environment_holds_no_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    code = "import os, sys; print('out'); print('err', file=sys.stderr); print(os.environ.get('AWS_SECRET_ACCESS_KEY'), os.environ['MINE'])"
    assert start(tmp_path, code, MINE="1").wait(HANG_S) == 0
    assert sorted((tmp_path / "log").read_text().split("\n")) == ["", "None 1", "err", "out"]


def test_a_polite_command_is_told_and_takes_its_time(tmp_path):
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('ready', flush=True); time.sleep(99999)"
    child = start(tmp_path, code)
    wait_until(lambda: read(tmp_path / "log"), "the command is ready", ok=lambda text: text == "ready")
    child.terminate()
    assert child.wait(HANG_S) == 7


def test_a_kill_ends_the_grandchildren_too(tmp_path):
    child = start(tmp_path, PARENT)
    grandchild = int(wait_until(lambda: read(tmp_path / "log"), "the command has started a child"))
    child.kill()
    assert child.wait(HANG_S) == 137
    wait_until_ended(grandchild)


def test_processes_that_a_command_leaves_running_are_ended(tmp_path):
    child = start(tmp_path, PARENT.replace('time.sleep(99999)"', '0"').rpartition(";")[0])
    assert child.wait(HANG_S) == 0
    grandchild = int(read(tmp_path / "log"))
    wait_until_ended(grandchild)


def test_when_the_supervisor_is_killed_its_group_is_ended(tmp_path):
    child = start(tmp_path, SLEEP)
    pid = int(wait_until(lambda: read(tmp_path / "pid"), "the supervisor has written the process id"))
    os.kill(child._process.pid, signal.SIGKILL)
    assert child.wait(HANG_S) == 137
    wait_until_ended(pid)


def test_when_the_server_is_killed_nothing_is_left(tmp_path):
    supervisor = [sys.executable, "-I", "-S", supervise.__file__, str(tmp_path / "pid"), "", sys.executable, "-c", PARENT]
    log = str(tmp_path / "log")
    server = (
        f"import subprocess, time; p = subprocess.Popen({supervisor!r}, stdin=subprocess.PIPE, stdout=open({log!r}, 'w')); time.sleep(9**9)"
    )
    process = subprocess.Popen([sys.executable, "-c", server])
    grandchild = int(wait_until(lambda: read(tmp_path / "log"), "the command has started a child"))
    child = int(read(tmp_path / "pid"))
    process.kill()
    process.wait()
    wait_until_ended(child, grandchild)
