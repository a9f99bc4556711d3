"""What an approver must see first: a gate that did not pass, and everything that is not as usual."""

from collections.abc import Iterable
from dataclasses import dataclass

from mlkit.errors import InvalidData
from mlkit.evidence.run_record import Status
from mlkit.gate.estimate import number
from mlkit.gate.outcome import Outcome
from mlkit.review.bundle_contents import Contents, GateFigures, Run
from mlkit.review.notebook_diffs import cells_of
from mlkit.review.shown_text import counted

_ALGORITHMS = {"factorization-machines": "Factorization Machines add", "xgboost": "XGBoost adds"}
_MOST_WARNINGS = 3  # of one notebook, and of slices, on the first screen


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One sentence. `grave` ones speak against the model or the evidence; the others want a thought. `quoted` are a step's own words."""

    text: str
    grave: bool = False
    quoted: str = ""


def notices_of(contents: Contents, champion: Contents | None = None) -> list[Notice]:
    """The notices of one execution, grave ones first. `champion` is the evidence with which it is compared."""
    found = [*_of_gate(contents), *_of_files(contents), *_of_attempts(contents), *_of_endpoints(contents)]
    if champion:
        found.extend(_of_champion(contents, champion))
    for run in contents.current.values():
        found.extend(_of_run(run, contents))
    return sorted(dict.fromkeys(found), key=lambda notice: not notice.grave)


def _of_gate(contents: Contents) -> Iterable[Notice]:
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
    yield from _of_slices(gate)
    yield from _of_baseline(contents, gate)


def _of_slices(gate: GateFigures) -> Iterable[Notice]:
    flagged = [found for found in gate.slices if found.is_flagged]
    yield from (Notice(text="The model is far worse on a part of the rows:", quoted=str(found)) for found in flagged[:_MOST_WARNINGS])
    if len(flagged) > _MOST_WARNINGS:
        yield Notice(text=f"The model is far worse on {len(flagged) - _MOST_WARNINGS} parts more; the table of slices shows them.")


def _of_baseline(contents: Contents, gate: GateFigures) -> Iterable[Notice]:
    found = gate.estimate
    if gate.linear and found.reaches(gate.linear[1], found.worst):
        image = str(contents.trained.get("image_uri", ""))
        subject = next((words for name, words in _ALGORITHMS.items() if name in image), "This model adds")
        where = "inside" if found.low <= gate.linear[1] <= found.high else "on the better side of"
        yield Notice(
            text=f"{subject} nothing over the linear model: its {found.metric} {number(gate.linear[1])} lies {where} the interval."
        )


def _of_files(contents: Contents) -> Iterable[Notice]:
    for name in contents.differing:
        yield Notice(text=f"{name} is not the file that was sealed: its digest differs.", grave=True)
    for problem in contents.problems:
        yield Notice(text=problem, grave=True)


def _of_champion(contents: Contents, champion: Contents) -> Iterable[Notice]:
    named = contents.manifest.champion
    if named and named.sha256 != champion.evidence.sha256:
        yield Notice(text="The execution that this page calls production's is not the one that the seal names.", grave=True)
    new, old = contents.gate, champion.gate
    if new and old and new.estimate.metric != old.estimate.metric:
        yield Notice(text=f"Production's gate decided on its {old.estimate.metric}, so the picture does not show it.")
    yield from (Notice(text=f"In production's evidence: {problem}") for problem in champion.problems)
    for name in champion.differing:
        yield Notice(text=f"In production's evidence, {name} is not the file that was sealed.", grave=True)


def _of_attempts(contents: Contents) -> Iterable[Notice]:
    for attempt in contents.manifest.attempts:
        if not attempt.confirmed and attempt.status == "Succeeded":
            text = f"{attempt.action} succeeded, but CodePipeline's variables do not confirm its digests."
            yield Notice(text=text, grave=True)
        elif attempt.status != "Succeeded":
            yield Notice(text=f"An attempt of {attempt.action} ended as {attempt.status}; its files are only what the build staged.")


def _of_endpoints(contents: Contents) -> Iterable[Notice]:
    runs = [run for run in contents.current.values() if run.record and run.record.origin.endpoint_url]
    for url in dict.fromkeys(run.record.origin.endpoint_url for run in runs if run.record):
        names = ", ".join(run.name for run in runs if run.record and run.record.origin.endpoint_url == url)
        yield Notice(text=f"AWS_ENDPOINT_URL was set, so these notebooks did not call AWS's own endpoints: {names}.", quoted=url or "")


def _of_run(run: Run, contents: Contents) -> Iterable[Notice]:
    record = run.record
    if record is None:
        return
    if run.attempt is None:
        yield Notice(text=f"{run.name} belongs to no attempt of {run.action} in CodePipeline's history.", grave=True)
    if record.status is not Status.COMPLETED:
        yield Notice(text=f"{run.name}: {record.status}.", grave=True)
    if number := len(record.redactions):
        yield Notice(text=f"{run.name}: {counted(number, 'secret')} {'was' if number == 1 else 'were'} redacted.", grave=True)
    if record.not_kept:
        yield Notice(text=f"{run.name}: a part could not be stored.", grave=True)
    if record.reused:
        yield Notice(text=f"{run.name} did not run: the results of an earlier run were taken over.", quoted=record.reused.record)
    if _ran_other_cells(run, contents):
        yield Notice(text=f"The cells that ran in {run.name} are not those of the commit.", grave=True)
    warnings = run.activity.warnings
    yield from (Notice(text=f"{run.name} warned:", quoted=warning) for warning in warnings[:_MOST_WARNINGS])
    if len(warnings) > _MOST_WARNINGS:
        yield Notice(text=f"{run.name} warned {len(warnings) - _MOST_WARNINGS} times more; all warnings are above the notebook.")


def _ran_other_cells(run: Run, contents: Contents) -> bool:
    """Whether the code cells of the executed notebook differ from the source archive's. False if the archive is not at hand."""
    source = contents.source.get(run.record.notebook) if run.record else None
    if source is None or run.notebook is None:
        return False
    try:
        ran, written = cells_of(run.notebook), cells_of(source)
    except InvalidData:
        return True
    return _code(ran) != _code(written)


def _code(cells: list[dict[str, str]]) -> list[str]:
    return [cell["source"] for cell in cells if cell["cell_type"] == "code"]
