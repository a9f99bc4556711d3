"""--reuse: takes over a finished run of the same step, or prints in one line why the step runs again."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlkit.cli.console import out, plain
from mlkit.errors import MlkitError
from mlkit.evidence.layout import record_path
from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.run_record import Activity, Earlier, Origin, RunRecord, Usage
from mlkit.reuse.finished_steps import (
    Kept,
    LocalPlace,
    Place,
    Step,
    changed_files,
    identify,
    in_project,
    keep_run,
    kept_runs,
    replace_files,
    why_not_kept,
)
from mlkit.settings import Project

_SAME = "code, parameters, inputs and lock are the same"
_NAMED = 3  # of the differences


def open_place(steps: str, project: Project) -> Place:
    """The store of finished runs: an s3:// prefix, a folder, or by default the project's .mlkit/steps."""
    if not steps.startswith("s3://"):
        return LocalPlace(Path(steps) if steps else project.steps)
    from mlkit.aws.finished_steps_s3 import S3Place
    from mlkit.aws.session import Session

    return S3Place(Session(), steps)


def take_over(
    notebook: Path,
    executed: Path,
    parameters: Mapping[str, Any],
    project: Project,
    place: Place,
    *,
    origin: Origin | None = None,
    stored: str | None = None,
) -> RunRecord | None:
    """Take over an earlier run with the same key and unchanged inputs. Returns this run's record; None if there is no such run.

    Restores the files that the earlier run wrote. `executed` names the earlier run at its top; its record is written beside it. One
    printed line says what was taken over, or why not. `origin` is this run's origin, `stored` the address where it will be stored.
    Raises the errors of reading the place.
    """
    began = time.monotonic()
    step = identify(notebook, parameters, project.root)
    if executed.resolve() == notebook.resolve():
        return None  # the run refuses to replace its source
    runs = list(kept_runs(place, step.notebook))
    same = [kept for kept in runs if kept.key == step.key]
    told: list[str] = []
    for kept in same or runs[:1]:
        try:
            differences = _differences(kept, step, project)
            if not differences:
                record = replace(kept.record, origin=origin or kept.record.origin, executed=str(executed), stored=stored)
                record = _restore(kept, record, step, executed, project, began)
                _say(f"{notebook.name}: taken over from the run of {_moment(kept)}: {_SAME}")
                return record
        except (MlkitError, OSError) as problem:
            differences = [f"it cannot be taken over ({problem})"]
        told.append(f"{notebook.name}: runs again. Since its run of {_moment(kept)}: {_listed(differences)}")
    _say(told[0] if told else f"{notebook.name}: runs: there is no finished run of it")
    return None


def keep(record: RunRecord, executed: Path, project: Project, place: Place) -> None:
    """Keep a finished run, so that a later one may take it over. If it cannot be kept, print why; the run does not fail."""
    reason = why_not_kept(record)
    try:
        if not reason:
            step = identify(Path(record.notebook), {one.name: one.value for one in record.parameters}, project.root)
            if record.step_key not in (None, step.key):
                reason = "the code, the notebook or the lock was changed while it ran"
            else:
                keep_run(place, step, replace(record, step_key=step.key), executed.read_bytes(), project.root)
    except (MlkitError, OSError) as problem:
        reason = str(problem)
    if reason and record.failure is None and record.reused is None:
        _say(f"{Path(record.notebook).name}: this run will not be reused: {reason}")


def _differences(kept: Kept, step: Step, project: Project) -> list[str]:
    """What differs from the kept run. The key and files are compared first, since objects and other inputs cost calls to AWS."""
    if kept.key != step.key:
        return [f"other {item}" for item in step.differences(kept.step)] or ["another notebook of the same name"]
    if reason := why_not_kept(kept.record):
        return [reason]
    found = [f"other input {path}" for path in changed_files(kept.record, project.root)]
    activity = kept.record.activity or Activity()
    if not found and (activity.inputs or activity.objects):
        from mlkit.aws.finished_steps_s3 import changed_objects
        from mlkit.aws.inputs import changed_inputs
        from mlkit.aws.session import Session

        aws = Session()
        found = [f"other input {name}" for name in changed_inputs(aws, activity)] or changed_objects(aws, activity)
    return found


def _restore(kept: Kept, record: RunRecord, step: Step, executed: Path, project: Project, began: float) -> RunRecord:
    files, notebook = kept.outputs(), kept.notebook()
    record = replace(
        record,
        reused=Earlier(record=kept.address, started=kept.record.started),
        started=datetime.now(UTC).isoformat(),
        step_key=step.key,
        cut_off=None,
    )
    record = replace(record, ended=datetime.now(UTC).isoformat(), usage=Usage(wall_s=round(time.monotonic() - began, 3)))
    marked = _marked(notebook, record, kept)
    record = replace(record, executed_sha256=sha256_of(marked))
    written = {executed: marked, record_path(executed): record.to_json().encode()}
    replace_files({**in_project(files, project.root), **written})
    return record


def _marked(notebook: bytes, record: RunRecord, kept: Kept) -> bytes:
    """The executed notebook with a first cell and metadata that name the run it was taken over from."""
    import nbformat
    from nbformat.v4 import new_markdown_cell

    content = nbformat.reads(notebook.decode(), as_version=4)  # type: ignore[no-untyped-call]
    about = {"record": kept.address, "started": kept.record.started, "step_key": record.step_key, "taken_over": record.started}
    text = f"> **Taken over from the run of {_moment(kept)}**, not executed again on {record.started[:19].replace('T', ' ')} UTC,\n"
    text += f"> because {_SAME}. Record: `{kept.address}`, key: `{record.step_key}`."
    content.cells.insert(0, new_markdown_cell(text, metadata={"tags": ["taken-over"]}))  # type: ignore[no-untyped-call]
    content.metadata["mlkit"] = {**content.metadata.get("mlkit", {}), "reused": about}
    if content.nbformat_minor < 5:
        del content.cells[0]["id"]
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def _moment(kept: Kept) -> str:
    return f"{kept.started:%Y-%m-%d %H:%M:%S} UTC"


def _listed(differences: list[str]) -> str:
    more = f", and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    return ", ".join(differences[:_NAMED]) + more


def _say(line: str) -> None:
    out.print(plain(line))
