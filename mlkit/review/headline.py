"""The result in one line: the verdict against the required value, and against production's model on the same rows."""

from enum import StrEnum

from mlkit.evidence.layout import MODELS
from mlkit.gate.estimate import SHARE, Difference, Estimate
from mlkit.gate.metric_directions import MEANINGS
from mlkit.review.bundle_contents import Contents, GateFigures
from mlkit.review.shown_text import bounded

_MOST_PROBLEM = 120  # characters of the reason why production's model could not be tested
PRODUCTION = "production"


class Standing(StrEnum):
    """A model beside production's, by the interval of their difference and the policy's margin."""

    BETTER = "better"
    AS_GOOD = "as good"
    WORSE = "worse"
    UNSURE = "cannot tell"


def standing_of(difference: Difference, margin: float) -> Standing:
    """Better or worse if the whole interval is; as good if the model is less than `margin` worse."""
    if difference.worst_gain > 0:
        return Standing.BETTER
    if difference.best_gain < 0:
        return Standing.WORSE
    return Standing.AS_GOOD if difference.worst_gain > -margin else Standing.UNSURE


def headline(contents: Contents, production: str = PRODUCTION) -> str:
    """`PASS: match rate 0.6978, at least 0.65 is required; as good as production (...)`. `production` names production's model."""
    gate, verdict = contents.gate, bounded(contents.manifest.verdict, 20)
    if gate is None:
        return f"{verdict}: the figures of the test are not in the evidence"
    found = gate.estimate
    return f"{verdict}: {found.metric} {found.amount(found.value)}, {requirement(found, gate.required)}; {against(contents, production)}"


def requirement(estimate: Estimate, required: float) -> str:
    """`at least 0.65 is required`."""
    unit = "" if estimate.unit == SHARE else f" {estimate.unit}"
    return f"at {'least' if estimate.higher_is_better else 'most'} {required:g}{unit} is required"


def against(contents: Contents, production: str = PRODUCTION) -> str:
    """How the model stands against production's, or why nobody compared them."""
    gate, manifest = contents.gate, contents.manifest
    compared = gate.champion if gate else None
    if gate and compared and compared.champion and compared.difference:
        return _standing_told(gate, compared.champion, compared.difference, production)
    if compared and compared.problem:
        return f"not compared with {production}: {bounded(compared.problem, _MOST_PROBLEM)}"
    if manifest.champion is None:
        return f"production {'had no model before' if contents.is_of_production else 'has no model yet'}"
    if contents.is_of_production:
        return f"compared with {production} before the approval, in QA's test"
    return f"not compared with {production}, whose model was not tested on these rows"


def _standing_told(gate: GateFigures, champion: Estimate, difference: Difference, production: str) -> str:
    margin, standing = gate.policy.margin, standing_of(difference, gate.policy.margin)
    figures = f"{champion.amount(champion.value)} on the same rows, difference {difference.value:+.4f}"
    if not champion.higher_is_better:
        figures = f"{figures}, {champion.direction}"
    if standing is Standing.UNSURE:
        interval = f"interval {difference.low:+.4f} to {difference.high:+.4f}, margin {margin:g}"
        return f"cannot tell whether it is as good as {production} ({figures}, {interval})"
    if standing is Standing.BETTER:
        return f"better than {production} ({figures})"
    if standing is Standing.AS_GOOD:
        return f"as good as {production} ({figures}, within the margin {margin:g})"
    within = "within" if difference.worst_gain > -margin else "beyond" if difference.best_gain <= -margin else "perhaps beyond"
    return f"worse than {production} ({figures}, {within} the margin {margin:g})"


def is_model_of(s3_uri: str, sha256: str) -> bool:
    """Whether the address is that of the sealed model with this digest."""
    return f"/{MODELS}/{sha256}/" in s3_uri


def interval_told(gate: GateFigures) -> str:
    """`The 95% interval, 0.6875 to 0.7093 from 9,430 held-out rows, lies above the required 0.65.`"""
    found = gate.estimate
    interval = f"{found.confidence:.0%} interval, {found.interval} from {found.rows:,} held-out rows"
    unit = "" if found.unit == SHARE else f" {found.unit}"
    direction = "" if found.metric in MEANINGS else f"; {found.direction}"  # the meaning says it
    return f"The {interval}, {found.position(gate.required)} the required {gate.required:g}{unit}{direction}."


def meaning_told(gate: GateFigures) -> str:
    """What the metric means, and the distance to the best baseline: `... 0.0412 better than the best baseline, mean (0.6572).`"""
    found, told = gate.estimate, MEANINGS.get(gate.estimate.metric, "")
    # The untuned model is a trained model too: it does not say what is reached without one.
    plain = {name: value for name, value in gate.baselines.items() if "untuned" not in name}
    if not plain:
        return told
    name, value = (max if found.higher_is_better else min)(plain.items(), key=lambda one: one[1])
    gain = found.value - value if found.higher_is_better else value - found.value
    side = f"{abs(gain):.4f} {'better' if gain > 0 else 'worse'} than" if gain else "The same as"
    return f"{told} {side} the best baseline, {bounded(name, 60)} ({found.amount(value)}).".strip()
