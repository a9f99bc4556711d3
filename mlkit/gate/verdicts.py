"""The decision about a model: the verdict on its metric and against the champion, with the tables shown beside it.

A gate passes on the bound of the interval that speaks against the model, never on the value alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mlkit.errors import GateFailed, GateInconclusive, InvalidData
from mlkit.gate.comparison import Comparison
from mlkit.gate.estimate import Difference, Estimate, Slice
from mlkit.gate.metrics import check_same_length, column
from mlkit.gate.outcome import Outcome
from mlkit.gate.policy import Policy

if TYPE_CHECKING:
    import pandas as pd


_MISSES_THE_GATE = (
    "Compare it with the baselines. If it is worse than the linear one, look at data and training; "
    "if it is better, the features do not hold enough for this gate."
)
_FAR_WORSE = "Look at the data and the features of these rows, or let the approver decide about them (slices='show')."
_BELOW_THE_CHAMPION = "Keep the champion. Look for changes in data, features or hyperparameters."
_NO_CHAMPION = "Look at the champion's model and its encoding in the evidence bucket; `on_inconclusive` lets the approver decide."
_TOO_FEW_PAIRS = "Test on more held-out rows, or widen the margin if the policy allows it."


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of a gate, the sentence with its figures, and the next step."""

    outcome: Outcome
    reason: str
    advice: str

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"


def judge(estimate: Estimate, policy: Policy, comparison: Comparison | None = None, slices: Sequence[Slice] = ()) -> Verdict:
    """The verdict by the policy's rule (the interval's bounds, or the value alone as the lab did), against the champion, and on slices.

    The worst outcome counts. Without a champion there is no comparison; flagged slices fail the gate if the policy says `slices="stop"`.
    Raises ValueError for another metric's policy.
    """
    if policy.metric != estimate.metric:
        raise ValueError(f"the policy is about the {policy.metric}, not the {estimate.metric}")
    verdict = {"interval": decide, "value": decide_by_value}[policy.rule](estimate, policy.required)
    if comparison is not None:
        verdict = _worse(verdict, _against(comparison, policy.margin))
    flagged = [found for found in slices if found.is_flagged]
    return _worse(verdict, _on_slices(flagged)) if flagged and policy.slices == "stop" else verdict


def _against(comparison: Comparison, margin: float) -> Verdict:
    """The verdict on the difference; a champion that cannot be tested decides nothing."""
    if comparison.difference is None:
        return Verdict(outcome=Outcome.INCONCLUSIVE, reason=str(comparison), advice=_NO_CHAMPION)
    return decide_champion(comparison.difference, margin)


def _on_slices(flagged: Sequence[Slice]) -> Verdict:
    named = "; ".join(map(str, flagged))
    return Verdict(outcome=Outcome.FAIL, reason=f"the model is far worse on some rows: {named}", advice=_FAR_WORSE)


def _worse(first: Verdict, second: Verdict) -> Verdict:
    """Both reasons under the worse outcome, with the advice of the verdicts that have it."""
    outcome = max(first.outcome, second.outcome, key=(Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL).index)
    advice = " ".join(verdict.advice for verdict in (first, second) if verdict.outcome is outcome and verdict.advice)
    return Verdict(outcome=outcome, reason=f"{first.reason}; {second.reason}", advice=advice)


def decide(estimate: Estimate, required: float) -> Verdict:
    """PASS when the whole interval is as good as `required`, FAIL when all of it is worse, else INCONCLUSIVE."""
    figures = f"{estimate.metric} {estimate}; {estimate.requirement(required)}"
    if estimate.reaches(estimate.worst, required):
        return Verdict(outcome=Outcome.PASS, reason=figures, advice="")
    if not estimate.reaches(estimate.best, required):
        return Verdict(outcome=Outcome.FAIL, reason=figures, advice=_MISSES_THE_GATE)
    return Verdict(outcome=Outcome.INCONCLUSIVE, reason=figures, advice=_more_rows(estimate, required))


