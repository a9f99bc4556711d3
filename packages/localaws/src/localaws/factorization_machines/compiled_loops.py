"""The arithmetic of factorization machines (Rendle, 2010), compiled.

    score(x) = b + sum_i w_i x_i + 1/2 sum_f [ (sum_i v_if x_i)^2 - sum_i (v_if x_i)^2 ]

A mini-batch is two parallel loops: over its rows (score, gradient of the loss), then over the features that occur in it (gradient of
their weights, optimiser step). In each loop every element is written by one iteration and every sum has a fixed order, so the result does
not depend on the number of threads, to the last bit.

The optimiser is Adam as MXNet documents it (`adam_update`: weight decay is added to the gradient, then clipped; `lazy_update`: a feature's
weights and moments change only in batches where it occurs). That the container uses Adam by those rules is believed, not confirmed.

Compiled functions here call no compiled function of another file, because numba's cache would not notice a change there.
"""

from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from localaws.factorization_machines.compiling import compiled

Floats = NDArray[np.float32]
Keys = NDArray[np.int32]
Offsets = NDArray[np.int64]

BETA1, BETA2 = np.float32(0.9), np.float32(0.999)
ROWS_PER_TASK = 16
FEATURES_PER_TASK = 16

# the entries of a tally
ROWS, LOSS, ABSOLUTE, TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = range(6)


class Weights(NamedTuple):
    """bias (1,), linear (feature_dim,), factors (feature_dim, num_factors), all float32; also used for either Adam moment of each."""

    bias: Floats
    linear: Floats
    factors: Floats


class Step(NamedTuple):
    """The optimiser's settings, all float32. The rates are Adam's step sizes with the bias correction in them."""

    bias_lr: np.float32
    linear_lr: np.float32
    factors_lr: np.float32
    bias_wd: np.float32
    linear_wd: np.float32
    factors_wd: np.float32
    rescale_grad: np.float32
    clip_gradient: np.float32  # infinite: no clipping
    eps: np.float32


class Workspace(NamedTuple):
    """Room for one mini-batch: per row its sums over the factors, gradient, loss and score; per touched feature its entries."""

    sums: Floats  # (mini_batch_size, num_factors)
    gradient: Floats  # (mini_batch_size,)
    loss: Floats
    score: Floats
    counts: Keys  # (feature_dim,) zero between batches
    touched: Keys  # (entries of the largest batch,) the features that occur, in order of appearance
    starts: Keys  # (entries of the largest batch + 1,)
    entry_rows: Keys  # (entries of the largest batch,) grouped by feature, rows in order
    entry_values: Floats


@compiled(inlined=True)
def set_products(factors: Floats, x: np.float32, sums: Floats, pairs: Floats) -> None:
    for f in range(sums.size):
        product = factors[f] * x
        sums[f] = product
        pairs[f] = -product * product


@compiled(inlined=True)
def add_products(factors: Floats, x: np.float32, sums: Floats, pairs: Floats) -> None:
    for f in range(sums.size):
        product = factors[f] * x
        sums[f] += product
        pairs[f] -= product * product


@compiled(inlined=True, any_order=True)
def sum_of_pairs(sums: Floats, pairs: Floats) -> np.float32:
    total = np.float32(0)
    for f in range(sums.size):
        total += sums[f] * sums[f] + pairs[f]
    return total


@compiled(inlined=True, any_order=True)
def sum_of_one_pair(one: Floats, x: np.float32, two: Floats, y: np.float32, sums: Floats) -> np.float32:
    """The sum over the factors of the only pair of a row with two features. Fills `sums` as add_products() does."""
    total = np.float32(0)
    for f in range(sums.size):
        first, second = one[f] * x, two[f] * y
        sums[f] = first + second
        total += first * second
    return total


