"""What training did cost, from SageMaker's own description of its jobs."""

from types import SimpleNamespace
from typing import Any

import pytest

from mlkit.aws.billing import describe_costs
from mlkit.errors import UsageError

JOBS: dict[str, dict[str, Any]] = {
    "fm-1": {
        "TrainingJobStatus": "Completed",
        "BillableTimeInSeconds": 100,
        "ResourceConfig": {"InstanceType": "ml.a", "InstanceCount": 1},
    },
    "fm-2": {"TrainingJobStatus": "Completed", "BillableTimeInSeconds": 50, "ResourceConfig": {"InstanceType": "ml.a", "InstanceCount": 3}},
    "fm-3": {"TrainingJobStatus": "Stopped", "ResourceConfig": {"InstanceType": "ml.b", "InstanceCount": 1}},
}


BEFORE = {"fm-0": JOBS["fm-1"]}  # ran before the tuning job


class SageMaker:
    """Describes JOBS, which the tuning job `t` started, two to a page."""

    def describe_training_job(self, TrainingJobName):
        return {"TrainingJobName": TrainingJobName, **{**BEFORE, **JOBS}[TrainingJobName]}

    def get_paginator(self, operation):
        assert operation == "list_training_jobs_for_hyper_parameter_tuning_job"
        return self

    def paginate(self, HyperParameterTuningJobName):
        assert HyperParameterTuningJobName == "t"
        names = [{"TrainingJobName": name} for name in JOBS]
        return [{"TrainingJobSummaries": names[:2]}, {"TrainingJobSummaries": names[2:]}]


def costs(prices, tuning_job=None, training_job="fm-1", untuned=None):
    aws: Any = SimpleNamespace(client=lambda service: SageMaker())
    trained: Any = SimpleNamespace(training_job=training_job, tuning_job=tuning_job)
    before: Any = untuned and SimpleNamespace(training_job=untuned)
    table = describe_costs(aws, trained, prices, untuned=before)
    return table[["billable instance seconds", "USD"]].T.to_dict("list")


def test_one_job_without_a_price_shows_its_seconds_alone():
    assert costs({}) == {"fm-1": [100, ""], "all": [100, ""]}


def test_seconds_are_billed_for_each_instance():
    assert costs({"ml.a": 3.6}, training_job="fm-2") == {"fm-2": [150, "0.1500"], "all": [150, "0.1500"]}


def test_all_jobs_of_a_tuning_job_are_paid_for_not_only_the_best():
    found = costs({"ml.a": 3.6, "ml.b": 1}, tuning_job="t")
    assert found == {"fm-1": [100, "0.1000"], "fm-2": [150, "0.1500"], "fm-3": [0, "0.0000"], "all": [250, "0.2500"]}


def test_the_untuned_job_before_a_tuning_job_is_paid_for_once():
    assert list(costs({}, tuning_job="t", untuned="fm-0")) == ["fm-0", "fm-1", "fm-2", "fm-3", "all"]
    assert list(costs({}, training_job="fm-1", untuned="fm-1")) == ["fm-1", "all"]


def test_a_sum_with_an_unknown_part_is_not_shown():
    assert costs({"ml.a": 3.6}, tuning_job="t")["all"] == [250, ""]


def test_a_price_that_is_no_number_is_refused():
    with pytest.raises(UsageError, match=r"ml\.a"):
        costs({"ml.a": "cheap"})
