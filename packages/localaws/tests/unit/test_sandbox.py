"""What a command in the sandbox of a build or job may read and write, and what the server reads for it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import HANG_S

from localaws.kit import sandbox
from localaws.kit.child_process import Child
from localaws.kit.files import read_regular
from localaws.kit.sandbox import Sandbox

pytestmark = pytest.mark.skipif(not sandbox.is_available(), reason="this system has no Landlock")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    (made / "jobs/own").mkdir(parents=True)
    (made / "jobs/other").mkdir()
    (made / "key").write_text("secret")
    return made


def build(home: Path) -> Sandbox:
    return sandbox.for_build(home, own=[home / "jobs/own"], readable=[])


def job(home: Path) -> Sandbox:
    return sandbox.for_job(home, own=[home / "jobs/own"])


def code_of(home: Path, script: str, kind: Sandbox) -> int | None:
    command, server = ["/bin/sh", "-c", script], {"SERVER": str(os.getpid())}
    child = Child(command, cwd=home / "jobs/own", output=home / "log", pidfile=home / "pid", environment=server, sandbox=kind)
    return child.wait(HANG_S)


@pytest.mark.parametrize("kind", [build, job])
@pytest.mark.parametrize(
    ("script", "is_allowed"),
    [
        ("echo x >file && mkdir a && mv file a/ && rm -r a", True),
        ("cat ../../key", False),
        ("ls ../..", False),
        ("ls ../other", False),
        ("echo x >../other/file", False),
        ("mv ../../key .", False),
        ("cat /proc/$SERVER/environ", False),
        ("cat /proc/$SERVER/maps", False),
    ],
)
def test_a_command_has_its_own_folder_and_nothing_else_of_the_home(
    home: Path, kind: Callable[[Path], Sandbox], script: str, is_allowed: bool
) -> None:
    assert (code_of(home, script, kind(home)) == 0) is is_allowed, (home / "log").read_text()


def test_the_keys_of_the_user_are_denied_and_other_files_are_not(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = tmp_path / "user"
    for name in (".aws", ".config/gcloud", ".config/pip"):
        (user / name).mkdir(parents=True)
        (user / name / "file").write_text("x")
    monkeypatch.setenv("HOME", str(user))
    kind = build(home)
    assert code_of(home, f"cat {user}/.config/pip/file", kind) == 0
    for name in (".aws", ".config/gcloud"):
        assert code_of(home, f"cat {user}/{name}/file", kind) != 0


def test_the_server_reads_with_the_rights_of_the_sandbox_and_keeps_its_own(home: Path) -> None:
    (home / "jobs/own/link").symlink_to(home / "key")
    (home / "jobs/own/own").write_text("mine")
    kind = build(home)
    assert sandbox.confined(kind, (home / "jobs/own/own").read_text) == "mine"
    for path in (home / "jobs/own/link", home / "key", Path("/proc/self/environ")):
        with pytest.raises(PermissionError):
            sandbox.confined(kind, path.read_text)
    assert (home / "key").read_text() == "secret"


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "missing"])
def test_only_a_regular_file_is_read(home: Path, kind: str) -> None:
    path = home / "jobs/own/value"
    {"link": lambda: path.symlink_to(home / "key"), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "missing": lambda: None}[kind]()
    assert read_regular(path) is None
    assert read_regular(home / "key") == b"secret"
