"""The supervised child process: exit codes, signals, and that nothing outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlkit.local import supervise
from mlkit.local.child import Child

SLEEP = "import time; time.sleep(600)"
PARENT = f"import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); time.sleep(600)"


def start(tmp_path, code, **environment):
    command = [sys.executable, "-c", code]
    return Child(command, cwd=tmp_path, output=tmp_path / "log", pidfile=tmp_path / "pid", environment=environment)


def until(condition):
    deadline = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second when it goes away between opening and reading
        return False


def read(path):
    return path.read_text().strip() if path.exists() else ""


@pytest.mark.parametrize(("code", "expected"), [("", 0), ("import sys; sys.exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)])
def test_the_exit_code_is_the_commands(tmp_path, code, expected):
    assert start(tmp_path, code).wait(20) == expected


def test_output_of_both_streams_is_in_the_file_and_the_environment_holds_no_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    code = "import os, sys; print('out'); print('err', file=sys.stderr); print(os.environ.get('AWS_SECRET_ACCESS_KEY'), os.environ['MINE'])"
    assert start(tmp_path, code, MINE="1").wait(20) == 0
    assert sorted((tmp_path / "log").read_text().split("\n")) == ["", "None 1", "err", "out"]


def test_a_polite_command_is_told_and_takes_its_time(tmp_path):
    code = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(7)); print('ready', flush=True); time.sleep(600)"
    child = start(tmp_path, code)
    until(lambda: read(tmp_path / "log") == "ready")
    child.terminate()
    assert child.wait(20) == 7


def test_a_kill_ends_the_grandchildren_too(tmp_path):
    child = start(tmp_path, PARENT)
    grandchild = int(until(lambda: read(tmp_path / "log")))
    child.kill()
    assert child.wait(20) == 137
    until(lambda: not is_alive(grandchild))


def test_what_a_command_leaves_running_is_ended_with_it(tmp_path):
    child = start(tmp_path, PARENT.replace('time.sleep(600)"', '0"').rpartition(";")[0])
    assert child.wait(20) == 0
    grandchild = int(read(tmp_path / "log"))
    until(lambda: not is_alive(grandchild))


def test_when_the_supervisor_is_killed_its_group_is_ended(tmp_path):
    child = start(tmp_path, SLEEP)
    pid = int(until(lambda: read(tmp_path / "pid")))
    os.kill(child._process.pid, signal.SIGKILL)
    assert child.wait(20) == 137
    until(lambda: not is_alive(pid))


def test_when_the_server_is_killed_nothing_is_left(tmp_path):
    supervisor = [sys.executable, "-I", "-S", supervise.__file__, str(tmp_path / "pid"), sys.executable, "-c", PARENT]
    log = str(tmp_path / "log")
    server = (
        f"import subprocess, time;p = subprocess.Popen({supervisor!r}, stdin=subprocess.PIPE, stdout=open({log!r}, 'w'));time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", server])
    grandchild = int(until(lambda: read(tmp_path / "log")))
    child = int(read(tmp_path / "pid"))
    process.kill()
    process.wait()
    until(lambda: not is_alive(child) and not is_alive(grandchild))
