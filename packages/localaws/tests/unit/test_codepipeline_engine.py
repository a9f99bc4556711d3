"""How executions move through stages, run orders, stops and retries; and the events that tell of it."""

import json

import pytest
from codepipeline_world import World, manual, stack

from localaws.codepipeline.action import ActionResult
from localaws.codepipeline.pipeline_records import from_json, to_json


def test_run_orders_follow_each_other_and_equal_ones_go_together() -> None:
    world = World(("One", [stack("a"), stack("b"), stack("c", 2)]), ("Two", [stack("d", 5)]))
    execution = world.begin("x")
    assert world.started == ["x:a", "x:b"]
    world.succeed(execution, "a")
    assert len(world.started) == 2
    world.succeed(execution, "b")
    world.succeed(execution, "c")
    assert world.started == ["x:a", "x:b", "x:c", "x:d"]
    world.succeed(execution, "d")
    assert execution.status == "Succeeded"
    assert world.told(execution) == [
        *("pipeline STARTED", "One STARTED", "a STARTED", "b STARTED", "a SUCCEEDED", "b SUCCEEDED", "c STARTED", "c SUCCEEDED"),
        *("One SUCCEEDED", "Two STARTED", "d STARTED", "d SUCCEEDED", "Two SUCCEEDED", "pipeline SUCCEEDED"),
    ]


def test_a_failure_waits_for_the_actions_beside_it() -> None:
    world = World(("One", [stack("a"), stack("b")]), ("Two", [stack("c")]))
    execution = world.begin("x")
    world.fail(execution, "a")
    assert execution.status == "InProgress"
    world.succeed(execution, "b")
    assert (execution.status, execution.stages["One"].status) == ("Failed", "Failed")
    assert world.started == ["x:a", "x:b"]


def test_a_retry_runs_only_what_failed_and_goes_on() -> None:
    world = World(("One", [stack("a"), stack("b"), stack("c", 2)]), ("Two", [stack("d")]))
    execution = world.begin("x")
    world.succeed(execution, "a")
    world.fail(execution, "b")
    world.engine.retry(world.pipeline, execution, "One", everything=False)
    assert world.started == ["x:a", "x:b", "x:b"]
    world.succeed(execution, "b")
    world.succeed(execution, "c")
    world.succeed(execution, "d")
    assert (execution.status, execution.attempt, execution.stages["One"].retries) == ("Succeeded", 2, 1)
    assert "One RESUMED" in world.told(execution)


def test_a_retry_of_everything_runs_the_stage_anew() -> None:
    world = World(("One", [stack("a"), stack("b", 2)]), ("Two", [stack("d")]))
    execution = world.begin("x")
    world.succeed(execution, "a")
    world.fail(execution, "b")
    world.engine.retry(world.pipeline, execution, "One", everything=True)
    assert world.started == ["x:a", "x:b", "x:a"]


def test_one_execution_is_in_a_stage_and_a_newer_one_supersedes_the_waiting() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    first = world.begin("1")
    world.succeed(first, "a")
    second = world.begin("2")
    world.succeed(second, "a")
    third = world.begin("3")
    assert (second.status, second.entered) == ("InProgress", False)
    world.succeed(third, "a")
    assert second.status == "Superseded"
    world.succeed(first, "b")
    assert world.started == ["1:a", "1:b", "2:a", "3:a", "3:b"]
    assert "pipeline SUPERSEDED" in world.told(second)


def test_a_queue_keeps_its_order() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), mode="QUEUED")
    executions = [world.begin(name) for name in "123"]
    assert world.started == ["1:a"]
    for execution in executions:
        world.succeed(execution, "a")
    world.fail(executions[0], "b")
    assert world.started[-1] == "2:b"
    world.succeed(executions[1], "b")
    world.succeed(executions[2], "b")
    assert [execution.status for execution in executions] == ["Failed", "Succeeded", "Succeeded"]


def test_a_stop_waits_and_an_abandonment_does_not() -> None:
    world = World(("One", [stack("a"), stack("b", 2)]), ("Two", [stack("c")]))
    execution = world.begin("x")
    world.engine.stop(world.pipeline, execution, abandon=False, reason="enough")
    assert (execution.status, execution.stages["One"].status) == ("Stopping", "Stopping")
    world.succeed(execution, "a")
    assert (execution.status, world.started) == ("Stopped", ["x:a"])
    other = world.begin("y")
    world.engine.stop(world.pipeline, other, abandon=True, reason=None)
    assert (other.status, world.run(other, "a").status, world.ended) == ("Stopped", "Abandoned", ["a"])
    assert not world.engine.settle(world.pipeline, other, world.run(other, "a"), ActionResult())
    assert "a ABANDONED" in world.told(other)


