"""How often the gate stops a model that is as good as production's, and one that is four points worse.

    .venv/bin/python -m benchmarks.champion_gate [--seeds 64] [--margin 0.02] [--epochs 100]

It trains Factorization Machines on MovieLens 100k as 02_train does, once for each seed, and compares every pair on the same held-out rows:
64 seeds are 2,016 comparisons of equal models (A/A). Then each model is compared with itself after four points of right answers
were made wrong, at random rows.
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.movielens import split_ratings
from localaws.algorithm_kit.channel_rows import Dataset
from localaws.factorization_machines import trainer
from localaws.factorization_machines.hyperparameters import Hyperparameters
from localaws.factorization_machines.row_store import RowStore
from mlkit.gate.bootstrap import paired_difference
from mlkit.gate.metrics import RIGHT_ROWS
from mlkit.gate.policy import Policy
from mlkit.gate.verdicts import decide_champion

Labels = npt.NDArray[np.int64]


def dataset(rows: npt.NDArray[np.int64]) -> Dataset:
    return Dataset(
        indptr=np.arange(0, 2 * len(rows) + 1, 2),
        keys=np.ascontiguousarray(rows[:, :2]).ravel().astype(np.int32),
        values=np.ones(2 * len(rows), np.float32),
        labels=rows[:, 2].astype(np.float32),
    )


def predictions(train: Dataset, test: Dataset, params: Hyperparameters, seed: int) -> Labels:
    weights = trainer.initial_weights(params, seed=seed)
    rows = RowStore([train], batch_rows=params.mini_batch_size)
    for _ in trainer.train(params, rows, trainer.begin(weights), threads=1):
        pass
    return (trainer.raw_scores(test, weights) >= 0).astype(np.int64)


def worse(predicted: Labels, labels: Labels, points: float, draw: np.random.Generator) -> Labels:
    """The predictions with so many points of right answers made wrong."""
    right = np.flatnonzero(predicted == labels)
    chosen = draw.choice(right, round(points * len(labels)), replace=False)
    changed = predicted.copy()
    changed[chosen] = 1 - changed[chosen]
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--margin", type=float, default=Policy.margin)
    parser.add_argument("--epochs", type=int, default=100)
    options = parser.parse_args()
    rows, held_out = split_ratings()
    train, test = dataset(rows[~held_out]), dataset(rows[held_out])
    labels, users = rows[held_out, 2], rows[held_out, 0]
    params = Hyperparameters(
        feature_dim=int(rows[:, 1].max()) + 1,
        num_factors=64,
        predictor_type="binary_classifier",
        epochs=options.epochs,
        mini_batch_size=1000,
    )
    models = [predictions(train, test, params, seed) for seed in range(options.seeds)]

    def outcome(challenger: Labels, champion: Labels) -> str:
        return decide_champion(paired_difference(RIGHT_ROWS, labels, challenger, champion, users), options.margin).outcome.value

    rates = [float((model == labels).mean()) for model in models]
    print(f"{len(labels):,} held-out rows; match rates {min(rates):.4f} to {max(rates):.4f}; margin {options.margin}")
    tell("A/A, retrained with another seed", Counter(outcome(*pair) for pair in itertools.combinations(models, 2)))
    draw = np.random.default_rng(1)
    again = -(-2000 // len(models))
    spoil: Callable[[Labels], Labels] = lambda model: worse(model, labels, 0.04, draw)  # noqa: E731
    tell("four points worse", Counter(outcome(spoil(model), model) for model in models for _ in range(again)))


def tell(what: str, found: Counter[str]) -> None:
    stopped = found.total() - found["PASS"]
    print(f"{what}: {found.total():,} comparisons, {stopped / found.total():.2%} stopped ({dict(found)})")


if __name__ == "__main__":
    main()
