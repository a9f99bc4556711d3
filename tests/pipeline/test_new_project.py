"""A project that `mlkit new` made lives on its own: its checks pass, builds install the wheel that it carries, its pipeline succeeds."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from project_pipeline import FirstRun, Piped, git, plain_environment, run_in, script

from localaws import lifecycle
from localaws.kit.open_questions import NUMBER, SWITCHES, VARIABLE
from mlkit.cli.local_server import build_environment
from mlkit.evidence.manifest import Manifest, code_sha256
from mlkit.evidence.run_record import RunRecord
from mlkit.settings import Project

# Each open question about AWS, answered as the local AWS does not answer it by itself: the product is right under both answers.
OTHER_ANSWERS = {
    switch.name: next((value for value in switch.values if value not in (switch.default, NUMBER)), "1") for switch in SWITCHES.values()
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Piped:
    root = tmp_path_factory.mktemp("new") / "birds"
    run_in(root.parent, [script("mlkit"), "new", root.name, "--example", "penguins"], plain_environment())
    return Piped(project=Project(root=root))


@pytest.fixture(scope="module")
def ran(made: Piped) -> Iterator[FirstRun]:
    root = made.project.root
    environment = {**plain_environment(), VARIABLE: " ".join(f"{name}={value}" for name, value in OTHER_ANSWERS.items())}
    try:
        done = run_in(root, [script("mlkit"), "local", "run", "--port", "0", "--approve", "ok"], environment)
        report = json.loads((root / ".mlkit" / "last_run.json").read_text())
        commit = git(root, "rev-parse", "HEAD")
        yield FirstRun(pipeline=made, commit=commit, report=report, production=made.production(), left=made.left(), printed=done.stdout)
    finally:
        lifecycle.down(made.project.local_home)


def test_check_passes(made: Piped) -> None:
    done = run_in(made.project.root, [script("mlkit"), "check"], plain_environment())
    assert re.search(r"Checked 3 steps and \d buildspecs: all parameters fit", done.stdout)


def test_the_tests_that_it_brings_pass_and_find_a_renamed_parameter(made: Piped, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", str(made.project.root), str(copy))
    tests = [script("pytest"), "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "tests"]
    assert "8 passed" in run_in(copy, tests, plain_environment()).stdout
    notebook = copy / "notebooks" / "02_train.ipynb"
    notebook.write_text(notebook.read_text().replace("tune: bool", "tuned: bool"))
    done = run_in(copy, tests, plain_environment(), check=False)
    assert (done.returncode, "1 failed" in done.stdout, "no parameter `tune`" in done.stdout) == (1, True, True)


def test_a_build_installs_the_wheels_that_it_carries_but_the_local_aws_and_finds_the_teams_modules(made: Piped, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "--quiet", str(made.project.root), str(copy))
    run_in(copy, ["make", "build-environment"], {**os.environ, **build_environment(made.project)})
    look = (
        "from importlib.util import find_spec; import mlkit, sagemaker_formats;"
        "print(mlkit.__file__); print(find_spec('load_data').origin); print(sagemaker_formats.__file__); print(find_spec('localaws'))"
    )
    python = copy / ".venv" / "bin" / "python"
    found = subprocess.run([python, "-P", "-c", look], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert Path(found[0]).is_relative_to(copy / ".venv")
    assert Path(found[1]) == copy / "load_data.py"
    assert Path(found[2]).is_relative_to(copy / ".venv")
    assert found[3] == "None"


def test_its_pipeline_succeeds_under_the_other_answers_and_leaves_nothing_but_production(ran: FirstRun) -> None:
    assert lifecycle.status(ran.pipeline.project.local_home).assumptions == OTHER_ANSWERS
    assert ran.report["status"] == "Succeeded"
    assert {action["status"] for action in ran.report["actions"]} == {"Succeeded"}
    assert len(ran.report["actions"]) == 11
    assert ran.report["endpoints"] == ["mlkit-ml-lab-production"]
    assert ran.left == []
    found = ran.report["test"]["estimate"]
    assert (found["metric"], ran.report["test"]["verdict"]) == ("accuracy", "PASS")  # three species, not two labels
    assert 0.9 < found["value"] <= 1


def test_the_seal_and_the_record_have_the_digest_of_a_code_with_the_wheel(ran: FirstRun) -> None:
    pipeline, execution = ran.pipeline, ran.report["pipeline_execution_id"]
    bucket, _, key = ran.report["evidence_uri"].removeprefix("s3://").partition("/")
    sealed = Manifest.from_bytes(pipeline.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    trained = pipeline.staged(execution, "Build_and_Train.ModelTraining")
    record = RunRecord.from_json(trained["02_train.record.json"].decode())
    expected = code_sha256(pipeline.project.root)
    assert (sealed.code_sha256, record.origin.code_sha256) == (expected, expected)
