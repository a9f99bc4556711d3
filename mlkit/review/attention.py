"""What an approver must see first: a gate that did not pass, and everything that is not as usual."""

from collections.abc import Iterable

from mlkit.errors import InvalidData
from mlkit.evidence.run_record import Status
from mlkit.review.bundle_contents import Contents, Run
from mlkit.review.gate_notices import gate_notices
from mlkit.review.notebook_diffs import cells_of
from mlkit.review.notice import Notice
from mlkit.review.shown_text import counted
from mlkit.review.training import epochs_that_differ

_MOST_WARNINGS = 3  # of one notebook, on the first screen


def notices_of(contents: Contents, champion: Contents | None = None) -> list[Notice]:
    """The notices of one execution, grave ones first. `champion` is the evidence with which it is compared."""
    found = [*_of_endpoints(contents), *gate_notices(contents, champion), *_of_files(contents), *_of_attempts(contents)]
    found.extend(_of_training(contents))
    if champion:
        found.extend(_of_champion(contents, champion))
    for run in contents.current.values():
        found.extend(_of_run(run, contents))
    return sorted(dict.fromkeys(found), key=lambda notice: not notice.grave)


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
        names = [run.name for run in runs if run.record and run.record.origin.endpoint_url == url]
        which = "" if len(names) == len(contents.current) else f" of {', '.join(names)}"
        text = f"This run{which} was a rehearsal: it did not use AWS but the endpoint in AWS_ENDPOINT_URL."
        yield Notice(text=text, grave=True, quoted=url or "")


def _of_training(contents: Contents) -> Iterable[Notice]:
    for asked, drawn in epochs_that_differ(contents):
        text = f"The training was asked for {counted(asked, 'epoch')}, and its curve shows {drawn:,}: is it the curve of this training?"
        yield Notice(text=text, grave=True)


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
