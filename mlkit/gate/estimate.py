"""A metric's value on held-out rows with its confidence interval: what a hand-off, a record, the registry and a page tell of a test.

The texts use the metric's own unit and direction, so who shows an estimate need not know the metric. It needs no numpy: the build that
seals evidence reads it.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

SHARE = "share"  # the unit of what lies between 0 and 1; figures are written without it
_WORDS = re.compile("[A-Za-z0-9][A-Za-z0-9 -]{0,39}")  # a push chooses them, and a mail to the approver shows them
_PLAIN = (0.001, 1000)  # in between, four digits after the point tell enough


def number(value: float) -> str:
    """`0.6984`, `12.3000`, `1.235e+05`: four digits after the point, or four significant ones."""
    return f"{value:.4f}" if value == 0 or _PLAIN[0] <= abs(value) < _PLAIN[1] else f"{value:.4g}"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The value of `metric` in `unit`, with a confidence interval `low`..`high`.

    `cluster` names the group of rows that are alike, for example "user"; "row" means that each row is its own cluster. Where the metric
    is a share of rows, `wilson_low`..`wilson_high` is the interval that assumes independent rows, and `design_effect` is the variance by
    cluster over that of independent rows (Kish 1965): 1.4 means that 1.4 times the rows are needed for the same width.

    Raises ValueError for names that are more than words, and for figures that cannot be: not finite, a value outside its interval, a
    share outside 0..1, negative counts.
    """

    metric: str
    unit: str
    higher_is_better: bool
    value: float
    low: float
    high: float
    confidence: float
    rows: int
    clusters: int
    cluster: str = "cluster"
    wilson_low: float | None = None
    wilson_high: float | None = None
    design_effect: float | None = None

    def __post_init__(self) -> None:
        if not all(_WORDS.fullmatch(words) for words in (self.metric, self.unit, self.cluster)):
            raise ValueError("a metric, its unit and its cluster are named by at most 40 letters, digits, spaces and hyphens")
        figures = (self.value, self.low, self.high, self.confidence, self.wilson_low, self.wilson_high, self.design_effect)
        if not all(math.isfinite(figure) for figure in figures if figure is not None):
            raise ValueError(f"the {self.metric} has a figure that is not finite")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"the {self.metric} lies outside its interval")
        if self.unit == SHARE and not 0 <= self.low <= self.high <= 1:
            raise ValueError(f"the {self.metric} is not a share between 0 and 1")
        if not (0 < self.confidence < 1 and 0 <= self.rows < 10**15 and 0 <= self.clusters < 10**15):
            raise ValueError(f"the {self.metric} has a confidence or a count that cannot be")

    @property
    def title(self) -> str:
        """`match rate`, `log loss (nats)`."""
        return self.metric if self.unit == SHARE else f"{self.metric} ({self.unit})"

    @property
    def worst(self) -> float:
        """The bound of the interval that speaks against the model."""
        return self.low if self.higher_is_better else self.high

    @property
    def best(self) -> float:
        """The bound of the interval that speaks for the model."""
        return self.high if self.higher_is_better else self.low

    @property
    def direction(self) -> str:
        return "higher is better" if self.higher_is_better else "lower is better"

    @property
    def interval(self) -> str:
        """`0.6890 to 0.7112`."""
        return f"{number(self.low)} to {number(self.high)}"

    @property
    def rows_told(self) -> str:
        """`9,430 rows of 943 users`."""
        return f"{self.rows:,} rows" + ("" if self.cluster == "row" else f" of {self.clusters:,} {self.cluster}s")

    def reaches(self, value: float, required: float) -> bool:
        """Whether `value` is as good as `required` or better."""
        return value >= required if self.higher_is_better else value <= required

    def requirement(self, required: float) -> str:
        """`at least 0.6500 is required`, `at most 0.6000 nats is required`."""
        return f"at {'least' if self.higher_is_better else 'most'} {self.amount(required)} is required"

    def position(self, required: float) -> str:
        """Where the interval is: `lies above`, `lies below` or `contains` the required value."""
        return "lies above" if self.low > required else "lies below" if self.high < required else "contains"

    def amount(self, value: float) -> str:
        """A value with its unit; a share has none."""
        return number(value) if self.unit == SHARE else f"{number(value)} {self.unit}"

    def exported(self) -> dict[str, str]:
        """The variables that a build exports, which CodePipeline's history shows."""
        figures = {"VALUE": number(self.value), "LOW": number(self.low), "HIGH": number(self.high)}
        return {"METRIC": self.title, **figures, "ROWS": str(self.rows)}

    def __str__(self) -> str:
        return f"{self.amount(self.value)} ({self.confidence:.0%} interval {self.interval}, {self.rows_told})"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The challenger's metric minus the champion's on the same rows, in the metric's unit, with interval `low`..`high`."""

    metric: str
    unit: str
    higher_is_better: bool
    value: float
    low: float
    high: float
    rows: int
    clusters: int
    confidence: float

    @property
    def worst_gain(self) -> float:
        """The least that the challenger gains: negative where it may lose."""
        return self.low if self.higher_is_better else -self.high

    @property
    def best_gain(self) -> float:
        """The most that the challenger gains."""
        return self.high if self.higher_is_better else -self.low

    def __str__(self) -> str:
        return f"{self.value:+.4f} ({self.confidence:.0%} interval {self.low:+.4f} to {self.high:+.4f}, {self.rows:,} rows)"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One part of the rows with its own estimate; None if it is too small to judge, or the metric is undefined for it.

    `group` says by what rows are chosen and `name` which they are. `worse_by` is how much worse the metric is than that of all other
    rows, in the metric's unit; `p_value` is the chance of such a gap in an even model, corrected for the number of parts looked at.
    `is_flagged`: the model is far worse here.
    """

    group: str
    name: str
    rows: int
    estimate: Estimate | None = None
    worse_by: float | None = None
    p_value: float | None = None
    is_flagged: bool = False

    def __post_init__(self) -> None:
        if not all(math.isfinite(figure) for figure in (self.worse_by, self.p_value) if figure is not None):
            raise ValueError("a slice has a figure that is not finite")

    def __str__(self) -> str:
        return f"{self.group}, {self.name}: {self.estimate or 'not judged'}"


def conspicuous(slices: Sequence[Slice], most: int = 12) -> list[Slice]:
    """At most so many slices in their order: the flagged ones, and those with the smallest p-values."""
    ranked = sorted(slices, key=lambda one: (not one.is_flagged, 2.0 if one.p_value is None else one.p_value))[:most]
    return [one for one in slices if any(one is kept for kept in ranked)]
