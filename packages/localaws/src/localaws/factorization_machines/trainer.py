"""Training: initial weights, epochs, scores on the test channel."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from localaws.algorithm_kit.channel_rows import Dataset
from localaws.factorization_machines import compiled_loops
from localaws.factorization_machines.compiled_loops import Step, Weights, Workspace
from localaws.factorization_machines.hyperparameters import Hyperparameters
from localaws.factorization_machines.metrics import Tally
from localaws.factorization_machines.row_store import RowStore

# The container has no seed, so its jobs differ from run to run. Ours are reproducible: all jobs use this seed.
SEED = 2010
BATCHES_PER_REPORT = 500
TALLY_SIZE = 6
WORK_FOR_THREADS = 500_000
WEIGHTS_FOR_THREADS = 4_000_000


class Diverged(Exception):
    """The loss is not a finite number any more."""


@dataclass(kw_only=True, eq=False)
class State:
    """Everything that the next mini-batch depends on. train() changes it in place; checkpoint.py stores it."""

    weights: Weights
    means: Weights  # Adam's moments
    variances: Weights
    steps: int = 0  # of the optimiser
    epoch: int = 0
    batch: int = 0  # of the epoch, the next one
    so_far: Tally  # of the epoch
    seconds: float = 0.0  # of the epoch


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """A part of an epoch: its last batch (counted from 0), the tally of its rows, and the tally of the epoch so far."""

    epoch: int
    batch: int
    is_last: bool
    part: Tally
    so_far: Tally
    seconds: float  # of the epoch


def begin(weights: Weights) -> State:
    """The state before the first mini-batch."""
    means, variances = (Weights(*(np.zeros_like(array) for array in weights)) for _ in range(2))
    return State(weights=weights, means=means, variances=variances, so_far=np.zeros(TALLY_SIZE))


def initial_weights(params: Hyperparameters, *, seed: int = SEED) -> Weights:
    """Weights by the three init methods. They depend only on the seed, feature_dim, num_factors and the *_init_* settings."""
    draw = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "bias": (1,),
        "linear": (params.feature_dim,),
        "factors": (params.feature_dim, params.num_factors),
    }
    return Weights(*(_initial(draw, params, name, shape) for name, shape in shapes.items()))


def _initial(draw: np.random.Generator, params: Hyperparameters, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    method = getattr(params, f"{name}_init_method")
    if method == "constant":
        return np.full(shape, getattr(params, f"{name}_init_value"), np.float32)
    if method == "uniform":
        values = draw.random(shape, dtype=np.float32)
        values *= 2
        values -= 1
        values *= np.float32(getattr(params, f"{name}_init_scale"))
    else:
        values = draw.standard_normal(shape, dtype=np.float32)
        values *= np.float32(getattr(params, f"{name}_init_sigma"))
    return values


def train(
    params: Hyperparameters,
    rows: RowStore,
    state: State,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    threads: int | None = None,
) -> Iterator[Report]:
    """Train the state in place on the rows in their order, to the end of the last epoch.

    Yields a report after an epoch's first batch, every 500 batches and its end. From the state at a report, training goes on to the same
    weights. Without `threads`, choose_threads() decides. Raises Diverged.
    """
    numba.set_num_threads(threads or choose_threads(params))
    work, settings, n_batches = _workspace(params, rows), _settings(params), rows.n_batches
    ends = sorted({1, n_batches, *range(BATCHES_PER_REPORT + 1, n_batches, BATCHES_PER_REPORT)})
    while state.epoch < params.epochs:
        for end in (end for end in ends if end > state.batch):
            if should_stop():
                return
            yield _train_part(params, rows, state, end, settings, work)
        state.epoch, state.batch, state.so_far, state.seconds = state.epoch + 1, 0, np.zeros(TALLY_SIZE), 0.0


def _train_part(params: Hyperparameters, rows: RowStore, state: State, end: int, settings: Step, work: Workspace) -> Report:
    """Train to the epoch's batch before `end`."""
    started, part = time.perf_counter(), np.zeros(TALLY_SIZE)
    for block, first, last in rows.batches(state.batch, end):
        state.steps = compiled_loops.train_batches(
            block.indptr, block.keys, block.values, block.labels, first, last, rows.batch_rows, state.steps,
            params.is_classifier, state.weights, state.means, state.variances, settings, work, part,
            numba.get_num_threads() > 1,
        )  # fmt: skip
    if not np.isfinite(part).all():
        raise Diverged(f"the loss is no longer finite in epoch {state.epoch}; lower the learning rates")
    state.batch, state.so_far, state.seconds = end, state.so_far + part, state.seconds + time.perf_counter() - started
    return Report(
        epoch=state.epoch, batch=end - 1, is_last=end == rows.n_batches, part=part, so_far=state.so_far, seconds=state.seconds
    )  # fmt: skip


