"""The training of Factorization Machines in plain NumPy and SciPy: a few lines for each mini-batch, nothing compiled, no threads."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from localaws.algorithm_kit.channel_rows import Dataset
from localaws.factorization_machines.hyperparameters import Hyperparameters


def train(params: Hyperparameters, data: Dataset, weights: list[Any]) -> Iterator[float]:
    """Train bias (1,), linear and factors in place with lazy Adam, in their own precision. Yields each epoch's mean loss."""
    means, variances = ([np.zeros_like(array) for array in weights] for _ in range(2))
    step = 0
    for _ in range(params.epochs):
        total = 0.0
        for first in range(0, len(data), params.mini_batch_size):
            batch = data[first : first + params.mini_batch_size]
            step += 1
            loss, touched, gradients = batch_gradients(batch, weights, is_classifier=params.is_classifier)
            total += loss
            update(params, step, 1 / len(batch), touched, gradients, weights, means, variances)
        yield total / len(data)


def batch_gradients(batch: Dataset, weights: list[Any], *, is_classifier: bool) -> tuple[float, Any, list[Any]]:
    """(summed loss, the features that occur, gradients by the bias and by their weights)."""
    bias, linear, factors = weights
    touched, place = np.unique(batch.keys, return_inverse=True)
    rows = csr_array((batch.values.astype(bias.dtype), place, batch.indptr), shape=(len(batch), touched.size))
    squares, v = rows.power(2), factors[touched]
    sums = rows @ v
    score = bias[0] + rows @ linear[touched] + (sums**2 - squares @ v**2).sum(axis=1) / 2
    if is_classifier:
        loss = np.maximum(score, 0) - score * batch.labels + np.log1p(np.exp(-np.abs(score)))
        gradient = 1 / (1 + np.exp(-score)) - batch.labels
    else:
        gradient = score - batch.labels
        loss = gradient**2 / 2
    by_factor = rows.T @ (gradient[:, None] * sums) - (squares.T @ gradient)[:, None] * v
    return float(loss.sum()), touched, [gradient.sum(keepdims=True), rows.T @ gradient, by_factor]


def update(
    params: Hyperparameters, step: int, rescale: float, touched: Any, gradients: list[Any],
    weights: list[Any], means: list[Any], variances: list[Any],
) -> None:  # fmt: skip
    """One step of Adam for the weights whose features occur."""
    correction = (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
    places = (slice(None), touched, touched)
    for name, at, gradient, array, mean, variance in zip(
        ("bias", "linear", "factors"), places, gradients, weights, means, variances, strict=True
    ):
        g = gradient * rescale + getattr(params, f"{name}_wd") * array[at]
        mean[at] = 0.9 * mean[at] + 0.1 * g
        variance[at] = 0.999 * variance[at] + 0.001 * g * g
        array[at] -= getattr(params, f"{name}_lr") * correction * mean[at] / (np.sqrt(variance[at]) + 1e-8)
