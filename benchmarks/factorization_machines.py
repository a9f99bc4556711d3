"""Factorization machines: seconds for one epoch, the compiled kernel against the same arithmetic in plain NumPy.

    python benchmarks/factorization_machines.py [--rows 90570] [--factors 64] [--batch 1000] [--repeat 7]

The rows look like MovieLens': two one-hot features, a label. Both train with lazy Adam from the same weights; their losses are compared.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the training process does, before OpenMP is loaded

import numba
import numpy as np

from localaws.algorithm_kit.channel_rows import Dataset
from localaws.factorization_machines import trainer
from localaws.factorization_machines.compiled_loops import Weights
from localaws.factorization_machines.hyperparameters import Hyperparameters


def make_data(n_rows: int, users: int, movies: int) -> Dataset:
    """Labels drawn from a bias for each user and movie, so that there is something to learn."""
    draw = np.random.default_rng(0)
    user, movie = draw.integers(0, users, n_rows), draw.zipf(1.3, n_rows) % movies
    liking = draw.normal(size=users)[user] + draw.normal(size=movies)[movie]
    return Dataset(
        indptr=np.arange(0, 2 * n_rows + 1, 2),
        keys=np.stack([user, users + movie], axis=1).ravel().astype(np.int32),
        values=np.ones(2 * n_rows, np.float32),
        labels=(liking + draw.logistic(size=n_rows) > 0).astype(np.float32),
    )


def batch_gradients(weights: Weights, pair: Any, label: Any) -> tuple[float, Any, list[Any]]:
    """(summed loss, the features that occur, gradients by bias and by their weights) of rows of two one-hot features."""
    one, two = weights.factors[pair[:, 0]], weights.factors[pair[:, 1]]
    score = weights.bias[0] + weights.linear[pair].sum(axis=1) + (one * two).sum(axis=1)
    loss = float((np.maximum(score, 0) - score * label + np.log1p(np.exp(-np.abs(score)))).sum())
    gradient = (1 / (1 + np.exp(-score)) - label) / np.float32(len(label))
    touched, place = np.unique(pair, return_inverse=True)
    place = place.reshape(-1, 2)
    by_factor = np.zeros((touched.size, one.shape[1]), np.float32)
    np.add.at(by_factor, place[:, 0], gradient[:, None] * two)
    np.add.at(by_factor, place[:, 1], gradient[:, None] * one)
    by_feature = np.bincount(place.ravel(), np.repeat(gradient, 2), touched.size).astype(np.float32)
    return loss, touched, [gradient.sum(keepdims=True), by_feature, by_factor]


def train_with_numpy(params: Hyperparameters, data: Dataset, weights: Weights) -> Iterator[tuple[float, float]]:
    """(seconds, mean loss) of each epoch."""
    means, variances = (Weights(*(np.zeros_like(array) for array in weights)) for _ in range(2))
    keys, step = data.keys.reshape(-1, 2), 0
    for _ in range(params.epochs):
        started, total = time.perf_counter(), 0.0
        for first in range(0, len(data), params.mini_batch_size):
            batch = slice(first, first + params.mini_batch_size)
            loss, touched, gradients = batch_gradients(weights, keys[batch], data.labels[batch])
            total += loss
            step += 1
            correction = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            for name, where, g in zip(Weights._fields, (slice(None), touched, touched), gradients, strict=True):
                array, mean, variance = getattr(weights, name), getattr(means, name), getattr(variances, name)
                g = g + np.float32(getattr(params, f"{name}_wd")) * array[where]
                mean[where] = np.float32(0.9) * mean[where] + np.float32(0.1) * g
                variance[where] = np.float32(0.999) * variance[where] + np.float32(0.001) * g * g
                rate = np.float32(getattr(params, f"{name}_lr") * correction)
                array[where] -= rate * mean[where] / (np.sqrt(variance[where]) + np.float32(1e-8))
        yield time.perf_counter() - started, total / len(data)


def compiled(threads: int) -> Callable[[Hyperparameters, Dataset, Weights], Iterator[tuple[float, float]]]:
    def train(params: Hyperparameters, data: Dataset, weights: Weights) -> Iterator[tuple[float, float]]:
        for report in trainer.train(params, data, weights, threads=threads):
            if report.is_last:
                yield report.seconds, float(report.so_far[1] / report.so_far[0])

    return train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=90_570)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    data = make_data(options.rows, 943, 1682)
    params = Hyperparameters(
        feature_dim=2625,
        num_factors=options.factors,
        predictor_type="binary_classifier",
        epochs=options.repeat + 1,  # the first does not count
        mini_batch_size=options.batch,
    )
    threads = numba.get_num_threads()
    ways = {"NumPy": train_with_numpy, "numba, 1 thread": compiled(1), f"numba, {threads} threads": compiled(threads)}
    print(f"{'':20}{'s an epoch':>12}{'ratio':>8}{'last loss':>12}   (medians of {options.repeat} epochs, {options.rows} rows)")
    slowest, losses = None, []
    for name, train in ways.items():
        epochs = list(train(params, data, trainer.initial_weights(params)))
        seconds = statistics.median(second for second, _ in epochs[1:])
        slowest = slowest or seconds
        losses.append(epochs[-1][1])
        print(f"{name:20}{seconds:12.4f}{slowest / seconds:8.1f}{losses[-1]:12.6f}")
    if max(losses) - min(losses) > 1e-3:
        sys.exit("the losses differ")


if __name__ == "__main__":
    main()
