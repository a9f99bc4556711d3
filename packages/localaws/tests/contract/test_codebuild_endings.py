"""How builds end when they do not end by themselves: stopped, out of time, out of turn, killed. Nothing survives them."""

import json
import os
import signal

import pytest
from codebuild_building import Builder, context, spec, statuses
from processes import wait_until_ended
from started import LocalAws, start_local_aws, wait_until_saved
from tiny_algorithm import ServedHost
from waiting import SLOWNESS, wait_until

from localaws import lifecycle
from localaws.codebuild import CodeBuild
from localaws.front.shape_checks import answer_problems, problems
from localaws.kit.service import AwsError
from localaws.kit.service_models import service_model

# Its grandchild leaves the build's process group, as a notebook's kernel does; both say who they are.
LEAVES = "setsid sh -c 'echo $$ >grandchild; exec sleep 100000' & until [ -s grandchild ]; do sleep 0.02; done; cat grandchild"
FAMILY = f"echo $$; {LEAVES}; sleep 100000"


def family(builder, build):
    """The process ids that a running build has printed."""
    lines = wait_until(lambda: printed(builder, build), "both processes have told their ids", ok=lambda lines: len(lines) == 2)
    return [int(line) for line in lines]


def printed(builder, build):
    found = builder.get(build)
    return builder.lines(found) if "groupName" in found["logs"] else []


class Host(ServedHost):
    """Keeps the events."""

    def __init__(self, local_aws, folder):
        super().__init__(local_aws, folder)
        self.events = []

    def publish_event(self, source, detail_type, detail, resources):
        self.events.append((detail_type, detail))


class Quick:
    """CodeBuild in the test's own process, whose minutes are as short as the test wants."""

    def __init__(self, local_aws, folder, minute_s):
        self.host = Host(local_aws, folder)
        self.service = CodeBuild(self.host, grace_s=0.2, minute_s=minute_s)
        self.builder = Builder(local_aws)

    def call(self, operation, **members):
        """The handler's answer; request and answer are checked as the front checks them."""
        model = service_model("codebuild").operation_model(operation)
        assert model.input_shape is not None
        assert not problems(model.input_shape, members)
        answer = self.service.operations[operation].handler(self.host.caller, members)
        assert model.output_shape is not None
        assert not answer_problems(model.output_shape, answer)
        json.dumps(self.service.get_state())
        return answer

    def start(self, buildspec, **changes):
        request = self.builder.request(buildspec, **changes)
        self.call("CreateProject", **request)
        return self.again(request["name"])

    def again(self, project):
        return self.call("StartBuild", projectName=project)["build"]["id"]

    def get(self, build):
        return self.call("BatchGetBuilds", ids=[build])["builds"][0]

    def ended(self, build):
        return wait_until(lambda: self.get(build), "the build ends", ok=lambda found: found["buildComplete"])


def wait_until_it_builds(local, build):
    wait_until(lambda: local.get(build)["currentPhase"], "the build's own commands run", ok=lambda phase: phase == "BUILD")


@pytest.fixture
def quick(local_aws, tmp_path):
    made = []

    def make(minute_s=60.0):
        made.append(Quick(local_aws, tmp_path / str(len(made)), minute_s))
        return made[-1]

    yield make
    for one in made:
        one.service.stop()


def test_a_stopped_build_leaves_no_process_and_runs_no_finally(local_aws):
    builder = Builder(local_aws)
    phases = {"build": {"commands": [FAMILY], "finally": ["echo finally"]}, "post_build": {"commands": ["echo post"]}}
    build = builder.start(builder.project(spec(phases=phases)))
    processes = family(builder, build)
    builder.codebuild.stop_build(id=build)
    ended = builder.ended(build)
    assert (ended["buildStatus"], statuses(ended)["BUILD"]) == ("STOPPED", "STOPPED")
    assert not {"POST_BUILD", "UPLOAD_ARTIFACTS"} & statuses(ended).keys()
    assert builder.lines(ended)[:2] == [str(pid) for pid in processes]
    assert "finally" not in builder.lines(ended)
    wait_until_ended(*processes)


def test_a_build_that_takes_too_long_is_timed_out(quick):
    local = quick(minute_s=0.2)
    ended = local.ended(local.start(spec("sleep 100000"), timeoutInMinutes=5))
    phase = next(name for name, status in statuses(ended).items() if status == "TIMED_OUT")
    assert (ended["buildStatus"], context(ended, phase)[0]) == ("TIMED_OUT", "BUILD_TIMED_OUT")


