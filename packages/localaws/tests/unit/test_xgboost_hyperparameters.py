"""Hyperparameters and channels: what is taken, and the text with which the rest is refused."""

from typing import Any

import pytest

from localaws.xgboost import XGBoost
from localaws.xgboost.hyperparameters import OBJECTIVES, parse
from localaws.xgboost.metrics import NAMES

BASE = {"num_round": "10", "objective": "binary:logistic"}


def refusal(**changes: str | None) -> str:
    values = {name.lstrip("."): value for name, value in {**BASE, **changes}.items() if value is not None}
    with pytest.raises(ValueError, match=r"^ClientError: ") as caught:
        parse(values)
    return str(caught.value).removeprefix("ClientError: ")


def test_values_are_text_and_become_their_types() -> None:
    parsed = parse({**BASE, "eta": "0.2", "max_depth": "5", "lambda": "2", "csv_weights": "1", "early_stopping_rounds": "3"})
    assert parsed.library == {"objective": "binary:logistic", "eta": 0.2, "max_depth": 5, "lambda": 2.0}
    assert type(parsed.library["max_depth"]) is int
    assert (parsed.num_round, parsed.csv_weights, parsed.early_stopping_rounds) == (10, True, 3)


def test_only_num_round_is_required() -> None:
    parsed = parse({"num_round": "1"})
    assert (parsed.library, parsed.metrics, parsed.objective) == ({}, (), "reg:squarederror")
    assert refusal(num_round=None) == "Missing required hyperparameter: num_round"


def test_the_librarys_other_names_mean_the_same() -> None:
    aliases = {"learning_rate": "0.3", "min_split_loss": "1", "reg_lambda": "2", "reg_alpha": "3"}
    assert parse({**BASE, **aliases}) == parse({**BASE, "eta": "0.3", "gamma": "1", "lambda": "2", "alpha": "3"})


@pytest.mark.parametrize("name", ["depth", "silent", "device", "feature_dim", "sagemaker_program", "Eta"])
def test_unknown_names_are_refused(name: str) -> None:
    assert refusal(**{name: "1"}) == f"Extraneous hyperparameter found: {name}"


@pytest.mark.parametrize(
    ("name", "good", "bad", "text"),
    [
        ("num_round", ["1", "4000"], ["0", "-1"], "[1, +inf)"),
        ("eta", ["0", "1", "1e-3"], ["-0.1", "1.01"], "[0, 1]"),
        ("subsample", ["0.001", "1"], ["0.0", "1.5"], "(0, 1]"),
        ("colsample_bytree", ["1"], ["0.0"], "(0, 1]"),
        ("tweedie_variance_power", ["1.5"], ["1.0", "2.0"], "(1, 2)"),
        ("max_depth", ["0"], ["-1"], "[0, +inf)"),
        ("num_class", [], ["1"], "[2, +inf)"),
        ("seed", ["-5", "2147483646"], ["2147483647", "-2147483648"], "(-2147483648, 2147483647)"),
        ("nthread", ["1", "96"], ["0"], "[1, +inf)"),
    ],
)
def test_ranges_are_those_of_the_container(name: str, good: list[str], bad: list[str], text: str) -> None:
    for value in good:
        parse({**BASE, name: value})
    for value in bad:
        assert refusal(**{name: value}) == f"Hyperparameter {name}: {value} is not in {text}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("num_round", value) for value in ("1.5", "ten", "", "1e3")),
        *(("eta", value) for value in ("x", "nan", "inf", "")),
        *(("monotone_constraints", value) for value in ("1", "(1,")),
        ("interaction_constraints", "__import__('os')"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: str) -> None:
    assert refusal(tree_method="hist", **{name: value}).startswith(f"Hyperparameter {name}: could not parse value (caused by ")


@pytest.mark.parametrize("name", ["objective", "booster", "tree_method", "grow_policy", "save_model_on_termination"])
def test_choices_are_listed(name: str) -> None:
    assert refusal(**{name: "other"}).startswith(f"Hyperparameter {name}: other is not in ['")


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, "x") for name in ("updater", "process_type", "_kfold", "aft_loss_distribution")]
    + [("objective", value) for value in ("rank:pairwise", "rank:ndcg", "rank:map", "survival:aft", "survival:cox")]
    + [("tree_method", "gpu_hist"), ("predictor", "gpu_predictor"), ("use_dask_gpu_training", "true")],
)
def test_a_value_that_is_not_honoured_is_refused_by_name(name: str, value: str) -> None:
    text = refusal(**{name: value})
    assert text.startswith(f"Hyperparameter {name}")
    assert "not honoured by the local AWS" in text


