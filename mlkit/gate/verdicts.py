"""The decision about a model: the verdict on its match rate and against the champion, with the tables shown beside it.

A gate passes on the interval's lower bound, never on the value alone.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mlkit.errors import GateFailed, GateInconclusive, InvalidData
from mlkit.gate.bootstrap import Difference, MatchRate, binary_labels, check_same_length, match_rate, paired_difference, wilson
from mlkit.gate.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Difference",
    "MatchRate",
    "Outcome",
    "Verdict",
    "check_gate",
    "confusion_table",
    "decide",
    "decide_by_value",
    "decide_champion",
    "lab_odds",
    "lab_window",
    "log_loss",
    "match_rate",
    "mcnemar_p_value",
    "mcnemar_table",
    "paired_difference",
    "wilson",
]


_BELOW_THE_GATE = (
    "Compare it with the baselines. If it is below the linear one, look at data and training; "
    "if it is above, the features do not hold enough for this gate."
)
_BELOW_THE_CHAMPION = "Keep the champion. Look for changes in data, features or hyperparameters."
_TOO_FEW_PAIRS = "Test on more held-out rows, or widen the margin if the policy allows it."


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of a gate, the sentence with its figures, and the next step."""

    outcome: Outcome
    reason: str
    advice: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"


def decide(rate: MatchRate, min_match_rate: float) -> Verdict:
    """PASS when the whole interval is at or above `min_match_rate`, FAIL when all of it is below, else INCONCLUSIVE."""
    if not 0 < min_match_rate <= 1:
        raise ValueError(f"min_match_rate is a share above 0 and at most 1, not {min_match_rate}")
    figures = f"match rate {rate}; at least {min_match_rate:.4f} is required"
    if rate.low >= min_match_rate:
        return Verdict(outcome=Outcome.PASS, reason=figures, advice="")
    if rate.high < min_match_rate:
        return Verdict(outcome=Outcome.FAIL, reason=figures, advice=_BELOW_THE_GATE)
    return Verdict(outcome=Outcome.INCONCLUSIVE, reason=figures, advice=_more_rows(rate, min_match_rate))


def decide_by_value(rate: MatchRate, min_match_rate: float) -> Verdict:
    """PASS when the match rate itself reaches `min_match_rate`, whatever the number of rows. This is the lab's own rule."""
    figures = f"match rate {rate.value:.4f} on {rate.rows:,} rows, whatever its uncertainty; at least {min_match_rate:.4f} is required"
    if rate.value >= min_match_rate:
        return Verdict(outcome=Outcome.PASS, reason=figures, advice="")
    return Verdict(outcome=Outcome.FAIL, reason=figures, advice=_BELOW_THE_GATE)


def decide_champion(difference: Difference, margin: float = 0.02) -> Verdict:
    """PASS when the lower bound of the difference is above -margin: the challenger is less than `margin` worse than the champion."""
    if not 0 < margin < 1:
        raise ValueError(f"margin is a share between 0 and 1, not {margin}")
    figures = f"challenger less champion {difference}; more than {-margin:+.4f} is required"
    if difference.low > -margin:
        return Verdict(outcome=Outcome.PASS, reason=figures, advice="")
    if difference.high <= -margin:
        return Verdict(outcome=Outcome.FAIL, reason=figures, advice=_BELOW_THE_CHAMPION)
    return Verdict(outcome=Outcome.INCONCLUSIVE, reason=figures, advice=_TOO_FEW_PAIRS)


def check_gate(verdict: Verdict, on_inconclusive: Literal["stop", "ask"] = "stop") -> Verdict:
    """The verdict itself if the pipeline may continue. Raises GateFailed or GateInconclusive otherwise.

    With `on_inconclusive="ask"`, the approver decides about an inconclusive model.
    """
    if on_inconclusive not in ("stop", "ask"):
        raise ValueError(f"on_inconclusive is 'stop' or 'ask', not {on_inconclusive!r}")
    if verdict.outcome is Outcome.FAIL:
        raise GateFailed(f"The model fails: {verdict.reason}.", cure=verdict.advice)
    if verdict.outcome is Outcome.INCONCLUSIVE and on_inconclusive == "stop":
        raise GateInconclusive(f"The held-out rows cannot decide: {verdict.reason}.", cure=verdict.advice)
    return verdict


