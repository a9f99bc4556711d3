"""Copies of the project on local AWSs of their own: one whole walk, and one whole pipeline from a git repository."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from project_pipeline import FirstRun, OnLocalAws, Piped, copy_project, make_repository, plain_environment, run_in, script

from localaws import lifecycle


@dataclass(frozen=True)
class Walked(OnLocalAws):
    """A project folder in which `mlkit local walk` has succeeded, with what it printed."""

    output: str

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


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    project = copy_project(tmp_path_factory.mktemp("project"))
    try:
        done = run_in(project.root, [script("mlkit"), "local", "walk", "--port", "0"], plain_environment())
        yield Walked(project=project, output=re.sub(r"\x1b\[[0-9;]*m", "", done.stdout))
    finally:
        lifecycle.down(project.local_home)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    pipeline = make_repository(tmp_path_factory.mktemp("repository"))
    commit = pipeline.push()
    try:
        done = run_in(pipeline.project.root, [script("mlkit"), "local", "run", "--port", "0", "--approve", "ok"], plain_environment())
        yield FirstRun(
            pipeline=pipeline,
            commit=commit,
            report=json.loads((pipeline.project.root / ".mlkit" / "last_run.json").read_text()),
            production=pipeline.production(),
            left=pipeline.left(),
            printed=re.sub(r"\x1b\[[0-9;]*m", "", done.stdout),
        )
    finally:
        lifecycle.down(pipeline.project.local_home)


@pytest.fixture(scope="session")
def pipeline(first_run: FirstRun) -> Piped:
    return first_run.pipeline
