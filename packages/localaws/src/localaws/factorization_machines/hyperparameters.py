"""The built-in algorithm's hyperparameters, as AWS documents them: names, valid values, defaults.

https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html; ranges that the page only suggests are not enforced.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

REQUIRED = ("feature_dim", "num_factors", "predictor_type")
METHODS = ("normal", "uniform", "constant")
# SageMaker's tuning jobs add it to the hyperparameters of their training jobs
IGNORED = ("_tuning_objective_metric",)


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
    given = {name: value for name, value in hyperparameters.items() if name not in IGNORED}
    unknown = [name for name in given if name not in NAMES]
    if unknown:
        verb = "was" if len(unknown) == 1 else "were"
        raise _client_error(f"Additional hyperparameters are not allowed ({', '.join(map(repr, unknown))} {verb} unexpected)")
    _require(given, REQUIRED)
    for group in ("bias", "linear", "factors"):
        method = given.get(f"{group}_init_method")
        if method in ("uniform", "constant"):
            _require(given, (f"{group}_init_{'scale' if method == 'uniform' else 'value'}",))
    return Hyperparameters(**{name: _parse_value(name, str(value)) for name, value in given.items()})


def _require(given: Mapping[str, str], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in given]
    if missing:
        raise _client_error(f"No value(s) were specified for {', '.join(map(repr, missing))} which are required hyperparameter(s)")


def _parse_value(name: str, text: str) -> Any:
    invalid = f"The value '{text}' is not valid for the '{name}' hyperparameter which"
    if name in _CHOICES:
        if text not in _CHOICES[name]:
            raise _client_error(f"{invalid} accepts one of the following: {', '.join(map(repr, _CHOICES[name]))}")
        return text
    if name in _INTEGERS:
        if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
            raise _client_error(f"{invalid} expects an integer greater than or equal to 1")
        return int(text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (number < 0 and name not in _ANY_FLOAT):
        raise _client_error(f"{invalid} expects a {'number' if name in _ANY_FLOAT else 'number greater than or equal to 0'}")
    return number


def _client_error(message: str) -> ValueError:
    return ValueError(f"ClientError: {message} (caused by ValidationError)")
