"""What is said of the built-in algorithms, against the local AWS's own lists of their metrics and what their containers print."""

import re
from typing import Any

import pytest

from localaws.factorization_machines.algorithm import FactorizationMachines
from localaws.xgboost import XGBoost
from mlkit.errors import UsageError
from mlkit.movielens.algorithm import ALGORITHM as FACTORIZATION_MACHINES
from mlkit.tabular.algorithm import ALGORITHM as XGBOOST
from mlkit.tabular.algorithm import xgboost_hyperparameters

BOTH = [(FACTORIZATION_MACHINES, FactorizationMachines()), (XGBOOST, XGBoost())]


@pytest.mark.parametrize(("algorithm", "local"), BOTH)
def test_every_metric_that_can_be_tuned_for_is_one_of_the_algorithms(algorithm, local):
    assert set(algorithm.objectives) <= {definition.name for definition in local.metric_definitions}
    assert all(name.startswith(f"{algorithm.validation_channel}:") for name in algorithm.objectives)


@pytest.mark.parametrize(
    ("algorithm", "objective", "direction"),
    [
        (FACTORIZATION_MACHINES, "test:binary_classification_accuracy", "Maximize"),
        (FACTORIZATION_MACHINES, "test:binary_classification_cross_entropy", "Minimize"),
        (XGBOOST, "validation:logloss", "Minimize"),
        (XGBOOST, "validation:auc", "Maximize"),
    ],
)
def test_whether_more_is_better_follows_from_the_metric(algorithm, objective, direction):
    assert algorithm.direction(objective) == direction


def test_a_metric_that_the_algorithm_does_not_have_is_refused_with_those_that_it_has():
    with pytest.raises(UsageError, match="xgboost cannot be tuned for 'test:rmse'") as caught:
        XGBOOST.direction("test:rmse")
    assert "validation:logloss" in caught.value.cure


def test_only_metrics_of_quality_are_shown():
    assert {"train:logloss", "validation:error"} <= XGBOOST.quality_metrics
    assert "test:progress" not in FACTORIZATION_MACHINES.quality_metrics


@pytest.mark.parametrize("separator", ["#011", "\t"])
def test_the_learning_curve_is_found_in_xgboosts_log(separator):
    line = separator.join(["[7]", "train-error:0.01", "train-logloss:0.25", "validation-error:0.02", "validation-logloss:3.5e-01"])
    found: dict[str, Any] = {name: re.search(pattern, line) for name, pattern in XGBOOST.history.items()}
    assert {name: (match["step"], float(match["value"])) for name, match in found.items()} == {
        "train": ("7", 0.25),
        "validation": ("7", 0.35),
    }


def test_the_hyperparameters_are_those_of_the_container():
    hyperparameters = xgboost_hyperparameters(num_round=5, max_depth=2, eta=0.3, **{"lambda": 2})
    XGBoost().check(hyperparameters.values, ["train", "validation"])
    assert hyperparameters.values["lambda"] == "2"
