"""The pipeline's sweeper: which ends start it, and that it runs the pinned tools."""

from pathlib import Path
from typing import Any

import yaml
from cfnlint.decode import decode

from mlkit.naming import PIPELINE_TEMPLATE

ROOT = Path(__file__).parents[2]


def resources() -> dict[str, Any]:
    template, _ = decode(str(ROOT / PIPELINE_TEMPLATE))
    found: dict[str, Any] = template["Resources"]
    return found


def test_every_end_of_an_execution_starts_it_and_stop_and_wait_is_left_to_finish() -> None:
    properties = resources()["EndedExecutionRule"]["Properties"]
    assert properties["EventPattern"]["detail"]["state"] == ["SUCCEEDED", "FAILED", "STOPPED", "CANCELED", "SUPERSEDED"]


def test_the_sweeper_runs_mlkit_sweep_of_the_tools_that_the_stack_pins() -> None:
    properties = resources()["Sweeper"]["Properties"]
    phases = yaml.safe_load(properties["Source"]["BuildSpec"])["phases"]
    assert 'echo "$TOOLS_SHA256  tools.zip" | sha256sum --check --quiet' in phases["install"]["commands"]
    assert phases["build"]["commands"] == ['environment/bin/mlkit sweep "$PIPELINE_EXECUTION_ID" --yes']
