"""How an execution ends, and what it keeps of each action: nothing that failed, was stopped or was let go of turns into a success."""

from typing import Any

import pytest
from codepipeline_world import World, manual, stack

from localaws.codepipeline.action import ActionFailed, ActionResult
from localaws.codepipeline.pipeline_records import ActionRun, PipelineExecution, Revision


def settle(world: World, execution: PipelineExecution, action: str, result: ActionResult | Exception, by: str | None = None) -> bool:
    return world.engine.settle(world.pipeline, execution, world.run(execution, action), result, by=by)


def source(name: str, *, artifact: str = "Src", **more: Any) -> dict[str, Any]:
    return stack(name, outputArtifacts=[{"name": artifact}], configuration=_stack_configuration(name, OutputFileName="o.json"), **more)


def _stack_configuration(name: str, **more: str) -> dict[str, str]:
    return {"ActionMode": "DELETE_ONLY", "StackName": name, "RoleArn": "r", **more}


def revision(action: str, commit: str) -> Revision:
    return Revision(action=action, artifact="Src", revision_id=commit, summary="", url="", created=1.0)


# --- an action's end


@pytest.mark.parametrize("error", [ActionFailed("broken", code="ConfigurationError"), RuntimeError("unforeseen")])
def test_an_error_of_whatever_kind_fails_the_action_the_stage_and_the_execution(error: Exception) -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    assert settle(world, execution, "a", error)
    run = world.run(execution, "a")
    assert (run.status, execution.stages["One"].status, execution.status) == ("Failed", "Failed", "Failed")
    assert run.error_code == ("ConfigurationError" if isinstance(error, ActionFailed) else "JobFailed")
    assert str(error) in str(run.error_message)
    assert world.started == ["x:a"]
    assert world.told(execution)[-3:] == ["a FAILED", "One FAILED", "pipeline FAILED"]


def test_the_message_of_an_error_is_cut_off_where_aws_cuts_it() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    settle(world, execution, "a", ActionFailed("m" * 6000))
    assert world.run(execution, "a").error_message == "m" * 5000


def test_a_summary_that_was_there_stays_and_otherwise_the_error_is_the_summary() -> None:
    world = World(("One", [stack("a"), stack("b")]), ("Two", [stack("c")]))
    execution = world.begin("x")
    world.run(execution, "a").summary = "half way"
    world.fail(execution, "a")
    world.fail(execution, "b")
    assert [world.run(execution, name).summary for name in "ab"] == ["half way", "broken"]


def test_an_action_that_ended_cannot_end_again() -> None:
    world = World(("One", [stack("a"), stack("b")]), ("Two", [stack("c")]))
    execution = world.begin("x")
    world.fail(execution, "a")
    assert not settle(world, execution, "a", ActionResult())
    assert world.run(execution, "a").status == "Failed"
    world.succeed(execution, "b")
    assert execution.status == "Failed"