def test_every_other_objective_is_taken() -> None:
    for objective in OBJECTIVES:
        classes = {"num_class": "3"} if objective.startswith("multi:") else {}
        assert parse({"num_round": "1", "objective": objective, **classes}).objective == objective


def test_several_classes_need_their_number() -> None:
    assert refusal(objective="multi:softprob") == "Require input for parameter 'num_class' for multi-classification"
    assert "'num_class'" in refusal(num_class="3")


def test_eval_metric_is_a_list_by_commas() -> None:
    parsed = parse({**BASE, "eval_metric": "auc,error@0.3,f1,logloss"})
    assert (parsed.metrics, parsed.added_metrics, parsed.stopping_metric) == (("auc", "error@0.3", "logloss"), ("f1",), "logloss")
    assert refusal(eval_metric="auc,gini").startswith("Hyperparameter eval_metric: value ['auc', 'gini'] not in range ['accuracy', 'auc',")
    assert refusal(eval_metric="auc@0.5").startswith("Metric 'auc@0.5' is not supported.")
    assert refusal(eval_metric="error@half") == "Threshold value 't' in 'error@t' expects float input."


def test_a_metric_that_has_no_meaning_for_the_objective_is_refused() -> None:
    assert refusal(objective="reg:squarederror", eval_metric="auc").startswith("Metric 'auc' can only be applied for classification")
    assert refusal(eval_metric="aft-nloglik") == "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."


def test_the_tuning_objective_is_computed_and_stops_early() -> None:
    tuned = parse({**BASE, "_tuning_objective_metric": "validation:auc"})
    assert (tuned.metrics, tuned.stopping_metric) == (("auc",), "auc")
    both = parse({**BASE, "_tuning_objective_metric": "validation:auc", "eval_metric": "logloss"})
    assert (both.metrics, both.stopping_metric) == (("auc", "logloss"), "auc")
    assert refusal(_tuning_objective_metric="train:auc").startswith("Hyperparameter _tuning_objective_metric: train:auc is not in")


def test_constraints_are_literals_and_need_a_tree_method() -> None:
    given = {**BASE, "tree_method": "hist", "monotone_constraints": "(1,0,-1)", "interaction_constraints": "[[1, 2], [3]]"}
    library = parse(given).library
    assert (library["monotone_constraints"], library["interaction_constraints"]) == ((1, 0, -1), [[1, 2], [3]])
    assert refusal(monotone_constraints="(1,)").endswith("set to either 'exact' or 'hist'.")
    assert refusal(interaction_constraints="[[1]]", tree_method="auto").endswith("set to either 'exact', 'hist' or 'approx'.")
    assert "not in range [-1, 0, 1]" in refusal(monotone_constraints="(2,)", tree_method="hist")
    assert "not in range [1, +inf)" in refusal(interaction_constraints="[[0, 1]]", tree_method="hist")


def test_channels_are_train_and_at_most_validation() -> None:
    algorithm = XGBoost()
    algorithm.check(BASE, ["train"])
    algorithm.check(BASE, ["validation", "train"])
    for channels, text in ((["validation"], "Missing required channel: train"), (["train", "test"], "Extraneous channel found: test")):
        with pytest.raises(ValueError, match=f"^ClientError: {text}$"):
            algorithm.check(BASE, channels)
    with pytest.raises(ValueError, match="Extraneous hyperparameter"):
        algorithm.check({**BASE, "depth": "1"}, ["train"])


def test_metric_definitions_are_those_that_aws_shows() -> None:
    definitions: dict[str, Any] = {definition.name: definition.regex for definition in XGBoost().metric_definitions}
    assert set(definitions) <= {f"{data}:{name}" for data in ("train", "validation") for name in NAMES}
    assert len(definitions) <= 40  # the service model's limit
    # AWS's page on tuning
    documented = ("accuracy", "auc", "error", "f1", "logloss", "mae", "map", "merror", "mlogloss", "mse", "ndcg", "rmse")
    assert {f"{data}:{name}" for data in ("train", "validation") for name in documented} <= set(definitions)
    assert definitions["validation:auc"] == r".*\[[0-9]+\].*#011validation-auc:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*"
