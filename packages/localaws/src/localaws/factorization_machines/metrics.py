"""The metrics of Factorization Machines, and the lines of the job's log from which SageMaker reads them.

`train:NAME` covers the mini-batches since the last such line of the epoch (every 500 batches), `train:NAME:epoch` the whole epoch. Both
use the scores that rows had before the model learned from them. `test:NAME` uses the finished model.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Tally = NDArray[np.float64]

# metric, its spelling in the log, loss or score
CLASSIFIER = (
    ("binary_classification_accuracy", "binary_classification_accuracy", "score"),
    ("binary_classification_cross_entropy", "binary_classification_cross_entropy", "loss"),
    ("binary_f_beta", "binary_f_1.000", "score"),
)
REGRESSOR = (("rmse", "rmse", "loss"), ("mse", "mse", "loss"), ("absolute_loss", "absolute_loss", "loss"))


def definitions() -> list[tuple[str, str]]:
    """(name, regular expression) of every metric, in the form that SageMaker shows for its algorithms."""
    found = []
    for metric, spelling, kind in CLASSIFIER + REGRESSOR:
        pattern = rf"{'binary_f_[^ ]+' if metric == 'binary_f_beta' else spelling} <{kind}>=(\S+)"
        found.append((f"train:{metric}", rf"#quality_metric: host=\S+, epoch=\S+, batch=\S+ train {pattern}"))
        found.append((f"train:{metric}:epoch", rf"#quality_metric: host=\S+, epoch=\S+, train {pattern}"))
        found.append((f"test:{metric}", rf"#quality_metric: host=\S+, test {pattern}"))
    found.append(("train:progress", r"#progress_metric: host=\S+, completed (\S+) %"))
    found.append(("train:throughput", r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"))
    return found


def values(tally: Tally, *, is_classifier: bool) -> dict[str, float]:
    """The metrics of the rows in a tally, by their spelling in the log. compiled_loops.py names the tally's entries."""
    rows, loss, absolute, true_positive, false_positive, false_negative = tally.tolist()
    if not is_classifier:
        mse = 2 * loss / rows
        return {"rmse": math.sqrt(mse), "mse": mse, "absolute_loss": absolute / rows}
    decided = 2 * true_positive + false_positive + false_negative
    return {
        "binary_classification_accuracy": (rows - false_positive - false_negative) / rows,
        "binary_classification_cross_entropy": loss / rows,
        "binary_f_1.000": 2 * true_positive / decided if decided else 0.0,
    }


def quality_lines(tally: Tally, where: str, *, is_classifier: bool) -> list[str]:
    """The log lines of a tally. `where` is for example "epoch=0, train" or "test"."""
    kinds: Sequence[tuple[str, str, str]] = CLASSIFIER if is_classifier else REGRESSOR
    found = values(tally, is_classifier=is_classifier)
    return [f"#quality_metric: host=algo-1, {where} {spelling} <{kind}>={found[spelling]!r}" for _, spelling, kind in kinds]
