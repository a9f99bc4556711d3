"""The built-in algorithm's hyperparameters, as AWS documents them: names, valid values, defaults.

https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html; ranges that the page only suggests are not enforced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from localaws.algorithm_kit.first_party import check_names, parse_choice, parse_integer, parse_number
from localaws.sagemaker.algorithm_images import TUNING_OBJECTIVE

REQUIRED = ("feature_dim", "num_factors", "predictor_type")
METHODS = ("normal", "uniform", "constant")


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """None is the documented default "None". As in MXNet, it means: no clipping, eps 1e-8, rescale_grad 1 / rows of the batch."""

    feature_dim: int
    num_factors: int
    predictor_type: str
    epochs: int = 1
    mini_batch_size: int = 1000
    clip_gradient: float | None = None
    eps: float | None = None
    rescale_grad: float | None = None
    bias_lr: float = 0.1
    linear_lr: float = 0.001
    factors_lr: float = 0.0001
    bias_wd: float = 0.01
    linear_wd: float = 0.001
    factors_wd: float = 0.00001
    bias_init_method: str = "normal"
    bias_init_scale: float | None = None
    bias_init_sigma: float = 0.01
    bias_init_value: float | None = None
    linear_init_method: str = "normal"
    linear_init_scale: float | None = None
    linear_init_sigma: float = 0.01
    linear_init_value: float | None = None
    factors_init_method: str = "normal"
    factors_init_scale: float | None = None
    factors_init_sigma: float = 0.001
    factors_init_value: float | None = None

    @property
    def is_classifier(self) -> bool:
        return self.predictor_type == "binary_classifier"


NAMES = tuple(field.name for field in fields(Hyperparameters))
_INTEGERS = ("feature_dim", "num_factors", "epochs", "mini_batch_size")
_ANY_FLOAT = ("clip_gradient", "eps", "rescale_grad", "bias_init_value", "linear_init_value", "factors_init_value")
_CHOICES = {
    "predictor_type": ("binary_classifier", "regressor"),
    "bias_init_method": METHODS,
    "linear_init_method": METHODS,
    "factors_init_method": METHODS,
}


def parse(hyperparameters: Mapping[str, str]) -> Hyperparameters:
    """The typed values. Raises ValueError with the text for the job's FailureReason."""
    given = {name: value for name, value in hyperparameters.items() if name != TUNING_OBJECTIVE}
    required = [*REQUIRED]
    for group in ("bias", "linear", "factors"):
        method = given.get(f"{group}_init_method")
        if method in ("uniform", "constant"):
            required.append(f"{group}_init_{'scale' if method == 'uniform' else 'value'}")
    check_names(list(given), NAMES, required)
    return Hyperparameters(**{name: _parse_value(name, str(value)) for name, value in given.items()})


def _parse_value(name: str, text: str) -> Any:
    if name in _CHOICES:
        return parse_choice(name, text, _CHOICES[name])
    if name in _INTEGERS:
        return parse_integer(name, text)
    if name in _ANY_FLOAT:
        return parse_number(name, text, expected="a number")
    return parse_number(name, text, low=0, expected="a number greater than or equal to 0")