@compiled()
def score_range(
    indptr: Offsets, keys: Keys, values: Floats, first: int, last: int, weights: Weights, sums: Floats, pairs: Floats, out: Floats
) -> None:  # fmt: skip
    """Fill `out` with the scores of the rows first..last. Leaves sum_i v_if x_i in row r of `sums`, r counted from `first` and modulo
    the rows that it has; `pairs` is scratch, (num_factors,)."""
    bias, linear, factors = weights.bias, weights.linear, weights.factors
    for row in range(first, last):
        begin, end, row_sums = indptr[row], indptr[row + 1], sums[(row - first) % sums.shape[0]]
        score = bias[0]
        for i in range(begin, end):
            score += linear[keys[i]] * values[i]
        if end - begin == 2:
            one, two = keys[begin], keys[begin + 1]
            score += sum_of_one_pair(factors[one], values[begin], factors[two], values[begin + 1], row_sums)
        elif begin == end:
            row_sums[:] = np.float32(0)
        else:
            set_products(factors[keys[begin]], values[begin], row_sums, pairs)
            for i in range(begin + 1, end):
                add_products(factors[keys[i]], values[i], row_sums, pairs)
            score += np.float32(0.5) * sum_of_pairs(row_sums, pairs)
        out[row - first] = score


@compiled()
def score_rows(indptr: Offsets, keys: Keys, values: Floats, weights: Weights, out: Floats) -> None:
    """Fill `out` with the raw score of every row, on one thread."""
    n_factors = weights.factors.shape[1]
    score_range(
        indptr, keys, values, 0, indptr.size - 1, weights, np.empty((1, n_factors), np.float32), np.empty(n_factors, np.float32), out
    )


@compiled(inlined=True)
def loss_and_gradient(score: np.float32, label: np.float32, is_classifier: bool) -> tuple[np.float32, np.float32]:
    """Cross entropy, or half the squared error, of a row, and its derivative by the raw score."""
    if not is_classifier:
        error = score - label
        return np.float32(0.5) * error * error, error
    power = np.exp(-abs(score))
    # log() of float64 is as exact here as log1p() of float32, and faster
    loss = max(score, np.float32(0)) - score * label + np.float32(np.log(np.float64(1) + np.float64(power)))
    probability = (np.float32(1) if score >= 0 else power) / (np.float32(1) + power)
    return loss, probability - label


@compiled(inlined=True)
def n_tasks(size: int, per_task: int) -> int:
    return (size + per_task - 1) // per_task


@compiled()
def score_task(
    task: int, indptr: Offsets, keys: Keys, values: Floats, labels: Floats, first: int, last: int,
    weights: Weights, is_classifier: bool, work: Workspace,
) -> None:  # fmt: skip
    """Scores, losses and gradients of the batch's rows number task * ROWS_PER_TASK and following."""
    first_slot, last_slot = task * ROWS_PER_TASK, min(last - first, (task + 1) * ROWS_PER_TASK)
    pairs = np.empty(weights.factors.shape[1], np.float32)
    score, loss, gradient = work.score[first_slot:last_slot], work.loss[first_slot:last_slot], work.gradient[first_slot:last_slot]
    score_range(indptr, keys, values, first + first_slot, first + last_slot, weights, work.sums[first_slot:last_slot], pairs, score)
    for i in range(score.size):
        loss[i], gradient[i] = loss_and_gradient(score[i], labels[first + first_slot + i], is_classifier)


@compiled(parallel=True)
def rows_on_threads(
    indptr: Offsets, keys: Keys, values: Floats, labels: Floats, first: int, last: int,
    weights: Weights, is_classifier: bool, work: Workspace,
) -> None:  # fmt: skip
    # numba removes what a prange body stores into a tuple's arrays, hence the call
    for task in prange(n_tasks(last - first, ROWS_PER_TASK)):
        score_task(task, indptr, keys, values, labels, first, last, weights, is_classifier, work)


@compiled()
def rows_phase(
    indptr: Offsets, keys: Keys, values: Floats, labels: Floats, first: int, last: int,
    weights: Weights, is_classifier: bool, work: Workspace, on_threads: bool,
) -> None:  # fmt: skip
    if on_threads:
        rows_on_threads(indptr, keys, values, labels, first, last, weights, is_classifier, work)
    else:
        for task in range(n_tasks(last - first, ROWS_PER_TASK)):
            score_task(task, indptr, keys, values, labels, first, last, weights, is_classifier, work)


