"""The notebooks' plots. Each answers one question, has a fixed size, and is readable in print and without colour vision.

Every function returns a `Chart`. A notebook shows it as one PNG with an alternative text. The module does not use pyplot, so
nothing is drawn twice and no figure stays open. Colours are those of Okabe & Ito (2008); line styles and hatches repeat them.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from mlkit.gate.error_table import FEW, parts_of
from mlkit.gate.estimate import SHARE, Estimate
from mlkit.gate.target import Target

BLUE, ORANGE, GREY, BLACK = "#0072B2", "#E69F00", "#767676", "#000000"
WIDTH_IN, HEIGHT_IN, DPI = 7.0, 4.0, 200
_MOST_TICKS = 20
_DARK = 55  # percent; on a darker field a number is white
_SHOWN_PX_PER_IN = 100  # on screen; the PNG has twice the pixels, for print and dense displays


class Chart(Figure):
    """A figure with one pair of axes and its question as the title. `alt` describes it in words."""

    def __init__(self, question: str, *, x: str, y: str, alt: str, grid: Literal["x", "y", "both"] = "y") -> None:
        super().__init__(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06))
        FigureCanvasAgg(self)
        self.alt = alt
        axes: Axes = self.subplots()
        axes.set_title(question, loc="left", fontsize=12, fontweight="bold", pad=10)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis=grid, color="#DDDDDD", linewidth=0.8)
        axes.set_axisbelow(True)
        self.plot_area = axes

    def png(self) -> bytes:
        """The picture as PNG; equal data give equal bytes."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None, "Description": self.alt})
        return buffer.getvalue()

    def add_legend(self) -> None:
        """Add the legend in one row below the axes, where it covers no data."""
        handles, names = self.plot_area.get_legend_handles_labels()
        self.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        size = {"width": round(WIDTH_IN * _SHOWN_PX_PER_IN), "height": round(HEIGHT_IN * _SHOWN_PX_PER_IN), "alt": self.alt}
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": size}


def classes(counts: Mapping[str, int], positive: str = "", *, question: str = "How often is each class?") -> Chart:
    """The number of rows of each class. `counts` maps classes to rows; `positive` is the class of label 1, if there are two classes."""
    total = sum(counts.values())
    parts = {name: f"{name} ({rows / total:.1%})" for name, rows in counts.items()}
    alt = f"Bars of rows per class: {', '.join(f'{parts[name]} {rows:,}' for name, rows in counts.items())}."
    chart = Chart(question, x="class", y="rows", alt=alt)
    for name, rows in counts.items():
        is_other = bool(positive) and name != positive
        colour, hatch, label = (ORANGE, "//", "label 0") if is_other else (BLUE, "", "label 1")
        bars = chart.plot_area.bar(parts[name], rows, 0.5, color=colour, hatch=hatch, edgecolor="white", label=label)
        chart.plot_area.bar_label(bars, fmt="{:,.0f}", fontsize=9, padding=2)
    thousands(chart.plot_area, "y")
    chart.plot_area.margins(x=0.3 if positive else 0.05, y=0.1)
    if positive:
        chart.add_legend()
    elif len(counts) > FEW:
        chart.plot_area.tick_params(axis="x", rotation=90)
    return chart


def metric_by_epoch(history: pd.DataFrame, metric: str = "log loss (nats)", *, epoch: str = "epoch") -> Chart:
    """A metric after each epoch: `history` has the columns `epoch` and `train`, and `validation` if it was measured.

    `epoch` is the algorithm's word for a step: a pass over the rows, or a boosting round.
    """
    lines = [name for name in ("train", "validation") if name in history and history[name].notna().any()]
    last = ", ".join(f"{name} {history[name].dropna().iloc[-1]:.4f}" for name in lines)
    alt = f"{metric} over {history['epoch'].max()} {epoch}s; at the end {last}." if lines else f"{metric}: the log has no {epoch}."
    chart = Chart("Does training still gain, or overfit?", x=epoch, y=metric, alt=alt)
    for name, colour, style in zip(lines, (BLUE, ORANGE), ("-", "--"), strict=False):
        shown = history[["epoch", name]].dropna()
        few = "o" if len(shown) < 40 else None
        chart.plot_area.plot(shown["epoch"], shown[name], style, color=colour, linewidth=2, marker=few, markersize=4, label=name)
    chart.plot_area.xaxis.set_major_locator(MaxNLocator(integer=True))
    chart.add_legend()
    return chart


