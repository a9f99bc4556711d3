"""What a notebook could end green with unseen stops the pipeline in Build_and_Train: QA is not reached, production is as it was."""

import json

import pytest
from project_pipeline import ACTIONS, ROOT, Piped, git
from waiting import HANG_S

from mlkit.errors import PipelineFailed
from mlkit.evidence.run_record import RunRecord

PREP = "notebooks/01_prep.ipynb"
ENDS = {
    "an error under %%capture": ("%%capture\nraise ValueError('hidden')", "failed", "ValueError: hidden"),
    "a stop that the cell swallows": (
        "import os, signal, time\ntry:\n    os.kill(os.getppid(), signal.SIGTERM)\n    time.sleep(99999)\nexcept BaseException:\n    pass",
        "interrupted",
        "stopped by SIGTERM",
    ),
    "quit()": ("quit()", "failed", "the cell called quit() or exit()"),
}


@pytest.mark.parametrize(("cell", "status", "says"), ENDS.values(), ids=ENDS)
def test_a_notebook_that_would_end_green_unseen_stops_the_pipeline(pipeline: Piped, cell: str, status: str, says: str) -> None:
    before = pipeline.production()
    push_with_a_second_cell(pipeline, cell)
    with pipeline.running() as run:
        exit_code = run.process.wait(HANG_S)

    assert exit_code == PipelineFailed.exit_code
    assert says in " ".join(run.log.read_text().split())
    assert list(pipeline.ended(run.execution)) == ACTIONS[:2]
    assert pipeline.ended(run.execution)["Build_and_Train.ModelTraining"] == "Failed"
    staged = pipeline.staged(run.execution, "Build_and_Train.ModelTraining")
    record = RunRecord.from_json(staged["01_prep.record.json"].decode())
    statuses = [str(one.status) for one in record.cells]
    at = statuses.index(status)
    assert (record.status, statuses) == (status, ["completed"] * at + [status] + ["not run"] * (len(statuses) - at - 1))
    assert 0 < at < len(statuses) - 1
    assert record.ended
    assert pipeline.production() == before


def push_with_a_second_cell(pipeline: Piped, source: str) -> None:
    """Commit 01_prep with this cell behind its parameters."""
    notebook = json.loads((ROOT / PREP).read_text())
    index = next(i for i, cell in enumerate(notebook["cells"]) if "parameters" in cell["metadata"].get("tags", []))
    cell = {"cell_type": "code", "id": "unseen", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
    notebook["cells"].insert(index + 1, cell)
    (pipeline.project.root / PREP).write_text(json.dumps(notebook, indent=1))
    git(pipeline.project.root, "add", "--all")
    git(pipeline.project.root, "commit", "--quiet", "--message", "A cell that nobody would see fail")


@pytest.fixture(autouse=True)
def _original_notebook(pipeline: Piped) -> "object":
    yield
    (pipeline.project.root / PREP).write_bytes((ROOT / PREP).read_bytes())
    git(pipeline.project.root, "add", "--all")
    git(pipeline.project.root, "commit", "--quiet", "--allow-empty", "--message", "The notebook as it was")
