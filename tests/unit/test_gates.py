import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlkit.errors import GateFailed, GateInconclusive, InvalidData
from mlkit.gate.bootstrap import estimate, paired_difference
from mlkit.gate.estimate import Difference, Estimate
from mlkit.gate.metrics import METRICS, RIGHT_ROWS
from mlkit.gate.outcome import Outcome
from mlkit.gate.verdicts import (
    Verdict,
    check_gate,
    confusion_table,
    decide,
    decide_by_value,
    decide_champion,
    lab_odds,
    lab_window,
    mcnemar_p_value,
    mcnemar_table,
)


def rate_of(matches: int, rows: int, users: int = 100):
    labels = np.ones(rows, dtype=int)
    predicted = np.zeros(rows, dtype=int)
    predicted[:matches] = 1
    return estimate(RIGHT_ROWS, labels, predicted, np.arange(rows) % users)


def rate_between(low: float, value: float, high: float, rows: int = 1000, metric: str = "match rate") -> Estimate:
    return Estimate(
        metric=metric,
        unit=METRICS[metric].unit,
        higher_is_better=METRICS[metric].higher_is_better,
        value=value,
        low=low,
        high=high,
        wilson_low=low,
        wilson_high=high,
        design_effect=1.0,
        rows=rows,
        clusters=100,
        confidence=0.95,
        cluster="user",
    )


def test_a_gate_passes_only_when_the_whole_interval_is_at_or_above_it():
    rate = rate_of(700, 1000)
    assert decide(rate, rate.low).outcome is Outcome.PASS
    assert decide(rate, rate.low + 1e-9).outcome is Outcome.INCONCLUSIVE


def test_a_gate_fails_only_when_the_whole_interval_is_below_it():
    rate = rate_of(700, 1000)
    assert decide(rate, rate.high).outcome is Outcome.INCONCLUSIVE
    assert decide(rate, rate.high + 1e-9).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("low", "high", "outcome", "advice"),
    [
        (0.7, 0.9, "PASS", ""),
        (0.5, 0.6, "FAIL", "Compare it with the baselines. "),
        (0.6, 0.68, "INCONCLUSIVE", "About 16,000 held-out rows"),
    ],
)
def test_every_verdict_gives_the_figures_and_what_to_do(low, high, outcome, advice):
    verdict = decide(rate_between(low, (low + high) / 2, high), 0.65)
    interval = f"95% interval {low:.4f} to {high:.4f}, 1,000 rows of 100 users"
    assert str(verdict) == f"{outcome}: match rate {(low + high) / 2:.4f} ({interval}); at least 0.6500 is required"
    assert verdict.advice.startswith(advice)
    assert bool(verdict.advice) is bool(advice)


@pytest.mark.parametrize(
    ("distance", "advice"), [(0.0095, "The match rate is too close to the gate"), (0.0105, "About 90,703 held-out rows")]
)
def test_the_rows_that_would_decide_are_told_unless_the_rate_is_at_the_gate_itself(distance, advice):
    for value in (0.65 - distance, 0.65 + distance):
        assert decide(rate_between(value - 0.1, value, value + 0.1), 0.65).advice.startswith(advice)


def test_a_gate_may_ask_for_every_row():
    assert decide(rate_between(1, 1, 1), 1).outcome is Outcome.PASS


def test_ten_rows_that_all_match_do_not_pass_the_labs_own_threshold():
    assert decide(rate_of(10, 10, users=10), 0.8).outcome is Outcome.INCONCLUSIVE


def test_the_labs_rule_passes_on_the_value_alone():
    rate = rate_of(8, 10, users=10)
    assert decide_by_value(rate, 0.8).outcome is Outcome.PASS
    assert decide_by_value(rate, 0.81).outcome is Outcome.FAIL


@pytest.mark.parametrize(("minimum", "outcome", "advice"), [(0.8, "PASS", ""), (0.81, "FAIL", "Compare it with the baselines. ")])
def test_the_labs_rule_gives_its_figures_and_what_to_do(minimum, outcome, advice):
    verdict = decide_by_value(rate_of(8, 10, users=10), minimum)
    figures = f"match rate 0.8000 on 10 rows, whatever its uncertainty; at least {minimum:.4f} is required"
    assert str(verdict) == f"{outcome}: {figures}"
    assert verdict.advice.startswith(advice)
    assert bool(verdict.advice) is bool(advice)


def test_a_failed_gate_says_its_figures_and_what_to_do():
    with pytest.raises(GateFailed, match=r"0\.5000 .*1,000 rows of 100 clusters.*at least 0\.6500 is required\.\nNext: ") as raised:
        check_gate(decide(rate_of(500, 1000), 0.65))
    assert "baselines" in raised.value.cure
    assert "baselines" not in str(raised.value)


