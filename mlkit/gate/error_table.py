"""How far predicted numbers are from the true ones, by the size of the true number."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlkit.gate.metrics import Array, check_same_length, column
from mlkit.gate.target import Target

FEW = 10  # at most so many different numbers have a line each
_PARTS = 5  # as many lines have more numbers, with about as many rows each


def parts_of(numbers: npt.ArrayLike) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """The rows of each number, or of each fifth of the rows if there are many numbers: its words and a mask, in rising order."""
    values = np.asarray(numbers, dtype=np.float64)
    different = np.unique(values)
    if len(different) <= FEW:
        return [(f"{one:g}", values == one) for one in different]
    ends = np.unique(np.quantile(values, np.linspace(0, 1, _PARTS + 1)))
    places = np.searchsorted(ends[1:-1], values, side="left")
    masks = [places == place for place in range(len(ends) - 1)]
    return [(f"{values[mask].min():.4g} to {values[mask].max():.4g}", mask) for mask in masks if mask.any()]


def error_table(labels: npt.ArrayLike, predicted: npt.ArrayLike, target: Target) -> pd.DataFrame:
    """One line for each part of the true numbers: its rows, the mean true and predicted number, and the mean absolute error.

    The last line has all rows. Figures are in the target's unit.
    """
    true, said = column(labels), np.asarray(predicted, dtype=np.float64)
    check_same_length(true, said)
    lines = [*parts_of(true), ("all", np.ones(len(true), dtype=np.bool_))]
    return pd.DataFrame(
        [_line(true[mask], said[mask]) for _, mask in lines], index=pd.Index([name for name, _ in lines], name=f"true {target.title}")
    )


def _line(true: Array, said: Array) -> dict[str, float]:
    return {"rows": len(true), "mean true": true.mean(), "mean predicted": said.mean(), "mean absolute error": np.abs(said - true).mean()}
