"""Steps of `make live` on the pipeline that has run once: all that need neither a deployment nor another execution."""

import json
from collections.abc import Iterator

import pytest
from live.__main__ import LAST, STEPS
from live.lab import Lab
from live.options import Options
from live.run_folder import RunFolder
from live.steps import Step, run_steps
from project_pipeline import NAMES, FirstRun

from mlkit.aws.session import Session
from mlkit.settings import Project

_DEPLOYS = {"lake", "pipeline", "execution", "stopped", "by-hand", "clean-up"}


@pytest.fixture(scope="module")
def lab(first_run: FirstRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    pipeline, patch = first_run.pipeline, pytest.MonkeyPatch()
    for name, value in pipeline.environment.items():
        patch.setenv(name, value)
    aws, folder = Session(), RunFolder(tmp_path_factory.mktemp("live"))
    folder.record(aws.boto_session)
    (stack,) = pipeline.client("cloudformation").describe_stacks(StackName=NAMES.pipeline_stack)["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}
    folder.note(pipeline=pipeline.name, outputs=outputs, first_execution=first_run.report["pipeline_execution_id"])
    account = pipeline.client("sts").get_caller_identity()["Account"]
    given = {**dict.fromkeys(Options.__annotations__, ""), "account": account, "region": "us-east-1", "initials": NAMES.initials}
    names = Project(root=pipeline.project.root).names(NAMES.initials)
    yield Lab(aws=aws, project=pipeline.project, names=names, options=Options(**given), folder=folder)
    patch.undo()


def test_the_steps_after_an_execution_are_done_and_the_ledger_has_every_call(lab: Lab) -> None:
    steps = [step for step in (*STEPS, *LAST) if step.name not in _DEPLOYS]
    told = {one.step.name: (one.status, one.told) for one in run_steps(lab, map(_alone, steps))}
    assert {name: status for name, (status, _) in told.items()} == dict.fromkeys((step.name for step in steps), "done"), told
    assert told["alarm"][1].startswith("rolled back to the old configuration: Updating/UPDATE_IN_PROGRESS")
    assert told["awkward-mail"][1].startswith("EventBridge lost the mail")
    assert " 0 unexpected" in told["calls"][1]
    assert (lab.folder.path / "answers" / "01-trail.jsonl").is_file()
    metrics = json.loads((lab.folder.path / "metrics.json").read_text())
    assert len(metrics["container"]) > 1
    assert metrics["container"] == metrics["localaws"]  # here both are the same trainer


def _alone(step: Step) -> Step:
    return Step(name=step.name, title=step.title, run=step.run, minutes=step.minutes)
