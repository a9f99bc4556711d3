"""Confidence intervals of metrics. They resample all rows of a cluster together, because the rows of one user are alike.

Whole clusters are drawn with replacement, and the metric is computed from the totals of each draw (Davison & Hinkley 1997, section 3.8;
Field & Welsh 2007, JRSS B 69:369-390). The bounds are percentiles, taken further out by what few clusters lack: a percentile interval of n
clusters is narrower than Student's by about t/z * sqrt(n/(n-1)) (Hesterberg 2015, The American Statistician 69:371-386, section 4.5).
The same rows in another order give the same figures.
"""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from mlkit.errors import InvalidData
from mlkit.gate.estimate import Difference, Estimate
from mlkit.gate.metrics import Array, Metric, check_same_length

REPLICATES = 2_000
CONFIDENCE = 0.95
SEED = 7
_DRAWS_AT_ONCE = 1_000_000  # bounds the memory of a bootstrap at about 32 MB, or a few columns of one number per cluster
_MULTINOMIAL_COST = 12  # one multinomial count takes as long as so many draws of one cluster


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Lower and upper bound of Wilson's score interval for independent rows (Wilson 1927, JASA 22:209-212)."""
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} rows")
    z = _z(confidence)
    rate = successes / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def estimate(
    metric: Metric,
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    clusters: npt.ArrayLike,
    confidence: float = CONFIDENCE,
    *,
    cluster: str = "cluster",
    seed: int = SEED,
    replicates: int = REPLICATES,
) -> Estimate:
    """The metric of `predictions` (labels or scores, as it needs), with its interval by bootstrap over `clusters`, each a `cluster`.

    The interval of a share of rows is never narrower than Wilson's: a bootstrap of ten rows that all match would claim 1 to 1. Raises
    InvalidData on fewer than two clusters, which show no variance, and where the metric is undefined.
    """
    statistics = metric.rows(labels, predictions)
    check_same_length(statistics, clusters)
    by_cluster = cluster_totals(statistics, clusters, cluster)
    value = _defined(metric, float(metric.value(by_cluster.sum(axis=0))))
    draws = _defined_draws(metric, metric.value(drawn_totals(by_cluster, seed=seed, replicates=replicates)))
    low, high = _percentiles(draws, confidence, len(by_cluster))
    found: dict[str, Any] = {"low": min(low, value), "high": max(high, value)}
    if metric.counts_right_rows:
        found |= _beside_wilson(value, len(statistics), confidence, draws, low, high)
    return Estimate(
        metric=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        value=value,
        confidence=confidence,
        rows=len(statistics),
        clusters=len(by_cluster),
        cluster=cluster,
        **found,
    )


def paired_difference(
    metric: Metric,
    labels: npt.ArrayLike,
    challenger: npt.ArrayLike,
    champion: npt.ArrayLike,
    clusters: npt.ArrayLike,
    confidence: float = CONFIDENCE,
    *,
    cluster: str = "cluster",
    seed: int = SEED,
    replicates: int = REPLICATES,
) -> Difference:
    """The challenger's metric minus the champion's on the same rows. Both are resampled with the same draws.

    The interval of a share of rows is never narrower than the adjusted Wald interval for paired proportions (Bonett & Price 2012, J. Educ.
    Behav. Stat. 37:479-488), so that two models that agree on a handful of rows are not proved equal.
    """
    ours, theirs = metric.rows(labels, challenger), metric.rows(labels, champion)
    check_same_length(ours, clusters)
    by_cluster = cluster_totals(np.column_stack([ours, theirs]), clusters, cluster)
    value, draws = difference_of_draws(metric, by_cluster, ours.shape[1], seed=seed, replicates=replicates)
    low, high = _percentiles(draws, confidence, len(by_cluster))
    if metric.counts_right_rows:
        gain = ours[:, 1] - theirs[:, 1]
        wald_low, wald_high = _bonett_price(int((gain == 1).sum()), int((gain == -1).sum()), len(gain), confidence)
        low, high = min(low, wald_low), max(high, wald_high)
    return Difference(
        metric=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        value=value,
        low=min(low, value),
        high=max(high, value),
        rows=len(ours),
        clusters=len(by_cluster),
        confidence=confidence,
    )


def difference_of_draws(
    metric: Metric, by_cluster: Array, width: int, *, seed: int = SEED, replicates: int = REPLICATES
) -> tuple[float, Array]:
    """Two metrics' difference, and its draws. The first `width` columns of `by_cluster` are the first one's figures."""

    def minus(totals: Array) -> Array:
        return np.asarray(metric.value(totals[..., :width]) - metric.value(totals[..., width:]))

    value = _defined(metric, float(minus(by_cluster.sum(axis=0))))
    return value, _defined_draws(metric, minus(drawn_totals(by_cluster, seed=seed, replicates=replicates)))


