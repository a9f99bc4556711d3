"""The local AWS's port: the usual one, a free one when that is taken and none was asked for, a clear no when a named one is taken."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from waiting import HANG_S

from localaws import errors, lifecycle, ports
from localaws.server import process
from mlkit.cli import local_checks
from mlkit.doctor.findings import CheckStatus
from mlkit.errors import LocalAwsFailed
from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.settings import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(root=tmp_path / "churn")
    (made.root / ENDPOINT_TEMPLATE).parent.mkdir(parents=True)
    (made.root / ENDPOINT_TEMPLATE).touch()
    yield made
    lifecycle.down(made.local_home)


@pytest.fixture
def usual_port_taken() -> Iterator[None]:
    """By us, unless somebody else has it."""
    with ExitStack() as stack:
        if ports.is_free(ports.PORT):
            stack.enter_context(ports.bind(ports.PORT)).listen()
        yield


def mlkit(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", "from mlkit.cli import main; main()", *arguments]
    variables = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(command, capture_output=True, text=True, cwd=project.root, env=variables, timeout=HANG_S, check=False)


def port_of(running: lifecycle.Running) -> int:
    return int(running.endpoint_url.rpartition(":")[2])


@pytest.mark.usefixtures("usual_port_taken")
def test_when_none_is_asked_for_a_free_one_is_taken_and_told(project: Project) -> None:
    done = mlkit(project, "local", "up")
    assert done.returncode == 0, done.stderr
    running = lifecycle.status(project.local_home).running
    assert running is not None
    assert port_of(running) != ports.PORT
    assert re.search(rf"Port {ports.PORT} is taken by .+, so the local AWS chose a free one\.", done.stdout)
    assert running.endpoint_url in done.stdout
    assert "taken" not in mlkit(project, "local", "up").stdout


def test_a_named_port_that_another_projects_local_aws_has_is_refused_by_the_projects_name(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    running = lifecycle.up(Project(root=other).local_home, port=0)
    try:
        done = mlkit(project, "local", "up", "--port", str(port_of(running)))
    finally:
        lifecycle.down(Project(root=other).local_home)
    assert done.returncode == LocalAwsFailed.exit_code
    assert f"Port {port_of(running)} on 127.0.0.1 is taken by the local AWS of {other} (process {running.pid})" in done.stderr
    assert f"Next: Leave out --port to get a free one, or `mlkit local down` in {other}" in done.stderr
    assert not project.local_home.exists()


def test_a_named_port_that_another_program_has_is_refused_by_its_process(tmp_path: Path) -> None:
    with ports.bind(0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(errors.LocalAwsFailed, match=rf"Port {port} on 127.0.0.1 is taken by process {os.getpid()} \(.+\)"):
            lifecycle.up(tmp_path / "home", port=port)


def test_a_named_port_is_refused_while_it_runs_on_another(project: Project) -> None:
    running = lifecycle.up(project.local_home, port=0)
    with ports.bind(0) as free:
        other = free.getsockname()[1]
    done = mlkit(project, "local", "up", "--port", str(other))
    assert done.returncode == LocalAwsFailed.exit_code
    assert f"The local AWS runs at {running.endpoint_url}" in done.stderr
    assert mlkit(project, "local", "up", "--port", str(port_of(running))).returncode == 0


def test_the_usual_port_is_taken_where_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.bind(0) as free:
        usual = free.getsockname()[1]
    monkeypatch.setattr(ports, "PORT", usual)
    with process.listen(None) as first, process.listen(None) as second:
        assert first.getsockname() == ("127.0.0.1", usual)
        assert second.getsockname()[1] != usual
        with pytest.raises(errors.LocalAwsFailed, match="in use"):
            process.listen(usual)


def test_a_server_listens_without_delay() -> None:
    with process.listen(0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_doctor_finds_no_fault_in_a_taken_port(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.bind(0) as listener:
        listener.listen()
        monkeypatch.setattr(ports, "PORT", listener.getsockname()[1])
        found = local_checks.port(project)
    assert found.outcome is CheckStatus.OK
    assert found.detail.endswith("the local AWS will use another")
