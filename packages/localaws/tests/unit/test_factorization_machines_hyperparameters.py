"""The hyperparameters as AWS documents them, and the texts with which others are refused."""

from typing import Any

import pytest

from localaws.factorization_machines import FactorizationMachines
from localaws.factorization_machines.hyperparameters import NAMES, parse

REQUIRED = {"feature_dim": "2625", "num_factors": "64", "predictor_type": "binary_classifier"}
# https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html
DOCUMENTED_DEFAULTS: dict[str, Any] = {
    "epochs": 1,
    "mini_batch_size": 1000,
    "bias_lr": 0.1,
    "linear_lr": 0.001,
    "factors_lr": 0.0001,
    "bias_wd": 0.01,
    "linear_wd": 0.001,
    "factors_wd": 0.00001,
    "bias_init_method": "normal",
    "linear_init_method": "normal",
    "factors_init_method": "normal",
    "bias_init_sigma": 0.01,
    "linear_init_sigma": 0.01,
    "factors_init_sigma": 0.001,
    "clip_gradient": None,
    "eps": None,
    "rescale_grad": None,
    **{f"{part}_init_{setting}": None for part in ("bias", "linear", "factors") for setting in ("scale", "value")},
}


def refusal(**changes: str | None) -> str:
    given = {name: value for name, value in {**REQUIRED, **changes}.items() if value is not None}
    with pytest.raises(ValueError, match="ClientError") as caught:
        parse(given)
    return str(caught.value)


def test_every_documented_hyperparameter_has_its_documented_default() -> None:
    parsed = parse(REQUIRED)
    assert set(NAMES) == {*REQUIRED, *DOCUMENTED_DEFAULTS}
    assert {name: getattr(parsed, name) for name in DOCUMENTED_DEFAULTS} == DOCUMENTED_DEFAULTS
    assert (parsed.feature_dim, parsed.num_factors, parsed.predictor_type) == (2625, 64, "binary_classifier")


def test_every_value_is_taken_as_its_type() -> None:
    parsed = parse(
        {**REQUIRED, "epochs": "7", "factors_lr": "1e-3", "clip_gradient": "-1", "bias_init_method": "constant", "bias_init_value": "-2"}
    )
    assert (parsed.epochs, parsed.factors_lr, parsed.clip_gradient, parsed.bias_init_value) == (7, 0.001, -1.0, -2.0)


def test_the_hyperparameter_that_tuning_adds_is_accepted() -> None:
    assert parse({**REQUIRED, "_tuning_objective_metric": "test:rmse"}) == parse(REQUIRED)


def test_unknown_hyperparameters_are_refused_by_name() -> None:
    assert (
        refusal(seed="1") == "ClientError: Additional hyperparameters are not allowed ('seed' was unexpected) (caused by ValidationError)"
    )
    assert "('depth', 'seed' were unexpected)" in refusal(depth="1", seed="1")


def test_missing_hyperparameters_are_named() -> None:
    text = "No value(s) were specified for 'feature_dim', 'num_factors' which are required hyperparameter(s)"
    assert refusal(feature_dim=None, num_factors=None) == f"ClientError: {text} (caused by ValidationError)"


@pytest.mark.parametrize(("method", "setting"), [("uniform", "scale"), ("constant", "value")])
@pytest.mark.parametrize("part", ["bias", "linear", "factors"])
def test_an_init_method_without_default_needs_its_setting(part: str, method: str, setting: str) -> None:
    assert f"'{part}_init_{setting}' which are required" in refusal(**{f"{part}_init_method": method})
    parse({**REQUIRED, f"{part}_init_method": method, f"{part}_init_{setting}": "0.5"})


@pytest.mark.parametrize("name", ["feature_dim", "num_factors", "epochs", "mini_batch_size"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "", "x", " 1", "0x10"])
def test_integers_must_be_positive_integers(name: str, value: str) -> None:
    assert f"The value '{value}' is not valid for the '{name}' hyperparameter" in refusal(**{name: value})


NON_NEGATIVE = [name for name in NAMES if name.endswith(("_lr", "_wd", "_scale", "_sigma"))]


@pytest.mark.parametrize("name", NON_NEGATIVE)
def test_rates_decays_and_spreads_must_not_be_negative(name: str) -> None:
    for value in ("-0.1", "nan", "inf", "x", ""):
        assert f"The value '{value}' is not valid for the '{name}' hyperparameter" in refusal(**{name: value})
    parse({**REQUIRED, name: "0"})


@pytest.mark.parametrize("name", ["clip_gradient", "eps", "rescale_grad", "bias_init_value", "linear_init_value", "factors_init_value"])
def test_other_numbers_may_be_negative_but_not_nan(name: str) -> None:
    parse({**REQUIRED, name: "-1"})
    assert "expects a number" in refusal(**{name: "nan"})


@pytest.mark.parametrize("name", ["predictor_type", "bias_init_method", "linear_init_method", "factors_init_method"])
def test_choices_are_listed_in_the_refusal(name: str) -> None:
    assert "accepts one of the following: '" in refusal(**{name: "other"})


def test_channels_are_train_and_at_most_test() -> None:
    algorithm = FactorizationMachines()
    algorithm.check(REQUIRED, ["train"])
    algorithm.check(REQUIRED, ["test", "train"])
    with pytest.raises(ValueError, match="'train' is a required property"):
        algorithm.check(REQUIRED, ["test"])
    with pytest.raises(ValueError, match="'validation' unexpected"):
        algorithm.check(REQUIRED, ["train", "validation"])
    with pytest.raises(ValueError, match="Additional hyperparameters"):
        algorithm.check({**REQUIRED, "seed": "1"}, ["train"])