def test_an_execution_that_waits_is_stopped_at_once() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), mode="QUEUED")
    world.begin("1")
    second = world.begin("2")
    world.engine.stop(world.pipeline, second, abandon=False, reason=None)
    assert second.status == "Stopped"


def test_no_execution_passes_a_disabled_transition() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    world.pipeline.disabled["Two"] = {}
    execution = world.begin("x")
    world.succeed(execution, "a")
    assert world.started == ["x:a"]
    world.pipeline.disabled.clear()
    world.engine.advance(world.pipeline)
    assert world.started == ["x:a", "x:b"]


def test_a_cancelled_execution_lets_go_of_its_action() -> None:
    world = World(("One", [manual("ask")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    asked = world.run(execution, "ask")
    assert asked.token is None  # until the question is out
    asked.token = asked.work["token"]
    world.engine.cancel(world.pipeline, execution)
    assert (execution.status, world.run(execution, "ask").token, world.ended) == ("Cancelled", None, ["ask"])
    assert world.told(execution)[-3:] == ["ask CANCELED", "One CANCELED", "pipeline CANCELED"]


def test_variables_reach_later_actions_and_what_is_missing_fails_them_unstarted() -> None:
    say = manual("say", 2, configuration={"CustomData": "#{A.good} of #{codepipeline.PipelineExecutionId}"})
    bad = manual("bad", 3, configuration={"CustomData": "#{A.absent}"})
    world = World(("One", [stack("a", namespace="A"), say, bad]), ("Two", [stack("b")]))
    execution = world.begin("x")
    world.succeed(execution, "a", good="1")
    assert world.run(execution, "say").resolved == {"CustomData": "1 of x"}
    world.succeed(execution, "say")
    assert "x:bad" not in world.started
    assert (execution.status, world.run(execution, "bad").error_code) == ("Failed", "ConfigurationError")


def test_one_unresolved_action_beside_another_starts_the_other_once() -> None:
    bad = manual("bad", configuration={"CustomData": "#{A.absent}"})
    world = World(("One", [bad, stack("b")]), ("Two", [stack("c")]))
    execution = world.begin("x")
    assert world.started == ["x:b"]
    world.succeed(execution, "b")
    assert execution.status == "Failed"


def test_the_event_of_a_failed_action_has_aws_shape() -> None:
    made = stack("a", outputArtifacts=[{"name": "Out"}])
    made["configuration"]["OutputFileName"] = "out.json"
    world = World(("One", [made]), ("Two", [stack("b")]))
    execution = world.begin("x")
    world.fail(execution, "a")
    event = next(event for event in world.events if event.get("action") == "a" and event["state"] == "FAILED")
    place = event.pop("output-artifacts")[0]
    assert (place["name"], place["s3location"]["bucket"]) == ("Out", "bucket")
    assert event == {
        "detail-type": "CodePipeline Action Execution State Change",
        "pipeline": "p",
        "execution-id": "x",
        "start-time": "1970-01-01T00:16:43.000Z",
        "stage": "One",
        "action": "a",
        "action-execution-id": execution.runs[0].id,
        "state": "FAILED",
        "region": "us-east-1",
        "type": {"owner": "AWS", "provider": "CloudFormation", "category": "Deploy", "version": "1"},
        "version": 1.0,
        "pipeline-execution-attempt": 1.0,
        "input-artifacts": [],
        "execution-result": {"external-execution-summary": "broken", "error-code": "JobFailed"},
    }


def test_records_survive_json() -> None:
    world = World(("One", [stack("a", namespace="A"), manual("ask", 2)]), ("Two", [stack("b")]))
    execution = world.begin("x")
    world.succeed(execution, "a", good="1")
    assert from_json(json.loads(json.dumps(to_json(world.pipeline)))) == world.pipeline


def test_old_executions_are_forgotten_and_open_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.codepipeline.pipeline_records.KEPT_EXECUTIONS", 3)
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), mode="QUEUED")
    first = world.begin("open")
    world.succeed(first, "a")
    for number in range(5):
        world.fail(world.begin(str(number)), "a")
    assert [execution.id for execution in world.pipeline.executions] == ["open", "3", "4"]
