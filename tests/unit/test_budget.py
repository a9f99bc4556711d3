"""What training may cost at most: the bound, its refusal, and money where a price is given."""

from pathlib import Path

import pytest

from mlkit.errors import OverBudget, UsageError
from mlkit.parameters import read_parameters
from mlkit.training.budget import check_budget

TYPE = "ml.c5.xlarge"
DEFAULTS = {one.name: one.default for one in read_parameters(Path(__file__).parents[2] / "notebooks" / "02_train.ipynb")}


def shown(max_runtime_s=3600, **more):
    return check_budget(TYPE, max_runtime_s, **{"max_instance_hours": 100.0, **more})["value"].to_dict()


def hours(**more):
    return shown(**more)["instance hours, at most"]


def test_the_bound_is_jobs_times_limit_times_instances():
    assert hours() == "1.00"
    assert hours(max_runtime_s=1800, jobs=6, instance_count=2) == "6.00"


def test_a_bound_is_never_shown_smaller_than_it_is():
    assert hours(max_runtime_s=1) == "0.01"
    assert hours(max_runtime_s=3601) == "1.01"
    assert hours(max_runtime_s=36) == "0.01"


@pytest.mark.parametrize(("jobs", "parallel", "expected"), [(1, 1, "1.00"), (4, 4, "1.00"), (4, 3, "2.00"), (4, 9, "1.00"), (5, 2, "3.00")])
def test_jobs_that_wait_for_each_other_take_longer_and_cost_the_same(jobs, parallel, expected):
    table = shown(jobs=jobs, parallel_jobs=parallel)
    assert table["hours by the clock if each job takes its limit, at least"] == expected
    assert table["instance hours, at most"] == f"{jobs}.00"


def test_money_needs_the_price_of_this_type():
    assert shown(jobs=4, usd_per_instance_hour={TYPE: 0.204})["USD, at most"] == "0.82"
    assert shown(usd_per_instance_hour={TYPE: 0})["USD, at most"] == "0.00"
    for prices in (None, {}, {"ml.m5.large": 0.115}):
        assert shown(usd_per_instance_hour=prices)["USD, at most"] == f"not known: usd_per_instance_hour has no price of {TYPE}"


def test_exactly_what_is_allowed_fits_and_one_second_more_does_not():
    assert hours(jobs=4, max_instance_hours=4.0) == "4.00"
    assert hours(max_runtime_s=360, max_instance_hours=0.1) == "0.10"
    with pytest.raises(OverBudget, match=r"4 training jobs x 3,601 s x 1 ml\.c5\.xlarge may take 4\.01 instance hours\. .* allows 4;"):
        check_budget(TYPE, 3601, jobs=4, max_instance_hours=4.0)


def test_the_refusal_names_the_money_when_it_is_known_and_has_its_own_exit_code():
    with pytest.raises(OverBudget, match=r"2\.00 instance hours, 0\.41 USD") as raised:
        check_budget(TYPE, 3600, jobs=2, max_instance_hours=1.5, usd_per_instance_hour={TYPE: 0.204})
    assert raised.value.exit_code == 25
    with pytest.raises(OverBudget):
        check_budget(TYPE, 60, max_instance_hours=0)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"jobs": 0}, "jobs"),
        ({"parallel_jobs": 0}, "parallel_jobs"),
        ({"instance_count": -1}, "instance_count"),
        ({"max_runtime_s": 0}, "max_runtime_s"),
        ({"max_instance_hours": -1.0}, "max_instance_hours"),
        ({"max_instance_hours": float("nan")}, "max_instance_hours"),
        ({"usd_per_instance_hour": {"ml.m5.large": "0.1"}}, r"price of ml\.m5\.large"),
        ({"usd_per_instance_hour": {TYPE: -1}}, r"price of ml\.c5\.xlarge"),
        ({"usd_per_instance_hour": {TYPE: True}}, r"price of ml\.c5\.xlarge"),
        ({"usd_per_instance_hour": {TYPE: float("nan")}}, r"price of ml\.c5\.xlarge"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(more, named):
    with pytest.raises(UsageError, match=named):
        shown(**more)


def test_the_notebook_s_own_tuning_just_fits():
    jobs = DEFAULTS["max_jobs"] + 1  # the untuned one too
    assert jobs * DEFAULTS["max_runtime_s"] / 3600 == DEFAULTS["max_instance_hours"] == 17.0
    assert DEFAULTS["usd_per_instance_hour"] == {}
