"""The picture of the gate: a metric's intervals and points on one axis in its own scale, with the required value as a line. Inline SVG.

Positions are percentages of the width and text has the page's own size, so that the picture is readable at any width. The rows' labels
are a column of the page, left of the axis: an SVG cannot make room for them in pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mlkit.gate.estimate import SHARE, Estimate, number

_ROW, _TOP, _AXIS = 46, 26, 28  # pixels; page.css places the labels by the first two
_LEFT, _RIGHT = 2.0, 98.0  # per cent of the width
_MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model. `low` and `high` are None for a single point. `is_main`: the model that is decided about. `note`: how it was measured."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    is_main: bool = False
    note: str = ""

    @property
    def figures(self) -> str:
        interval = "" if self.low is None or self.high is None else f" ({number(self.low)} to {number(self.high)})"
        return f"{number(self.value)}{interval}"


@dataclass(frozen=True, kw_only=True)
class _Axis:
    low: float
    high: float
    step: float

    def at(self, value: float) -> str:
        """The place of a value in per cent."""
        share = (value - self.low) / (self.high - self.low)
        return f"{_LEFT + share * (_RIGHT - _LEFT):.2f}%"

    @property
    def ticks(self) -> list[float]:
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        return [index * self.step for index in range(first, last + 1)]


def forest_plot(rows: Sequence[Row], required: float, found: Estimate) -> str:
    """An SVG element with its description. The gate requires the value `required` of the tested model, whose estimate is `found`."""
    title = f"{found.title} of this model, and what it is compared with; {found.direction}"
    axis = _axis(rows, required, most=1.0 if found.unit == SHARE else math.inf)
    height = _TOP + _ROW * len(rows) + _AXIS
    parts = [_ticks(axis, height), _required(axis, required, height)]
    parts.extend(_row(row, axis, _TOP + _ROW * index) for index, row in enumerate(rows))
    told = "; ".join(f"{row.label}: {row.figures}" for row in rows)
    description = escape(f"{told}. {found.requirement(required)[0].upper()}{found.requirement(required)[1:]}.")
    head = f'<svg class="plot" role="img" aria-labelledby="plot-title plot-told" width="100%" height="{height}">'
    return f'{head}<title id="plot-title">{escape(title)}</title><desc id="plot-told">{description}</desc>{"".join(parts)}</svg>'


def _axis(rows: Sequence[Row], required: float, most: float) -> _Axis:
    values = [required, *(value for row in rows for value in (row.value, row.low, row.high) if value is not None)]
    low, high = min(values), max(values)
    pad = max(abs(high) * 0.005, (high - low) * 0.08, 1e-9)
    low, high = max(0.0, low - pad), min(most, high + pad)
    return _Axis(low=low, high=high, step=_step((high - low) / _MOST_TICKS))


def _step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _ticks(axis: _Axis, height: int) -> str:
    bottom = height - _AXIS
    parts = []
    for tick in axis.ticks:
        at = axis.at(tick)
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{at}" y="{bottom + 18}" text-anchor="middle">{tick:.{_digits(axis.step)}f}</text>')
    return "".join(parts)


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))


def _required(axis: _Axis, required: float, height: int) -> str:
    at = axis.at(required)
    share = (required - axis.low) / (axis.high - axis.low)
    anchor = "start" if share < 0.5 else "end"
    line = f'<line class="required" x1="{at}" x2="{at}" y1="{_TOP - 8}" y2="{height - _AXIS}"/>'
    return f'{line}<text class="required-label" x="{at}" y="12" text-anchor="{anchor}">required {required:g}</text>'


def _row(row: Row, axis: _Axis, top: int) -> str:
    middle = top + 32
    kind = "main" if row.is_main else "other"
    figures = f'<text class="figures {kind}" x="{_RIGHT}%" y="{top + 16}" text-anchor="end">{row.figures}</text>'
    at = axis.at(row.value)
    if row.low is None or row.high is None:
        return f'{figures}<circle class="point hollow" cx="{at}" cy="{middle}" r="5"/>'
    low, high = axis.at(row.low), axis.at(row.high)
    bar = f'<line class="interval {kind}" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>'
    ends = "".join(f'<line class="end {kind}" x1="{end}" x2="{end}" y1="{middle - 6}" y2="{middle + 6}"/>' for end in (low, high))
    return f'{figures}{bar}{ends}<circle class="point {kind}" cx="{at}" cy="{middle}" r="5"/>'