def test_who_ended_an_action_and_when_is_on_record_and_its_token_is_gone() -> None:
    world = World(("One", [manual("ask")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    run = world.run(execution, "ask")
    run.token, before = "t", run.updated
    settle(world, execution, "ask", ActionResult(summary="go"), by="somebody")
    assert (run.updated_by, run.token, run.summary) == ("somebody", None, "go")  # type: ignore[comparison-overlap]  # the engine sets them
    assert run.updated > before


def test_an_outcome_without_a_summary_leaves_the_one_that_is_there() -> None:
    world = World(("One", [stack("a"), stack("b")]), ("Two", [stack("c")]))
    execution = world.begin("x")
    for name in "ab":
        world.run(execution, name).summary = "was there"
    settle(world, execution, "a", ActionResult())
    settle(world, execution, "b", ActionResult(summary="newer"))
    assert [world.run(execution, name).summary for name in "ab"] == ["was there", "newer"]


def test_a_forgotten_action_is_dropped() -> None:
    world = World(("One", [manual("ask")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    world.engine.forget(world.run(execution, "ask"))
    assert world.ended == ["ask"]


def test_of_three_actions_beside_each_other_one_failure_is_enough_whichever_it_is() -> None:
    for failing in "abc":
        world = World(("One", [stack("a"), stack("b"), stack("c")]), ("Two", [stack("d")]))
        execution = world.begin("x")
        for name in "abc":
            assert execution.status == "InProgress"
            (world.fail if name == failing else world.succeed)(execution, name)
        assert execution.status == "Failed"
        assert len(world.started) == 3


# --- what an action gets and leaves


def test_artifacts_reach_the_actions_that_name_them_and_only_those() -> None:
    use = stack("use", 2, inputArtifacts=[{"name": "Src"}])
    other = stack("other", 2)
    world = World(("One", [source("a"), source("b", artifact="More")]), ("Two", [use, other]))
    execution = world.begin("x")
    assert execution.artifacts == {}
    world.succeed(execution, "a")
    world.succeed(execution, "b")
    assert world.run(execution, "use").inputs == {"Src": world.run(execution, "a").outputs["Src"]}
    assert world.run(execution, "other").inputs == {}
    key = world.run(execution, "a").outputs["Src"]
    assert key.startswith("p/Src/")
    assert len(key) == len("p/Src/") + 7


def test_a_failed_action_has_no_artifacts_and_variables() -> None:
    world = World(("One", [source("a", namespace="A"), stack("b")]), ("Two", [stack("c")]))
    execution = world.begin("x")
    world.fail(execution, "a")
    assert (execution.artifacts, execution.namespaces, world.run(execution, "a").variables) == ({}, {}, {})


def test_variables_of_the_pipeline_of_the_execution_and_of_an_action_are_resolved_together() -> None:
    text = "#{variables.Who} #{A.what} #{codepipeline.PipelineExecutionId}"
    say = manual("say", 2, configuration={"CustomData": text})
    world = World(("One", [stack("a", namespace="A"), say]), ("Two", [stack("b")]))
    execution = PipelineExecution(id="x", version=1, mode="QUEUED", trigger_type="", trigger_detail="", started=1.0, updated=0.0)
    execution.variables = {"Who": "me"}
    world.engine.begin(world.pipeline, execution)
    settle(world, execution, "a", ActionResult(variables={"what": "it"}))
    run = world.run(execution, "say")
    assert (run.configuration, run.resolved) == ({"CustomData": text}, {"CustomData": "me it x"})
    assert world.run(execution, "a").variables == {"what": "it"}


def test_a_configuration_that_is_wrong_once_its_variables_are_known_fails_unstarted() -> None:
    bad = stack("bad", 2, configuration=_stack_configuration("s", ActionMode="#{A.mode}"))
    world = World(("One", [stack("a", namespace="A"), bad]), ("Two", [stack("b")]))
    execution = world.begin("x")
    world.succeed(execution, "a", mode="GUESS")
    run = world.run(execution, "bad")
    assert (execution.status, run.status, run.error_code) == ("Failed", "Failed", "ConfigurationError")
    assert "GUESS" in str(run.error_message)
    assert world.started == ["x:a"]
    assert "bad FAILED" in world.told(execution)


def test_each_source_action_has_its_newest_revision_on_record() -> None:
    world = World(("One", [source("a"), source("b", artifact="More"), stack("c")]), ("Two", [stack("d")]))
    execution = world.begin("x")
    settle(world, execution, "a", ActionResult(revision=revision("a", "1")))
    settle(world, execution, "b", ActionResult(revision=revision("b", "2")))
    world.fail(execution, "c")
    world.engine.retry(world.pipeline, execution, "One", everything=True)
    settle(world, execution, "a", ActionResult(revision=revision("a", "3")))
    assert sorted((one.action, one.revision_id) for one in execution.revisions) == [("a", "3"), ("b", "2")]


def test_an_approval_waits_for_seven_days_or_for_as_long_as_it_says() -> None:
    for more, minutes in (({}, 7 * 24 * 60), ({"timeoutInMinutes": 5}, 5)):
        world = World(("One", [manual("ask", **more)]), ("Two", [stack("b")]))
        run = world.run(world.begin("x"), "ask")
        assert run.expires == run.started + 60 * minutes
        assert run.work["expires"] == run.expires
        assert len(run.work["token"]) == 36


def test_an_action_that_is_no_approval_has_neither_token_nor_time() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    run = world.run(world.begin("x"), "a")
    assert (run.expires, run.work) == (None, {})


def test_the_start_of_an_action_is_told_and_moves_the_time_of_the_execution() -> None:
    world = World(("One", [stack("a"), stack("b", 2)]), ("Two", [stack("c")]))
    execution = world.begin("x")
    world.succeed(execution, "a")
    assert execution.updated == world.run(execution, "b").started
    assert world.told(execution).count("b STARTED") == 1


def test_orders_follow_their_numbers_and_not_their_place() -> None:
    world = World(("One", [stack("a", 10), stack("b", 9), stack("c", 2), stack("d", 33)]), ("Two", [stack("e")]))
    execution = world.begin("x")
    for name in "cbad":
        assert world.started[-1] == f"x:{name}"
        world.succeed(execution, name)
    assert world.started[-1] == "x:e"


# --- stops


def test_a_stop_tells_its_reason_and_its_time_and_ends_as_stopped() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    before = execution.updated
    world.engine.stop(world.pipeline, execution, abandon=False, reason="enough")
    assert (execution.stop, execution.stop_reason) == ("wait", "enough")
    assert execution.updated > before
    assert world.told(execution)[-2:] == ["pipeline STOPPING", "One STOPPING"]
    world.succeed(execution, "a")
    assert (execution.status, execution.stages["One"].status) == ("Stopped", "Stopped")
    assert world.told(execution)[-2:] == ["One STOPPED", "pipeline STOPPED"]
    assert world.started == ["x:a"]


def test_a_second_stop_without_a_reason_keeps_the_first_and_another_reason_replaces_it() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    for reason, kept in (("one", "one"), (None, "one"), ("two", "two")):
        world.engine.stop(world.pipeline, execution, abandon=False, reason=reason)
        assert execution.stop_reason == kept
    assert world.told(execution).count("One STOPPING") == 1


def test_an_action_that_fails_while_the_execution_stops_leaves_it_stopped() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    world.engine.stop(world.pipeline, execution, abandon=False, reason=None)
    world.fail(execution, "a")
    assert (execution.status, world.run(execution, "a").status) == ("Stopped", "Failed")


def test_an_abandonment_lets_go_of_what_is_in_progress_and_of_nothing_else() -> None:
    world = World(("One", [stack("a"), stack("b"), stack("c")]), ("Two", [stack("d")]))
    execution = world.begin("x")
    world.succeed(execution, "a")
    before = world.run(execution, "b").updated
    world.engine.stop(world.pipeline, execution, abandon=True, reason=None)
    assert [world.run(execution, name).status for name in "abc"] == ["Succeeded", "Abandoned", "Abandoned"]
    assert world.run(execution, "b").updated > before
    assert world.ended == ["b", "c"]
    assert execution.status == "Stopped"


def test_a_waiting_execution_that_is_stopped_tells_of_no_stage() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), mode="QUEUED")
    world.begin("1")
    second = world.begin("2")
    world.engine.stop(world.pipeline, second, abandon=False, reason=None)
    assert world.told(second) == ["pipeline STARTED", "pipeline STOPPING", "pipeline STOPPED"]
    assert "One" not in second.stages


# --- cancellations


def test_a_waiting_execution_that_is_cancelled_tells_of_no_stage() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), mode="QUEUED")
    first = world.begin("1")
    second = world.begin("2")
    world.engine.cancel(world.pipeline, second)
    assert (second.status, second.stages, world.ended) == ("Cancelled", {}, [])
    assert world.told(second) == ["pipeline STARTED", "pipeline CANCELED"]
    assert first.status == "InProgress"


def test_an_execution_that_is_cancelled_between_two_stages_leaves_the_first_as_it_ended() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    world.pipeline.disabled["Two"] = {}
    execution = world.begin("x")
    world.succeed(execution, "a")
    world.engine.cancel(world.pipeline, execution)
    assert (execution.status, execution.stages["One"].status, set(execution.stages)) == ("Cancelled", "Succeeded", {"One"})


def test_a_cancelled_execution_does_not_go_on() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    run = world.run(execution, "a")
    world.engine.cancel(world.pipeline, execution)
    assert not world.engine.settle(world.pipeline, execution, run, ActionResult())
    assert (run.status, execution.stages["One"].status, world.started) == ("Abandoned", "Cancelled", ["x:a"])


# --- retries


def failed_twice() -> tuple[World, PipelineExecution]:
    """One action that succeeded, one that failed, one that was abandoned; the execution was stopped."""
    world = World(("One", [stack("a"), stack("b"), stack("c")]), ("Two", [stack("d")]))
    execution = world.begin("x")
    world.succeed(execution, "a")
    world.fail(execution, "b")
    world.engine.stop(world.pipeline, execution, abandon=True, reason="enough")
    assert execution.status == "Stopped"
    return world, execution


def test_a_retry_begins_the_stage_and_the_execution_anew() -> None:
    world, execution = failed_twice()
    execution.summary, before, started = "was stopped", execution.updated, execution.stages["One"].started
    world.engine.retry(world.pipeline, execution, "One", everything=False)
    stage = execution.stages["One"]
    assert (execution.status, execution.stop, execution.summary, execution.attempt) == ("InProgress", None, None, 2)  # type: ignore[comparison-overlap]
    assert (stage.status, stage.retries) == ("InProgress", 1)
    assert execution.updated > before
    assert stage.started > started
    told = world.told(execution)
    assert [one for one in told if "RESUMED" in one] == ["pipeline RESUMED", "One RESUMED"]


def test_a_retry_runs_what_failed_and_what_was_abandoned() -> None:
    world, execution = failed_twice()
    world.engine.retry(world.pipeline, execution, "One", everything=False)
    assert world.started == ["x:a", "x:b", "x:c", "x:b", "x:c"]
    world.succeed(execution, "b")
    world.fail(execution, "c")
    assert execution.status == "Failed"
    assert [run.retried for run in execution.runs] == [False, True, True, False, False]


def test_a_retry_of_everything_runs_what_succeeded_as_well() -> None:
    world, execution = failed_twice()
    world.engine.retry(world.pipeline, execution, "One", everything=True)
    assert sorted(world.started[3:]) == ["x:a", "x:b", "x:c"]
    assert [run.retried for run in execution.runs] == [True] * 3 + [False] * 3


# --- several executions


def test_an_execution_in_another_stage_does_not_block() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), ("Three", [stack("c")]))
    first = world.begin("1")
    world.succeed(first, "a")
    second = world.begin("2")
    assert (second.entered, second.status) == (True, "InProgress")
    assert world.started == ["1:a", "1:b", "2:a"]


