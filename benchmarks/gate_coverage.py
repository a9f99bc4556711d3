"""How often the gate's intervals hold the truth, and how often slices that are alike are flagged: python benchmarks/gate_coverage.py

Each metric is measured on 2,000 simulated data sets of 200 users with 10 rows each, whose rows are alike. The truth is the metric of two
million rows of other users. An interval of 95 % should hold it in 94 to 96 % of the data sets (their own standard error is 0.5 %).

With `--slices`, twelve slices of each data set are looked at, whose rows are chosen by chance: quarters and middles of four columns, two
of them the user's own. At most 5 % of the data sets should have a slice that is surely worse, and fewer one that is far worse, too.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mlkit.gate.bootstrap import estimate
from mlkit.gate.metrics import METRICS, Metric
from mlkit.gate.slices import by_quantiles, estimate_parts

USERS, ROWS_EACH, DATA_SETS = 200, 10, 2_000
TRUTH_USERS = 200_000
LOOKS = 400  # draws of a slice; its error is known to 4 %
Rows = tuple[npt.NDArray[Any], Mapping[str, npt.NDArray[Any]], npt.NDArray[Any]]


def main() -> None:
    """Print one line per metric."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-sets", type=int, default=DATA_SETS)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--slices", action="store_true")
    parser.add_argument("metrics", nargs="*", default=list(METRICS))
    asked = parser.parse_args()
    for name in asked.metrics:
        started = time.perf_counter()
        if asked.slices:
            surely, flagged = false_alarms(METRICS[name], asked.data_sets, asked.users, asked.seed)
            told = f"{surely:.2%} of {asked.data_sets} looks find a worse slice, {flagged:.2%} a far worse one"
            print(f"{name:12} {told} ({time.perf_counter() - started:.0f} s)", flush=True)
            continue
        held = coverage(METRICS[name], asked.data_sets, asked.users, asked.seed)
        print(f"{name:12} {held:.2%} of {asked.data_sets} intervals hold the truth ({time.perf_counter() - started:.0f} s)", flush=True)


def coverage(metric: Metric, data_sets: int = DATA_SETS, users: int = USERS, seed: int = 11) -> float:
    """The share of data sets whose 95 % interval holds the metric's true value."""
    simulate = SIMULATIONS[next(iter(sorted(metric.tasks)))]
    random = np.random.default_rng(seed)
    labels, predictions, _ = simulate(random, TRUTH_USERS)
    truth = metric.of(labels, predictions[metric.needs])
    held = 0
    for number in range(data_sets):
        labels, predictions, clusters = simulate(random, users)
        found = estimate(metric, labels, predictions[metric.needs], clusters, seed=number)
        held += found.low <= truth <= found.high
    return held / data_sets


def false_alarms(metric: Metric, data_sets: int, users: int, seed: int) -> tuple[float, float]:
    """The shares of data sets in which any of twelve slices of an even model is surely worse, and in which one is flagged."""
    simulate = SIMULATIONS[next(iter(sorted(metric.tasks)))]
    random = np.random.default_rng(seed)
    surely = flagged = 0
    for number in range(data_sets):
        labels, predictions, clusters = simulate(random, users)
        columns = [random.normal(size=len(labels)) if column % 2 else random.normal(size=users)[clusters] for column in range(4)]
        parts = [part for column, values in enumerate(columns) for part in by_quantiles(str(column), values)]
        found = estimate_parts(metric, labels, predictions[metric.needs], clusters, parts, seed=number, replicates=LOOKS)
        surely += any(one.p_value is not None and one.p_value <= 0.05 for one in found)
        flagged += any(one.is_flagged for one in found)
    return surely / data_sets, flagged / data_sets


def binary(random: np.random.Generator, users: int) -> Rows:
    """Labels whose chance depends on what the model sees and on the user, whom it does not know."""
    user, seen = _users(random, users)
    chance = 1 / (1 + np.exp(-(1.2 * seen + 0.9 * random.normal(size=users)[user])))
    labels = (random.random(len(user)) < chance).astype(np.int64)
    scores = 1 / (1 + np.exp(-(1.1 * seen + 0.2)))
    return labels, {"scores": scores, "labels": (scores > 0.5).astype(np.int64)}, user


def multi_class(random: np.random.Generator, users: int, classes: int = 4) -> Rows:
    """Labels of four classes of unequal size; users like one class more than others."""
    user, _ = _users(random, users)
    seen = random.normal(size=(len(user), classes)) + np.array([0.6, 0.2, 0, -0.4])
    liked = 0.8 * random.normal(size=(users, classes))[user]
    labels = (1.5 * seen + liked + random.gumbel(size=seen.shape)).argmax(axis=1)
    scores = np.exp(1.5 * seen)
    return labels, {"scores": scores / scores.sum(axis=1, keepdims=True), "labels": seen.argmax(axis=1)}, user


def regression(random: np.random.Generator, users: int) -> Rows:
    """Labels with a part of the row's and a part of the user's own, and some large errors."""
    user, seen = _users(random, users)
    labels = seen + 0.6 * random.normal(size=users)[user] + random.standard_t(8, size=len(user))
    return labels, {"scores": 0.9 * seen}, user


def _users(random: np.random.Generator, users: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    user = np.repeat(np.arange(users), ROWS_EACH)
    return user, random.normal(size=len(user)) + 0.5 * random.normal(size=users)[user]


SIMULATIONS: dict[str, Callable[[np.random.Generator, int], Rows]] = {
    "binary": binary,
    "multi-class": multi_class,
    "regression": regression,
}

if __name__ == "__main__":
    main()
