"""What an approver must see of the gate's figures: beside the required value, the linear model, production's model, and the slices."""

from collections.abc import Iterable

from mlkit.gate.estimate import number
from mlkit.gate.outcome import Outcome
from mlkit.review.bundle_contents import Contents, GateFigures
from mlkit.review.headline import Standing, is_model_of, standing_of
from mlkit.review.metrics import undecided_metrics
from mlkit.review.notice import Notice

_MOST_SLICES = 3  # on the first screen


def gate_notices(contents: Contents, champion: Contents | None) -> Iterable[Notice]:
    """The notices of the test's result. `champion` is the evidence of production's model."""
    gate, verdict = contents.gate, contents.manifest.verdict
    if gate is None:
        yield Notice(text="The figures of the test are not in the evidence.", grave=True)
        return
    if gate.verdict != verdict:
        yield Notice(text=f"The seal says {verdict}, the test's result says something else.", grave=True, quoted=gate.verdict)
    if gate.model_sha256 != contents.manifest.model_sha256:
        yield Notice(text="The tested model is not the sealed model: the digests differ.", grave=True)
    if verdict == Outcome.PASS and not gate.estimate.reaches(gate.estimate.worst, gate.required):
        yield Notice(text="The interval reaches past the gate: the value alone decided, not the interval.")
    yield from _of_comparison(contents, gate, champion)
    if champion:
        yield from _of_metrics(contents, champion)
    yield from _of_slices(gate)
    yield from _of_baseline(gate)


def _of_comparison(contents: Contents, gate: GateFigures, champion: Contents | None) -> Iterable[Notice]:
    compared, named = gate.champion, contents.manifest.champion
    if compared is None:
        if named and not contents.is_of_production:
            yield Notice(text="The model in production was not tested on these rows, so nobody compared the two.", grave=True)
        return
    if compared.problem:
        yield Notice(text="The model in production could not be tested on these rows:", grave=True, quoted=compared.problem)
    if named is None:
        yield Notice(
            text="The test compared with a model in production, and the registry names none.", grave=True, quoted=compared.model_s3_uri
        )
    elif champion and not is_model_of(compared.model_s3_uri, champion.manifest.model_sha256):
        text = "The test compared with another model than the one that the registry names as production's."
        yield Notice(text=text, grave=True, quoted=compared.model_s3_uri)
    if compared.difference and standing_of(compared.difference, gate.policy.margin) is Standing.WORSE:
        yield Notice(text=f"The model is worse than production's on the same rows: {gate.estimate.metric} {compared.difference}.")


def _of_metrics(contents: Contents, champion: Contents) -> Iterable[Notice]:
    found = undecided_metrics(champion, contents)
    for verdict in ("worse", "better"):
        if told := ", ".join(str(metric) for metric in found if metric.verdict == verdict):
            yield Notice(text=f"{verdict.capitalize()} than production's model, and no part of the verdict:", quoted=told)


def _of_slices(gate: GateFigures) -> Iterable[Notice]:
    flagged = [found for found in gate.slices if found.is_flagged]
    yield from (Notice(text="The model is far worse on a part of the rows:", quoted=str(found)) for found in flagged[:_MOST_SLICES])
    if len(flagged) > _MOST_SLICES:
        yield Notice(text=f"The model is far worse on {len(flagged) - _MOST_SLICES} parts more; the table of slices shows them.")


def _of_baseline(gate: GateFigures) -> Iterable[Notice]:
    found = gate.estimate
    if gate.linear and found.reaches(gate.linear[1], found.worst):
        where = "inside" if found.low <= gate.linear[1] <= found.high else "on the better side of"
        yield Notice(
            text=f"This model adds nothing over the linear model: its {found.metric} {number(gate.linear[1])} lies {where} the interval."
        )
