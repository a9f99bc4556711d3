"""Approvals that nobody answers, and the end of the process."""

from pathlib import Path
from threading import Event, RLock
from typing import Any

from waiting import HANG_S, wait_until

from localaws.codeconnections.connections import Connections
from localaws.codepipeline.action import ActionFailed
from localaws.codepipeline.action_roles import Sessions
from localaws.codepipeline.action_runner import Runner
from localaws.codepipeline.pipeline_records import ActionRun, Pipeline, PipelineExecution

KIND = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}


class Host:
    account, region = "123456789012", "us-east-1"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def home(self, service: str) -> Path:
        return self.folder

    def changed(self) -> None:
        """Nobody saves."""


class World:
    """A runner with one approval in one execution; `settled` is set when it has told an end."""

    def __init__(self, folder: Path, *, expires: float) -> None:
        self.settled, self.results = Event(), []
        host: Any = Host(folder)
        self.runner = Runner(host, Sessions(host), Connections("1", "us-east-1"), lock=RLock(), settle=self.settle)
        declaration = {
            "roleArn": "role",
            "artifactStore": {"location": "bucket"},
            "stages": [{"name": "S", "actions": [{"name": "Ask", "actionTypeId": KIND}]}],
        }
        self.pipeline = Pipeline(name="p", arn="arn", created=0.0, updated=0.0, version=1, declarations={1: declaration})
        self.execution = PipelineExecution(id="x", version=1, mode="QUEUED", trigger_type="", trigger_detail="", started=0.0, updated=0.0)
        self.run = ActionRun(id="r", stage="S", action="Ask", started=0.0, updated=0.0, expires=expires, work={"token": "t"})

    def settle(self, pipeline: Pipeline, execution: PipelineExecution, run: ActionRun, result: Any) -> None:
        self.results.append(result)
        self.settled.set()


def test_an_approval_whose_time_is_over_fails(tmp_path: Path) -> None:
    world = World(tmp_path, expires=1.0)
    world.runner.start(world.pipeline, world.execution, world.run)
    assert world.settled.wait(HANG_S)
    assert isinstance(world.results[0], ActionFailed)
    assert "without a decision" in world.results[0].message


def test_a_dropped_approval_does_not_expire(tmp_path: Path) -> None:
    world = World(tmp_path, expires=1e12)
    world.runner.start(world.pipeline, world.execution, world.run)
    timer = wait_until(lambda: world.runner._timers.get("r"), "a timer counts", ok=lambda timer: timer and timer.is_alive())
    assert world.run.token == "t"
    world.runner.end(world.run)
    timer.join()
    assert not world.settled.is_set()


def test_a_question_that_cannot_be_put_to_anybody_cannot_be_answered(tmp_path: Path) -> None:
    world = World(tmp_path, expires=1e12)
    world.run.resolved = {"NotificationArn": "arn:aws:sns:us-east-1:123456789012:nobody"}
    world.runner.start(world.pipeline, world.execution, world.run)
    assert world.settled.wait(HANG_S)
    assert isinstance(world.results[0], Exception)
    assert world.run.token is None


def test_an_action_that_cannot_begin_fails(tmp_path: Path) -> None:
    world = World(tmp_path, expires=1.0)
    world.run.stage = "Gone"
    world.runner.start(world.pipeline, world.execution, world.run)
    assert world.settled.wait(HANG_S)
    assert isinstance(world.results[0], Exception)