def test_two_builds_run_at_once_and_the_third_waits_until_its_time_in_the_queue_is_over(quick):
    local = quick(minute_s=0.1 * SLOWNESS)
    first, second = (local.start(spec("sleep 100000"), timeoutInMinutes=2160) for _ in range(2))
    for build in (first, second):
        wait_until_it_builds(local, build)
    third = local.start(spec(), queuedTimeoutInMinutes=5)
    ended = local.ended(third)
    assert (ended["buildStatus"], statuses(ended)["QUEUED"]) == ("TIMED_OUT", "TIMED_OUT")
    fourth = local.start(spec())
    local.call("StopBuild", id=fourth)
    assert local.ended(fourth)["buildStatus"] == "STOPPED"
    for build in (first, second):
        local.call("StopBuild", id=build)
        assert local.ended(build)["buildStatus"] == "STOPPED"


def test_a_project_has_no_more_builds_than_its_limit(quick):
    local = quick()
    build = local.start(spec("sleep 100000"), concurrentBuildLimit=1)
    with pytest.raises(AwsError) as error:
        local.again(build.partition(":")[0])
    assert error.value.code == "AccountLimitExceededException"
    local.call("StopBuild", id=build)
    local.ended(build)
    local.call("StopBuild", id=local.again(build.partition(":")[0]))


def test_builds_are_counted_listed_retried_and_started_once_for_a_token(quick):
    local = quick()
    first = local.start(spec("echo $CODEBUILD_BUILD_NUMBER"))
    project = first.partition(":")[0]
    again = local.call("RetryBuild", id=first)["build"]
    assert again["buildNumber"] == 2
    with_token = [local.call("StartBuild", projectName=project, idempotencyToken="t")["build"]["id"] for _ in range(2)]
    assert len(set(with_token)) == 1
    with pytest.raises(AwsError, match="idempotency token"):
        local.call("StartBuild", projectName=project, idempotencyToken="t", timeoutInMinutesOverride=9)
    ids = local.call("ListBuildsForProject", projectName=project, sortOrder="ASCENDING")["ids"]
    assert ids == [first, again["id"], with_token[0]]
    assert local.call("ListBuilds")["ids"] == ids[::-1]
    for build in ids:
        assert local.ended(build)["buildStatus"] == "SUCCEEDED"
    answer = local.call("BatchGetBuilds", ids=[first, "nothing:x"])
    assert answer["buildsNotFound"] == ["nothing:x"]


def test_events_tell_when_a_build_starts_and_how_each_phase_and_the_build_end(quick):
    local = quick()
    build = local.ended(local.start(spec("false")))
    wait_until(
        lambda: local.host.events[-1][1], "the last event is of the build's end", ok=lambda event: event.get("build-status") == "FAILED"
    )
    states = [detail["build-status"] for kind, detail in local.host.events if kind == "CodeBuild Build State Change"]
    assert states == ["IN_PROGRESS", "FAILED"]
    phases = [
        (d["completed-phase"], d["completed-phase-status"]) for kind, d in local.host.events if kind == "CodeBuild Build Phase Change"
    ]
    assert ("BUILD", "FAILED") in phases
    assert local.host.events[-1][1]["build-id"] == build["arn"]


def test_the_folder_of_a_build_is_gone_after_its_end(quick):
    local = quick()
    local.ended(local.start(spec("pwd; mktemp")))
    wait_until(lambda: list((local.host.home("codebuild") / "builds").iterdir()), "the build's folder is gone", ok=lambda left: not left)


def test_a_service_that_stops_ends_its_builds_at_once(quick):
    local = quick()
    build = local.start(spec("sleep 100000"))
    wait_until_it_builds(local, build)
    local.service.stop()
    ended = local.get(build)
    assert (ended["buildStatus"], statuses(ended)["BUILD"]) == ("FAULT", "FAULT")


def test_after_a_kill_of_the_server_no_process_is_left_and_the_build_is_ended_when_it_is_back(tmp_path):
    home = tmp_path / "home"
    local = start_local_aws(home)
    try:
        builder = Builder(local)
        running, other = (builder.start(builder.project(spec(FAMILY))) for _ in range(2))
        queued = builder.start(builder.project(spec("echo ran")))
        processes = [pid for build in (running, other) for pid in family(builder, build)]
        assert builder.get(queued)["currentPhase"] == "QUEUED"
        wait_until_saved(local)
        os.kill(lifecycle.status(home).running.pid, signal.SIGKILL)
        wait_until_ended(*processes)
        back = reached(start_local_aws(home), builder)
        assert back.get(running)["buildStatus"] == "FAULT"
        assert "killed" in context(back.get(running), "BUILD")[1]
        assert back.ended(queued)["buildStatus"] == "SUCCEEDED"
        wait_until(lambda: list((home / "codebuild/builds").iterdir()), "the builds' folders are gone", ok=lambda left: not left)
    finally:
        lifecycle.down(home)


def reached(local: LocalAws, builder: Builder) -> Builder:
    """The builder, on a server that is back on another port."""
    builder.codebuild, builder.logs = local.client("codebuild"), local.client("logs")
    return builder
