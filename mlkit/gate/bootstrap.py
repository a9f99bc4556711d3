"""Confidence intervals of match rates. They resample all rows of a cluster together, because the rows of one user are alike."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from mlkit.errors import InvalidData

REPLICATES = 2_000
CONFIDENCE = 0.95
SEED = 7
_DRAWS_AT_ONCE = 4_000_000  # bounds the memory of a bootstrap at about 32 MB


@dataclass(frozen=True, kw_only=True)
class MatchRate:
    """The share of rows whose predicted label is the true one, in 0..1, with a confidence interval `low`..`high`.

    `wilson_low`..`wilson_high` assumes independent rows; it is shown for comparison. `design_effect` is the variance by
    cluster over the variance of independent rows (Kish 1965): 1.4 means that 1.4 times the rows are needed for the same width.
    `cluster` names the group of rows that are alike, for example "user"; "row" means that each row is its own cluster.
    """

    value: float
    low: float
    high: float
    wilson_low: float
    wilson_high: float
    design_effect: float
    rows: int
    matches: int
    clusters: int
    confidence: float
    cluster: str = "cluster"

    def __str__(self) -> str:
        interval = f"{self.confidence:.0%} interval {self.low:.4f} to {self.high:.4f}"
        grouped = "" if self.cluster == "row" else f" of {self.clusters:,} {self.cluster}s"
        return f"{self.value:.4f} ({interval}, {self.rows:,} rows{grouped})"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Match rate of the challenger minus that of the champion on the same rows, in -1..1, with interval `low`..`high`."""

    value: float
    low: float
    high: float
    rows: int
    clusters: int
    confidence: float

    def __str__(self) -> str:
        return f"{self.value:+.4f} ({self.confidence:.0%} interval {self.low:+.4f} to {self.high:+.4f}, {self.rows:,} rows)"


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Lower and upper bound of Wilson's score interval for independent rows (Wilson 1927, JASA 22:209-212)."""
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} rows")
    z = _z(confidence)
    rate = successes / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def match_rate(
    labels: npt.ArrayLike,
    predicted_labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    confidence: float = CONFIDENCE,
    *,
    cluster: str = "cluster",
    seed: int = SEED,
    replicates: int = REPLICATES,
) -> MatchRate:
    """The match rate of `predicted_labels`, its interval by percentile bootstrap over `clusters`, each of which is a `cluster`.

    Whole clusters are drawn with replacement and the rate is matches over rows of each draw (Davison & Hinkley 1997, section 3.8;
    Field & Welsh 2007, JRSS B 69:369-390). The interval is never narrower than Wilson's: a bootstrap of ten rows that all match
    would claim 1 to 1. The same rows in another order give the same figures. Raises InvalidData on fewer than two clusters, which
    show no variance.
    """
    true, predicted = binary_labels(labels), binary_labels(predicted_labels)
    check_same_length(true, predicted, clusters)
    matched = (true == predicted).astype(np.int64)
    sizes, sums = _cluster_sums(matched, clusters, cluster)
    rows, matches = len(true), int(matched.sum())
    value = matches / rows
    draws = _bootstrap(sizes, sums, seed=seed, replicates=replicates)
    low, high = _percentiles(draws, confidence)
    wilson_low, wilson_high = wilson(matches, rows, confidence)
    independent = value * (1 - value) / rows
    return MatchRate(
        value=value,
        low=min(low, wilson_low),
        high=max(high, wilson_high),
        wilson_low=wilson_low,
        wilson_high=wilson_high,
        design_effect=float(draws.var(ddof=1) / independent) if independent else math.nan,
        rows=rows,
        matches=matches,
        clusters=len(sizes),
        confidence=confidence,
        cluster=cluster,
    )