def decide_by_value(estimate: Estimate, required: float) -> Verdict:
    """PASS when the value itself is as good as `required`, whatever the number of rows. This is the lab's own rule."""
    value = f"{estimate.metric} {estimate.amount(estimate.value)} on {estimate.rows:,} rows, whatever its uncertainty"
    figures = f"{value}; {estimate.requirement(required)}"
    if estimate.reaches(estimate.value, required):
        return Verdict(outcome=Outcome.PASS, reason=figures, advice="")
    return Verdict(outcome=Outcome.FAIL, reason=figures, advice=_MISSES_THE_GATE)


def decide_champion(difference: Difference, margin: float) -> Verdict:
    """PASS when the whole interval of the difference is better than -margin: the challenger is less than `margin` worse."""
    if not (margin > 0 and math.isfinite(margin)):
        raise ValueError(f"margin is a number above 0, not {margin}")
    bound = f"more than {-margin:+.4f}" if difference.higher_is_better else f"less than {margin:+.4f}"
    figures = f"challenger less champion {difference}; {bound} is required"
    if difference.worst_gain > -margin:
        return Verdict(outcome=Outcome.PASS, reason=figures, advice="")
    if difference.best_gain <= -margin:
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
    """2 x 2 counts of rows: champion right or wrong (rows) by challenger right or wrong (columns), with totals. Labels are classes."""
    true, champion, challenger = column(labels), column(champion_labels), column(challenger_labels)
    check_same_length(true, champion, challenger)
    return _counts(champion == true, challenger == true, "champion", "challenger", {1: "right", 0: "wrong"})


def mcnemar_p_value(table: "pd.DataFrame") -> float:
    """Exact two-sided p-value of the hypothesis that both models are right equally often (McNemar 1947). It does not decide.

    It assumes independent rows, so it is too small if the rows of a user are alike. It tests equality, not non-inferiority.
    """
    from scipy.special import bdtr

    only_champion, only_challenger = int(table.loc["right", "wrong"]), int(table.loc["wrong", "right"])
    discordant = only_champion + only_challenger
    return min(1.0, 2 * float(bdtr(min(only_champion, only_challenger), discordant, 0.5))) if discordant else 1.0


def confusion_table(
    labels: npt.ArrayLike, predicted_labels: npt.ArrayLike, names: Sequence[str] = ("label 0", "label 1")
) -> "pd.DataFrame":
    """Counts of rows: true label (rows) by predicted label (columns), with totals; `names` are those of label 0, label 1 and so on.

    Raises ValueError for a label without a name.
    """
    true, predicted = column(labels), column(predicted_labels)
    check_same_length(true, predicted)
    if not all(np.isin(values, range(len(names))).all() for values in (true, predicted)):
        raise ValueError(f"labels are whole numbers from 0 to {len(names) - 1}")
    return _counts(true, predicted, "true", "predicted", dict(enumerate(names)))


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


def _more_rows(estimate: Estimate, required: float) -> str:
    """How many rows would decide: an interval's width falls with the square root of the rows."""
    distance = abs(estimate.value - required)
    half = (estimate.high - estimate.low) / 2
    if distance < half / 10:
        return (
            f"The {estimate.metric} is too close to the gate: no affordable number of rows can decide it. Look at what the policy requires."
        )
    needed = math.ceil(estimate.rows * (half / distance) ** 2)
    return f"About {needed:,} held-out rows would decide at this {estimate.metric}; otherwise a person decides (on_inconclusive='ask')."


def _counts(rows: Any, columns: Any, row_name: str, column_name: str, names: dict[int, str]) -> "pd.DataFrame":
    import pandas as pd  # imported here, because commands that only name an outcome would wait for it

    inside = np.array([[((rows == row) & (columns == column)).sum() for column in names] for row in names])
    counts = np.block([[inside, inside.sum(axis=1, keepdims=True)], [inside.sum(axis=0, keepdims=True), inside.sum()]])
    titles = [*names.values(), "all"]
    return pd.DataFrame(counts, index=pd.Index(titles, name=row_name), columns=pd.Index(titles, name=column_name))
