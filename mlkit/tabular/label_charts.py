"""How what is to be predicted is distributed over the rows."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlkit.gate.target import Target
from mlkit.tabular.preparation import Profile
from mlkit.tabular.splits import BARS

if TYPE_CHECKING:
    from mlkit.charts import Chart


def chart_labels(profile: Profile) -> "Chart":
    """The rows of each class, or a histogram of the number."""
    from mlkit import charts  # imported here, because commands draw nothing and would wait for matplotlib

    target = profile.target
    if profile.histogram is not None:
        return _histogram(profile.histogram, target)
    positive = target.classes[1] if target.task == "binary" else ""
    return charts.classes(profile.classes, positive, question=f"How often is each {target.name}?")


def _histogram(bars: pd.DataFrame, target: Target) -> "Chart":
    """Bars of equal width. `bars` has the columns bar, rows, lowest and highest, as the preparation's SQL gives them."""
    from mlkit.charts import BLUE, Chart, thousands

    low, high, rows = bars["lowest"].min(), bars["highest"].max(), bars["rows"].astype(int).to_numpy()
    alt = f"Histogram of {target.name}: {rows.sum():,} rows from {low:g} to {high:g}."
    chart = Chart(f"How is {target.name} distributed?", x=target.title, y="rows", alt=alt)
    width = (high - low) / BARS or 1.0
    chart.plot_area.bar(low + (bars["bar"].astype(float).to_numpy() + 0.5) * width, rows, width, color=BLUE, edgecolor="white")
    thousands(chart.plot_area, "y")
    chart.plot_area.set_ylim(0, np.max(rows) * 1.1)
    return chart
