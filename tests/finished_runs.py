"""A tiny project and the records of finished runs of its notebook."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import nbformat

from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.run_record import Activity, FileRecord, ParameterRecord, RunRecord, Status, Usage
from mlkit.naming import ENDPOINT_TEMPLATE
from mlkit.reuse.finished_steps import identify
from mlkit.settings import Project

STARTED = "2026-01-01T12:00:00.5+00:00"
FILES = {
    "mlkit/splits.py": 'SQL = "SELECT 1"\nSHARDS = 1\n',
    "mlkit/aws/training_jobs.py": "EPOCHS = 1\n",
    "buildspecs/build.yml": "version: 0.2\n",
    str(ENDPOINT_TEMPLATE): "Resources: {}\n",
    "requirements.lock": "numpy==2.0\n",
    "handoff/prepared.json": "{}\n",
}


def make_project(root: Path) -> Project:
    """A project with a notebook of two parameters and one file that an earlier step left."""
    cells = [
        nbformat.v4.new_code_cell("epochs: int = 3\ntune: bool = False", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(epochs)"),
    ]
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    for name, text in {**FILES, "notebooks/train.ipynb": json.dumps(notebook)}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Project(root=root)


def notebook_of(project: Project) -> Path:
    return project.root / "notebooks" / "train.ipynb"


def executed_of(project: Project) -> Path:
    return project.root / "executed" / "train.ipynb"


def activity(project: Project, **changes: Any) -> Activity:
    """What a run does that reads handoff/prepared.json and leaves handoff/model.json and a template's configuration."""
    read, left = "handoff/prepared.json", {"handoff/model.json": "model 1\n", "CloudFormation/configuration_qa.json": "{}\n"}
    for path, text in left.items():
        (project.root / path).write_text(text)
    records = [FileRecord(role="output", path=path, sha256=sha256_of(text.encode())) for path, text in left.items()]
    files = (FileRecord(role="input", path=read, sha256=sha256_of((project.root / read).read_bytes())), *records)
    return dataclasses.replace(Activity(files=files), **changes)


def finished(project: Project, *, parameters: dict[str, Any] | None = None, did: Activity | None = None, **changes: Any) -> RunRecord:
    """The record of a run that has just completed, with its executed notebook in place."""
    step = identify(notebook_of(project), parameters or {}, project.root)
    executed = executed_of(project)
    executed.parent.mkdir(exist_ok=True)
    executed.write_text(notebook_of(project).read_text().replace("print(epochs)", "print(epochs)  # executed"))
    record = RunRecord(
        notebook=str(notebook_of(project)),
        notebook_sha256=sha256_of(notebook_of(project).read_bytes()),
        executed=str(executed),
        kernel="python3",
        status=Status.COMPLETED,
        parameters=tuple(ParameterRecord(name=name, type="int", value=value, source="-p") for name, value in step.parameters.items()),
        cells=(),
        failure=None,
        started=STARTED,
        ended="2026-01-01T12:01:00+00:00",
        usage=Usage(wall_s=60.0),
        python="3.11.7",
        activity=did or activity(project),
        step_key=step.key,
    )
    return dataclasses.replace(record, **changes)
