"""Slices: a collapsed one is found and named, and parts of an even model are not flagged."""

from typing import Any

import numpy as np
import pytest

from mlkit.gate.bootstrap import estimate
from mlkit.gate.estimate import Slice, conspicuous
from mlkit.gate.metrics import METRICS, RIGHT_ROWS
from mlkit.gate.policy import Policy
from mlkit.gate.slices import FEWEST_CLUSTERS, Part, by_category, by_quantiles, estimate_parts, holm
from mlkit.gate.verdicts import judge

USERS, EACH = 300, 10
USER = np.repeat(np.arange(USERS), EACH)


def rows(seed: int = 0, *, collapsed: float = 0.0, part: object = None):
    """Labels and scores of users that are alike; on the rows of `part`, a share `collapsed` of scores is turned around."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, len(USER))
    scores = (0.5 + (labels - 0.5) * random.uniform(-0.4, 0.9, len(USER)) + 0.1 * random.normal(size=USERS)[USER]).clip(0.01, 0.99)
    turned = np.zeros(len(USER), dtype=bool) if part is None else np.asarray(part) & (random.random(len(USER)) < collapsed)
    return labels, np.where(turned, 1 - scores, scores)


def twelve(seed: int = 0) -> list[Part]:
    random = np.random.default_rng(seed)
    return [part for number in range(4) for part in by_quantiles(f"column {number}", random.normal(size=len(USER)))]


def looked_at(name: str, data: Any, parts: Any) -> Any:
    labels, scores = data
    metric = METRICS[name]
    predictions = scores if metric.needs == "scores" else (scores > 0.5).astype(int)
    return estimate_parts(metric, labels, predictions, USER, parts, cluster="user")


@pytest.mark.parametrize("name", ["match rate", "log loss", "AUC", "F1"])
def test_a_collapsed_slice_is_found_and_no_other(name: str) -> None:
    parts = twelve()
    found = looked_at(name, rows(collapsed=0.5, part=parts[5].rows), parts)
    assert [part.is_flagged for part in found] == [number == 5 for number in range(12)]
    assert found[5].worse_by > 0
    assert found[5].p_value < 0.01


@pytest.mark.parametrize("name", ["match rate", "log loss"])
def test_each_slice_has_the_interval_of_its_own_rows(name: str) -> None:
    labels, scores = rows()
    part = Part(group="users", name="some", rows=USER < 40)
    metric = METRICS[name]
    predictions = scores if metric.needs == "scores" else (scores > 0.5).astype(int)
    (found,) = looked_at(name, (labels, scores), [part])
    assert found.estimate == estimate(metric, labels[:400], predictions[:400], USER[:400], cluster="user")
    others = metric.of(labels[400:], predictions[400:])
    assert found.worse_by == pytest.approx((others - found.estimate.value) * (1 if metric.higher_is_better else -1))
    assert (found.rows, found.group, found.name) == (400, "users", "some")


def test_a_slice_that_is_surely_but_not_much_worse_is_not_flagged() -> None:
    part = Part(group="users", name="odd", rows=USER % 2 == 1)
    (found,) = looked_at("match rate", rows(collapsed=0.1, part=part.rows), [part])
    assert found.p_value < 0.05
    assert not found.is_flagged


def test_a_better_slice_is_not_flagged() -> None:
    part = Part(group="users", name="odd", rows=USER % 2 == 1)
    (found,) = looked_at("log loss", rows(collapsed=0.8, part=~part.rows), [part])
    assert (found.worse_by < 0, found.p_value, found.is_flagged) == (True, pytest.approx(1), False)


def test_a_slice_of_few_users_is_shown_and_not_judged() -> None:
    labels, scores = rows()
    for few in (USER < FEWEST_CLUSTERS - 1, USER >= FEWEST_CLUSTERS - 1):
        (found,) = looked_at("match rate", (labels, scores), [Part(group="g", name="few", rows=few)])
        assert found == Slice(group="g", name="few", rows=int(few.sum()))
    (found,) = looked_at("match rate", (labels, scores), [Part(group="g", name="enough", rows=FEWEST_CLUSTERS > USER)])
    assert found.estimate is not None


def test_a_slice_for_which_the_metric_is_undefined_is_not_judged() -> None:
    labels, scores = rows()
    (found,) = looked_at("AUC", (labels, scores), [Part(group="label", name="1", rows=labels == 1)])
    assert found.estimate is None


def test_ten_rows_that_are_all_wrong_are_not_taken_for_sure() -> None:
    """Their own variance is 0; a row added to each cell makes them plausible in a model of 60 %."""
    labels = np.ones(len(USER), dtype=int)
    predicted = (np.random.default_rng(1).random(len(USER)) < 0.6).astype(int)
    ten = np.isin(np.arange(len(USER)), np.arange(0, 100, 10))
    predicted[ten] = 0
    found: Any
    (found,) = estimate_parts(RIGHT_ROWS, labels, predicted, USER, [Part(group="g", name="ten", rows=ten)])
    assert 1e-6 < found.p_value < 0.01  # by the variance of the other rows alone it is below 1e-9


def test_rows_in_another_order_give_the_same_slices() -> None:
    labels, scores = rows()
    parts = twelve()
    order = np.random.default_rng(3).permutation(len(USER))
    turned = [Part(group=part.group, name=part.name, rows=part.rows[order]) for part in parts]
    found = estimate_parts(METRICS["log loss"], labels[order], scores[order], USER[order], turned)
    for one, other in zip(found, estimate_parts(METRICS["log loss"], labels, scores, USER, parts), strict=True):
        assert (one.worse_by, one.p_value) == pytest.approx((other.worse_by, other.p_value), rel=1e-9)


def test_holms_correction_is_the_published_one() -> None:
    # The smallest is multiplied by their number, the next by one less, and none is below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_quantiles_are_the_lowest_quarter_the_middle_half_and_the_highest_quarter() -> None:
    parts = by_quantiles("age", np.arange(1, 101), ("young", "other", "old"))
    assert [(part.name, int(part.rows.sum())) for part in parts] == [("young, up to 25", 25), ("other, 26 to 75", 50), ("old, from 76", 25)]
    assert sum(part.rows.astype(int) for part in parts).tolist() == [1] * 100


def test_equal_values_are_in_one_part_and_a_constant_column_has_none() -> None:
    assert [(part.name, int(part.rows.sum())) for part in by_quantiles("n", [0] * 60 + [5] * 40)] == [
        ("low, up to 0", 60),
        ("high, from 5", 40),
    ]
    assert by_quantiles("n", [3] * 10) == []
    assert by_quantiles("n", [float("nan")] * 10) == []


def test_rows_without_a_value_are_a_part() -> None:
    names = [part.name for part in by_quantiles("n", [1.0, 2.0, 3.0, float("nan")])]
    assert names[-1] == "no value"
    assert {part.name for part in by_category("c", ["a", None, float("nan"), "b"])} == {"a", "b", "no value"}


def test_the_rarer_categories_are_one_part_together() -> None:
    parts = by_category("country", [str(number % 10) if number < 20 else "0" for number in range(50)])
    assert [part.name for part in parts][-1] == "other values"
    assert len(parts) == 9
    assert sum(part.rows.astype(int) for part in parts).tolist() == [1] * 50
    assert by_category("country", ["a"] * 5) == []


def test_a_policy_of_stopping_fails_the_gate_by_the_slices_name() -> None:
    labels, scores = rows(collapsed=0.5, part=USER < 60)
    whole = estimate(RIGHT_ROWS, labels, (scores > 0.5).astype(int), USER, cluster="user")
    found = looked_at("match rate", (labels, scores), [Part(group="users", name="new users", rows=USER < 60)])
    assert judge(whole, Policy(metric="match rate", required=0.5), slices=found).outcome == "PASS"
    stopped = judge(whole, Policy(metric="match rate", required=0.5, slices="stop"), slices=found)
    assert stopped.outcome == "FAIL"
    assert "; the model is far worse on some rows: users, new users: 0." in stopped.reason
    assert "slices='show'" in stopped.advice


def test_a_policy_of_stopping_passes_a_model_without_flagged_slices() -> None:
    labels, scores = rows()
    whole = estimate(RIGHT_ROWS, labels, (scores > 0.5).astype(int), USER)
    assert (
        judge(
            whole, Policy(metric="match rate", required=0.5, slices="stop"), slices=looked_at("match rate", (labels, scores), twelve())
        ).outcome
        == "PASS"
    )


def test_of_many_slices_the_flagged_and_the_least_probable_are_shown_in_their_order() -> None:
    many = [Slice(group="g", name=str(number), rows=9, p_value=1 - number / 100, is_flagged=number == 3) for number in range(20)]
    many.append(Slice(group="g", name="not judged", rows=1))
    assert [one.name for one in conspicuous(many, 4)] == ["3", "17", "18", "19"]
    assert conspicuous(many, 30) == many


def test_an_even_model_is_not_flagged() -> None:
    """benchmarks/gate_coverage.py does this 2,000 times, with and without the rule that a flagged part is much worse."""

    def has_a_worse_part(seed: int) -> bool:
        labels, scores = rows(seed)
        found = estimate_parts(RIGHT_ROWS, labels, (scores > 0.5).astype(int), USER, twelve(seed), replicates=200)
        return any(one.p_value is not None and one.p_value <= 0.05 for one in found)

    assert sum(map(has_a_worse_part, range(20))) <= 4  # 5 % of 20 are 1; more than 4 have a chance of 0.3 %
