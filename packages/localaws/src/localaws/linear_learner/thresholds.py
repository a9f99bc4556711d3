"""A classifier's threshold: a row whose score is above it is predicted to be 1.

As AWS documents, a sample of rows tunes the threshold for binary_classifier_model_selection_criteria.
https://docs.aws.amazon.com/sagemaker/latest/dg/ll_how-it-works.html
"""

from dataclasses import dataclass

import numpy as np

from localaws.linear_learner.hyperparameters import Hyperparameters
from localaws.linear_learner.losses import Floats


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A threshold, and the criterion's value with it."""

    threshold: float
    value: float


def default_threshold(params: Hyperparameters) -> float:
    """One half for probabilities, 0 for the scores of hinge_loss."""
    return 0.5 if params.chosen_loss == "logistic" else 0.0


def choose(params: Hyperparameters, scores: Floats, labels: Floats) -> Choice:
    """The best threshold for the criterion; of equally good ones the one nearest to the default. Scores and labels are (n_rows,).

    A threshold lies in the middle between two scores. If no threshold reaches target_recall or target_precision, the one that comes nearest
    to the target is chosen. The criterion must not be loss_function.
    """
    order = np.argsort(-scores, kind="stable")
    falling, positive = scores[order], labels[order] == 1
    ends = np.append(np.flatnonzero(np.diff(falling)), falling.size - 1)  # the last row above each possible threshold
    hits = np.append(0, np.cumsum(positive)[ends]).astype(np.float64)
    said = np.append(0, ends + 1).astype(np.float64)
    below = np.append(falling[ends[:-1] + 1], np.nextafter(falling[-1], -np.inf))
    thresholds = np.append(falling[0], (falling[ends] + below) / 2)
    thresholds[-1] = below[-1]
    values = _values(params, hits, said, float(positive.sum()), labels.size)
    best = np.flatnonzero(values == values.max())
    chosen = best[np.argmin(np.abs(thresholds[best] - default_threshold(params)))]
    return Choice(threshold=float(thresholds[chosen]), value=float(values[chosen]))


def _values(params: Hyperparameters, hits: Floats, said: Floats, positives: float, rows: int) -> Floats:
    """The criterion's value for each threshold, from the numbers of true positives (`hits`) and of predicted positives (`said`)."""
    precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
    recall = hits / positives if positives else np.zeros_like(hits)
    match params.criterion:
        case "accuracy":
            return (rows - positives - said + 2 * hits) / rows
        case "f_beta":
            square = params.f_beta**2
            return np.divide((1 + square) * hits, square * positives + said, out=np.zeros_like(hits), where=said > 0)
        case "precision_at_target_recall":
            return np.where(recall >= params.target_recall, precision, recall - 1 - params.target_recall)
        case _:
            return np.where(precision >= params.target_precision, recall, precision - 1 - params.target_precision)
