"""--reuse on this machine: what is taken over, what is said, and what runs again."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from finished_runs import FILES, STARTED, executed_of, finished, make_project, notebook_of

from mlkit.cli.reuse_option import keep, open_place, take_over
from mlkit.evidence.run_record import Origin, RunRecord, Status
from mlkit.reuse.finished_steps import LocalPlace
from mlkit.settings import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


@pytest.fixture
def kept(project: Project) -> RunRecord:
    """A finished run that was kept, whose results are gone from the project."""
    record = finished(project)
    keep(record, executed_of(project), project, open_place("", project))
    for path in ("handoff/model.json", "CloudFormation/configuration_qa.json", "executed/train.ipynb"):
        (project.root / path).unlink()
    return record


def again(project: Project, **parameters: object) -> RunRecord | None:
    place = open_place("", project)
    return take_over(notebook_of(project), executed_of(project), parameters, project, place, origin=Origin(build_id="b:2"))


def test_an_unchanged_step_takes_over_files_notebook_and_record_and_prints_that(
    project: Project, kept: RunRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    record = again(project)
    assert record is not None
    assert (record.status, record.step_key, record.origin.build_id) == (Status.COMPLETED, kept.step_key, "b:2")
    assert record.reused is not None
    assert (record.reused.started, record.activity) == (STARTED, kept.activity)
    assert RunRecord.from_json(Path(record.reused.record).read_text()) == kept
    assert record.started > STARTED
    assert record.ended is not None
    assert RunRecord.from_json(executed_of(project).with_suffix(".record.json").read_text()) == record
    assert record.executed_sha256 == hashlib.sha256(executed_of(project).read_bytes()).hexdigest()
    assert (project.root / "handoff/model.json").read_text() == "model 1\n"
    assert (project.root / "CloudFormation/configuration_qa.json").read_text() == "{}\n"
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "train.ipynb: taken over from the run of 2026-01-01 12:00:00 UTC" in said


def test_the_notebook_of_a_taken_over_run_says_whose_it_is(project: Project, kept: RunRecord) -> None:
    record = again(project)
    assert record is not None
    assert record.reused is not None
    notebook = nbformat.read(executed_of(project), as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith("> **Taken over from the run of 2026-01-01 12:00:00 UTC**, not executed again on ")
    assert notebook.metadata.mlkit.reused.record == record.reused.record
    assert notebook.metadata.mlkit.reused.step_key == kept.step_key
    assert notebook.cells[2].source == "print(epochs)  # executed"


def test_a_taken_over_run_is_not_kept_a_second_time(project: Project, kept: RunRecord) -> None:
    record = again(project)
    assert record is not None
    keep(record, executed_of(project), project, open_place("", project))
    assert len(open_place("", project).folders("train")) == 1


def change(name: str) -> Callable[[Project], object]:
    return lambda project: (project.root / name).write_text(FILES[name] + "# another line\n")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (change("mlkit/splits.py"), "other code (mlkit/splits.py)"),
        (change("CloudFormation/sagemaker_prediction_endpoint.yaml"), "other code (CloudFormation/sagemaker_prediction_endpoint.yaml)"),
        (change("requirements.lock"), "other lock (requirements.lock)"),
        (change("handoff/prepared.json"), "other input handoff/prepared.json"),
    ],
    ids=["module", "template", "lock", "input"],
)
def test_one_line_changed_runs_again_and_says_why(
    project: Project, kept: RunRecord, changed: Callable[[Project], object], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(project)
    assert again(project) is None
    assert f"runs again. Since its run of 2026-01-01 12:00:00 UTC: {told}" in capsys.readouterr().out
    assert not (project.root / "handoff/model.json").exists()
    assert not executed_of(project).exists()


def test_another_parameter_runs_again_and_the_old_one_is_still_there(
    project: Project, kept: RunRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    assert again(project, epochs=4) is None
    assert "other parameter epochs (4, was 3)" in capsys.readouterr().out
    assert again(project, epochs=3) is not None


def test_an_older_run_of_the_same_step_is_taken_over_behind_a_newer_one_of_another(project: Project, kept: RunRecord) -> None:
    newer = finished(project, parameters={"epochs": 4}, started="2026-02-01T12:00:00+00:00")
    keep(newer, executed_of(project), project, open_place("", project))
    for epochs, started in ((3, STARTED), (4, newer.started)):
        record = again(project, epochs=epochs)
        assert record is not None
        assert record.reused is not None
        assert record.reused.started == started


def test_a_damaged_copy_runs_again_and_leaves_nothing_half_done(
    project: Project, kept: RunRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    place = open_place("", project)
    (folder,) = place.folders("train")
    Path(place.address(folder, "files/handoff/model.json")).write_text("model 2\n")
    assert again(project) is None
    assert "was changed after the run" in capsys.readouterr().out
    assert not (project.root / "CloudFormation/configuration_qa.json").exists()


def test_without_a_finished_run_it_runs(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert again(project) is None
    assert "there is no finished run of it" in capsys.readouterr().out


def test_a_failed_run_is_never_kept(project: Project) -> None:
    keep(finished(project, status=Status.FAILED), executed_of(project), project, open_place("", project))
    assert open_place("", project).folders("train") == []


def test_a_run_during_which_the_code_changed_is_not_kept(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    record = finished(project)
    (project.root / "mlkit/splits.py").write_text("SHARDS = 2\n")
    keep(record, executed_of(project), project, open_place("", project))
    assert open_place("", project).folders("train") == []
    assert "was changed while it ran" in capsys.readouterr().out


def test_a_place_that_cannot_be_written_is_told_and_is_no_failure(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    keep(finished(project), executed_of(project), project, LocalPlace(tmp_path / "file"))
    assert "this run will not be reused" in capsys.readouterr().out


def test_where_runs_are_kept(project: Project, tmp_path: Path) -> None:
    finished_run = finished(project)
    for place in (open_place("", project), open_place(str(tmp_path / "elsewhere"), project)):
        keep(finished_run, executed_of(project), project, place)
    for folder in (project.root / ".mlkit" / "steps", tmp_path / "elsewhere"):
        (record,) = folder.glob("train/*/record.json")
        assert json.loads(record.read_text())["step_key"] == finished_run.step_key