def choose_threads(params: Hyperparameters) -> int:
    """NUMBA_NUM_THREADS if a batch is much work or the weights do not fit a core's cache, otherwise 1.

    For smaller jobs, threads gain little on an idle machine and lose much on a busy one. The result is bit for bit the same.
    """
    work, weights = (size * params.num_factors for size in (params.mini_batch_size, params.feature_dim))
    if work < WORK_FOR_THREADS and weights < WEIGHTS_FOR_THREADS:
        return 1
    return int(numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]  # numba sets it dynamically


def _workspace(params: Hyperparameters, rows: RowStore) -> Workspace:
    batch_rows, entries = min(rows.batch_rows, len(rows)), rows.largest_batch
    return Workspace(
        sums=np.empty((batch_rows, params.num_factors), np.float32),
        gradient=np.empty(batch_rows, np.float32),
        loss=np.empty(batch_rows, np.float32),
        score=np.empty(batch_rows, np.float32),
        counts=np.zeros(params.feature_dim, np.int32),
        touched=np.empty(entries, np.int32),
        starts=np.empty(entries + 1, np.int32),
        entry_rows=np.empty(entries, np.int32),
        entry_values=np.empty(entries, np.float32),
    )


def _settings(params: Hyperparameters) -> Step:
    def single(value: float | None, default: float) -> np.float32:
        return np.float32(default if value is None else value)

    return Step(
        bias_lr=np.float32(params.bias_lr),
        linear_lr=np.float32(params.linear_lr),
        factors_lr=np.float32(params.factors_lr),
        bias_wd=np.float32(params.bias_wd),
        linear_wd=np.float32(params.linear_wd),
        factors_wd=np.float32(params.factors_wd),
        rescale_grad=single(params.rescale_grad, np.nan),
        # a negative limit means no clipping, as in MXNet
        clip_gradient=single(None if (params.clip_gradient or 0) < 0 else params.clip_gradient, np.inf),
        eps=single(params.eps, 1e-8),
    )


def raw_scores(data: Dataset, weights: Weights) -> NDArray[np.float32]:
    """The score of every row, before the logistic function, (n_rows,)."""
    out = np.empty(len(data), np.float32)
    compiled_loops.score_rows(data.indptr, data.keys, data.values, weights, out)
    return out


def test(rows: RowStore, weights: Weights, *, is_classifier: bool) -> Tally:
    """The tally of a model's scores on all rows."""
    tally = np.zeros(TALLY_SIZE)
    for block in rows.blocks():
        tally += tally_scores(raw_scores(block, weights), block.labels, is_classifier=is_classifier)
    return tally


def tally_scores(scores: NDArray[np.float32], labels: NDArray[np.float32], *, is_classifier: bool) -> Tally:
    """The tally of raw scores against labels, with the entries in the order of compiled_loops.py."""
    score, label = scores.astype(np.float64), labels.astype(np.float64)
    if not is_classifier:
        error = score - label
        return np.array([len(error), 0.5 * (error @ error), np.abs(error).sum(), 0, 0, 0])
    loss = np.maximum(score, 0) - score * label + np.log1p(np.exp(-np.abs(score)))
    says, positive = score >= 0, label == 1
    counts = [(says & positive).sum(), (says & ~positive).sum(), (~says & positive).sum()]
    return np.array([len(score), loss.sum(), 0, *counts], np.float64)
