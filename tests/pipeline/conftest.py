"""A copy of the project and one whole walk on a local AWS of its own, shared by the tests of a process."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from mlkit.local import lifecycle
from mlkit.settings import Project

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Walked:
    """A project folder in which `mlkit local run` has succeeded, with what it printed."""

    project: Project
    output: str

    @property
    def environment(self) -> Mapping[str, str]:
        return lifecycle.environment(self.project.local_home)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A console script of this environment in the project folder, pointed to the local AWS, at 80 columns."""
        program = str(Path(sys.executable).with_name(command[0]))
        variables = {**os.environ, **self.environment, "COLUMNS": "80"}
        return run_in(self.project.root, [program, *command[1:]], variables, check=check)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What the notebooks hand over and what CloudFormation deploys is afterwards as it was before."""
        files = [*self.project.handoff.glob("*.json"), *(self.project.root / "CloudFormation").glob("configuration_*.json")]
        before = {path: path.read_bytes() for path in files}
        try:
            yield
        finally:
            for path, content in before.items():
                path.write_bytes(content)

    def client(self, service: str) -> object:
        e = self.environment
        return boto3.client(
            service,
            endpoint_url=e["AWS_ENDPOINT_URL"],
            region_name=e["AWS_REGION"],
            aws_access_key_id=e["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=e["AWS_SECRET_ACCESS_KEY"],
        )


def run_in(folder: Path, command: list[str], variables: Mapping[str, str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, env=dict(variables), capture_output=True, text=True, timeout=280, check=False)
    if check:
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def copy_project(target: Path) -> Project:
    for folder in ("notebooks", "CloudFormation"):
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("configuration_*.json", ".ipynb_checkpoints"))
    project = Project(root=target)
    cached = Project(root=ROOT).ratings_cache
    if cached.is_dir():
        shutil.copytree(cached, project.ratings_cache)
    return project


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    project = copy_project(tmp_path_factory.mktemp("project"))
    program = str(Path(sys.executable).with_name("mlkit"))
    try:
        done = run_in(project.root, [program, "local", "run", "--port", "0"], {**os.environ, "COLUMNS": "80"})
        yield Walked(project=project, output=re.sub(r"\x1b\[[0-9;]*m", "", done.stdout))
    finally:
        lifecycle.down(project.local_home)