def test_an_execution_is_superseded_by_a_newer_one_alone() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    first = world.begin("1")
    second = world.begin("2")
    third = world.begin("3")
    assert [one.status for one in (first, second, third)] == ["InProgress", "Superseded", "InProgress"]
    assert second.summary == "Superseded by 3"
    assert second.stages == {}
    world.succeed(first, "a")
    assert third.entered
    assert world.started == ["1:a", "1:b", "3:a"]


def test_in_mode_queued_no_execution_is_superseded() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), mode="QUEUED")
    executions = [world.begin(name) for name in "123"]
    assert [one.status for one in executions] == ["InProgress"] * 3
    world.succeed(executions[0], "a")
    assert world.started == ["1:a", "1:b", "2:a"]


def test_one_waiting_beside_one_inside_keeps_a_third_from_entering() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]), mode="QUEUED")
    first = world.begin("1")
    world.begin("2")
    third = world.begin("3")
    assert (first.entered, third.entered) == (True, False)
    assert world.started == ["1:a"]


def test_no_execution_begins_while_the_first_stage_is_disabled() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    world.pipeline.disabled["One"] = {}
    execution = world.begin("x")
    assert (execution.entered, execution.stages, world.started) == (False, {}, [])
    assert world.told(execution) == ["pipeline STARTED"]


def test_an_ended_execution_says_when() -> None:
    world = World(("One", [stack("a")]), ("Two", [stack("b")]))
    execution = world.begin("x")
    world.succeed(execution, "a")
    run: ActionRun = world.run(execution, "b")
    world.succeed(execution, "b")
    assert execution.updated > run.updated
    assert execution.stages["Two"].status == "Succeeded"
