"""What a build finds on the machine, and whose turn it is."""

import os
import subprocess
import sys
import threading

import pytest
from waiting import HANG_S

from localaws.codebuild import build_machine
from localaws.codebuild.build_queue import Turns


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the user's")
    monkeypatch.setenv("VIRTUAL_ENV", "/the/users")
    build_machine.prepare(tmp_path / "build", shared=tmp_path / "shared")
    yield tmp_path / "build"
    build_machine.clean(tmp_path / "build")


def test_the_environment_has_a_home_of_its_own_and_nothing_of_the_user(build, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    found = build_machine.environment(build)
    assert found["HOME"] == str(build / "home")
    assert found["HTTPS_PROXY"] == "http://proxy:1"
    assert "127.0.0.1" in found["NO_PROXY"]
    assert not {"AWS_ACCESS_KEY_ID", "VIRTUAL_ENV", "PYTHONPATH"} & found.keys()
    assert str(os.path.dirname(sys.executable)) not in found["PATH"].split(os.pathsep)


def test_python_is_the_base_interpreter_with_pip_and_without_our_packages(build):
    code = "import importlib.util, sys; print(sys.prefix); print([importlib.util.find_spec(n) is not None for n in ('pip', 'localaws')])"
    answer = subprocess.run(
        ["python3", "-c", code], cwd=build, env=build_machine.environment(build), capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == [str(build / "python"), "[True, False]"]
    assert (build / "python/bin/pip").stat().st_mode & 0o111


def test_clean_removes_the_folder_and_what_lies_outside_of_it(tmp_path):
    build_machine.prepare(tmp_path / "build", shared=tmp_path / "shared")
    temporary = os.readlink(tmp_path / "build/tmp")
    assert os.path.isdir(temporary)
    build_machine.clean(tmp_path / "build")
    assert not os.path.exists(temporary)
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("wanted", ["latest", "{0}.x", "{0}.{1}", "{0}.{1}.{2}"])
def test_this_machines_python_fits_what_names_it(wanted):
    assert build_machine.runtime_difference(wanted.format(*build_machine.python_version().split("."))) is None


@pytest.mark.parametrize("wanted", ["2.7", "3.1", "3.99", "4.x"])
def test_another_python_is_said(wanted):
    assert wanted in (build_machine.runtime_difference(wanted) or "")


def test_turns_are_taken_in_order_and_no_more_than_so_many_at_once():
    turns, order, go = Turns(1), [], threading.Event()

    def work(name):
        assert turns.wait(name, timeout_s=HANG_S, given_up=lambda: False)
        order.append(name)
        go.wait(HANG_S)
        turns.done()

    threads = []
    for name in "abc":
        turns.join(name)
        threads.append(threading.Thread(target=work, args=(name,)))
    for thread in reversed(threads):
        thread.start()
    go.set()
    for thread in threads:
        thread.join(HANG_S)
    assert order == ["a", "b", "c"]


def test_a_turn_that_does_not_come_in_time_is_lost_and_frees_the_queue():
    turns = Turns(1)
    turns.join("a")
    assert turns.wait("a", timeout_s=HANG_S, given_up=lambda: False)
    turns.join("b")
    turns.join("c")
    assert not turns.wait("b", timeout_s=0.01, given_up=lambda: False)
    assert not turns.wait("c", timeout_s=HANG_S, given_up=lambda: True)
    turns.done()
    turns.join("d")
    assert turns.wait("d", timeout_s=HANG_S, given_up=lambda: False)
