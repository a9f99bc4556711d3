"""The picture of the gate: intervals and points of match rates on one axis, with the required minimum as a line. Inline SVG.

Positions are percentages of the width and text has the page's own size, so that the picture is readable at any width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_ROW, _TOP, _AXIS = 46, 26, 28  # pixels
_LEFT, _RIGHT = 2.0, 98.0  # per cent of the width
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model. `low` and `high` are None for a single point. `is_main`: the model that is decided about."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    is_main: bool = False

    @property
    def figures(self) -> str:
        interval = "" if self.low is None or self.high is None else f" ({self.low:.4f} to {self.high:.4f})"
        return f"{self.value:.4f}{interval}"


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
        first = -int(-self.low // self.step)
        return [round(index * self.step, 6) for index in range(first, int(self.high / self.step + 1e-9) + 1)]


def forest_plot(rows: Sequence[Row], minimum: float, *, title: str) -> str:
    """An SVG element with its description. `minimum` is the match rate that the gate requires."""
    axis = _axis(rows, minimum)
    height = _TOP + _ROW * len(rows) + _AXIS
    parts = [_ticks(axis, height), _minimum(axis, minimum, height)]
    parts.extend(_row(row, axis, _TOP + _ROW * index) for index, row in enumerate(rows))
    told = "; ".join(f"{row.label}: {row.figures}" for row in rows)
    description = escape(f"{told}. The gate requires {minimum:.4f}.")
    head = f'<svg class="plot" role="img" aria-labelledby="plot-title plot-told" width="100%" height="{height}">'
    return f'{head}<title id="plot-title">{escape(title)}</title><desc id="plot-told">{description}</desc>{"".join(parts)}</svg>'


def _axis(rows: Sequence[Row], minimum: float) -> _Axis:
    values = [minimum, *(value for row in rows for value in (row.value, row.low, row.high) if value is not None)]
    low, high = min(values), max(values)
    pad = max(0.005, (high - low) * 0.08)
    low, high = max(0.0, low - pad), min(1.0, high + pad)
    step = next((step for step in _STEPS if (high - low) / step <= _MOST_TICKS), _STEPS[-1])
    return _Axis(low=low, high=high, step=step)


def _ticks(axis: _Axis, height: int) -> str:
    bottom = height - _AXIS
    parts = []
    for tick in axis.ticks:
        at = axis.at(tick)
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{at}" y="{bottom + 18}" text-anchor="middle">{tick:.{_digits(axis.step)}f}</text>')
    return "".join(parts)


def _digits(step: float) -> int:
    return 3 if step < 0.01 else 2 if step < 0.1 else 1


def _minimum(axis: _Axis, minimum: float, height: int) -> str:
    at = axis.at(minimum)
    share = (minimum - axis.low) / (axis.high - axis.low)
    anchor = "start" if share < 0.5 else "end"
    line = f'<line class="minimum" x1="{at}" x2="{at}" y1="{_TOP - 8}" y2="{height - _AXIS}"/>'
    return f'{line}<text class="minimum-label" x="{at}" y="12" text-anchor="{anchor}">required {minimum:.4f}</text>'


def _row(row: Row, axis: _Axis, top: int) -> str:
    middle = top + 32
    kind = "main" if row.is_main else "other"
    label = f'<text class="label {kind}" x="{_LEFT}%" y="{top + 16}">{escape(row.label)}</text>'
    figures = f'<text class="figures {kind}" x="{_RIGHT}%" y="{top + 16}" text-anchor="end">{row.figures}</text>'
    at = axis.at(row.value)
    if row.low is None or row.high is None:
        return f'{label}{figures}<circle class="point hollow" cx="{at}" cy="{middle}" r="5"/>'
    low, high = axis.at(row.low), axis.at(row.high)
    bar = f'<line class="interval {kind}" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>'
    ends = "".join(f'<line class="end {kind}" x1="{end}" x2="{end}" y1="{middle - 6}" y2="{middle + 6}"/>' for end in (low, high))
    return f'{label}{figures}{bar}{ends}<circle class="point {kind}" cx="{at}" cy="{middle}" r="5"/>'
