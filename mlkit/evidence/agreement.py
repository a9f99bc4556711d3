"""Checks that what an execution's steps handed over is about one model, and makes from it what production is deployed with.

A push can change the notebooks and their builds, so none of these files is taken at its word.
"""

import json
from collections.abc import Mapping

from mlkit.errors import EvidenceRefused
from mlkit.evidence.foreign_text import one_line
from mlkit.gate.outcome import Outcome
from mlkit.naming import EXECUTION_TAG, LabNames
from mlkit.notebook.handoff import PreparedData, TestResult, TrainedModel

PRODUCTION, QA = "configuration_production.json", "configuration_qa.json"
_PARTS = {"Parameters", "Tags"}  # a StackPolicy would decide about later updates
_FREE = "InstanceType"  # a parameter of 02_train
# An environment's own.
_OWN = {"EndpointName", "BakeSeconds", "ChampionImageUri", "ChampionModelDataUrl", "ChampionProblem", "UntunedModelDataUrl"}


def check_results(prepared: PreparedData, trained: TrainedModel, tested: TestResult, endpoint: str) -> None:
    """Check that the model is of the prepared data, and was tested at the endpoint. Raises EvidenceRefused."""
    if trained.prepared_data != prepared:
        raise EvidenceRefused("handoff/trained_model.json names other data than handoff/prepared_data.json")
    if _name(trained.model.s3_uri) == _name(trained.encoding.s3_uri):  # one sealed copy would replace the other
        raise EvidenceRefused(f"handoff/trained_model.json: the model and its encoding are both named {_name(trained.model.s3_uri)}")
    if tested.model != trained.model:
        raise EvidenceRefused(f"handoff/test_result.json is about the model {tested.model.sha256}, not {trained.model.sha256}")
    if tested.endpoint != endpoint:
        raise EvidenceRefused(one_line(f"handoff/test_result.json is the test of {tested.endpoint}, not of {endpoint}"))
    if tested.policy.metric != tested.estimate.metric:
        told = f"handoff/test_result.json has a policy about the {tested.policy.metric}, not the {tested.estimate.metric}"
        raise EvidenceRefused(one_line(told))
    if tested.verdict not in tuple(Outcome):
        raise EvidenceRefused(one_line(f"handoff/test_result.json has the verdict {tested.verdict}"))


def check_exported(tested: TestResult, variables: Mapping[str, str], action: str) -> None:
    """CodePipeline's history shows the variables that the test's build exported; they must be the result that is sealed."""
    for name, value in tested.exported().items():
        told = variables.get(name, "")
        if told != value:
            raise EvidenceRefused(f"{action} exported {name}={one_line(told)}; its handoff/test_result.json has {value}")


def check_configurations(production: bytes, qa: bytes, trained: TrainedModel, names: LabNames, execution: str) -> None:
    """Compare production's template configuration with the trained model, and with the configuration that QA tested.

    Raises EvidenceRefused if it sets more than `mlkit.aws.endpoints.write_configurations` does, or another value.
    """
    found, tested = _read(production, PRODUCTION), _read(qa, QA)
    expected = {
        "EndpointName": names.endpoint("production"),
        "ImageUri": trained.image_uri,
        "ModelDataUrl": trained.model.s3_uri,
        "ExecutionRoleArn": trained.execution_role,
    }
    _check_values({name: value for name, value in found["Parameters"].items() if name != _FREE}, expected)
    _check_values(found["Tags"], {EXECUTION_TAG: execution})
    for part in sorted(_PARTS):
        here, there = found[part], tested[part]
        for name in sorted((here.keys() | there.keys()) - _OWN):
            if here.get(name) != there.get(name):
                raise EvidenceRefused(one_line(f"{PRODUCTION}: {name} is {here.get(name)}, QA was tested with {there.get(name)}"))


def deployed(configuration: bytes, sealed: str) -> bytes:
    """Production's template configuration, which has been checked, with the address of the model's sealed copy."""
    document = json.loads(configuration)
    document["Parameters"]["ModelDataUrl"] = sealed
    return json.dumps(document, indent=2).encode() + b"\n"


def _read(data: bytes, file: str) -> Mapping[str, Mapping[str, str]]:
    try:
        document = json.loads(data)
        found = {part: dict(document[part].items()) for part in sorted(_PARTS)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EvidenceRefused(one_line(f"{file} is no template configuration: {error}")) from error
    if others := sorted(document.keys() - _PARTS):
        raise EvidenceRefused(one_line(f"{file} has {others[0]}, which the training notebook does not write"))
    for name, value in (item for part in found.values() for item in part.items()):
        if not isinstance(value, str):  # QA and production would evaluate a function differently
            raise EvidenceRefused(one_line(f"{file}: {name} is {value}, which is no text"))
    return found


def _check_values(found: Mapping[str, str], expected: Mapping[str, str]) -> None:
    for name in sorted(found.keys() | expected.keys()):
        if name not in expected:
            raise EvidenceRefused(one_line(f"{PRODUCTION} sets {name}, which the training notebook does not set"))
        if found.get(name) != expected[name]:
            raise EvidenceRefused(one_line(f"{PRODUCTION}: {name} is {found.get(name)}, the trained model has {expected[name]}"))


def _name(s3_uri: str) -> str:
    return s3_uri.rpartition("/")[2]
