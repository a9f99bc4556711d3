"""A model's answers for rows: scores, and the labels that follow from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlkit.gate.target import Target

THRESHOLD = 0.5  # a score above it predicts label 1


@dataclass(frozen=True, kw_only=True)
class Answers:
    """`scores` are `(rows,)` probabilities of label 1, `(rows, classes)` probabilities of several classes, or `(rows,)` predicted numbers.

    `labels` are `(rows,)` predicted labels from 0 on; None from a regression.
    """

    scores: npt.NDArray[Any]
    labels: npt.NDArray[np.int64] | None = None


def answers_of(scores: npt.ArrayLike, target: Target) -> Answers:
    """Scores with the labels that they predict: of two classes label 1 above 0.5, of several the most probable one."""
    values = np.asarray(scores)
    if target.is_number:
        return Answers(scores=values)
    labels = values.argmax(axis=1) if target.task == "multi-class" else values > THRESHOLD
    return Answers(scores=values, labels=labels.astype(np.int64))
