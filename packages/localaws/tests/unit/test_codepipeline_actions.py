"""Actions of CodeBuild and CloudFormation without a server: every end but a good one fails the action."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.codepipeline import build_action, cloudformation_action
from localaws.codepipeline.action import ActionFailed, ActionResult, Ended, Job, failure
from localaws.codepipeline.action_variables import Unresolved
from localaws.kit.service import AwsError


def client_error(code: str, message: str = "no", operation: str = "Op") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation)  # type: ignore[typeddict-item]


class Store:
    """Artifacts of which some were never written."""

    bucket, kms_key = "bucket", None

    def __init__(self, missing: Sequence[str] = ()) -> None:
        self.missing, self.written = missing, dict[str, bytes]()

    def is_missing(self, key: str) -> bool:
        return key in self.missing

    def write(self, key: str, body: bytes) -> None:
        self.written[key] = body

    def read(self, key: str, artifact: str, path: str) -> bytes:
        return b"{}"


class Client:
    """A client whose answers are given by operation, one after the other, the last for ever; what is an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self._answers = {name: list(value) if isinstance(value, list) else [value] for name, value in answers.items()}
        self.calls: list[str] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**members: Any) -> Any:
            self.calls.append(operation)
            left = self._answers[operation]
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation: str) -> Any:
        pages = self._answers.get(operation, [[]])[0]
        if isinstance(pages, Exception):
            raise pages
        return Pages(pages)


class Pages:
    def __init__(self, events: list[Any]) -> None:
        self._events = events

    def paginate(self, **_: Any) -> list[Any]:
        return [{"StackEvents": self._events}]


def job(client: Client, configuration: Mapping[str, str], *, work: Mapping[str, Any] | None = None, **more: Any) -> Job:
    outputs: Mapping[str, str] = more.pop("outputs", {})
    action = {
        "name": "A",
        "inputArtifacts": [{"name": "Src"}],
        "outputArtifacts": [{"name": name} for name in outputs],
        "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
    }
    members: dict[str, Any] = {
        **{"pipeline": "p", "stage": "S", "action": action},
        **{
            "configuration": configuration,
            "inputs": {"Src": "k"},
            "outputs": outputs,
            "commits": {},
            "wanted_revision": None,
            "wanted_branch": None,
            "account": "1",
        },
        **{
            "artifacts": Store(),
            "client": lambda service: client,
            "check_connection": lambda *_: None,
            "require": lambda *_: None,
            "region": "us-east-1",
        },
        **{"work": work or {}, "remember": lambda **_: None, "ended": Event()},
    }
    return Job(**{**members, **more})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.codepipeline.action.POLL_S", 0.0)


# --- CodeBuild

PROJECT = {"ProjectName": "project"}
STARTED = {"build": {"id": "project:1"}}


def builds(status: str, **more: Any) -> dict[str, Any]:
    return {"builds": [{"buildStatus": status, **more}]}


def test_a_build_that_succeeds_hands_on_what_it_exported() -> None:
    exported = [{"name": "A", "value": "1"}, {"name": "EMPTY"}]
    client = Client(
        start_build=STARTED, batch_get_builds=[builds("IN_PROGRESS"), builds("SUCCEEDED", exportedEnvironmentVariables=exported)]
    )
    assert build_action.run(job(client, PROJECT)).variables == {"A": "1", "EMPTY": ""}
    assert client.calls == ["start_build", "batch_get_builds", "batch_get_builds"]


