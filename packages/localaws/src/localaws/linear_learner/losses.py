"""The loss functions: of each row its loss, and its derivative by the row's score.

A classifier's labels are 0 and 1, a regressor's any number. Losses with a kink are rounded within `rounding` of it while training, because
L-BFGS needs a derivative that does not jump; with a rounding of 0 they are exact. A rounded loss is at most `rounding` below the exact one.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from localaws.linear_learner.hyperparameters import Hyperparameters

ROUNDING = 0.001
Floats: TypeAlias = NDArray[np.float64]
Loss: TypeAlias = Callable[[Floats, Floats], tuple[Floats, Floats]]


def loss_function(params: Hyperparameters, *, rounding: float = 0.0) -> Loss:
    """The chosen loss as a function of scores and labels, both (n_rows,). It returns losses and derivatives, both (n_rows,)."""
    by_name: dict[str, Loss] = {
        "logistic": _logistic,
        "hinge_loss": lambda score, label: _hinge(score, label, params.margin, rounding),
        "squared_loss": lambda score, label: ((score - label) ** 2, 2 * (score - label)),
        "absolute_loss": lambda score, label: _pinball(score, label, 0.5, rounding, scale=2),
        "quantile_loss": lambda score, label: _pinball(score, label, params.quantile, rounding),
        "huber_loss": lambda score, label: _huber(score, label, params.huber_delta),
        "eps_insensitive_absolute_loss": lambda score, label: _insensitive(score, label, params.loss_insensitivity, rounding),
        "eps_insensitive_squared_loss": lambda score, label: _insensitive_squared(score, label, params.loss_insensitivity),
    }
    return by_name[params.chosen_loss]


def _logistic(score: Floats, label: Floats) -> tuple[Floats, Floats]:
    return np.logaddexp(0, score) - label * score, probability(score) - label


def probability(score: Floats) -> Floats:
    """The logistic function."""
    power = np.exp(-np.abs(score))  # of a value that is never positive, so it cannot overflow
    probabilities: Floats = np.where(score >= 0, 1, power) / (1 + power)
    return probabilities


def _hinge(score: Floats, label: Floats, margin: float, rounding: float) -> tuple[Floats, Floats]:
    sign = 2 * label - 1
    loss, slope = _ramp(margin - sign * score, rounding)
    return loss, -sign * slope


def _pinball(score: Floats, label: Floats, quantile: float, rounding: float, *, scale: float = 1) -> tuple[Floats, Floats]:
    """`quantile` times the error where the label is above the score, 1 - `quantile` times where it is below."""
    above, rises = _ramp(label - score, rounding)
    below, falls = _ramp(score - label, rounding)
    return scale * (quantile * above + (1 - quantile) * below), scale * ((1 - quantile) * falls - quantile * rises)


def _huber(score: Floats, label: Floats, delta: float) -> tuple[Floats, Floats]:
    error = score - label
    inside = np.clip(error, -delta, delta)
    return inside * (error - inside / 2), inside


def _insensitive(score: Floats, label: Floats, insensitivity: float, rounding: float) -> tuple[Floats, Floats]:
    error = score - label
    loss, slope = _ramp(np.abs(error) - insensitivity, rounding)
    return loss, np.sign(error) * slope


def _insensitive_squared(score: Floats, label: Floats, insensitivity: float) -> tuple[Floats, Floats]:
    error = score - label
    excess = np.maximum(np.abs(error) - insensitivity, 0)
    return excess**2, 2 * np.sign(error) * excess


def _ramp(value: Floats, rounding: float) -> tuple[Floats, Floats]:
    """max(0, value) and its slope. The kink is rounded by a parabola between 0 and `rounding`."""
    if not rounding:
        return np.maximum(value, 0), (value > 0).astype(np.float64)
    inside = np.clip(value, 0, rounding)
    return inside / rounding * (value - inside / 2), inside / rounding
