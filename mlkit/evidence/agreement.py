"""Checks that the results of an execution's notebooks are about one model, and makes from them what production is deployed with.

A push can change the notebooks and their builds, so none of these files is taken at its word.
"""

import json
from collections.abc import Mapping
from typing import Any

from mlkit.errors import EvidenceRefused
from mlkit.gate.outcome import Outcome
from mlkit.naming import EXECUTION_TAG, LabNames
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel

PRODUCTION = "configuration_production.json"
_FREE = "InstanceType"  # a parameter of 02_train


def check_results(prepared: PreparedData, trained: TrainedModel, tested: TestResult, environment: str) -> None:
    """Check that the model is of the prepared data, and was tested at the environment's endpoint. Raises EvidenceRefused."""
    if trained.prepared_data != prepared:
        raise EvidenceRefused("handoff/trained_model.json names other data than handoff/prepared_data.json")
    if _name(trained.model.s3_uri) == _name(trained.encoding.s3_uri):  # one sealed copy would replace the other
        raise EvidenceRefused(f"handoff/trained_model.json: the model and its encoding are both named {_name(trained.model.s3_uri)}")
    if tested.model != trained.model:
        raise EvidenceRefused(f"handoff/test_result.json is about the model {tested.model.sha256}, not {trained.model.sha256}")
    endpoint = LabNames(initials=trained.your_initials).endpoint(environment)
    if tested.endpoint != endpoint:
        raise EvidenceRefused(f"handoff/test_result.json is the test of {tested.endpoint}, not of {endpoint}")
    if tested.verdict not in tuple(Outcome):
        raise EvidenceRefused(f"handoff/test_result.json has the verdict {tested.verdict}")


def configuration(data: bytes, trained: TrainedModel, execution: str, sealed: str) -> bytes:
    """Production's template configuration with the address of the model's sealed copy.

    Raises EvidenceRefused if it sets more than `mlkit.aws.endpoints.write_configurations` does, or has other values than the trained model.
    """
    try:
        document = json.loads(data)
        parameters, tags = dict(document["Parameters"]), dict(document["Tags"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EvidenceRefused(f"{PRODUCTION} is no template configuration: {error}") from error
    if others := sorted(document.keys() - {"Parameters", "Tags"}):
        raise EvidenceRefused(f"{PRODUCTION} has {others[0]}, which the training notebook does not write")
    _check_values({name: value for name, value in parameters.items() if name != _FREE}, _parameters(trained))
    _check_values(tags, {EXECUTION_TAG: execution})
    return json.dumps({"Parameters": parameters | {"ModelDataUrl": sealed}, "Tags": tags}, indent=2).encode() + b"\n"


def _parameters(trained: TrainedModel) -> dict[str, str]:
    return {
        "EndpointName": LabNames(initials=trained.your_initials).endpoint("production"),
        "ImageUri": trained.image_uri,
        "ModelDataUrl": trained.model.s3_uri,
        "ExecutionRoleArn": trained.execution_role,
    }


def _check_values(found: Mapping[str, Any], expected: Mapping[str, str]) -> None:
    for name in sorted(found.keys() | expected.keys()):
        if name not in expected:
            raise EvidenceRefused(f"{PRODUCTION} sets {name}, which the training notebook does not set")
        if found.get(name) != expected[name]:
            raise EvidenceRefused(f"{PRODUCTION}: {name} is {found.get(name)}, the trained model has {expected[name]}")


def _name(s3_uri: str) -> str:
    return s3_uri.rpartition("/")[2]
