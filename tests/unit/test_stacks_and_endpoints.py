"""Stacks and endpoints as mlkit brings them up and proves them, without a server: every end but the right one is an error."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from mlkit.aws import endpoints
from mlkit.aws.stacks import delete_stack, deploy_stack
from mlkit.errors import AccessDenied, AwsUnavailable, DeploymentFailed, MlkitError, WrongModel


def client_error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Op")


GONE = client_error("ValidationError", "Stack with id s does not exist")


class CloudFormation:
    """Stacks whose states come one after the other, the last for ever; an exception is raised."""

    def __init__(self, *states: str | Exception, refusal: Exception | None = None, events: tuple[tuple[str, str], ...] = ()) -> None:
        self._states, self._refusal, self.calls = list(states), refusal, list[str]()
        self._events, self._told = events, False

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if isinstance(state, Exception):
            raise state
        return {"Stacks": [{"StackName": "s", "StackId": "id", "StackStatus": state}]}

    def describe_stack_events(self, StackName: str) -> dict[str, Any]:
        found = [{"EventId": name, "LogicalResourceId": name, "ResourceStatus": status} for name, status in self._events]
        return {"StackEvents": found[::-1] if self.calls else []}

    def __getattr__(self, operation: str) -> Any:
        def call(**_: Any) -> dict[str, Any]:
            self.calls.append(operation)
            if self._refusal is not None:
                raise self._refusal
            return {"StackId": "id"}

        return call


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlkit.aws.stacks.time.sleep", lambda seconds: None)


def session(client: Any) -> Any:
    return SimpleNamespace(client=lambda service: client, poll_s=lambda on_aws_s: on_aws_s)


@pytest.fixture
def template(tmp_path: Any) -> Any:
    path = tmp_path / "t.yaml"
    path.write_text("Resources: {}")
    return path


# --- stacks


@pytest.mark.parametrize(
    ("states", "operation"),
    [
        ([GONE, "CREATE_IN_PROGRESS", "CREATE_COMPLETE"], "create_stack"),
        (["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"], "update_stack"),
        (["UPDATE_ROLLBACK_COMPLETE", "UPDATE_COMPLETE"], "update_stack"),
    ],
)
def test_a_stack_is_created_or_updated(template: Any, states: list[Any], operation: str) -> None:
    client = CloudFormation(*states)
    assert deploy_stack(session(client), "s", template, {}).changed
    assert client.calls == [operation]


ENDS = [
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_FAILED",
    "DELETE_COMPLETE",
    "DELETE_FAILED",
]


@pytest.mark.parametrize("end", [*ENDS, GONE], ids=[*ENDS, "vanished"])
@pytest.mark.parametrize("begin", [GONE, "CREATE_COMPLETE"], ids=["created", "updated"])
def test_a_stack_that_ends_otherwise_or_vanishes_is_not_deployed(template: Any, begin: Any, end: Any) -> None:
    client = CloudFormation(
        begin, "CREATE_IN_PROGRESS", end, events=(("Fine", "CREATE_COMPLETE"), ("First", "CREATE_FAILED"), ("Late", "CREATE_FAILED"))
    )
    with pytest.raises(DeploymentFailed, match="ended as") as caught:
        deploy_stack(session(client), "s", template, {})
    assert "First: no reason given" in str(caught.value)


def test_an_update_without_changes_changes_nothing_and_other_refusals_are_errors(template: Any) -> None:
    nothing = client_error("ValidationError", "No updates are to be performed.")
    assert not deploy_stack(session(CloudFormation("CREATE_COMPLETE", refusal=nothing)), "s", template, {}).changed
    kinds: list[tuple[ClientError, type[MlkitError]]] = [
        (client_error("ValidationError", "Parameters: [X] must have values"), DeploymentFailed),
        (client_error("ValidationError", "User is not authorized to perform cloudformation:UpdateStack"), MlkitError),
        (client_error("AccessDenied", "no"), AccessDenied),
    ]
    for refusal, kind in kinds:
        with pytest.raises(kind):
            deploy_stack(session(CloudFormation("CREATE_COMPLETE", refusal=refusal)), "s", template, {})


def test_a_stack_at_which_another_deployment_works_is_left_alone(template: Any) -> None:
    client = CloudFormation("UPDATE_IN_PROGRESS")
    with pytest.raises(DeploymentFailed, match="is UPDATE_IN_PROGRESS"):
        deploy_stack(session(client), "s", template, {})
    assert client.calls == []


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_was_never_made_is_deleted_first_and_not_created_if_that_fails(template: Any, state: str) -> None:
    client = CloudFormation(state, state, "DELETE_IN_PROGRESS", GONE, "CREATE_COMPLETE")
    deploy_stack(session(client), "s", template, {})
    assert client.calls == ["delete_stack", "create_stack"]
    client = CloudFormation(state, state, "DELETE_IN_PROGRESS", "DELETE_FAILED")
    with pytest.raises(DeploymentFailed):
        deploy_stack(session(client), "s", template, {})
    assert client.calls == ["delete_stack"]


@pytest.mark.parametrize(
    "error",
    [client_error("AccessDenied", "no"), client_error("ThrottlingException", "slow"), EndpointConnectionError(endpoint_url="http://x")],
)
def test_a_stack_that_cannot_be_looked_at_is_not_taken_for_a_missing_one(template: Any, error: Exception) -> None:
    client = CloudFormation(error)
    with pytest.raises((AccessDenied, AwsUnavailable)):
        deploy_stack(session(client), "s", template, {})
    with pytest.raises((AccessDenied, AwsUnavailable)):
        delete_stack(session(client), "s")
    assert client.calls == []


def test_a_deleted_stack_is_gone_and_a_missing_one_was_never_there() -> None:
    assert not delete_stack(session(CloudFormation(GONE)), "s")
    for end in (GONE, "DELETE_COMPLETE"):
        assert delete_stack(session(CloudFormation("CREATE_COMPLETE", "DELETE_IN_PROGRESS", end)), "s")


@pytest.mark.parametrize("end", ["DELETE_FAILED", "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_that_is_still_there_is_not_deleted(end: str) -> None:
    with pytest.raises(DeploymentFailed, match=f"ended as {end}"):
        delete_stack(session(CloudFormation("CREATE_COMPLETE", "DELETE_IN_PROGRESS", end)), "s")


# --- what an endpoint serves

TRAINED: Any = SimpleNamespace(your_initials="abc", image_uri="image", model=SimpleNamespace(s3_uri="s3://b/m", sha256="d"))


def served(monkeypatch: pytest.MonkeyPatch, **wrong: str) -> Any:
    """`prove_endpoint` for an endpoint that serves TRAINED but for what is `wrong`."""
    found = {"status": "InService", "image": "image", "model": "s3://b/m", "digest": "d", **wrong}
    sagemaker = SimpleNamespace(
        describe_endpoint=lambda EndpointName: {"EndpointStatus": found["status"], "EndpointConfigName": "c"},
        describe_endpoint_config=lambda EndpointConfigName: {"ProductionVariants": [{"VariantName": "v", "ModelName": "m"}]},
        describe_model=lambda ModelName: {"PrimaryContainer": {"Image": found["image"], "ModelDataUrl": found["model"]}},
    )
    monkeypatch.setattr(endpoints, "tell_input", lambda *_: None)
    monkeypatch.setattr(endpoints, "digest_object", lambda aws, uri: SimpleNamespace(sha256=found["digest"]))
    return endpoints.prove_endpoint(session(sagemaker), "qa", TRAINED)


def test_an_endpoint_that_serves_the_model_of_this_run_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    assert served(monkeypatch).model_data_url == "s3://b/m"


COPY = "s3://evidence/line/models/d/m"  # of TRAINED's model


def test_the_sealed_copy_of_the_model_is_proved_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVIDENCE", "s3://evidence")
    assert served(monkeypatch, model=COPY, digest="a test may not read it").model_data_url == COPY
    assert served(monkeypatch).model_data_url == "s3://b/m"
    for model in ("s3://elsewhere/line/models/d/m", "s3://evidence/line/models/e/m", "s3://evidence/line/models/d/encoding"):
        with pytest.raises(WrongModel, match=f"model is {model}, this run built s3://b/m"):
            served(monkeypatch, model=model)
    for wrong in ({"status": "Updating"}, {"image": "other"}):
        with pytest.raises(WrongModel):
            served(monkeypatch, **{"model": COPY, **wrong})
    monkeypatch.delenv("EVIDENCE")
    with pytest.raises(WrongModel, match=f"model is {COPY}, this run built s3://b/m"):
        served(monkeypatch, model=COPY)


WRONG = [{"status": "Updating"}, {"status": "Failed"}, {"image": "other"}, {"model": "s3://b/m2"}, {"digest": "e"}]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_an_endpoint_that_differs_in_one_thing_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    with pytest.raises(WrongModel):
        served(monkeypatch, **wrong)