@pytest.mark.parametrize("status", ["FAILED", "FAULT", "STOPPED", "TIMED_OUT", "SOMETHING_NEW"])
def test_a_build_that_ends_otherwise_fails_the_action(status: str) -> None:
    phases = [{"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"}, {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": []}]
    client = Client(start_build=STARTED, batch_get_builds=builds(status, phases=phases))
    with pytest.raises(ActionFailed, match=f"state: {status}. Phase: BUILD"):
        build_action.run(job(client, PROJECT))


@pytest.mark.parametrize("missing", ["one", "two", "three"])
def test_one_of_several_output_artifacts_that_is_not_there_fails_the_action(missing: str) -> None:
    outputs = {name: f"p/{name}/1" for name in ("one", "two", "three")}
    client = Client(start_build=STARTED, batch_get_builds=builds("SUCCEEDED"))
    with pytest.raises(ActionFailed, match=rf"without the output artifact \[{missing}\]"):
        build_action.run(job(client, PROJECT, outputs=outputs, artifacts=Store(missing=[outputs[missing]])))


@pytest.mark.parametrize(
    ("answers", "text", "code"),
    [
        ({"start_build": client_error("AccessDeniedException")}, "startBuild", "PermissionError"),
        ({"start_build": client_error("ResourceNotFoundException")}, "startBuild", "JobFailed"),
        ({"start_build": STARTED, "batch_get_builds": client_error("AccessDeniedException")}, "batchGetBuilds", "PermissionError"),
        ({"start_build": STARTED, "batch_get_builds": [builds("IN_PROGRESS"), client_error("Throttling")]}, "batchGetBuilds", "JobFailed"),
        ({"start_build": STARTED, "batch_get_builds": {"builds": []}}, "no longer exists", "JobFailed"),
    ],
)
def test_a_build_that_cannot_be_started_or_followed_fails_the_action(answers: dict[str, Any], text: str, code: str) -> None:
    with pytest.raises(ActionFailed, match=text) as caught:
        build_action.run(job(Client(**answers), PROJECT))
    assert caught.value.code == code


def test_after_a_restart_the_same_build_is_followed() -> None:
    client = Client(batch_get_builds=builds("FAILED"))
    with pytest.raises(ActionFailed):
        build_action.run(job(client, PROJECT, work={"build": "project:1"}))
    assert client.calls == ["batch_get_builds"]


def test_an_action_that_was_abandoned_waits_no_longer() -> None:
    ended = Event()
    ended.set()
    with pytest.raises(Ended):
        build_action.run(job(Client(start_build=STARTED, batch_get_builds=builds("IN_PROGRESS")), PROJECT, ended=ended))


# --- CloudFormation

GONE = client_error("ValidationError", "Stack with id s does not exist")
BEGUN = {"StackId": "id"}


def stack(status: str, **more: Any) -> dict[str, Any]:
    return {"Stacks": [{"StackId": "id", "StackStatus": status, **more}]}


def deploy(client: Client, mode: str, **more: Any) -> ActionResult:
    configuration = {"ActionMode": mode, "StackName": "s", "TemplatePath": "Src::t.yaml", "RoleArn": "r", "ChangeSetName": "c"}
    return cloudformation_action.run(job(client, configuration, **more))


def test_a_new_stack_that_is_complete_hands_on_its_outputs() -> None:
    made = stack("CREATE_COMPLETE", Outputs=[{"OutputKey": "K", "OutputValue": "V"}])
    client = Client(describe_stacks=[GONE, stack("CREATE_IN_PROGRESS"), made], create_stack=BEGUN)
    store = Store()
    configuration = {"ActionMode": "CREATE_UPDATE", "StackName": "s", "TemplatePath": "Src::t.yaml", "OutputFileName": "o.json"}
    assert cloudformation_action.run(job(client, configuration, outputs={"Out": "p/Out/1"}, artifacts=store)).variables == {"K": "V"}
    assert list(store.written) == ["p/Out/1"]


def test_an_output_artifact_without_a_file_name_is_not_written() -> None:
    client = Client(describe_stacks=[GONE, stack("CREATE_IN_PROGRESS"), stack("CREATE_COMPLETE")], create_stack=BEGUN)
    store = Store()
    deploy(client, "CREATE_UPDATE", outputs={"Out": "p/Out/1"}, artifacts=store)
    assert not store.written


NOT_CREATED = ["CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_COMPLETE", "DELETE_FAILED", "SOMETHING_NEW"]


@pytest.mark.parametrize("status", NOT_CREATED)
@pytest.mark.parametrize("mode", ["CREATE_UPDATE", "REPLACE_ON_FAILURE"])
def test_a_new_stack_that_ends_otherwise_fails_the_action(mode: str, status: str) -> None:
    client = Client(describe_stacks=[GONE, stack("CREATE_IN_PROGRESS"), stack(status, StackStatusReason="why")], create_stack=BEGUN)
    with pytest.raises(ActionFailed, match=f"state {status}. why"):
        deploy(client, mode)


def test_a_new_stack_that_is_deleted_meanwhile_fails_the_action() -> None:
    with pytest.raises(ActionFailed, match="state DELETE_COMPLETE"):
        deploy(Client(describe_stacks=[GONE, stack("CREATE_IN_PROGRESS"), GONE], create_stack=BEGUN), "CREATE_UPDATE")


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "DELETE_COMPLETE"])
def test_an_update_that_is_rolled_back_fails_the_action(status: str) -> None:
    client = Client(describe_stacks=[stack("CREATE_COMPLETE"), stack("UPDATE_IN_PROGRESS"), stack(status)], update_stack=BEGUN)
    with pytest.raises(ActionFailed, match=f"state {status}"):
        deploy(client, "CREATE_UPDATE")


def test_an_update_without_changes_succeeds_and_any_other_refusal_does_not() -> None:
    nothing = client_error("ValidationError", "No updates are to be performed.")
    client = Client(describe_stacks=stack("UPDATE_COMPLETE"), update_stack=nothing)
    assert "up to date" in str(deploy(client, "CREATE_UPDATE").summary)
    for refusal in (client_error("ValidationError", "Parameters: [X] must have values"), client_error("AccessDenied")):
        with pytest.raises(ClientError):
            deploy(Client(describe_stacks=stack("UPDATE_COMPLETE"), update_stack=refusal), "CREATE_UPDATE")


