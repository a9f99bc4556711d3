"""The labels of many rows in a few figures, added up shard by shard."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlkit.errors import InvalidData
from mlkit.gate.target import Target

_CHANGED = "The table changed during prep: run 01_prep again."


@dataclass(frozen=True, kw_only=True)
class LabelFigures:
    """`counts` are the rows of each class, by label; empty for numbers, which have a sum and two ends. Figures of one target add up."""

    target: Target
    rows: int
    counts: tuple[int, ...] = ()
    total: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf

    @classmethod
    def of(cls, labels: npt.ArrayLike, target: Target) -> "LabelFigures":
        """Raises InvalidData for a label that is no class of the target, or no finite number."""
        values = np.asarray(labels, dtype=np.float64)
        known = np.isfinite(values) if target.is_number else np.isin(values, range(len(target.classes)))
        if not known.all():
            raise InvalidData(f"{int((~known).sum()):,} rows have no {target.name} that the profile counted", cure=_CHANGED)
        if not target.is_number:
            counts = np.bincount(values.astype(np.int64), minlength=len(target.classes))
            return cls(target=target, rows=len(values), counts=tuple(map(int, counts)))
        lowest, highest = float(values.min(initial=math.inf)), float(values.max(initial=-math.inf))
        return cls(target=target, rows=len(values), total=float(values.sum()), lowest=lowest, highest=highest)

    def __add__(self, other: "LabelFigures") -> "LabelFigures":
        return LabelFigures(
            target=self.target,
            rows=self.rows + other.rows,
            counts=tuple(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)),
            total=self.total + other.total,
            lowest=min(self.lowest, other.lowest),
            highest=max(self.highest, other.highest),
        )

    @property
    def positives(self) -> int | None:
        """The rows with label 1 of two classes; None for other tasks."""
        return self.counts[1] if self.target.task == "binary" else None

    @property
    def by_name(self) -> dict[str, float]:
        """The figures of other tasks than two classes: the rows of each class, or a number's lowest, mean and highest value."""
        if self.target.task == "binary":
            return {}
        if not self.target.is_number:
            return {f"rows of {name}": count for name, count in zip(self.target.classes, self.counts, strict=True)}
        return {"lowest": self.lowest, "mean": self.total / self.rows, "highest": self.highest}

    @property
    def only_label(self) -> str:
        """`label 1`, `the species Gentoo`, `the rating 3`: what all rows have; empty if their labels differ."""
        if self.target.is_number:
            return f"the {self.target.name} {self.lowest:g}" if self.lowest == self.highest else ""
        present = [label for label, count in enumerate(self.counts) if count]
        if len(present) != 1:
            return ""
        return f"label {present[0]}" if self.target.task == "binary" else f"the {self.target.name} {self.target.classes[present[0]]}"

    @property
    def absent(self) -> list[str]:
        """The classes without a row."""
        return [name for name, count in zip(self.target.classes, self.counts, strict=True) if not count]