@compiled()
def group_entries(indptr: Offsets, keys: Keys, values: Floats, first: int, last: int, work: Workspace) -> int:
    """The number of features that occur in the batch; `work` then holds their entries, feature by feature."""
    n_touched = 0
    for i in range(indptr[first], indptr[last]):
        if work.counts[keys[i]] == 0:
            work.touched[n_touched] = keys[i]
            n_touched += 1
        work.counts[keys[i]] += 1
    position = np.int32(0)
    for t in range(n_touched):
        work.starts[t] = position
        position += work.counts[work.touched[t]]
        work.counts[work.touched[t]] = work.starts[t]
    work.starts[n_touched] = position
    for row in range(first, last):
        for i in range(indptr[row], indptr[row + 1]):
            slot = work.counts[keys[i]]
            work.entry_rows[slot], work.entry_values[slot] = row - first, values[i]
            work.counts[keys[i]] += 1
    for t in range(n_touched):
        work.counts[work.touched[t]] = 0
    return n_touched


@compiled(inlined=True)
def adam(
    weight: np.float32,
    gradient: np.float32,
    mean: np.float32,
    variance: np.float32,
    rate: np.float32,
    decay: np.float32,
    rescale: np.float32,
    clip: np.float32,
    eps: np.float32,
) -> tuple[np.float32, np.float32, np.float32]:
    """(weight, mean, variance) after one step."""
    g = min(max(gradient * rescale + decay * weight, -clip), clip)
    mean = BETA1 * mean + (np.float32(1) - BETA1) * g
    variance = BETA2 * variance + (np.float32(1) - BETA2) * g * g
    return weight - rate * mean / (np.sqrt(variance) + eps), mean, variance


@compiled(inlined=True)
def set_multiple(out: Floats, c: np.float32, row: Floats) -> None:
    for f in range(out.size):
        out[f] = c * row[f]


@compiled(inlined=True)
def add_multiple(out: Floats, c: np.float32, row: Floats) -> None:
    for f in range(out.size):
        out[f] += c * row[f]


@compiled(inlined=True)
def sum_gradients(
    begin: int, end: int, entry_rows: Keys, entry_values: Floats, gradient: Floats, sums: Floats, g: Floats
) -> tuple[np.float32, np.float32]:  # fmt: skip
    """Fill `g` with sum_r gradient_r x_r sums_rf over the batch's entries begin..end of a feature, which are at least one.

    Returns the gradient of its linear weight, and sum_r gradient_r x_r^2: `g` minus this times v_f is the gradient of factor v_f.
    """
    first_order, diagonal = np.float32(0), np.float32(0)
    for e in range(begin, end):
        row, x = entry_rows[e], entry_values[e]
        c = gradient[row] * x
        first_order += c
        diagonal += c * x
        if e == begin:
            set_multiple(g, c, sums[row])
        else:
            add_multiple(g, c, sums[row])
    return first_order, diagonal


@compiled(inlined=True)
def update_factors(factors: Floats, mean: Floats, variance: Floats, g: Floats, diagonal: np.float32, step: Step) -> None:
    """One optimiser step of a feature's factors; all arrays (num_factors,). sum_gradients() makes `g` and `diagonal`."""
    rate, decay, rescale, clip, eps = step.factors_lr, step.factors_wd, step.rescale_grad, step.clip_gradient, step.eps
    for f in range(g.size):
        v = factors[f]
        factors[f], mean[f], variance[f] = adam(v, g[f] - diagonal * v, mean[f], variance[f], rate, decay, rescale, clip, eps)