def test_an_inconclusive_gate_stops_and_says_how_many_rows_would_decide():
    with pytest.raises(GateInconclusive, match=r"About [\d,]+ held-out rows would decide"):
        check_gate(decide(rate_of(660, 1000), 0.65))


def test_an_inconclusive_gate_goes_on_to_a_person_when_the_policy_says_ask():
    verdict = decide(rate_of(660, 1000), 0.65)
    assert check_gate(verdict, on_inconclusive="ask") is verdict


def test_a_policy_of_asking_does_not_let_a_failed_model_through():
    with pytest.raises(GateFailed):
        check_gate(decide(rate_of(500, 1000), 0.65), on_inconclusive="ask")


def test_a_passed_gate_returns_its_verdict():
    verdict = decide(rate_of(700, 1000), 0.5)
    assert check_gate(verdict) is verdict


@pytest.mark.parametrize(
    ("outcome", "error", "told"),
    [
        (Outcome.FAIL, GateFailed, "The model fails: figures."),
        (Outcome.INCONCLUSIVE, GateInconclusive, "The held-out rows cannot decide: figures."),
    ],
)
def test_a_stop_says_the_verdicts_reason_and_cure(outcome, error, told):
    with pytest.raises(error) as raised:
        check_gate(Verdict(outcome=outcome, reason="figures", advice="do this"))
    assert (str(raised.value), raised.value.cure) == (told, "do this")


@pytest.mark.parametrize("policy", ["ignore", "", None, "STOP"])
def test_a_policy_that_does_not_exist_is_refused(policy):
    with pytest.raises(ValueError, match=f"on_inconclusive is 'stop' or 'ask', not {policy!r}"):
        check_gate(decide(rate_of(700, 1000), 0.5), on_inconclusive=policy)


def difference_of(lost: int, gained: int, rows: int = 1000):
    labels = np.ones(rows, dtype=int)
    champion, challenger = np.ones(rows, dtype=int), np.ones(rows, dtype=int)
    challenger[:lost] = 0
    champion[lost : lost + gained] = 0
    return paired_difference(RIGHT_ROWS, labels, challenger, champion, np.arange(rows) % 100)


def test_a_challenger_within_the_margin_is_not_inferior():
    assert decide_champion(difference_of(lost=5, gained=5), margin=0.02).outcome is Outcome.PASS


def test_a_challenger_worse_than_the_margin_fails():
    assert decide_champion(difference_of(lost=100, gained=0), margin=0.02).outcome is Outcome.FAIL


def test_a_challenger_that_could_be_worse_than_the_margin_is_inconclusive():
    assert decide_champion(difference_of(lost=60, gained=50), margin=0.02).outcome is Outcome.INCONCLUSIVE


def difference_between(low: float, high: float) -> Difference:
    figures = {"value": (low + high) / 2, "low": low, "high": high, "confidence": 0.95}
    return Difference(metric="match rate", unit="share", higher_is_better=True, rows=1000, clusters=100, **figures)


@pytest.mark.parametrize(
    ("low", "high", "outcome", "advice"),
    [
        (-0.019, 0.1, "PASS", ""),
        (-0.02, 0.1, "INCONCLUSIVE", "Test on more held-out rows, "),
        (-0.1, -0.019, "INCONCLUSIVE", "Test on more held-out rows, "),
        (-0.1, -0.02, "FAIL", "Keep the champion. "),
    ],
)
def test_the_champion_is_beaten_by_what_is_proved_to_lose_less_than_the_margin(low, high, outcome, advice):
    verdict = decide_champion(difference_between(low, high), 0.02)
    told = f"{(low + high) / 2:+.4f} (95% interval {low:+.4f} to {high:+.4f}, 1,000 rows)"
    assert str(verdict) == f"{outcome}: challenger less champion {told}; more than -0.0200 is required"
    assert verdict.advice.startswith(advice)
    assert bool(verdict.advice) is bool(advice)


@pytest.mark.parametrize("margin", [0, -0.02, float("inf"), float("nan")])
def test_a_margin_that_is_no_number_above_0_is_refused(margin):
    with pytest.raises(ValueError, match=f"margin is a number above 0, not {margin}"):
        decide_champion(difference_between(0, 0.1), margin)


def test_a_model_of_seventy_percent_passes_the_labs_check_38_times_in_a_hundred():
    assert lab_odds(0.70) == pytest.approx(0.3828, abs=5e-5)


@pytest.mark.parametrize(
    ("rows", "minimum", "needed"), [(10, 0.8, 8), (10, 0.7, 7), (10, 0.75, 8), (3, 0.1, 1), (25, 0.28, 7), (7, 1.0, 7)]
)
def test_lab_odds_are_the_binomial_tail_from_the_first_passing_count(rows, minimum, needed):
    assert lab_odds(0.6, rows=rows, min_match_rate=minimum) == pytest.approx(stats.binom.sf(needed - 1, rows, 0.6))


