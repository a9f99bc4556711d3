"""The commands of the pipeline's sweeper, run by a shell with a stand-in for the AWS CLI: a refusal keeps nothing else from ending."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from cfnlint.decode import decode

from mlkit.naming import EXECUTION_TAG, PIPELINE_TEMPLATE

ROOT = Path(__file__).parents[2]
EXECUTION = "0a1b2c3d-0000-4000-8000-000000000000"
AWS = """#!/usr/bin/env bash
echo "$1 $2 ${*: -1}" >> "$CALLS"
case "$1 $2" in
  "sagemaker list-hyper-parameter-tuning-jobs") echo "ml-0a1b2c3d-t1" ;;
  "sagemaker list-training-jobs") printf 'ml-0a1b2c3d-j1\\tml-0a1b2c3d-j2\\nml-0a1b2c3d-j3\\n' ;;
  "cloudformation describe-stacks") echo "$OWNER" ;;
esac
[[ "$1 $2 ${*: -1}" != $REFUSES ]]
"""
STOPS = [
    "sagemaker stop-hyper-parameter-tuning-job ml-0a1b2c3d-t1",
    "sagemaker stop-training-job ml-0a1b2c3d-j1",
    "sagemaker stop-training-job ml-0a1b2c3d-j2",
    "sagemaker stop-training-job ml-0a1b2c3d-j3",
]
DELETE = "cloudformation delete-stack arn:role"


def resources() -> dict[str, dict[str, object]]:
    template, _ = decode(str(ROOT / PIPELINE_TEMPLATE))
    found: dict[str, dict[str, object]] = template["Resources"]
    return found


def swept(tmp_path: Path, *, refused: str = "", owner: str = EXECUTION) -> tuple[int, list[str]]:
    """The exit code, and the calls that end something; CodeBuild ends at the first command that fails, like `set -e`."""
    properties: dict[str, dict[str, str]] = resources()["Sweeper"]["Properties"]  # type: ignore[assignment]
    commands = yaml.safe_load(properties["Source"]["BuildSpec"])["phases"]["build"]["commands"]
    program, calls = tmp_path / "bin" / "aws", tmp_path / "calls"
    program.parent.mkdir()
    program.write_text(AWS)
    program.chmod(0o755)
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "OWNER": owner,
        "REFUSES": refused,
        "PIPELINE_EXECUTION_ID": EXECUTION,
        "STACK": "abc-ml-lab-qa-endpoint",
        "STACK_ROLE": "arn:role",
    }
    script = "\n".join(f"{command} || exit 1" if not command.startswith("for ") else command for command in commands)
    done = subprocess.run(["bash", "-c", script], env=environment, check=False, capture_output=True, text=True)
    return done.returncode, [line for line in calls.read_text().splitlines() if "stop-" in line or "delete-" in line]


def test_everything_of_the_execution_is_ended(tmp_path: Path) -> None:
    assert swept(tmp_path) == (0, [*STOPS, DELETE])


@pytest.mark.parametrize("refused", [*STOPS, DELETE, "sagemaker list-training-jobs*", "sagemaker list-hyper-parameter-tuning-jobs*"])
def test_a_refusal_fails_the_build_and_keeps_nothing_else_from_ending(tmp_path: Path, refused: str) -> None:
    code, ended = swept(tmp_path, refused=refused)
    assert code == 1
    assert ended == [*STOPS, DELETE]


def test_another_execution_s_endpoint_stays(tmp_path: Path) -> None:
    assert swept(tmp_path, owner="another") == (0, STOPS)


def test_stop_and_wait_is_left_to_finish() -> None:
    properties = resources()["EndedExecutionRule"]["Properties"]
    assert properties["EventPattern"]["detail"]["state"] == ["FAILED", "STOPPED", "CANCELED", "SUPERSEDED"]  # type: ignore[index]


def test_the_tag_of_the_owner_is_the_one_that_deployments_write() -> None:
    assert f"Key=='{EXECUTION_TAG}'" in (ROOT / PIPELINE_TEMPLATE).read_text()
