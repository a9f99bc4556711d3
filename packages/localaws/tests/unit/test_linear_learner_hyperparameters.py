"""The hyperparameters of Linear Learner: AWS's names, defaults and refusals."""

import pytest

from localaws.linear_learner import LinearLearner
from localaws.linear_learner.hyperparameters import LOSSES, WITHOUT_EFFECT, parse, without_effect

BASE = {"predictor_type": "binary_classifier"}


def test_the_defaults_are_those_of_aws() -> None:
    params = parse(BASE)
    assert (params.epochs, params.early_stopping_patience, params.early_stopping_tolerance) == (15, 3, 0.001)
    assert (params.criterion, params.chosen_loss, params.mini_batch_size, params.num_point_for_scaler) == (
        "accuracy",
        "logistic",
        1000,
        10_000,
    )
    assert (params.normalize_data, params.normalize_label, params.use_bias) == (True, None, True)
    assert (params.feature_dim, params.wd, params.l1, params.learning_rate, params.num_models) == (None,) * 5
    assert (params.target_precision, params.target_recall, params.f_beta, params.quantile) == (0.8, 0.8, 1.0, 0.5)
    assert (params.huber_delta, params.margin, params.loss_insensitivity, params.positive_example_weight_mult) == (1.0, 1.0, 0.01, 1.0)
    regressor = parse({"predictor_type": "regressor"})
    assert (regressor.chosen_loss, regressor.criterion) == ("squared_loss", "loss_function")


def test_values_are_read_as_their_type() -> None:
    given = {"feature_dim": "7", "wd": "auto", "l1": "0", "normalize_data": "True", "unbias_data": "auto", "init_bias": "-1.5"}
    params = parse({**BASE, **given, "positive_example_weight_mult": "balanced", "_tuning_objective_metric": "test:mse"})
    assert (params.feature_dim, params.wd, params.l1, params.normalize_data, params.unbias_data) == (7, None, 0.0, True, None)
    assert (params.init_bias, params.positive_example_weight_mult) == (-1.5, None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_factors": "3"}, r"ClientError: Additional hyperparameters are not allowed \('num_factors' was unexpected\)"),
        ({"epochs": "0"}, "ClientError: The value '0' is not valid for the 'epochs' hyperparameter which expects an integer greater"),
        ({"epochs": "auto"}, "'auto' is not valid for the 'epochs'"),
        ({"feature_dim": "2.5"}, "'2.5' is not valid for the 'feature_dim' hyperparameter which expects an integer"),
        ({"wd": "-0.1"}, "'wd' hyperparameter which expects a number greater than or equal to 0"),
        ({"learning_rate": "0"}, "'learning_rate' hyperparameter which expects a number greater than 0"),
        ({"l1": "nan"}, "'nan' is not valid for the 'l1'"),
        ({"momentum": "1.1"}, "'momentum' hyperparameter which expects a number between 0 and 1"),
        ({"target_recall": "2"}, "expects a number between 0 and 1"),
        ({"use_bias": "auto"}, "'use_bias' hyperparameter which accepts one of the following: 'true', 'false'"),
        ({"normalize_data": "yes"}, "accepts one of the following: 'true', 'false', 'auto'"),
        ({"optimizer": "adagrad"}, "'optimizer' hyperparameter which accepts one of the following: 'auto', 'sgd', 'adam', 'rmsprop'"),
        ({"binary_classifier_model_selection_criteria": "f1"}, "accepts one of the following: 'accuracy', 'f_beta'"),
        ({"predictor_type": "classifier"}, "'predictor_type' hyperparameter which accepts one of"),
        ({"predictor_type": "regressor", "loss": "logistic"}, "The loss 'logistic' is not valid for the predictor_type 'regressor'"),
        ({"loss": "squared_loss"}, "The loss 'squared_loss' is not valid for the predictor_type 'binary_classifier'"),
        ({"predictor_type": "multiclass_classifier", "num_classes": "3"}, "AlgorithmError: .*does not honour predictor_type multiclass"),
        ({"positive_example_weight_mult": "auto"}, "AlgorithmError: .*does not honour positive_example_weight_mult auto"),
        ({"positive_example_weight_mult": "0"}, "'positive_example_weight_mult' hyperparameter which expects a number greater than 0"),
    ],
)
def test_a_wrong_value_is_refused_by_name(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearLearner().check({**BASE, **given}, ["train"])


def test_the_predictor_type_is_required() -> None:
    with pytest.raises(ValueError, match=r"No value\(s\) were specified for 'predictor_type' which are required"):
        parse({"epochs": "3"})


@pytest.mark.parametrize("channels", [[], ["validation"], ["train", "evaluation"]])
def test_other_channels_are_refused(channels: list[str]) -> None:
    with pytest.raises(ValueError, match="Failed to validate input data configuration"):
        LinearLearner().check(BASE, channels)


@pytest.mark.parametrize("predictor_type", LOSSES)
def test_every_documented_loss_is_accepted(predictor_type: str) -> None:
    for loss in LOSSES[predictor_type]:
        assert parse({"predictor_type": predictor_type, "loss": loss}).chosen_loss == loss


def test_hyperparameters_without_effect_are_known_by_name() -> None:
    assert without_effect({"optimizer": "sgd", "wd": "0", "learning_rate": "0.1"}) == ["learning_rate", "optimizer"]
    assert set(WITHOUT_EFFECT) < set(vars(parse(BASE)))