def test_the_labs_window_is_rows_1000_to_1009():
    assert list(range(9430))[lab_window(9430)] == list(range(1000, 1010))


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_odds_of_what_is_no_match_rate_are_refused(share):
    with pytest.raises(ValueError, match=f"match_rate is a share between 0 and 1, not {share}"):
        lab_odds(share)


def test_a_model_that_never_matches_never_passes_and_one_that_always_does_always():
    assert (lab_odds(0), lab_odds(1)) == (0, 1)


def test_a_window_may_begin_at_the_first_row_and_end_with_the_last():
    assert lab_window(1, test_rows=1, test_offset=0) == slice(0, 1)
    assert lab_window(1010) == slice(1000, 1010)


def test_a_window_past_the_held_out_rows_is_refused():
    with pytest.raises(InvalidData, match="asks for rows 1,000 to 1,009, but only 1,009 rows are held out") as raised:
        lab_window(1009)
    assert raised.value.cure == "Choose test_offset + test_rows of at most 1,009."


@pytest.mark.parametrize(("rows", "offset"), [(0, 0), (-1, 5), (1, -1)])
def test_a_window_of_no_rows_or_before_the_first_is_refused(rows, offset):
    with pytest.raises(ValueError, match=f"test_rows={rows} test_offset={offset}: at least one row, from 0 on"):
        lab_window(100, test_rows=rows, test_offset=offset)


def test_the_confusion_table_counts_true_by_predicted_with_totals():
    table = confusion_table([0, 0, 0, 1, 1], [0, 0, 1, 1, 0], names=("below 4", "4 or more"))
    expected = [[2, 1, 3], [1, 1, 2], [3, 2, 5]]
    assert table.to_numpy().tolist() == expected
    assert list(table.index) == list(table.columns) == ["below 4", "4 or more", "all"]
    assert (table.index.name, table.columns.name) == ("true", "predicted")
    assert list(confusion_table([0], [0]).index) == ["label 0", "label 1", "all"]


def test_mcnemars_table_holds_the_pairs_and_its_p_value_is_the_exact_one():
    labels = np.ones(130, dtype=int)
    champion = np.repeat([1, 1, 0, 0], [60, 25, 10, 35])
    challenger = np.repeat([1, 0, 1, 0], [60, 25, 10, 35])
    table = mcnemar_table(labels, challenger, champion)
    assert table.loc["right", "wrong"] == 25
    assert table.loc["wrong", "right"] == 10
    assert table.loc["all", "all"] == 130
    assert (table.index.name, table.columns.name) == ("champion", "challenger")
    assert mcnemar_p_value(table) == pytest.approx(stats.binomtest(10, 35).pvalue)


def test_models_that_agree_everywhere_have_a_p_value_of_one():
    assert mcnemar_p_value(mcnemar_table([1, 0], [1, 1], [1, 1])) == 1


@pytest.mark.parametrize(
    ("function", "columns", "lengths"),
    [
        (mcnemar_table, ([1, 0, 1], [1, 0, 1], [1]), "3, 1, 3"),
        (mcnemar_table, ([1, 0, 1], [1], [1, 0, 1]), "3, 3, 1"),
        (confusion_table, ([1, 0, 1], [1]), "3, 1"),
    ],
)
def test_columns_of_different_lengths_are_refused(function, columns, lengths):
    with pytest.raises(ValueError, match=f"columns of different lengths: {lengths}"):
        function(*columns)


@pytest.mark.parametrize("columns", [([2], [1]), ([1], [2]), ([-1], [1]), ([1], [0.5])])
def test_a_label_without_a_name_is_refused(columns):
    with pytest.raises(ValueError, match="labels are whole numbers from 0 to 1"):
        confusion_table(*columns)


def test_the_confusion_table_of_several_classes_has_a_line_and_a_column_for_each_even_without_rows():
    table = confusion_table([0, 1, 1, 3], [0, 1, 3, 3], names=("a", "b", "c", "all"))
    assert table.to_numpy().tolist() == [[1, 0, 0, 0, 1], [0, 1, 0, 1, 2], [0, 0, 0, 0, 0], [0, 0, 0, 1, 1], [1, 1, 0, 2, 4]]
    assert list(table.columns) == ["a", "b", "c", "all", "all"]


def test_mcnemars_table_counts_right_answers_among_several_classes():
    table = mcnemar_table([0, 1, 2, 2], [0, 2, 2, 1], [1, 1, 2, 0])
    assert (table.loc["right", "wrong"], table.loc["wrong", "right"], table.loc["right", "right"], table.loc["wrong", "wrong"]) == (
        1,
        1,
        1,
        1,
    )


def test_labels_may_be_a_series_of_a_table():
    table = pd.DataFrame({"label": [1, 0], "predicted": [1, 1]}, index=[7, 3])
    assert confusion_table(table["label"], table["predicted"]).loc["all", "all"] == 2