def tuning_jobs(jobs: pd.DataFrame, objective: str, *, maximize: bool = True, untuned: float | None = None, unit: str = "") -> Chart:
    """The objective of each tuning job. `jobs` has the columns `job` and `objective` (empty if the job failed), in order of running.

    `untuned` is the objective of the job without tuning, `unit` the objective's, such as "stars".
    """
    values = jobs["objective"].astype(float)
    best = values.idxmax() if maximize else values.idxmin()
    alt = f"{objective} of {len(jobs)} tuning jobs; the best is {jobs['job'][best]} with {values[best]:.4f}."
    alt += "" if untuned is None else f" Untuned: {untuned:.4f}."
    chart = Chart(
        "Which tuning job is best on validation?",
        x="job, in the order of running",
        y=f"{objective} ({unit})" if unit else objective,
        alt=alt,
    )
    numbers = pd.Series(range(1, len(jobs) + 1), index=jobs.index)
    chart.plot_area.plot(numbers, values, "o", color=BLUE, markersize=7, label="job")
    chart.plot_area.plot(
        numbers[best], values[best], "D", color=ORANGE, markeredgecolor=BLACK, markersize=11, label=f"best: {values[best]:.4f}"
    )
    if untuned is not None:
        chart.plot_area.axhline(untuned, color=BLACK, linestyle="--", linewidth=1.2, label=f"untuned: {untuned:.4f}")
    for number in numbers[values.isna()]:
        chart.plot_area.axvline(number, color=GREY, linestyle=":", label=None)
        chart.plot_area.text(number, 0.02, " no metric", transform=chart.plot_area.get_xaxis_transform(), color=GREY, fontsize=9)
    chart.plot_area.set_xticks(list(numbers)[:: -(-len(jobs) // _MOST_TICKS)])
    chart.plot_area.set_xlim(0.5, len(jobs) + 0.5)
    chart.plot_area.margins(y=0.15)
    chart.add_legend()
    return chart


def scores_by_label(
    scores: npt.ArrayLike, labels: npt.ArrayLike, names: Sequence[str] = ("label 0", "label 1"), threshold: float = 0.5
) -> Chart:
    """Histograms of the scores by true label over 0..1, each as a share of its own label's rows."""
    values, true = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    above = [(values[true == label] > threshold).mean() for label in (0, 1)]
    alt = (
        f"Histograms of scores: above {threshold:g} are {above[0]:.1%} of the rows of {names[0]} and {above[1]:.1%} of those of {names[1]}."
    )
    chart = Chart("Do the scores tell the labels apart?", x="score (probability of label 1)", y="share of the label's rows (%)", alt=alt)
    edges = np.linspace(0, 1, 41)
    for label, colour, style, hatch in ((0, ORANGE, "--", "//"), (1, BLUE, "-", "")):
        heights = np.histogram(values[true == label], edges)[0] / max(1, (true == label).sum()) * 100
        chart.plot_area.stairs(heights, edges, fill=True, facecolor=colour, edgecolor=colour, linewidth=0, alpha=0.3, hatch=hatch)
        chart.plot_area.stairs(heights, edges, color=colour, linewidth=2, linestyle=style, label=f"true {names[label]}")
    chart.plot_area.axvline(threshold, color=BLACK, linewidth=1.2, label=f"predicted label 1 above {threshold:g}")
    chart.plot_area.set_xlim(0, 1)
    chart.plot_area.margins(y=0.1)
    chart.add_legend()
    return chart


def predicted_by_true(predicted: npt.ArrayLike, true: npt.ArrayLike, target: Target) -> Chart:
    """Predicted numbers over true ones, beside the line of equal numbers.

    Each row is a point; where few numbers are true, as with ratings, their median prediction and the middle 80 % of predictions.
    """
    said, numbers = np.asarray(predicted, dtype=np.float64), np.asarray(true, dtype=np.float64)
    correlation = np.corrcoef(said, numbers)[0, 1] if said.std() and numbers.std() else 0.0
    alt = f"Predicted {target.name} of {len(said):,} rows over the true one; their correlation is {correlation:.2f}."
    chart = Chart(
        "Are the predicted numbers near the true ones?", x=f"true {target.title}", y=f"predicted {target.title}", alt=alt, grid="both"
    )
    if len(np.unique(numbers)) <= FEW:
        spans = np.array([np.quantile(said[mask], (0.1, 0.5, 0.9)) for _, mask in parts_of(numbers)])
        reach = [spans[:, 1] - spans[:, 0], spans[:, 2] - spans[:, 1]]
        name = "median and middle 80 % of the predictions"
        chart.plot_area.errorbar(np.unique(numbers), spans[:, 1], reach, fmt="o", color=BLUE, capsize=5, linewidth=2, label=name)
    else:
        chart.plot_area.plot(numbers, said, "o", color=BLUE, markersize=4, alpha=max(0.05, min(0.6, 200 / len(said))), label="a row")
    ends = [numbers.min(), numbers.max()]
    chart.plot_area.plot(ends, ends, "--", color=BLACK, linewidth=1.2, label="predicted = true")
    chart.add_legend()
    return chart


def mistaken_classes(confusion: pd.DataFrame, target: Target) -> Chart:
    """The share of each true class's rows that is predicted as each class. `confusion` is of `verdicts.confusion_table`."""
    counts = confusion.to_numpy(float)[:-1, :-1]
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True)) * 100
    right = ", ".join(f"{name} {share:.1f} %" for name, share in zip(target.classes, np.diag(shares), strict=True))
    alt = f"Grid of true by predicted {target.name}; predicted right are {right}."
    chart = Chart("Which classes are mistaken for which?", x=f"predicted {target.name}", y=f"true {target.name}", alt=alt)
    axes, places = chart.plot_area, range(len(target.classes))
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    if len(target.classes) <= FEW:
        for row in places:
            for column in places:
                colour = "white" if shares[row, column] > _DARK else BLACK
                axes.text(column, row, f"{shares[row, column]:.1f} %", ha="center", va="center", color=colour, fontsize=9)
    every = -(-len(target.classes) // _MOST_TICKS)
    axes.set_xticks(list(places)[::every], target.classes[::every], rotation=0 if len(target.classes) <= FEW else 90)
    axes.set_yticks(list(places)[::every], target.classes[::every])
    return chart


def models(table: pd.DataFrame, found: Estimate, required: float) -> Chart:
    """The deciding metric of each model with its interval, beside the gate. `table` is of `baselines.compare`, the tested model first."""
    factor, unit, digits = (100, "%", 1) if found.unit == SHARE else (1, found.unit, 3)
    names = list(table["model"])
    value, low, high = (table[name].to_numpy(float) * factor for name in (found.metric, "low", "high"))
    labels = [f"{v:.{digits}f} ({a:.{digits}f} to {b:.{digits}f})" for v, a, b in zip(value, low, high, strict=True)]
    gate = f"gate: {required * factor:.{digits}f} {unit}, {found.direction}"
    alt = f"{found.metric} in {unit}: {'; '.join(f'{name} {label}' for name, label in zip(names, labels, strict=True))}; {gate}."
    chart = Chart("Does the model pass, and what does it add?", x=f"{found.metric} on the held-out rows ({unit})", y="", alt=alt, grid="x")
    axes = chart.plot_area
    for position, colour in enumerate([BLUE, *[GREY] * (len(names) - 1)]):
        reach = [[value[position] - low[position]], [high[position] - value[position]]]
        axes.errorbar(value[position], position, xerr=reach, fmt="o", color=colour, capsize=5, linewidth=2, markersize=8)
        axes.annotate(labels[position], (value[position], position), (0, 9), textcoords="offset points", ha="center", fontsize=9)
    axes.axvline(required * factor, color=BLACK, linestyle="--", linewidth=1.2, label=gate)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.7)
    axes.margins(x=0.12)
    chart.add_legend()
    return chart


def thousands(axes: Axes, axis: str) -> None:
    """Write the axis' numbers with commas."""
    getattr(axes, f"{axis}axis").set_major_formatter("{x:,.0f}")
