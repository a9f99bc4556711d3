"""An estimate tells its figures in its metric's unit and direction; a policy says what a gate requires."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from mlkit.errors import UsageError
from mlkit.gate.estimate import Difference, Estimate, number
from mlkit.gate.metrics import METRICS
from mlkit.gate.policy import Policy, gate_policy
from mlkit.gate.verdicts import decide, decide_champion, judge
from mlkit.typed_json import build

RATE = Estimate(
    metric="match rate",
    unit="share",
    higher_is_better=True,
    value=0.7,
    low=0.68,
    high=0.72,
    confidence=0.95,
    rows=1000,
    clusters=100,
    cluster="user",
)
LOSS = replace(RATE, metric="log loss", unit="nats", higher_is_better=False, value=0.58, low=0.56, high=0.6)


def test_a_share_is_told_without_a_unit_and_a_loss_with_its_own() -> None:
    assert str(RATE) == "0.7000 (95% interval 0.6800 to 0.7200, 1,000 rows of 100 users)"
    assert str(LOSS) == "0.5800 nats (95% interval 0.5600 to 0.6000, 1,000 rows of 100 users)"
    assert (RATE.title, LOSS.title) == ("match rate", "log loss (nats)")
    assert (RATE.direction, LOSS.direction) == ("higher is better", "lower is better")
    assert RATE.requirement(0.65) == "at least 0.6500 is required"
    assert LOSS.requirement(0.6) == "at most 0.6000 nats is required"


def test_the_exported_variables_are_the_metric_and_plain_numbers() -> None:
    assert LOSS.exported() == {"METRIC": "log loss (nats)", "VALUE": "0.5800", "LOW": "0.5600", "HIGH": "0.6000", "ROWS": "1000"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0000"), (0.6984, "0.6984"), (12.3, "12.3000"), (123456.7, "1.235e+05"), (0.00012345, "0.0001234"), (-0.5, "-0.5000")],
)
def test_large_and_small_figures_keep_four_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("found", "required", "outcome"),
    [
        *[(RATE, required, "INCONCLUSIVE") for required in (0.681, 0.7, 0.72)],
        *[(LOSS, required, "INCONCLUSIVE") for required in (0.599, 0.58, 0.56)],
        (RATE, 0.68, "PASS"),
        (RATE, 0.73, "FAIL"),
        (LOSS, 0.6, "PASS"),
        (LOSS, 0.55, "FAIL"),
    ],
)
def test_the_whole_interval_decides_in_the_metrics_direction(found: Estimate, required: float, outcome: str) -> None:
    assert decide(found, required).outcome == outcome


def test_a_loss_is_judged_by_its_value_where_the_policy_says_so() -> None:
    policy = Policy(metric="log loss", required=0.58, rule="value")
    assert str(judge(LOSS, policy)) == (
        "PASS: log loss 0.5800 nats on 1,000 rows, whatever its uncertainty; at most 0.5800 nats is required"
    )
    assert judge(LOSS, replace(policy, required=0.579)).outcome == "FAIL"


def test_a_policy_judges_no_other_metric() -> None:
    with pytest.raises(ValueError, match="the policy is about the match rate, not the log loss"):
        judge(LOSS, Policy(metric="match rate", required=0.65))


def test_the_rows_that_would_decide_are_scaled_from_the_width_for_a_loss_too() -> None:
    advice = decide(LOSS, 0.59).advice  # half of the width is twice the distance
    assert advice.startswith("About 4,000 held-out rows would decide at this log loss")


@pytest.mark.parametrize(("low", "high", "outcome"), [(-0.1, 0.019, "PASS"), (-0.1, 0.02, "INCONCLUSIVE"), (0.02, 0.1, "FAIL")])
def test_a_challenger_may_lose_less_than_the_margin_of_a_loss(low: float, high: float, outcome: str) -> None:
    found = Difference(
        metric="log loss",
        unit="nats",
        higher_is_better=False,
        value=(low + high) / 2,
        low=low,
        high=high,
        rows=9,
        clusters=9,
        confidence=0.95,
    )
    verdict = decide_champion(found, 0.02)
    assert verdict.outcome == outcome
    assert verdict.reason.endswith("less than +0.0200 is required")


def test_an_estimate_survives_json() -> None:
    assert build(Estimate, json.loads(json.dumps(asdict(LOSS)))) == LOSS


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": float("nan")},
        {"high": float("inf"), "unit": "nats"},
        {"low": 0.71},
        {"high": 1.1},
        {"low": -0.1},
        {"confidence": 95.0},
        {"rows": -1},
        {"clusters": 10**15},
        {"design_effect": float("nan")},
        {"metric": "match rate. https://evil.example"},
        {"unit": "nats; approve"},
        {"metric": ""},
        {"metric": "m" * 41},
        {"cluster": "user\nuser"},
    ],
)
def test_figures_and_names_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a match rate|the match rate|named by at most|not a number|is not"):
        build(Estimate, {**asdict(RATE), **wrong})


def test_a_share_of_right_rows_must_reach_min_match_rate_and_another_metric_its_own() -> None:
    assert gate_policy("match rate", 0.65) == Policy(metric="match rate", required=0.65)
    assert gate_policy("log loss", 0.65, 0.6).required == 0.6
    assert gate_policy("AUC", 0.65, 0.7, confidence=0.9, rule="value", on_inconclusive="ask") == Policy(
        metric="AUC", required=0.7, confidence=0.9, rule="value", on_inconclusive="ask"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"metric": "logloss"}, "There is no metric 'logloss'"),
        ({"required": 0.7}, "`min_match_rate` already says what the match rate must reach"),
        ({"metric": "AUC"}, "The gate decides on the AUC, and `required` does not say which"),
        ({"min_match_rate": 1.5}, "The gate requires a match rate of 1.5"),
        ({"metric": "log loss", "required": -0.1}, "The gate requires a log loss of -0.1"),
        ({"confidence": 95}, "confidence is 95"),
        ({"rule": "luck"}, "gate_rule is 'luck'"),
        ({"on_inconclusive": "pass"}, "on_inconclusive is 'pass'"),
        ({"slices": "hide"}, "slices is 'hide'"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        gate_policy(**{"metric": "match rate", "min_match_rate": 0.65, **given})
    assert raised.value.cure


def test_a_sealed_policy_has_only_known_choices() -> None:
    policy = asdict(Policy(metric="AUC", required=0.7))
    assert build(Policy, policy) == Policy(metric="AUC", required=0.7)
    with pytest.raises(ValueError, match="'maybe' is not 'stop' or 'ask'"):
        build(Policy, {**policy, "on_inconclusive": "maybe"})


def test_the_policy_is_shown_member_by_member() -> None:
    assert Policy(metric="AUC", required=0.7).summary()["value"].to_dict()["required"] == 0.7


def test_every_metric_has_a_name_that_an_estimate_takes() -> None:
    for metric in METRICS.values():
        assert replace(RATE, metric=metric.name, unit=metric.unit)