@pytest.mark.parametrize("error", [client_error("AccessDenied", "does not exist"), client_error("ValidationError", "Throttled")])
def test_a_stack_that_cannot_be_looked_at_is_not_taken_for_a_missing_one(error: ClientError) -> None:
    for mode in ("CREATE_UPDATE", "DELETE_ONLY", "CHANGE_SET_REPLACE"):
        client = Client(describe_stacks=error, create_stack=BEGUN)
        with pytest.raises(ClientError):
            deploy(client, mode)
        assert client.calls == ["describe_stacks"]


FAILED = ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"]


@pytest.mark.parametrize("status", FAILED)
def test_a_failed_stack_is_replaced_only_where_the_mode_says_so(status: str) -> None:
    answers = [stack(status), stack(status), stack("DELETE_IN_PROGRESS"), GONE, stack("CREATE_IN_PROGRESS"), stack("CREATE_COMPLETE")]
    client = Client(describe_stacks=answers, delete_stack={}, create_stack=BEGUN)
    deploy(client, "REPLACE_ON_FAILURE")
    assert [call for call in client.calls if call != "describe_stacks"] == ["delete_stack", "create_stack"]
    client = Client(describe_stacks=stack(status), update_stack=client_error("ValidationError", f"is in {status} state"))
    with pytest.raises(ClientError):
        deploy(client, "CREATE_UPDATE")


def test_a_good_stack_is_not_replaced() -> None:
    client = Client(describe_stacks=[stack("UPDATE_ROLLBACK_COMPLETE"), stack("UPDATE_COMPLETE")], update_stack=BEGUN)
    deploy(client, "REPLACE_ON_FAILURE")
    assert "delete_stack" not in client.calls


@pytest.mark.parametrize("mode", ["DELETE_ONLY", "REPLACE_ON_FAILURE"])
def test_a_deletion_that_fails_fails_the_action(mode: str) -> None:
    answers = [stack("ROLLBACK_COMPLETE"), stack("ROLLBACK_COMPLETE"), stack("DELETE_IN_PROGRESS"), stack("DELETE_FAILED")]
    client = Client(describe_stacks=answers[mode == "DELETE_ONLY" :], delete_stack={}, create_stack=BEGUN)
    with pytest.raises(ActionFailed, match="state DELETE_FAILED"):
        deploy(client, mode)
    assert "create_stack" not in client.calls


def test_a_stack_that_is_deleted_or_was_never_there_is_gone() -> None:
    assert "does not exist" in str(deploy(Client(describe_stacks=GONE), "DELETE_ONLY").summary)
    for last in (GONE, stack("DELETE_COMPLETE")):
        client = Client(describe_stacks=[stack("CREATE_COMPLETE"), stack("DELETE_IN_PROGRESS"), last], delete_stack={})
        assert "was deleted" in str(deploy(client, "DELETE_ONLY").summary)


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE"])
def test_a_stack_that_is_still_there_after_its_deletion_fails_the_action(status: str) -> None:
    client = Client(describe_stacks=[stack("CREATE_COMPLETE"), stack("DELETE_IN_PROGRESS"), stack(status)], delete_stack={})
    with pytest.raises(ActionFailed, match=f"state {status}"):
        deploy(client, "DELETE_ONLY")


