"""Factorization machines as the paper writes them: slow, plain loops in float64, independent of the product."""

import math
from typing import Any

import numpy as np


def score(row: list[tuple[int, float]], bias: float, linear: Any, factors: Any) -> float:
    """Rendle 2010, equation 1: every pair of features by itself."""
    total = bias + sum(linear[i] * x for i, x in row)
    for a in range(len(row)):
        for b in range(a + 1, len(row)):
            (i, x), (j, y) = row[a], row[b]
            total += sum(factors[i][f] * factors[j][f] for f in range(len(factors[0]))) * x * y
    return float(total)


def loss(row: list[tuple[int, float]], label: float, weights: Any, *, is_classifier: bool) -> float:
    s = score(row, weights[0], weights[1], weights[2])
    if not is_classifier:
        return (s - label) ** 2 / 2
    return math.log1p(math.exp(-abs(s))) + max(s, 0) - s * label


def batch_gradient(rows: Any, labels: Any, weights: Any, *, is_classifier: bool, step: float = 1e-6) -> list[Any]:
    """The gradient of the batch's summed loss by every weight, by central differences."""
    gradients = []
    for part, array in enumerate(weights):
        gradient = np.zeros(np.shape(array))
        for place in np.ndindex(gradient.shape):
            values = []
            for sign in (1, -1):
                moved = [np.array(w, np.float64) for w in weights]
                moved[part][place] += sign * step
                values.append(sum(loss(row, y, moved, is_classifier=is_classifier) for row, y in zip(rows, labels, strict=True)))
            gradient[place] = (values[0] - values[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def train(rows: Any, labels: Any, weights: Any, settings: Any, *, epochs: int, batch_rows: int, is_classifier: bool) -> list[Any]:
    """MXNet's lazy Adam, weight by weight. `settings` has lr and wd (bias, linear, factors), clip, eps, rescale (None: 1 / rows)."""
    weights = [np.array(w, np.float64) for w in weights]
    means, variances = [[np.zeros_like(w) for w in weights] for _ in range(2)]
    step = 0
    for _ in range(epochs):
        for first in range(0, len(rows), batch_rows):
            batch, targets = rows[first : first + batch_rows], labels[first : first + batch_rows]
            step += 1
            gradients = batch_gradient(batch, targets, weights, is_classifier=is_classifier)
            touched = sorted({i for row in batch for i, _ in row})
            rescale = 1 / len(batch) if settings["rescale"] is None else settings["rescale"]
            for part, places in enumerate(([()], touched, touched)):
                for place in places:
                    g = gradients[part][place] * rescale + settings["wd"][part] * weights[part][place]
                    g = np.clip(g, -settings["clip"], settings["clip"])
                    means[part][place] = 0.9 * means[part][place] + 0.1 * g
                    variances[part][place] = 0.999 * variances[part][place] + 0.001 * g * g
                    rate = settings["lr"][part] * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                    weights[part][place] -= rate * means[part][place] / (np.sqrt(variances[part][place]) + settings["eps"])
    return weights
