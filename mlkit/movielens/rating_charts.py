"""How the ratings are distributed over the stars."""

import numpy as np
import pandas as pd

from mlkit.charts import BLUE, ORANGE, Chart, thousands


def chart_ratings(counts: pd.DataFrame, positive_from: float | None = 4) -> Chart:
    """The frequency of each rating. `counts` has the columns `rating` and `ratings`; ratings from `positive_from` on are label 1.

    With None, the label is the rating itself.
    """
    counts = counts.sort_values("rating")
    values, rows = counts["rating"].astype(float).to_numpy(), counts["ratings"].astype(int).to_numpy()
    if positive_from is None:
        told = f"the mean of {rows.sum():,} rows is {(values * rows).sum() / rows.sum():.2f} stars"
        parts = [(values > 0, BLUE, "", "the label is the rating")]
    else:
        positive = values >= positive_from
        told = f"{rows[positive].sum() / rows.sum():.1%} of {rows.sum():,} rows are rated {positive_from:g} or more"
        parts = [
            (~positive, ORANGE, "//", f"label 0: below {positive_from:g}"),
            (positive, BLUE, "", f"label 1: {positive_from:g} or more"),
        ]
    chart = Chart("How are the ratings distributed?", x="rating (stars)", y="rows", alt=f"Bars of rows per rating; {told}.")
    width = 0.8 * min(np.diff(values).min(initial=1), 1)
    for mask, colour, hatch, name in parts:
        part = f"{name} ({rows[mask].sum() / rows.sum():.1%})"
        bars = chart.plot_area.bar(values[mask], rows[mask], width, color=colour, hatch=hatch, edgecolor="white", label=part)
        chart.plot_area.bar_label(bars, fmt=_short if rows.max() >= 100_000 else "{:,.0f}", fontsize=9, padding=2)
    chart.plot_area.set_xticks(values)
    thousands(chart.plot_area, "y")
    chart.plot_area.margins(y=0.1)
    chart.add_legend()
    return chart


def _short(number: float) -> str:
    return f"{number / 1e6:.2f} M" if number >= 1e6 else f"{number / 1e3:.0f} k"
