"""The names of the metrics, which way is better, and what each means to somebody who never met it. `mlkit.gate.metrics` computes them.

It needs no numpy: the build that seals evidence compares figures by it.
"""

from collections.abc import Mapping

# Name: whether higher is better, and one sentence for somebody who is no specialist.
_TOLD: Mapping[str, tuple[bool, str]] = {
    "match rate": (True, "The share of rows predicted right; higher is better."),
    "log loss": (False, "How far the predicted probabilities are from what happened, where sure and wrong costs most; lower is better."),
    "AUC": (True, "How often a positive row scores above a negative one, where guessing gives 0.5; higher is better."),
    "F1": (True, "How well positive rows are found, counting missed ones and false alarms; higher is better."),
    "accuracy": (True, "The share of rows predicted right; higher is better."),
    "macro F1": (True, "How well each class is found, where rare classes count as much as common ones; higher is better."),
    "RMSE": (False, "The typical error of a prediction, where large errors count more; lower is better."),
    "MAE": (False, "The average error of a prediction; lower is better."),
}
HIGHER_IS_BETTER: Mapping[str, bool] = {name: higher for name, (higher, _) in _TOLD.items()}
MEANINGS: Mapping[str, str] = {name: meaning for name, (_, meaning) in _TOLD.items()}
