"""What is said of the built-in algorithms, against the local AWS's own lists of their metrics and what their containers print."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from localaws.factorization_machines.algorithm import FactorizationMachines
from localaws.factorization_machines.metrics import quality_lines
from localaws.linear_learner import LinearLearner
from localaws.xgboost import XGBoost
from mlkit.errors import UsageError
from mlkit.gate.metrics import metrics_of
from mlkit.gate.target import Target
from mlkit.movielens.algorithm import ALGORITHMS as OF_RATINGS
from mlkit.movielens.algorithm import rating_hyperparameters
from mlkit.tabular.algorithm import ALGORITHMS as OF_TABLES
from mlkit.tabular.algorithm import xgboost_hyperparameters
from mlkit.training.algorithm_type import algorithm_for

LOCAL: dict[str, Any] = {"factorization-machines": FactorizationMachines(), "linear-learner": LinearLearner(), "xgboost": XGBoost()}
LAKES = {"CloudFormation": OF_RATINGS, "examples/breast_cancer/CloudFormation": OF_TABLES}
ROOT = Path(__file__).parents[2]
ALL = [(one, LOCAL[one.name]) for one in (*OF_RATINGS, *OF_TABLES)]
FACTORIZATION_MACHINES, REGRESSOR, LINEAR, LINEAR_REGRESSOR = OF_RATINGS
XGBOOST, OF_SEVERAL, OF_NUMBERS = OF_TABLES
TARGETS = {
    "binary": Target(task="binary", classes=("a", "b")),
    "multi-class": Target(task="multi-class", classes=("a", "b", "c")),
    "regression": Target(task="regression"),
}


def prepared(task: str) -> Any:
    return SimpleNamespace(target=TARGETS[task], feature_dim=9)


@pytest.mark.parametrize(("algorithm", "local"), ALL)
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
        (REGRESSOR, "test:rmse", "Minimize"),
        (OF_SEVERAL, "validation:f1_macro", "Maximize"),
        (OF_SEVERAL, "validation:mlogloss", "Minimize"),
        (OF_NUMBERS, "validation:r2", "Maximize"),
        (OF_NUMBERS, "validation:rmse", "Minimize"),
    ],
)
def test_whether_more_is_better_follows_from_the_metric(algorithm, objective, direction):
    assert algorithm.direction(objective) == direction


def test_a_metric_that_the_algorithm_does_not_have_is_refused_with_those_that_it_has():
    with pytest.raises(UsageError, match="xgboost cannot be tuned for 'test:rmse' in a binary task") as caught:
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
    hyperparameters = xgboost_hyperparameters(prepared("binary"), num_round=5, max_depth=2, eta=0.3, **{"lambda": 2})
    XGBoost().check(hyperparameters.values, ["train", "validation"])
    assert hyperparameters.values["lambda"] == "2"


@pytest.mark.parametrize("task", TARGETS)
def test_the_task_decides_the_objective_and_the_container_takes_it(task):
    hyperparameters = xgboost_hyperparameters(prepared(task), num_round=5, max_depth=2, eta=0.3)
    XGBoost().check(hyperparameters.values, ["train", "validation"])
    objectives = {"binary": "binary:logistic", "multi-class": "multi:softprob", "regression": "reg:squarederror"}
    assert hyperparameters.values["objective"] == objectives[task]
    assert hyperparameters.values.get("num_class") == ("3" if task == "multi-class" else None)
    assert hyperparameters.algorithm.task == task


@pytest.mark.parametrize(("task", "predictor_type"), [("binary", "binary_classifier"), ("regression", "regressor")])
def test_factorization_machines_predict_two_classes_or_a_number(task, predictor_type):
    hyperparameters = rating_hyperparameters(prepared(task), num_factors=4, epochs=1, mini_batch_size=10)
    FactorizationMachines().check(hyperparameters.values, ["train", "test"])
    assert hyperparameters.values["predictor_type"] == predictor_type


def test_a_task_that_an_algorithm_does_not_learn_is_refused_with_those_that_it_learns():
    with pytest.raises(UsageError, match="factorization-machines learns no multi-class task") as caught:
        rating_hyperparameters(prepared("multi-class"), num_factors=4, epochs=1, mini_batch_size=10)
    assert caught.value.cure == "It learns: binary, regression. Choose another target in 01_prep."
    with pytest.raises(UsageError, match="image-classification learns no binary task"):
        algorithm_for("image-classification", TARGETS["binary"], OF_RATINGS)


@pytest.mark.parametrize(("algorithm", "name"), [(OF_SEVERAL, "mlogloss"), (OF_NUMBERS, "rmse")])
def test_the_learning_curve_of_each_task_is_its_first_objective(algorithm, name):
    match: Any = re.search(algorithm.history["validation"], f"[3]#011train-{name}:0.5#011validation-{name}:0.75")
    assert (match["step"], match["value"]) == ("3", "0.75")


def test_the_learning_curve_of_a_regressor_is_found_in_the_log_that_the_local_aws_prints():
    tally = np.array([4, 2.0, 3.0, 0, 0, 0])  # rows, half the squared error, absolute error
    (line, *_) = quality_lines(tally, "epoch=7, train", is_classifier=False)
    match: Any = re.search(REGRESSOR.history["train"], line)
    assert (match["step"], match["value"]) == ("7", "1.0")
    assert not re.search(REGRESSOR.history["train"], quality_lines(tally, "epoch=7, batch=1 train", is_classifier=False)[0])


@pytest.mark.parametrize(("algorithm", "local"), ALL)
def test_the_metrics_on_validation_rows_are_the_algorithms_and_the_targets(algorithm, local):
    known = {definition.name for definition in local.metric_definitions}
    assert set(algorithm.validation_metrics.values()) <= known
    assert set(algorithm.validation_metrics) <= {metric.name for metric in metrics_of(TARGETS[algorithm.task])}


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_linear_learner_takes_what_the_notebook_gives_but_for_factors(task):
    hyperparameters = rating_hyperparameters(prepared(task), "linear-learner", num_factors=64, epochs=3, mini_batch_size=10)
    LinearLearner().check(hyperparameters.values, ["train", hyperparameters.algorithm.validation_channel])
    assert (hyperparameters.values["epochs"], "num_factors" in hyperparameters.values) == ("3", False)


def test_linear_learners_learning_curve_is_found_in_its_log():
    line = "#quality_metric: host=algo-1, epoch=4, validation binary_classification_cross_entropy_objective <loss>=0.5082"
    found: Any = re.search(LINEAR.history["validation"], line)
    assert (found["step"], found["value"]) == ("4", "0.5082")
    assert not re.search(LINEAR.history["train"], line)
    assert not re.search(LINEAR.history["validation"], line.replace("epoch=4, ", ""))  # the finished model's


@pytest.mark.parametrize("folder", LAKES)
def test_the_lake_s_role_may_pull_the_images_of_its_algorithms_and_no_others(folder):
    template = (ROOT / folder / "datalake.yaml").read_text()
    assert set(re.findall(r"repository/([a-z-]+)", template)) == {LOCAL[one.name].repository for one in LAKES[folder]}


@pytest.mark.parametrize(
    ("algorithm", "unit", "curve"),
    [
        (("factorization-machines", OF_RATINGS), "stars", "RMSE (stars)"),
        (("linear-learner", OF_RATINGS), "stars", "mean squared error (stars, squared)"),
        (("xgboost", OF_TABLES), "", "RMSE (units of the label)"),
    ],
)
def test_the_learning_curve_of_a_number_has_its_unit(algorithm, unit, curve):
    name, known = algorithm
    found = algorithm_for(name, Target(task="regression", unit=unit), known)
    assert found.curve == curve
    errors = {objective: found.unit_of(objective) for objective in (*found.objectives, *found.validation_metrics.values())}
    in_unit = {objective for objective, own in errors.items() if own}
    assert in_unit == {one for one in errors if one.rpartition(":")[2] in ("rmse", "mae", "absolute_loss")}
    assert {errors[one] for one in in_unit} == {unit or "units of the label"}
    assert algorithm_for(name, TARGETS["binary"], known).curve == "log loss (nats)"


@pytest.mark.parametrize(("algorithm", "local"), ALL)
def test_what_can_be_tuned_are_hyperparameters_of_the_container(algorithm, local):
    needed = {name: str(value) for name, value in {"feature_dim": 9, "num_factors": 4, "num_round": 3, **algorithm.fixed}.items()}
    known = {name: value for name, value in needed.items() if name not in algorithm.without}
    if algorithm.name == "xgboost":
        known = {name: value for name, value in known.items() if name not in ("feature_dim", "num_factors")}
        known |= {"num_class": "3"} if algorithm.task == "multi-class" else {}
    else:
        known.pop("num_round")
    for name in sorted(algorithm.tunable):
        value = "true" if name == "use_bias" else "1"
        local.check({**known, name: value}, ["train", algorithm.validation_channel])
