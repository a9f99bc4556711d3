"""The gate against production's model: the worse outcome counts, and a model that cannot be tested decides nothing."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlkit.aws import champion_test
from mlkit.aws.champion_test import ChampionTest, ask_champion, compare_with_champion, describe_comparison
from mlkit.aws.champion_variant import Planned
from mlkit.aws.endpoint_test import Tested
from mlkit.aws.endpoints import Served
from mlkit.errors import NotFound, UsageError
from mlkit.gate.answers import Answers
from mlkit.gate.bootstrap import estimate, paired_difference
from mlkit.gate.comparison import Comparison
from mlkit.gate.estimate import Difference, Estimate
from mlkit.gate.metrics import METRICS, RIGHT_ROWS
from mlkit.gate.outcome import Outcome
from mlkit.gate.policy import Policy, gate_policy
from mlkit.gate.target import Target
from mlkit.gate.verdicts import judge

AWS: Any = None
ROWS = 2000
LABELS = np.arange(ROWS) % 2
USERS = np.arange(ROWS) // 10
SERVED = Served(
    endpoint="e", status="InService", endpoint_config="c", variant="Champion", model_name="m", image_uri="i", model_data_url="s3://b/model"
)
POLICY = Policy(metric="match rate", required=0.65)


def answers(wrong: int, *, first: int = 0) -> Answers:
    """Scores of 0.9 and 0.1; `wrong` rows from `first` on are wrong."""
    labels = LABELS.copy()
    labels[first : first + wrong] = 1 - labels[first : first + wrong]
    return Answers(scores=np.where(labels == 1, 0.9, 0.1).astype(np.float32), labels=labels)


def answered(wrong: int) -> Tested:
    rows: Any = SimpleNamespace(labels=LABELS, clusters=USERS, cluster="user", target=Target(task="binary", classes=("no", "yes")))
    return Tested(rows=rows, predictions=answers(wrong), served=SERVED)


def rate(value: float, half: float = 0.01) -> Estimate:
    figures: dict[str, Any] = {"value": value, "low": value - half, "high": value + half, "confidence": 0.95}
    return Estimate(metric="match rate", unit="share", higher_is_better=True, rows=ROWS, clusters=200, **figures)


def compared(low: float, high: float) -> Comparison:
    figures = {"value": (low + high) / 2, "low": low, "high": high, "confidence": 0.95}
    gain = Difference(metric="match rate", unit="share", higher_is_better=True, rows=ROWS, clusters=200, **figures)
    return Comparison(model_s3_uri="s3://b/model", champion=rate(0.7), difference=gain)


BROKEN = Comparison(model_s3_uri="s3://b/model", problem="s3://b/index does not exist")


@pytest.mark.parametrize(
    ("value", "comparison", "outcome"),
    [
        (0.7, None, "PASS"),
        (0.7, compared(-0.01, 0.01), "PASS"),
        (0.7, compared(-0.03, 0.01), "INCONCLUSIVE"),
        (0.7, compared(-0.05, -0.03), "FAIL"),
        (0.65, compared(-0.01, 0.01), "INCONCLUSIVE"),
        (0.65, compared(-0.05, -0.03), "FAIL"),
        (0.5, compared(0.1, 0.2), "FAIL"),
        (0.5, compared(-0.03, 0.01), "FAIL"),
        (0.7, BROKEN, "INCONCLUSIVE"),
        (0.5, BROKEN, "FAIL"),
    ],
)
def test_the_worse_outcome_decides(value, comparison, outcome):
    assert judge(rate(value), POLICY, comparison).outcome.value == outcome


def test_the_reason_tells_both_and_the_advice_is_of_what_decides():
    verdict = judge(rate(0.65), POLICY, compared(-0.05, -0.03))
    assert verdict.reason.startswith("match rate 0.6500")
    assert verdict.reason.endswith(
        "; challenger less champion -0.0400 (95% interval -0.0500 to -0.0300, 2,000 rows); more than -0.0200 is required"
    )
    assert verdict.advice.startswith("Keep the champion. ")
    assert judge(rate(0.7), POLICY, compared(-0.01, 0.01)).advice == ""
    unknown = judge(rate(0.7), POLICY, BROKEN)
    assert unknown.reason.endswith("; production's model could not be tested: s3://b/index does not exist")
    assert unknown.advice.startswith("Look at the champion's model and its encoding")


def test_the_policy_s_margin_decides():
    within = compared(-0.03, 0.01)
    assert judge(rate(0.7), Policy(metric="match rate", required=0.65, margin=0.031), within).outcome is Outcome.PASS
    assert judge(rate(0.7), Policy(metric="match rate", required=0.65, margin=0.03), within).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("margin", [0, -0.02, float("nan"), float("inf")])
def test_a_margin_that_is_no_number_above_0_is_refused(margin):
    with pytest.raises(UsageError, match=f"margin is {margin}"):
        gate_policy("match rate", 0.65, margin=margin)


def test_both_models_are_compared_on_the_same_rows():
    found = compare_with_champion(answered(600), ChampionTest(model_s3_uri="s3://b/model", predictions=answers(620)), POLICY)
    assert found.model_s3_uri == "s3://b/model"
    ours, theirs = np.asarray(answers(600).labels), np.asarray(answers(620).labels)
    assert found.champion == estimate(RIGHT_ROWS, LABELS, theirs, USERS, cluster="user")
    assert found.difference == paired_difference(RIGHT_ROWS, LABELS, ours, theirs, USERS, cluster="user")
    assert found.difference.value == pytest.approx(0.01)


def test_a_metric_of_scores_compares_scores_and_the_policy_s_confidence_counts():
    policy = Policy(metric="log loss", required=0.9, confidence=0.8)
    found = compare_with_champion(answered(600), ChampionTest(model_s3_uri="s3://b/model", predictions=answers(620)), policy)
    assert found.difference.confidence == found.champion.confidence == 0.8
    assert found.champion.value == pytest.approx(METRICS["log loss"].of(LABELS, answers(620).scores))
    assert found.difference.value < 0


def test_without_a_champion_there_is_no_comparison():
    assert compare_with_champion(answered(600), None, POLICY) is None
    assert "none beside this one" in describe_comparison(answered(600), None, None).to_string()


def planned(monkeypatch: pytest.MonkeyPatch, told: Any = lambda asked: None, *, problem: str = "") -> None:
    """QA's stack names a champion; `told` gets the endpoint and the configuration to which it is updated."""
    found = Planned(model_s3_uri="s3://b/model", configuration="c", problem=problem)
    monkeypatch.setattr(champion_test, "planned_champion", lambda aws, environment, names: found)
    monkeypatch.setattr(champion_test, "serve_champion", lambda aws, endpoint, configuration: told([endpoint, configuration]) or SERVED)


