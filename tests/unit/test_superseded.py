"""Which models and endpoint configurations the sweeper takes for replaced, whatever state stack and endpoint are in."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aws_in_memory import Pages
from botocore.exceptions import ClientError

from mlkit.aws import superseded
from mlkit.aws.superseded import CONFIGURATION, MODEL, Part, find_superseded
from mlkit.naming import ENDPOINT_TAG, LabNames

NAMES = LabNames(initials="abc")
OURS = NAMES.endpoint("production")


def missing(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": "Could not find it"}}, operation)


class Account:
    """Configurations c1, c2 ... with the models m1, m2 ... of one endpoint; its stack's and its own present configuration."""

    def __init__(self, *, tag: str | None = OURS, stack: tuple[str, str] | None, endpoint: tuple[str, str] | None, parts: int = 2) -> None:
        self.tag, self.stack, self.endpoint = tag, stack, endpoint
        self.numbers = range(1, parts + 1)
        self.calls: list[str] = []

    def client(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        return Pages(pages=getattr(self, operation))

    def list_endpoint_configs(self) -> Iterator[dict[str, Any]]:
        self.calls.append("list")
        for number in self.numbers:
            yield {"EndpointConfigs": [{"EndpointConfigName": f"c{number}", "EndpointConfigArn": f"arn:c{number}"}]}

    def list_models(self) -> Iterator[dict[str, Any]]:
        self.calls.append("list")
        for number in self.numbers:
            yield {"Models": [{"ModelName": f"m{number}", "ModelArn": f"arn:m{number}"}]}

    def list_tags(self, ResourceArn: str) -> Iterator[dict[str, Any]]:
        yield {"Tags": [{"Key": "team", "Value": OURS}]}
        yield {"Tags": [{"Key": ENDPOINT_TAG, "Value": self.tag}] if self.tag else []}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        self.calls.append("describe")
        if self.stack is None or StackName != NAMES.endpoint_stack("production"):
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        status, configuration = self.stack
        outputs = [{"OutputKey": "EndpointConfigName", "OutputValue": configuration}] if configuration else []
        return {"Stacks": [{"StackName": StackName, "StackStatus": status, "Outputs": outputs}]}

    def describe_endpoint(self, EndpointName: str) -> Mapping[str, str]:
        if self.endpoint is None:
            raise missing("DescribeEndpoint")
        return {"EndpointStatus": self.endpoint[0], "EndpointConfigName": self.endpoint[1]}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        number = int(EndpointConfigName[1:])
        if number not in self.numbers:
            raise missing("DescribeEndpointConfig")
        return {"ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": f"M{number}"}, {"VariantName": "inference components"}]}


def found(account: Any) -> str:
    return " ".join(part.name for part in find_superseded(account, NAMES))


@pytest.mark.parametrize(
    ("stack", "endpoint", "expected"),
    [
        (("UPDATE_COMPLETE", "c2"), ("InService", "c2"), "c1 m1"),
        (("UPDATE_COMPLETE", "C2"), ("InService", "c2"), "c1 m1"),
        # SageMaker rolled back, and CloudFormation took that for success: the stack holds another one than the endpoint serves.
        (("UPDATE_COMPLETE", "c2"), ("InService", "c1"), ""),
        (("UPDATE_ROLLBACK_COMPLETE", "c1"), ("InService", "c1"), "c2 m2"),
        (("UPDATE_IN_PROGRESS", "c1"), ("Updating", "c1"), ""),
        (("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "c2"), ("InService", "c2"), ""),
        (("UPDATE_ROLLBACK_FAILED", "c1"), ("InService", "c1"), ""),
        (("DELETE_IN_PROGRESS", "c2"), ("InService", "c2"), ""),
        (("ROLLBACK_COMPLETE", ""), None, "c1 c2 m1 m2"),
        (("UPDATE_COMPLETE", "c2"), ("Updating", "c2"), ""),  # by hand
        (("UPDATE_COMPLETE", "c2"), None, "c1 m1"),
        (("UPDATE_COMPLETE", "c2"), ("InService", "c9"), ""),  # what was deleted under the endpoint names no model any more
        (None, ("InService", "c2"), "c1 m1"),
        (None, None, "c1 c2 m1 m2"),
    ],
)
def test_only_what_neither_stack_nor_endpoint_uses_is_superseded(stack: Any, endpoint: Any, expected: str) -> None:
    assert found(Account(stack=stack, endpoint=endpoint)) == expected


@pytest.mark.parametrize("tag", [None, "abcd-ml-lab-production", "abc-ml-lab-staging"])
def test_what_is_not_of_the_labs_endpoints_is_left_alone(tag: str | None) -> None:
    assert found(Account(tag=tag, stack=None, endpoint=None)) == ""


def test_what_a_deployment_makes_while_the_sweeper_looks_is_left_alone() -> None:
    account = Account(stack=("UPDATE_COMPLETE", "c2"), endpoint=("InService", "c2"))
    find_superseded(account, NAMES)  # type: ignore[arg-type]
    assert account.calls == ["list", "list", "describe"]


@pytest.mark.parametrize(
    ("part", "operation", "member"),
    [(Part(CONFIGURATION, "c1"), "DeleteEndpointConfig", "EndpointConfigName"), (Part(MODEL, "m1"), "DeleteModel", "ModelName")],
)
@pytest.mark.parametrize("is_gone", [False, True])
def test_a_part_is_deleted_and_it_is_no_error_if_another_sweeper_was_first(part: Part, operation: str, member: str, is_gone: bool) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def call(name: str, **request: str) -> None:
        asked.append((name, request))
        if is_gone:
            raise missing(name)

    client = SimpleNamespace(
        delete_endpoint_config=lambda **request: call("DeleteEndpointConfig", **request),
        delete_model=lambda **request: call("DeleteModel", **request),
    )
    aws: Any = SimpleNamespace(client=lambda service: client)
    superseded.delete(aws, part.kind, part.name)
    assert asked == [(operation, {member: part.name})]
