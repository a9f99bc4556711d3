"""The names of the metrics, and which way is better. `mlkit.gate.metrics` computes them.

It needs no numpy: the build that seals evidence compares figures by it.
"""

from collections.abc import Mapping

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "match rate": True,
    "log loss": False,
    "AUC": True,
    "F1": True,
    "accuracy": True,
    "macro F1": True,
    "RMSE": False,
    "MAE": False,
}