def paired_difference(
    labels: npt.ArrayLike,
    challenger_labels: npt.ArrayLike,
    champion_labels: npt.ArrayLike,
    clusters: npt.ArrayLike,
    confidence: float = CONFIDENCE,
    *,
    cluster: str = "cluster",
    seed: int = SEED,
    replicates: int = REPLICATES,
) -> Difference:
    """The challenger's match rate minus the champion's on the same rows, with the cluster bootstrap's interval.

    The interval is never narrower than the adjusted Wald interval for paired proportions (Bonett & Price 2012, J. Educ. Behav.
    Stat. 37:479-488), so that two models that agree on a handful of rows are not proved equal.
    """
    true, challenger, champion = binary_labels(labels), binary_labels(challenger_labels), binary_labels(champion_labels)
    check_same_length(true, challenger, champion, clusters)
    gain = (challenger == true).astype(np.int64) - (champion == true).astype(np.int64)
    sizes, sums = _cluster_sums(gain, clusters, cluster)
    low, high = _percentiles(_bootstrap(sizes, sums, seed=seed, replicates=replicates), confidence)
    wald_low, wald_high = _bonett_price(int((gain == 1).sum()), int((gain == -1).sum()), len(gain), confidence)
    return Difference(
        value=float(gain.mean()),
        low=min(low, wald_low),
        high=max(high, wald_high),
        rows=len(gain),
        clusters=len(sizes),
        confidence=confidence,
    )


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a share between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def binary_labels(values: npt.ArrayLike) -> npt.NDArray[Any]:
    """`values` as a one-dimensional array of 0 and 1. Raises InvalidData if it is empty, ValueError for other values."""
    labels: npt.NDArray[Any] = np.asarray(values)
    if labels.ndim != 1:
        raise ValueError(f"labels are one-dimensional, not of shape {labels.shape}")
    if len(labels) == 0:
        raise InvalidData("There are no rows to test on.", cure="Run 01_prep again and look at the counts of its splits.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels are 0 or 1")
    return labels


def check_same_length(*columns: Any) -> None:
    """Raises ValueError unless all `columns` have the same length."""
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise ValueError(f"columns of different lengths: {', '.join(str(len(column)) for column in columns)}")


def _cluster_sums(values: npt.NDArray[np.int64], clusters: Any, cluster: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    import pandas as pd  # imported here, because commands that only name an outcome would wait for it

    codes, names = pd.factorize(np.asarray(clusters))
    if (codes < 0).any():
        raise InvalidData(f"Some rows have no {cluster}.", cure="Drop or name them in 01_prep.")
    if len(names) < 2:
        raise InvalidData(
            f"All rows are of one {cluster}, so they show nothing about other {cluster}s.", cure=f"Test on rows of several {cluster}s."
        )
    sizes = np.bincount(codes)
    return sizes, np.bincount(codes, weights=values).astype(np.int64)


def _bootstrap(sizes: npt.NDArray[np.int64], sums: npt.NDArray[np.int64], *, seed: int, replicates: int) -> npt.NDArray[np.float64]:
    """`replicates` rates, each of as many clusters as there are, drawn with replacement.

    Clusters with equal size and sum are interchangeable, so a draw is one multinomial count per distinct pair: exact, and with
    ten rows a user there are eleven pairs, however many users.
    """
    kinds, counts = np.unique(np.column_stack([sizes, sums]), axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    step = max(1, _DRAWS_AT_ONCE // len(kinds))
    rates = []
    for start in range(0, replicates, step):
        drawn = random.multinomial(len(sizes), counts / len(sizes), size=min(step, replicates - start))
        totals = drawn @ kinds
        rates.append(totals[:, 1] / totals[:, 0])
    return np.concatenate(rates)


def _percentiles(draws: npt.NDArray[np.float64], confidence: float) -> tuple[float, float]:
    _z(confidence)  # refuses a confidence outside 0..1
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _bonett_price(gained: int, lost: int, rows: int, confidence: float) -> tuple[float, float]:
    gained_rate, lost_rate = (gained + 1) / (rows + 2), (lost + 1) / (rows + 2)
    value = gained_rate - lost_rate
    half = _z(confidence) * math.sqrt((gained_rate + lost_rate - value**2) / (rows + 2))
    return max(-1.0, value - half), min(1.0, value + half)
