"""Parts of the held-out rows with their own estimate, and which of them are far worse than the other rows.

A part is flagged when two things hold. It is surely worse: a one-sided test of the difference between its metric and that of all other
rows, whose error comes from the same bootstrap over clusters, is significant after Holm's correction for the number of parts looked at
(Holm 1979, Scand. J. Statist. 6:65-70). And it is much worse: its error is more than a quarter above that of all rows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mlkit.errors import InvalidData
from mlkit.gate.bootstrap import CONFIDENCE, REPLICATES, SEED, cluster_totals, difference_of_draws, estimate
from mlkit.gate.estimate import Estimate, Slice
from mlkit.gate.metrics import Array, Metric, check_same_length

FAR_WORSE = 1.25  # times the error of all rows
FEWEST_CLUSTERS = 10  # on either side; with fewer, nobody knows how much they vary
MOST_CATEGORIES = 8  # of a column; the rarer ones are one part together
_QUARTERS = (0.25, 0.75)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the rows: `group` says by what they are chosen, `name` which they are, and `rows` marks them."""

    group: str
    name: str
    rows: npt.NDArray[np.bool_]


def estimate_parts(
    metric: Metric,
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    clusters: npt.ArrayLike,
    parts: Sequence[Part],
    confidence: float = CONFIDENCE,
    *,
    cluster: str = "cluster",
    seed: int = SEED,
    replicates: int = REPLICATES,
) -> tuple[Slice, ...]:
    """The metric of each part beside that of all other rows. `1 - confidence` is the chance to flag any part of an even model."""
    rows = _Rows(metric, np.asarray(labels), np.asarray(predictions), np.asarray(clusters), confidence, cluster, seed, replicates)
    check_same_length(rows.labels, rows.predictions, rows.clusters, *(part.rows for part in parts))
    allowed = FAR_WORSE * float(metric.error(metric.of(rows.labels, rows.predictions)))
    looked = [_look(rows, part) for part in parts]
    corrected = iter(holm([found.p_value for found in looked if found.p_value is not None]))
    return tuple(
        found
        if found.estimate is None
        else _decided(found, next(corrected), level=1 - confidence, is_far=bool(metric.error(found.estimate.value) > allowed))
        for found in looked
    )


def _decided(found: Slice, p_value: float, *, level: float, is_far: bool) -> Slice:
    return replace(found, p_value=p_value, is_flagged=is_far and p_value <= level)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values as Holm adjusts them for their number, in the given order; at most 1."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def by_quantiles(group: str, values: npt.ArrayLike, names: tuple[str, str, str] = ("low", "middle", "high")) -> list[Part]:
    """The quarter of rows with the lowest values, the middle half, and the highest quarter; rows without a value are a part too.

    Equal values are in one part. A column that has less than two parts has none.
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    if not known.any():
        return []
    first, last = np.quantile(numbers[known], _QUARTERS)
    spans = (
        ("up to", numbers <= first),
        ("between", (numbers > first) & (numbers < last)),
        ("from", (numbers >= last) & (numbers > first)),
    )
    parts = [
        Part(group=group, name=f"{name}, {_span(numbers[rows], kind)}", rows=rows)
        for name, (kind, rows) in zip(names, spans, strict=True)
        if rows.any()
    ]
    parts += [Part(group=group, name="no value", rows=~known)] if not known.all() else []
    return parts if len(parts) > 1 else []


def by_category(group: str, values: Sequence[object]) -> list[Part]:
    """One part for each value, the rarer ones beyond eight together. A column that has less than two parts has none."""
    texts = np.array(["no value" if value is None or value != value else str(value) for value in values])
    found, counts = np.unique(texts, return_counts=True)
    common = sorted(found[np.argsort(-counts, kind="stable")][:MOST_CATEGORIES])
    parts = [Part(group=group, name=str(name), rows=texts == name) for name in common]
    if len(found) > MOST_CATEGORIES:
        parts.append(Part(group=group, name="other values", rows=~np.isin(texts, common)))
    return parts if len(parts) > 1 else []


def _span(numbers: Array, kind: str) -> str:
    low, high = f"{numbers.min():.4g}", f"{numbers.max():.4g}"
    return {"up to": f"up to {high}", "from": f"from {low}", "between": low if low == high else f"{low} to {high}"}[kind]


@dataclass(frozen=True)
class _Rows:
    metric: Metric
    labels: Array
    predictions: Array
    clusters: Array
    confidence: float
    cluster: str
    seed: int
    replicates: int

    def estimate(self, rows: npt.NDArray[np.bool_]) -> Estimate:
        return estimate(
            self.metric,
            self.labels[rows],
            self.predictions[rows],
            self.clusters[rows],
            self.confidence,
            cluster=self.cluster,
            seed=self.seed,
            replicates=self.replicates,
        )


def _look(rows: _Rows, part: Part) -> Slice:
    """The part beside the other rows, with the p-value of this look alone; without an estimate if the part cannot be judged."""
    seen = Slice(group=part.group, name=part.name, rows=int(part.rows.sum()))
    fewest = min(len(np.unique(rows.clusters[side])) for side in (part.rows, ~part.rows))
    if fewest < FEWEST_CLUSTERS:
        return seen
    try:
        own = rows.estimate(part.rows)
        by_cluster, width = _side_by_side(rows, part.rows)
        difference, draws = difference_of_draws(rows.metric, by_cluster, width, seed=rows.seed, replicates=rows.replicates)
    except InvalidData:  # the metric is undefined for these rows
        return seen
    worse_by = -difference if rows.metric.higher_is_better else difference
    spread = float(draws.std(ddof=1)) * math.sqrt(fewest / (fewest - 1))
    if rows.metric.counts_right_rows:
        spread = max(spread, _agresti_caffo(by_cluster.sum(axis=0)))
    return replace(seen, estimate=own, worse_by=worse_by, p_value=_one_sided(worse_by, spread, fewest - 1))


def _side_by_side(rows: _Rows, inside: npt.NDArray[np.bool_]) -> tuple[Array, int]:
    """Per cluster, the figures of the part's rows beside those of the other rows, and how many are the part's."""
    own, others = (rows.metric.rows(rows.labels[side], rows.predictions[side]) for side in (inside, ~inside))
    width = own.shape[1]
    figures = np.zeros((len(inside), width + others.shape[1]), dtype=own.dtype)
    figures[inside, :width], figures[~inside, width:] = own, others
    return cluster_totals(figures, rows.clusters, rows.cluster), width


def _agresti_caffo(totals: Array) -> float:
    """The standard error of the difference of two shares of independent rows, with a row added to each cell.

    (Agresti & Caffo 2000, The American Statistician 54:280-288.) Ten rows that are all wrong have no variance of their own.
    """
    shares = [((matches + 1) / (count + 2), count + 2) for count, matches in (totals[:2], totals[2:])]
    return math.sqrt(sum(share * (1 - share) / count for share, count in shares))


def _one_sided(worse_by: float, spread: float, degrees: int) -> float:
    """The chance that a part which is as good as the others looks as bad as this (Student's t)."""
    from scipy.special import stdtr

    if spread == 0:
        return 0.0 if worse_by > 0 else 1.0
    return float(stdtr(degrees, -worse_by / spread))
