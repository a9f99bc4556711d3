"""The built-in algorithm's hyperparameters, as AWS documents them: names, valid values, defaults.

https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from localaws.algorithm_kit.first_party import (
    check_names,
    client_error,
    parse_choice,
    parse_integer,
    parse_number,
)
from localaws.sagemaker.algorithm_images import TUNING_OBJECTIVE

REQUIRED = ("predictor_type",)
BINARY, REGRESSOR, MULTICLASS = "binary_classifier", "regressor", "multiclass_classifier"
LOSSES = {
    BINARY: ("logistic", "hinge_loss"),
    REGRESSOR: (
        "squared_loss",
        "absolute_loss",
        "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss",
        "quantile_loss",
        "huber_loss",
    ),
}
CRITERIA = ("accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "loss_function")

# SciPy's L-BFGS finds the optimum without them: it chooses its own steps over all rows, and starts from zero.
WITHOUT_EFFECT = (
    "beta_1", "beta_2", "bias_lr_mult", "init_bias", "init_method", "init_scale", "init_sigma", "learning_rate", "lr_scheduler_factor",
    "lr_scheduler_minimum_lr", "lr_scheduler_step", "mini_batch_size", "momentum", "num_models", "optimizer", "use_lr_scheduler",
)  # fmt: skip
# The container ignores them too, unless predictor_type is multiclass_classifier.
OF_MULTICLASS = ("accuracy_top_k", "balance_multiclass_weights", "num_classes")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """None is the documented value "auto". `positive_example_weight_mult` None is "balanced"."""

    predictor_type: str
    feature_dim: int | None = None
    num_classes: int | None = None
    accuracy_top_k: int = 3
    balance_multiclass_weights: bool = False
    beta_1: float | None = None
    beta_2: float | None = None
    bias_lr_mult: float | None = None
    bias_wd_mult: float | None = None
    binary_classifier_model_selection_criteria: str = "accuracy"
    early_stopping_patience: int = 3
    early_stopping_tolerance: float = 0.001
    epochs: int = 15
    f_beta: float = 1.0
    huber_delta: float = 1.0
    init_bias: float = 0.0
    init_method: str = "uniform"
    init_scale: float = 0.07
    init_sigma: float = 0.01
    l1: float | None = None
    learning_rate: float | None = None
    loss: str | None = None
    loss_insensitivity: float = 0.01
    lr_scheduler_factor: float | None = None
    lr_scheduler_minimum_lr: float | None = None
    lr_scheduler_step: int | None = None
    margin: float = 1.0
    mini_batch_size: int = 1000
    momentum: float | None = None
    normalize_data: bool | None = True
    normalize_label: bool | None = None
    num_calibration_samples: int | None = None
    num_models: int | None = None
    num_point_for_scaler: int = 10_000
    optimizer: str | None = None
    positive_example_weight_mult: float | None = 1.0
    quantile: float = 0.5
    target_precision: float = 0.8
    target_recall: float = 0.8
    unbias_data: bool | None = None
    unbias_label: bool | None = None
    use_bias: bool = True
    use_lr_scheduler: bool = True
    wd: float | None = None

    @property
    def is_classifier(self) -> bool:
        return self.predictor_type == BINARY

    @property
    def chosen_loss(self) -> str:
        """The loss function; "auto" chooses the first of the predictor type."""
        return self.loss or LOSSES[self.predictor_type][0]

    @property
    def criterion(self) -> str:
        """The criterion that selects threshold and epoch: a classifier's own one, otherwise `loss_function`."""
        return self.binary_classifier_model_selection_criteria if self.is_classifier else "loss_function"


NAMES = tuple(field.name for field in fields(Hyperparameters))
_INTEGERS = (
    "feature_dim", "num_classes", "accuracy_top_k", "early_stopping_patience", "epochs", "lr_scheduler_step", "mini_batch_size",
    "num_calibration_samples", "num_models", "num_point_for_scaler",
)  # fmt: skip
_SWITCHES = (
    "balance_multiclass_weights", "normalize_data", "normalize_label", "unbias_data", "unbias_label", "use_bias", "use_lr_scheduler",
)  # fmt: skip
_CHOICES = {
    "predictor_type": (BINARY, MULTICLASS, REGRESSOR),
    "binary_classifier_model_selection_criteria": CRITERIA,
    "init_method": ("uniform", "normal"),
    "loss": ("auto", *LOSSES[BINARY], *LOSSES[REGRESSOR], "softmax_loss"),
    "optimizer": ("auto", "sgd", "adam", "rmsprop"),
}
_AUTO = (
    "feature_dim", "beta_1", "beta_2", "bias_lr_mult", "bias_wd_mult", "l1", "learning_rate", "loss", "lr_scheduler_factor",
    "lr_scheduler_minimum_lr", "lr_scheduler_step", "momentum", "normalize_data", "normalize_label", "num_calibration_samples",
    "num_models", "optimizer", "unbias_data", "unbias_label", "wd",
)  # fmt: skip
_FROM_ZERO = ("bias_wd_mult", "l1", "wd")
_UP_TO_ONE = ("beta_1", "beta_2", "lr_scheduler_factor", "momentum", "quantile", "target_precision", "target_recall")
_SMALLEST = 5e-324


def parse(hyperparameters: Mapping[str, str]) -> Hyperparameters:
    """The typed values. Raises ValueError with the text for the job's FailureReason."""
    given = {name: str(value) for name, value in hyperparameters.items() if name != TUNING_OBJECTIVE}
    check_names(list(given), NAMES, REQUIRED)
    params = Hyperparameters(**{name: _parse_value(name, value) for name, value in given.items()})
    if params.predictor_type == MULTICLASS:
        raise ValueError(
            "AlgorithmError: Linear Learner of the local AWS does not honour predictor_type multiclass_classifier; "
            "it trains binary_classifier and regressor"
        )
    if params.loss is not None and params.loss not in LOSSES[params.predictor_type]:
        choices = ", ".join(map(repr, ("auto", *LOSSES[params.predictor_type])))
        raise client_error(
            f"The loss '{params.loss}' is not valid for the predictor_type '{params.predictor_type}', which accepts {choices}"
        )
    return params


def without_effect(hyperparameters: Mapping[str, str]) -> list[str]:
    """The given hyperparameters that are checked, but do not change the model here."""
    return [name for name in WITHOUT_EFFECT if name in hyperparameters]


def _parse_value(name: str, text: str) -> Any:
    if name in _AUTO and text == "auto":
        return None
    if name in _CHOICES:
        return parse_choice(name, text, _CHOICES[name])
    if name in _SWITCHES:
        return parse_choice(name, text.lower(), ("true", "false", *(["auto"] if name in _AUTO else []))) == "true"
    if name in _INTEGERS:
        return parse_integer(name, text)
    if name == "positive_example_weight_mult":
        return _positive_weight(text)
    if name == "init_bias":
        return parse_number(name, text, expected="a number")
    if name in _FROM_ZERO:
        return parse_number(name, text, low=0, expected="a number greater than or equal to 0")
    if name in _UP_TO_ONE:
        return parse_number(name, text, low=0, high=1, expected="a number between 0 and 1")
    return parse_number(name, text, low=_SMALLEST, expected="a number greater than 0")


def _positive_weight(text: str) -> float | None:
    if text == "balanced":
        return None
    if text == "auto":
        raise ValueError(
            "AlgorithmError: Linear Learner of the local AWS does not honour positive_example_weight_mult auto; give balanced or a number"
        )
    return parse_number("positive_example_weight_mult", text, low=_SMALLEST, expected="a number greater than 0")