def cluster_totals(statistics: Array, clusters: Any, cluster: str = "cluster") -> Array:
    """`(clusters, k)` sums of the rows' figures, in an order that depends on them alone.

    Raises InvalidData for rows without a cluster, and for a single cluster.
    """
    import pandas as pd  # imported here, because commands that only name an outcome would wait for it

    codes, names = pd.factorize(np.asarray(clusters))
    if (codes < 0).any():
        raise InvalidData(f"Some rows have no {cluster}.", cure="Drop or name them in 01_prep.")
    if len(names) < 2:
        raise InvalidData(
            f"All rows are of one {cluster}, so they show nothing about other {cluster}s.", cure=f"Test on rows of several {cluster}s."
        )
    if statistics.dtype.kind == "f":  # the sum of fractions depends on their order, that of counts does not
        order = np.lexsort((*statistics.T, codes))
        statistics, codes = statistics[order], codes[order]
    totals = np.column_stack([np.bincount(codes, weights=figures, minlength=len(names)) for figures in statistics.T])
    return totals[np.lexsort(totals.T)]


def drawn_totals(by_cluster: Array, *, seed: int, replicates: int) -> Array:
    """`(replicates, k)` totals, each of as many clusters as there are, drawn with replacement.

    Clusters with equal figures are interchangeable, so where few figures differ a draw is one multinomial count per distinct row: exact,
    and with ten rows a user there are eleven of them for a match rate, however many users.
    """
    kinds, counts = np.unique(by_cluster, axis=0, return_counts=True)
    random, clusters = np.random.default_rng(seed), len(by_cluster)
    if len(kinds) * _MULTINOMIAL_COST < clusters:
        step = max(1, _DRAWS_AT_ONCE // len(kinds))
        parts = (random.multinomial(clusters, counts / clusters, size=size) for size in _steps(replicates, step))
        return np.concatenate([drawn @ kinds for drawn in parts])
    each = np.repeat(kinds, counts, axis=0)  # in an order of its own, whatever the rows' order
    step = max(1, _DRAWS_AT_ONCE // clusters)
    return np.concatenate([_times_drawn(random, size, clusters) @ each for size in _steps(replicates, step)])


def _steps(replicates: int, step: int) -> Iterator[int]:
    return (min(step, replicates - start) for start in range(0, replicates, step))


def _times_drawn(random: np.random.Generator, size: int, clusters: int) -> Array:
    """`(size, clusters)`: how often each cluster is drawn."""
    drawn = random.integers(0, clusters, (size, clusters)) + clusters * np.arange(size)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters).astype(np.float64)


def _beside_wilson(value: float, rows: int, confidence: float, draws: Array, low: float, high: float) -> dict[str, float | None]:
    wilson_low, wilson_high = wilson(round(value * rows), rows, confidence)
    independent = value * (1 - value) / rows
    return {
        "low": min(low, wilson_low),
        "high": max(high, wilson_high),
        "wilson_low": wilson_low,
        "wilson_high": wilson_high,
        "design_effect": float(draws.var(ddof=1) / independent) if independent else None,
    }


def _defined(metric: Metric, value: float) -> float:
    if math.isnan(value):
        raise InvalidData(f"The {metric.name} is undefined for these rows", cure=metric.undefined)
    return value


def _defined_draws(metric: Metric, draws: Array) -> Array:
    """Draws without those in which the metric is undefined, as an AUC without one of the labels. Half of them must be left."""
    kept: Array = draws[np.isfinite(draws)]
    if len(kept) * 2 < len(draws):
        raise InvalidData(f"The {metric.name} is undefined in most samples of these rows", cure=metric.undefined)
    return kept


def _percentiles(draws: Array, confidence: float, clusters: int) -> tuple[float, float]:
    from scipy.special import ndtr, stdtrit

    _z(confidence)  # refuses a confidence outside 0..1
    student = stdtrit(clusters - 1, (1 + confidence) / 2)
    tail = float(ndtr(-student * math.sqrt(clusters / (clusters - 1))))
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a share between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _bonett_price(gained: int, lost: int, rows: int, confidence: float) -> tuple[float, float]:
    gained_rate, lost_rate = (gained + 1) / (rows + 2), (lost + 1) / (rows + 2)
    value = gained_rate - lost_rate
    half = _z(confidence) * math.sqrt((gained_rate + lost_rate - value**2) / (rows + 2))
    return max(-1.0, value - half), min(1.0, value + half)
