"""The function that training minimises, with its gradient.

    mean of weight_r * loss(score_r, label_r)  +  wd / 2 * |v|^2  +  l1 * |v|_1  +  wd * bias_wd_mult / 2 * bias^2

v are the weights of the normalised features. Each value of the function reads all rows twice.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from localaws.linear_learner.hyperparameters import Hyperparameters
from localaws.linear_learner.losses import ROUNDING, Floats, loss_function
from localaws.linear_learner.normalization import Normalization

# What "auto" means here. Public logs of the container show models with wd 0.0001 and 0.01, both with l1 0, as the best of 32.
AUTO_WD, AUTO_L1 = 0.0001, 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """features (n_rows, feature_dim) float64, labels (n_rows,) float64."""

    features: csr_array
    labels: Floats

    def __len__(self) -> int:
        return self.labels.size


class Objective:
    """The objective of rows as a function of a point: L-BFGS's variables, float64.

    Without l1, a point holds the weights and, with use_bias, the bias. With l1, weights are the difference of two parts that are never
    negative, so that the penalty has a gradient: a point holds both parts and the bias.
    """

    def __init__(self, params: Hyperparameters, rows: Rows, normalization: Normalization) -> None:
        self._params, self._rows, self._normalization = params, rows, normalization
        self._transposed = rows.features.T
        self._labels = (rows.labels - normalization.label_shift) / normalization.label_scale
        self._row_weights = _row_weights(params, rows.labels) / len(rows)
        self._loss = loss_function(params, rounding=ROUNDING)
        self._wd = AUTO_WD if params.wd is None else params.wd
        self._l1 = AUTO_L1 if params.l1 is None else params.l1

    @property
    def start(self) -> Floats:
        """The point of zeros."""
        parts = 2 if self._l1 else 1
        return np.zeros(parts * self._rows.features.shape[1] + self._params.use_bias)

    @property
    def bounds(self) -> list[tuple[float | None, float | None]] | None:
        """The lowest and highest value of each variable; None without limits."""
        if not self._l1:
            return None
        return [(0, None)] * (2 * self._rows.features.shape[1]) + [(None, None)] * self._params.use_bias

    def value_and_gradient(self, point: Floats) -> tuple[float, Floats]:
        """The objective at the point, and its gradient, as long as the point."""
        weights, bias = self._split(point)
        scaled = weights / self._normalization.scale
        offset = bias - self._normalization.shift @ scaled
        losses, slopes = self._loss(self._rows.features @ scaled + offset, self._labels)
        slopes *= self._row_weights
        total = slopes.sum()
        gradient = (self._transposed @ slopes - self._normalization.shift * total) / self._normalization.scale + self._wd * weights
        bias_wd = self._wd * (self._params.bias_wd_mult or 0.0)
        value = float(losses @ self._row_weights + self._wd / 2 * (weights @ weights) + bias_wd / 2 * bias**2)
        bias_gradient = [total + bias_wd * bias] if self._params.use_bias else []
        if not self._l1:
            return value, np.concatenate([gradient, bias_gradient])
        parts = point[: 2 * weights.size]
        return value + self._l1 * float(parts.sum()), np.concatenate([gradient + self._l1, self._l1 - gradient, bias_gradient])

    def raw_weights(self, point: Floats) -> tuple[Floats, float]:
        """Weights (feature_dim,) and bias for features and label as they are in the data."""
        weights, bias = self._split(point)
        scaled = weights / self._normalization.scale
        raw = bias - self._normalization.shift @ scaled
        label_scale, label_shift = self._normalization.label_scale, self._normalization.label_shift
        return scaled * label_scale, float(raw * label_scale + label_shift)

    def _split(self, point: Floats) -> tuple[Floats, float]:
        """Weights of the normalised features, and the bias."""
        size = self._rows.features.shape[1]
        weights = point[:size] - point[size : 2 * size] if self._l1 else point[:size]
        return weights, float(point[-1]) if self._params.use_bias else 0.0


def _row_weights(params: Hyperparameters, labels: Floats) -> Floats:
    """The weight of each row. "balanced" gives the positive rows together the weight of the negative ones."""
    if not params.is_classifier:
        return np.ones(labels.size)
    positives = float((labels == 1).sum())
    balanced = (labels.size - positives) / positives if positives else 1.0
    weight = balanced if params.positive_example_weight_mult is None else params.positive_example_weight_mult
    return np.where(labels == 1, weight, 1.0)
