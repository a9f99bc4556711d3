"""Trains Factorization Machines with one library on the same rows, in a process of its own, and prints its times as JSON.

    PYTHON benchmarks/learners.py NAME ROWS.npz [--epochs 20] [--factors 64] [--batch 1000]

The answer: {"wall": [seconds of each epoch], "cpu": [...], "log_loss": the lowest held-out log loss after any epoch}. Each library
has the settings with which it learns MovieLens 100k best in 20 epochs, as far as we found. ROWS.npz has keys (n, 2), labels (n,), both also
for the held-out rows (test_keys, test_labels), and feature_dim.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as a training job has it, before OpenMP is loaded

import numpy as np

# an epoch's seconds are the difference of two runs for a library that does not tell them
FEW_EPOCHS = 4


def log_loss(score: Any, label: Any) -> float:
    score = np.asarray(score, np.float64)
    return float((np.maximum(score, 0) - score * label + np.log1p(np.exp(-np.abs(score)))).mean())


class Clock:
    """Seconds between calls: elapsed, and of all processors."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []
        self.restart()

    def restart(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.times.append((time.perf_counter() - self._began[0], time.process_time() - self._began[1]))


def localaws(rows: Any, options: Any) -> Iterator[float]:
    from localaws.algorithm_kit.channel_rows import Dataset
    from localaws.factorization_machines import trainer
    from localaws.factorization_machines.hyperparameters import Hyperparameters
    from localaws.factorization_machines.row_store import RowStore

    def dataset(keys: Any, labels: Any) -> Dataset:
        indptr, values = np.arange(0, keys.size + 1, 2), np.ones(keys.size, np.float32)
        return Dataset(indptr=indptr, keys=keys.ravel().astype(np.int32), values=values, labels=labels.astype(np.float32))

    params = Hyperparameters(
        feature_dim=int(rows["feature_dim"]), num_factors=options.factors, predictor_type="binary_classifier",
        epochs=options.epochs, mini_batch_size=options.batch,
        bias_lr=0.01, linear_lr=0.01, factors_lr=0.003, bias_wd=0.0, linear_wd=1e-5, factors_wd=1e-4,
    )  # fmt: skip
    store = RowStore([dataset(rows["keys"], rows["labels"])], batch_rows=options.batch)
    test, state = dataset(rows["test_keys"], rows["test_labels"]), trainer.begin(trainer.initial_weights(params))
    with contextlib.suppress(StopIteration):  # compile, or load from numba's cache
        next(trainer.train(params, store, trainer.begin(trainer.initial_weights(params)), threads=options.threads))
    options.clock.restart()
    for report in trainer.train(params, store, state, threads=options.threads):
        if report.is_last:
            options.clock.stop()
            yield log_loss(trainer.raw_scores(test, state.weights), test.labels)
            options.clock.restart()


def torch(rows: Any, options: Any) -> Iterator[float]:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(options.threads or torch.get_num_threads())
    keys, labels = torch.from_numpy(rows["keys"].astype(np.int64)), torch.from_numpy(rows["labels"].astype(np.float32))
    test = torch.from_numpy(rows["test_keys"].astype(np.int64))
    size, sparse = int(rows["feature_dim"]), options.sparse
    bias = torch.nn.Parameter(torch.zeros(1))
    linear, factors = torch.nn.Embedding(size, 1, sparse=sparse), torch.nn.Embedding(size, options.factors, sparse=sparse)
    torch.nn.init.normal_(linear.weight, std=0.01)
    torch.nn.init.normal_(factors.weight, std=0.001)
    groups = [{"params": linear.parameters(), "lr": 0.01}, {"params": factors.parameters(), "lr": 0.003}]
    if not sparse:
        groups = [{**groups[0], "weight_decay": 1e-5}, {**groups[1], "weight_decay": 1e-4}]
    optimizers = [torch.optim.Adam([bias], lr=0.01), (torch.optim.SparseAdam if sparse else torch.optim.Adam)(groups)]
    loss_of = torch.nn.BCEWithLogitsLoss()

    def score(pairs: Any) -> Any:
        v = factors(pairs)
        return bias + linear(pairs).sum((1, 2)) + (v.sum(1).square() - v.square().sum(1)).sum(1) / 2

    options.clock.restart()
    for _ in range(options.epochs):
        for first in range(0, len(labels), options.batch):
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss_of(score(keys[first : first + options.batch]), labels[first : first + options.batch]).backward()
            for optimizer in optimizers:
                optimizer.step()
        options.clock.stop()
        with torch.no_grad():
            yield log_loss(score(test).numpy(), rows["test_labels"])
        options.clock.restart()


def modern_fm(rows: Any, options: Any) -> Iterator[float]:
    from modern_fm import FMClassifier
    from scipy.sparse import csr_matrix

    def matrix(keys: Any) -> Any:
        data = np.ones(keys.size, np.float32), keys.ravel(), np.arange(0, keys.size + 1, 2)
        return csr_matrix(data, shape=(len(keys), int(rows["feature_dim"])))

    train, test, labels = matrix(rows["keys"]), matrix(rows["test_keys"]), rows["labels"].astype(int)

    def model(epochs: int) -> Any:
        return FMClassifier(
            n_factors=options.factors, optimizer="adam", learning_rate=0.003, batch_size=options.batch, max_iter=epochs, random_state=0,
            l2_factors=1e-4, n_jobs=options.threads or -1,
        )  # fmt: skip

    by_difference(options, lambda epochs: model(epochs).fit(train, labels))
    for epochs in options.measured:
        probability = np.clip(model(epochs).fit(train, labels).predict_proba(test)[:, 1], 1e-7, 1 - 1e-7)
        yield log_loss(np.log(probability / (1 - probability)), rows["test_labels"])


def xlearn(rows: Any, options: Any) -> Iterator[float]:
    import xlearn

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, prefix in (("train", ""), ("test", "test_")):
            pairs = zip(rows[f"{prefix}labels"].astype(int).tolist(), rows[f"{prefix}keys"].tolist(), strict=True)
            (folder / part).write_text("".join(f"{label} {one}:1 {two}:1\n" for label, (one, two) in pairs))

        def fit(epochs: int) -> Any:
            model = xlearn.create_fm()
            model.setTrain(str(folder / "train"))
            model.disableEarlyStop()
            model.setQuiet()
            model.disableNorm()
            settings = {"task": "binary", "k": options.factors, "epoch": epochs, "opt": "adagrad", "lr": 0.05, "lambda": 0.0001}
            model.fit({**settings, **({"nthread": options.threads} if options.threads else {})}, str(folder / "model"))
            return model

        by_difference(options, fit)
        for epochs in options.measured:
            model = fit(epochs)
            model.setTest(str(folder / "test"))
            model.setSigmoid()
            model.predict(str(folder / "model"), str(folder / "scores"))
            probability = np.clip(np.loadtxt(folder / "scores"), 1e-7, 1 - 1e-7)
            yield log_loss(np.log(probability / (1 - probability)), rows["test_labels"])


def by_difference(options: Any, fit: Callable[[int], Any]) -> None:
    """Put an epoch's seconds into the clock: what more epochs take longer than a few."""
    few, many = FEW_EPOCHS, FEW_EPOCHS + options.epochs
    fit(few)
    for epochs in (few, many):
        options.clock.restart()
        fit(epochs)
        options.clock.stop()
    (few_wall, few_cpu), (wall, cpu) = options.clock.times
    options.clock.times = [((wall - few_wall) / options.epochs, (cpu - few_cpu) / options.epochs)]


LEARNERS: dict[str, Callable[[Any, Any], Iterator[float]]] = {
    "localaws": localaws,
    "torch": torch,
    "modern-fm": modern_fm,
    "xlearn": xlearn,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=LEARNERS)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as the library chooses")
    parser.add_argument("--no-loss", action="store_true", help="times alone; log_loss is null")
    parser.add_argument("--sparse", action="store_true", help="torch's SparseAdam, for many features; without weight decay")
    options = parser.parse_args()
    options.clock = Clock()
    # each needs a training of its own where a library does not stop between epochs
    options.measured = [] if options.no_loss else sorted({-(-options.epochs * part // 4) for part in (1, 2, 4)})
    with np.load(options.rows) as arrays:
        rows = dict(arrays)
    # the libraries write to the standard output, also from C++
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    losses = list(LEARNERS[options.name](rows, options))
    wall, cpu = (list(column) for column in zip(*options.clock.times, strict=True))
    json.dump({"wall": wall, "cpu": cpu, "log_loss": None if options.no_loss else min(losses), "losses": losses}, answer)


if __name__ == "__main__":
    sys.exit(main())
