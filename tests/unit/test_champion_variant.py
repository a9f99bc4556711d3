"""When QA's endpoint is updated so that it serves production's model too."""

from types import SimpleNamespace
from typing import Any

import pytest

from mlkit.aws import champion_variant
from mlkit.aws.champion_variant import serve_champion
from mlkit.errors import DeploymentFailed

CHAMPION: Any = SimpleNamespace(endpoint="qa")


def served_by(monkeypatch: pytest.MonkeyPatch, *states: dict[str, str], champion: Any = CHAMPION) -> list[str]:
    """The configurations to which the endpoint is updated; it has one state after the other."""
    updates: list[str] = []
    seen = iter(states)
    monkeypatch.setattr(champion_variant, "settled", lambda aws, endpoint: next(seen))
    monkeypatch.setattr(champion_variant, "describe_champion", lambda aws, endpoint: champion)
    sagemaker = SimpleNamespace(update_endpoint=lambda EndpointName, EndpointConfigName: updates.append(EndpointConfigName))
    aws: Any = SimpleNamespace(client=lambda service: sagemaker)
    assert serve_champion(aws, "qa", "Comparison-1") is champion
    return updates


def state(configuration: str, status: str = "InService") -> dict[str, str]:
    return {"EndpointConfigName": configuration, "EndpointStatus": status}


def test_the_endpoint_is_updated_to_the_configuration_with_the_champion(monkeypatch):
    assert served_by(monkeypatch, state("Alone-1"), state("Comparison-1")) == ["Comparison-1"]


@pytest.mark.parametrize("told", ["Comparison-1", "comparison-1"])  # SageMaker's answers do not always keep the case
def test_a_test_that_runs_again_updates_nothing(monkeypatch, told):
    assert served_by(monkeypatch, state(told), state(told)) == []


@pytest.mark.parametrize(("status", "champion"), [("Failed", CHAMPION), ("InService", None)])
def test_an_endpoint_that_goes_on_without_the_champion_is_told(monkeypatch, status, champion):
    with pytest.raises(DeploymentFailed, match="SageMaker could not load it"):
        served_by(monkeypatch, state("Alone-1"), state("Alone-1", status), champion=champion)