def mcnemar_table(labels: npt.ArrayLike, challenger_labels: npt.ArrayLike, champion_labels: npt.ArrayLike) -> "pd.DataFrame":
    """2 x 2 counts of rows: champion right or wrong (rows) by challenger right or wrong (columns), with totals."""
    true, champion, challenger = binary_labels(labels), binary_labels(champion_labels), binary_labels(challenger_labels)
    check_same_length(true, champion, challenger)
    return _two_by_two(champion == true, challenger == true, "champion", "challenger", {1: "right", 0: "wrong"})


def mcnemar_p_value(table: "pd.DataFrame") -> float:
    """Exact two-sided p-value of the hypothesis that both models are right equally often (McNemar 1947). It does not decide.

    It assumes independent rows, so it is too small if the rows of a user are alike. It tests equality, not non-inferiority.
    """
    from scipy.special import bdtr

    only_champion, only_challenger = int(table.loc["right", "wrong"]), int(table.loc["wrong", "right"])
    discordant = only_champion + only_challenger
    return min(1.0, 2 * float(bdtr(min(only_champion, only_challenger), discordant, 0.5))) if discordant else 1.0


def confusion_table(
    labels: npt.ArrayLike, predicted_labels: npt.ArrayLike, names: tuple[str, str] = ("label 0", "label 1")
) -> "pd.DataFrame":
    """2 x 2 counts of rows: true label (rows) by predicted label (columns), with totals; `names` name label 0 and label 1."""
    true, predicted = binary_labels(labels), binary_labels(predicted_labels)
    check_same_length(true, predicted)
    return _two_by_two(true, predicted, "true", "predicted", dict(enumerate(names)))


def log_loss(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean negative log likelihood in nats of `scores` (probabilities of label 1); scores are kept 1e-15 away from 0 and 1."""
    true = binary_labels(labels)
    probabilities = np.asarray(scores, dtype=np.float64)
    check_same_length(true, probabilities)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("scores are probabilities between 0 and 1")
    probabilities = probabilities.clip(1e-15, 1 - 1e-15)
    return float(-np.where(true == 1, np.log(probabilities), np.log1p(-probabilities)).mean())


def lab_window(rows: int, test_rows: int = 10, test_offset: int = 1_000) -> slice:
    """The slice of the `rows` held-out rows that the lab's own check reads. Raises InvalidData if it ends past them."""
    if test_rows < 1 or test_offset < 0:
        raise ValueError(f"test_rows={test_rows} test_offset={test_offset}: at least one row, from 0 on")
    if test_offset + test_rows > rows:
        cure = f"Choose test_offset + test_rows of at most {rows:,}."
        asked = f"rows {test_offset:,} to {test_offset + test_rows - 1:,}"
        raise InvalidData(f"The lab's check asks for {asked}, but only {rows:,} rows are held out.", cure=cure)
    return slice(test_offset, test_offset + test_rows)


def lab_odds(match_rate: float, rows: int = 10, min_match_rate: float = 0.8) -> float:
    """The probability that a model of this true match rate passes the lab's check on `rows` rows (the binomial tail)."""
    if not 0 <= match_rate <= 1:
        raise ValueError(f"match_rate is a share between 0 and 1, not {match_rate}")
    passing = [k for k in range(rows + 1) if k / rows >= min_match_rate]  # the check's own comparison: 0.28 * 25 is above 7 in floats
    return math.fsum(math.comb(rows, k) * match_rate**k * (1 - match_rate) ** (rows - k) for k in passing)


def _more_rows(rate: MatchRate, min_match_rate: float) -> str:
    distance = abs(rate.value - min_match_rate)
    half = (rate.high - rate.low) / 2
    if distance < half / 10:
        return "The rate is too close to the gate: no affordable number of rows can decide it. Look at the policy's min_match_rate."
    needed = math.ceil(rate.rows * (half / distance) ** 2)
    return f"About {needed:,} held-out rows would decide at this rate; otherwise a person decides (on_inconclusive='ask')."


def _two_by_two(rows: Any, columns: Any, row_name: str, column_name: str, names: dict[int, str]) -> "pd.DataFrame":
    import pandas as pd  # imported here, because commands that only name an outcome would wait for it

    order = list(names)
    counts = [[int(((rows == row) & (columns == column)).sum()) for column in order] for row in order]
    table = pd.DataFrame(counts, index=list(names.values()), columns=list(names.values()))
    table["all"] = table.sum(axis=1)
    table.loc["all"] = table.sum(axis=0)
    table.index.name, table.columns.name = row_name, column_name
    return table