def test_a_champion_whose_file_is_gone_is_told_and_not_deployed(monkeypatch):
    planned(monkeypatch, lambda asked: pytest.fail("it was deployed"), problem="its file cannot be read: it is gone")
    trained: Any = SimpleNamespace(your_initials="ab")
    found = compare_with_champion(answered(600), ask_champion(AWS, "qa", trained, lambda served: answers(0)), POLICY)
    assert str(found) == "production's model could not be tested: its file cannot be read: it is gone"


def test_a_champion_that_cannot_be_asked_is_told(monkeypatch):
    planned(monkeypatch)

    def ask(served):
        raise NotFound("s3://b/index does not exist", cure="")

    trained: Any = SimpleNamespace(your_initials="ab")
    champion = ask_champion(AWS, "qa", trained, ask)
    assert compare_with_champion(answered(600), champion, POLICY) == BROKEN
    assert "s3://b/index does not exist" in describe_comparison(answered(600), champion, BROKEN).to_string()


def test_the_variant_of_the_environment_s_own_endpoint_is_asked(monkeypatch):
    asked = []
    planned(monkeypatch, asked.extend)
    trained: Any = SimpleNamespace(your_initials="ab")
    champion = ask_champion(AWS, "qa", trained, lambda served: asked.append(served.variant) or answers(0))
    assert asked == ["ab-ml-lab-qa", "c", "Champion"]
    assert champion.predictions is not None
    monkeypatch.setattr(champion_test, "planned_champion", lambda aws, environment, names: None)
    assert ask_champion(AWS, "qa", trained, lambda served: answers(0)) is None


def test_mcnemar_s_table_stands_beside_the_difference():
    champion = ChampionTest(model_s3_uri="s3://b/model", predictions=answers(620, first=100))
    shown = describe_comparison(answered(600), champion, compare_with_champion(answered(600), champion, POLICY)).to_string()
    for words in ("only production's is right", "100", "only this one is right", "120", "McNemar"):
        assert words in shown


@pytest.mark.parametrize("given", [{}, {"problem": "p", "champion": rate(0.7)}, {"champion": rate(0.7)}])
def test_a_comparison_is_whole_or_tells_its_problem(given):
    with pytest.raises(ValueError, match="either both figures or a problem"):
        Comparison(model_s3_uri="s3://b/model", **given)


def test_predicted_numbers_are_compared_in_their_unit_and_are_never_just_right():
    true, policy = np.arange(ROWS) % 5 + 1.0, Policy(metric="RMSE", required=1.0)
    rows: Any = SimpleNamespace(labels=true, clusters=USERS, cluster="user", target=Target(task="regression", name="rating", unit="stars"))
    ours, theirs = Answers(scores=true + 0.5), Answers(scores=true - 0.7)
    tested, champion = Tested(rows=rows, predictions=ours, served=SERVED), ChampionTest(model_s3_uri="s3://b/model", predictions=theirs)
    found = compare_with_champion(tested, champion, policy)
    assert found.difference.value == pytest.approx(-0.2)
    assert found.difference.unit == "stars"
    shown = describe_comparison(tested, champion, found).to_string()
    assert "0.7000 stars" in shown
    assert "McNemar" not in shown
