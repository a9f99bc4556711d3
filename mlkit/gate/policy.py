"""What a gate requires of a model: the section of the test notebook's parameters that a reviewer reads, sealed with the result.

It needs no numpy: the build that seals evidence reads it.
"""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from mlkit.errors import UsageError
from mlkit.gate.target import Target

if TYPE_CHECKING:
    import pandas as pd

Rule = Literal["interval", "value"]
OnInconclusive = Literal["stop", "ask"]
OnSlices = Literal["show", "stop"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """`metric` must reach `required`, in the metric's own unit: at least it, or for a loss at most it.

    `margin`: production's model may be better by less than this, in the metric's own unit. `rule`: the whole interval decides, or the value
    alone as in the lab. `on_inconclusive`: where the rows cannot decide, the run stops, or the approver is asked. `slices`: a part of the
    rows on which the model is far worse is shown, or fails the gate.
    """

    metric: str
    required: float
    margin: float = 0.02
    confidence: float = 0.95
    rule: Rule = "interval"
    on_inconclusive: OnInconclusive = "stop"
    slices: OnSlices = "show"

    def summary(self) -> "pd.DataFrame":
        """One line per member."""
        import pandas as pd

        return pd.DataFrame({"value": asdict(self)})


def gate_policy(
    metric: str,
    min_match_rate: float,
    required: float | None = None,
    *,
    margin: float = Policy.margin,
    confidence: float = Policy.confidence,
    rule: Rule = Policy.rule,
    on_inconclusive: OnInconclusive = Policy.on_inconclusive,
    slices: OnSlices = Policy.slices,
    target: Target | None = None,
) -> Policy:
    """The policy in the notebook's parameters. A share of right rows must reach `min_match_rate`, every other metric `required`.

    Raises UsageError for a metric that does not exist or that the `target` does not have, a value that it cannot have, a metric without
    its `required`, `required` beside `min_match_rate`, and a margin that is not above 0.
    """
    from mlkit.gate.metrics import metric_named, metric_of  # imported here, because the build that seals evidence has no numpy

    named = metric_of(metric, target) if target else metric_named(metric)
    if named.counts_right_rows and required is not None:
        raise UsageError(
            f"`required` is {required}, and `min_match_rate` already says what the {metric} must reach", cure="Leave `required` None."
        )
    bound = min_match_rate if named.counts_right_rows else required
    if bound is None:
        raise UsageError(
            f"The gate decides on the {metric}, and `required` does not say which", cure="Give `required` in the metric's unit."
        )
    named.check_required(bound)
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence}", cure="Give a share between 0 and 1, such as 0.95.")
    if not (margin > 0 and math.isfinite(margin)):
        raise UsageError(f"margin is {margin}", cure="Give how much worse than production's model the new one may be, such as 0.02.")
    policy = Policy(
        metric=metric,
        required=bound,
        margin=margin,
        confidence=confidence,
        rule=rule,
        on_inconclusive=on_inconclusive,
        slices=slices,
    )
    _check_choice("gate_rule", rule, Rule)
    _check_choice("on_inconclusive", on_inconclusive, OnInconclusive)
    _check_choice("slices", slices, OnSlices)
    return policy


def _check_choice(name: str, value: str, choices: object) -> None:
    import typing

    known = typing.get_args(choices)
    if value not in known:
        raise UsageError(f"{name} is {value!r}", cure=f"Choose {' or '.join(map(repr, known))}.")