@pytest.mark.parametrize("mode", ["CREATE_UPDATE", "REPLACE_ON_FAILURE", "DELETE_ONLY", "CHANGE_SET_EXECUTE"])
def test_after_a_restart_the_same_operation_is_followed_to_its_bad_end(mode: str) -> None:
    work = {"stack": "id", "verb": {"DELETE_ONLY": "delete", "CHANGE_SET_EXECUTE": "change"}.get(mode, "create"), "started": 0.0}
    client = Client(describe_stacks=[stack("UPDATE_IN_PROGRESS"), stack("UPDATE_ROLLBACK_COMPLETE")])
    with pytest.raises(ActionFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        deploy(client, mode, work=work)
    assert set(client.calls) == {"describe_stacks"}


def event(second: int, status: str, reason: str, resource: str = "R") -> dict[str, Any]:
    return {
        "Timestamp": datetime(2100, 1, 1, 0, 0, second, tzinfo=UTC),
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "LogicalResourceId": resource,
        "PhysicalResourceId": "" if resource != "s" else "id",
        "ResourceType": "T",
        "StackId": "id",
    }


def test_the_first_resource_that_failed_is_named_and_neither_the_stack_nor_what_was_cancelled() -> None:
    events = [event(4, "CREATE_FAILED", "later", "Late"), event(3, "CREATE_FAILED", "why", "First"), event(1, "CREATE_FAILED", "it", "s")]
    events += [event(2, "CREATE_FAILED", "Resource creation cancelled", "Other"), event(0, "CREATE_COMPLETE", "fine")]
    client = Client(describe_stacks=[GONE, stack("ROLLBACK_COMPLETE")], create_stack=BEGUN, describe_stack_events=[events])
    with pytest.raises(ActionFailed, match=r"failed: First \(T\): why"):
        deploy(client, "CREATE_UPDATE")


def test_events_that_the_role_may_not_read_do_not_make_a_failure_good() -> None:
    client = Client(
        describe_stacks=[GONE, stack("ROLLBACK_COMPLETE")], create_stack=BEGUN, describe_stack_events=client_error("AccessDenied")
    )
    with pytest.raises(ActionFailed, match="ROLLBACK_COMPLETE"):
        deploy(client, "CREATE_UPDATE")


def change_set(status: str, reason: str = "") -> dict[str, Any]:
    return {"Status": status, "StatusReason": reason, "StackId": "id"}


MISSING_SET = client_error("ChangeSetNotFound")
NO_CHANGES = "The submitted information didn't contain changes."


@pytest.mark.parametrize(
    ("found", "is_good"),
    [
        (change_set("CREATE_COMPLETE"), True),
        (change_set("FAILED", NO_CHANGES), True),
        (change_set("FAILED", "No updates are to be performed"), True),
        (change_set("FAILED", "Template error"), False),
        (change_set("FAILED"), False),
        (change_set("DELETE_COMPLETE"), False),
    ],
)
def test_a_change_set_is_made_or_the_action_fails(found: dict[str, Any], is_good: bool) -> None:
    sets = [MISSING_SET, change_set("CREATE_PENDING"), change_set("CREATE_IN_PROGRESS"), found]
    client = Client(describe_stacks=stack("CREATE_COMPLETE"), describe_change_set=sets, create_change_set={"Id": "c"})
    if is_good:
        assert "was created" in str(deploy(client, "CHANGE_SET_REPLACE").summary)
    else:
        with pytest.raises(ActionFailed, match=found["Status"]):
            deploy(client, "CHANGE_SET_REPLACE")


def test_a_change_set_of_the_same_name_is_replaced() -> None:
    sets = [change_set("CREATE_COMPLETE"), change_set("CREATE_COMPLETE")]
    answers = {"describe_change_set": sets, "create_change_set": {"Id": "c"}, "delete_change_set": {}}
    client = Client(describe_stacks=stack("CREATE_COMPLETE"), **answers)
    deploy(client, "CHANGE_SET_REPLACE")
    assert client.calls.index("delete_change_set") < client.calls.index("create_change_set")


def test_a_change_set_that_is_missing_or_cannot_be_executed_fails_the_action() -> None:
    with pytest.raises(ActionFailed, match="does not exist") as caught:
        deploy(Client(describe_change_set=MISSING_SET), "CHANGE_SET_EXECUTE")
    assert caught.value.code == "ConfigurationError"
    refused = client_error("InvalidChangeSetStatus")
    for found in (change_set("FAILED", "Template error"), change_set("CREATE_IN_PROGRESS")):
        with pytest.raises(ClientError):
            deploy(Client(describe_change_set=found, execute_change_set=refused), "CHANGE_SET_EXECUTE")
    with pytest.raises(ClientError):
        deploy(Client(describe_change_set=client_error("AccessDenied")), "CHANGE_SET_EXECUTE")


def test_a_change_set_without_changes_is_a_success_and_one_that_rolls_back_is_not() -> None:
    assert "no changes" in str(deploy(Client(describe_change_set=change_set("FAILED", NO_CHANGES)), "CHANGE_SET_EXECUTE").summary)
    answers = {"describe_change_set": change_set("CREATE_COMPLETE"), "execute_change_set": {}}
    client = Client(describe_stacks=[stack("UPDATE_IN_PROGRESS"), stack("UPDATE_ROLLBACK_COMPLETE")], **answers)
    with pytest.raises(ActionFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        deploy(client, "CHANGE_SET_EXECUTE")


# --- what an error becomes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client_error("AccessDenied"), "PermissionError"),
        (client_error("AuthorizationErrorException"), "PermissionError"),
        (client_error("NoSuchKey"), "JobFailed"),
        (AwsError("AccessDeniedException", "no"), "PermissionError"),
        (AwsError("ValidationError", "no"), "JobFailed"),
        (Unresolved("no"), "ConfigurationError"),
        (ValueError("unforeseen"), "JobFailed"),
    ],
)
def test_every_error_is_a_failure_of_one_of_awss_types(error: Exception, code: str) -> None:
    found = failure(error)
    assert (found.code, bool(found.message)) == (code, True)
