"""The scale of ratings, half a star to five, and the rule for half stars in a column of whole numbers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

LOWEST, HIGHEST = 0.5, 5.0
RANGE = f"{LOWEST:g} to {HIGHEST:g}"


class HalfStars(StrEnum):
    """The rule for ratings such as 3.5.

    `refuse` them; `round-down` to whole stars, which keeps the meaning of "4 or more"; `keep` them, for a table with a double rating.
    """

    REFUSE = "refuse"
    ROUND_DOWN = "round-down"
    KEEP = "keep"


@dataclass(frozen=True, kw_only=True)
class Rounded:
    """Whole stars. `rounded` ratings of the scale were between two stars; `raised` of those were below one star and became 1."""

    stars: npt.NDArray[np.int64]
    rounded: int
    raised: int


def round_down(ratings: npt.NDArray[np.float64]) -> Rounded:
    """Whole stars: 3.5 becomes 3, and 0.5 becomes 1, the lowest whole star. Ratings outside of the scale stay outside."""
    down, up = np.floor(ratings), np.ceil(ratings)
    in_scale, below_one = ~_is_outside(ratings), ratings < 1
    raised = in_scale & below_one
    stars = np.where(raised | (ratings > HIGHEST), up, down)
    return Rounded(stars=stars.astype(np.int64), rounded=int((in_scale & (ratings != down)).sum()), raised=int(raised.sum()))


def outside(ratings: npt.NDArray[Any]) -> int:
    """The number of ratings outside of the scale, which 01_prep drops."""
    return int(_is_outside(ratings).sum())


def _is_outside(ratings: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return (ratings < LOWEST) | (ratings > HIGHEST)
