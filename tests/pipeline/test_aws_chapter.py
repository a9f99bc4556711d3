"""The commands of docs/aws.md, in its order, as its reader types them: on a local AWS, from a repository of the project."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import botocore
import pytest
from project_pipeline import ROOT, Piped, git, make_repository
from waiting import HANG_S, wait_until

from localaws import lifecycle
from mlkit.settings import Project

CHAPTER = (ROOT / "docs" / "aws.md").read_text()
INITIALS = "abc"


def sections() -> dict[str, list[str]]:
    """The commands below each heading."""
    parts = re.split(r"^## (.+)$", CHAPTER, flags=re.MULTILINE)
    named = {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    blocks = {name: re.findall(r"```console\n(.*?)```", text, re.S) for name, text in named.items()}
    return {name: [line[2:] for block in found for line in block.splitlines()] for name, found in blocks.items()}


class Reader:
    """Types commands into one shell after the other, which remember exported and plain variables."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root, self.environment, self.state = root, environment, root / ".mlkit" / "shell"

    def type(self, *commands: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        (remember, recall) = (f"declare -p | grep -v '^declare -[a-z]*[rAai]' > {self.state}", f". {self.state} 2>/dev/null")
        script = "\n".join([recall if self.state.exists() else ":", "set -e", *commands, remember])
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.root, env=self.environment, capture_output=True, text=True, timeout=HANG_S, check=False
        )
        if check:
            assert done.returncode == 0, f"{commands}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        return done


@pytest.fixture(scope="module")
def piped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Piped]:
    made = make_repository(tmp_path_factory.mktemp("chapter"))
    (made.project.root / ".venv").symlink_to(Path(sys.executable).parents[1])
    (made.project.root / ".git" / "info" / "exclude").write_text(".venv\n")
    git(made.project.root, "add", "--all")
    made.push()
    made.start()
    yield made
    lifecycle.down(made.project.local_home)


def impatient(folder: Path) -> str:
    """A folder of botocore's data in which `aws cloudformation wait` looks every second; AWS limits the rate of calls, we do not."""
    name = Path("cloudformation", "2010-05-15", "waiters-2.json")
    waiters = json.loads((Path(botocore.__file__).parent / "data" / name).read_text())
    for waiter in waiters["waiters"].values():
        waiter["delay"] = 1
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text(json.dumps(waiters))
    return str(folder)


def test_the_chapter_leads_to_a_model_in_production_and_back(piped, tmp_path):
    said = sections()
    variables = {"COLUMNS": "80", "AWS_DATA_PATH": impatient(tmp_path / "data")}
    reader = Reader(piped.project.root, {**os.environ, **piped.environment, **variables})
    steps = list(said)
    reader.type(*said[""])
    doctor = reader.type(*said[steps[1]], check=False)
    assert "Traceback" not in doctor.stderr
    for step in steps[2:6]:
        reader.type(*said[step])
    sagemaker, codepipeline = piped.client("sagemaker"), piped.client("codepipeline")
    name = reader.type('echo "$PIPELINE"').stdout.strip()

    def waits() -> bool:
        states = codepipeline.get_pipeline_state(name=name)["stageStates"]
        found = [action.get("latestExecution", {}) for state in states for action in state.get("actionStates", [])]
        assert not (failed := [one.get("errorDetails") for one in found if one.get("status") == "Failed"]), failed
        return any(action.get("latestExecution", {}).get("token") for state in states for action in state.get("actionStates", []))

    wait_until(waits, "the approval is asked for")
    reader.type(*said[steps[6]])

    def ended() -> str:
        status = codepipeline.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]["status"]
        return status if status != "InProgress" else ""

    assert wait_until(ended, "the execution ends") == "Succeeded"
    assert sagemaker.describe_endpoint(EndpointName=f"{INITIALS}-ml-lab-production")["EndpointStatus"] == "InService"
    reader.type(*said[steps[7]])
    reader.type(*said[steps[8]])
    assert piped.client("cloudformation").describe_stacks()["Stacks"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []
    stay = {bucket["Name"] for bucket in piped.client("s3").list_buckets()["Buckets"]}
    assert len(stay) == 4
    assert f"{INITIALS}-ml-id-lab" in stay


def test_the_initials_of_the_chapter_are_those_that_the_test_expects():
    assert f"YOUR_INITIALS={INITIALS}" in CHAPTER
    assert Project(root=ROOT).about.dataset in CHAPTER