@compiled()
def update_task(task: int, n_touched: int, weights: Weights, means: Weights, variances: Weights, step: Step, work: Workspace) -> None:
    """One optimiser step of the batch's features number task * FEATURES_PER_TASK and following."""
    linear, linear_mean, linear_variance = weights.linear, means.linear, variances.linear
    factors, factors_mean, factors_variance = weights.factors, means.factors, variances.factors
    touched, starts, entry_rows, entry_values = work.touched, work.starts, work.entry_rows, work.entry_values
    gradient, sums, g = work.gradient, work.sums, np.empty(factors.shape[1], np.float32)
    for t in range(task * FEATURES_PER_TASK, min(n_touched, (task + 1) * FEATURES_PER_TASK)):
        key = touched[t]
        first_order, diagonal = sum_gradients(starts[t], starts[t + 1], entry_rows, entry_values, gradient, sums, g)
        # numba vectorises loops over a row's view, but not over row and column
        update_factors(factors[key], factors_mean[key], factors_variance[key], g, diagonal, step)
        linear[key], linear_mean[key], linear_variance[key] = adam(
            linear[key], first_order, linear_mean[key], linear_variance[key],
            step.linear_lr, step.linear_wd, step.rescale_grad, step.clip_gradient, step.eps,
        )  # fmt: skip


@compiled(parallel=True)
def features_on_threads(n_touched: int, weights: Weights, means: Weights, variances: Weights, step: Step, work: Workspace) -> None:
    for task in prange(n_tasks(n_touched, FEATURES_PER_TASK)):
        update_task(task, n_touched, weights, means, variances, step, work)


@compiled()
def features_phase(
    n_touched: int, weights: Weights, means: Weights, variances: Weights, step: Step, work: Workspace, on_threads: bool
) -> None:
    if on_threads:
        features_on_threads(n_touched, weights, means, variances, step, work)
    else:
        for task in range(n_tasks(n_touched, FEATURES_PER_TASK)):
            update_task(task, n_touched, weights, means, variances, step, work)


@compiled()
def tally_batch(labels: Floats, first: int, last: int, work: Workspace, is_classifier: bool, tally: NDArray[np.float64]) -> np.float32:
    """Add a batch's rows to `tally` (see LOSS, ...); the sum of the rows' gradients."""
    total = 0.0
    for slot in range(last - first):
        label, score = labels[first + slot], work.score[slot]
        total += work.gradient[slot]
        tally[ROWS] += 1
        tally[LOSS] += work.loss[slot]
        if not is_classifier:
            tally[ABSOLUTE] += abs(score - label)
        elif score >= 0:
            tally[TRUE_POSITIVE if label == 1 else FALSE_POSITIVE] += 1
        elif label == 1:
            tally[FALSE_NEGATIVE] += 1
    return np.float32(total)


@compiled()
def train_batches(
    indptr: Offsets, keys: Keys, values: Floats, labels: Floats, first: int, last: int, batch_rows: int, steps_done: int,
    is_classifier: bool, weights: Weights, means: Weights, variances: Weights, settings: Step, work: Workspace, tally: NDArray[np.float64],
    on_threads: bool,
) -> int:  # fmt: skip
    """Train on the rows first..last in mini-batches, in order; the number of optimiser steps done so far.

    `settings` holds the plain learning rates; a rescale_grad of nan stands for 1 / rows of the batch. `tally` gets what the rows scored
    before their batch was learned from. Without `on_threads`, the same tasks run one after the other, which saves a tenth of the time.
    """
    while first < last:
        end = min(last, first + batch_rows)
        rows_phase(indptr, keys, values, labels, first, end, weights, is_classifier, work, on_threads)
        n_touched = group_entries(indptr, keys, values, first, end, work)
        bias_gradient = tally_batch(labels, first, end, work, is_classifier, tally)
        steps_done += 1
        correction = np.float32(np.sqrt(1 - 0.999**steps_done) / (1 - 0.9**steps_done))
        rescale = np.float32(1) / np.float32(end - first) if np.isnan(settings.rescale_grad) else settings.rescale_grad
        step = Step(
            settings.bias_lr * correction, settings.linear_lr * correction, settings.factors_lr * correction,
            settings.bias_wd, settings.linear_wd, settings.factors_wd, rescale, settings.clip_gradient, settings.eps,
        )  # fmt: skip
        weights.bias[0], means.bias[0], variances.bias[0] = adam(
            weights.bias[0], bias_gradient, means.bias[0], variances.bias[0],
            step.bias_lr, step.bias_wd, step.rescale_grad, step.clip_gradient, step.eps,
        )  # fmt: skip
        features_phase(n_touched, weights, means, variances, step, work, on_threads)
        first = end
    return steps_done
