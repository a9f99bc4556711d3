"""A step's key changes with every line that could change what it does, and only whole, unchanged, finished runs are kept."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from finished_runs import FILES, STARTED, activity, executed_of, finished, make_project, notebook_of

from mlkit.data.sql import unload_sql
from mlkit.errors import InvalidData, InvalidParameters, NotFound
from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.run_record import Activity, Earlier, Failure, FileRecord, InputRecord, QueryRecord, Redaction, Status
from mlkit.movielens.splits import RatingsTable, SplitRule, feature_index_sql, histogram_sql, profile_sql, splits_sql
from mlkit.parameters import Typed
from mlkit.reuse.finished_steps import (
    KEEP_LAST,
    LocalPlace,
    Step,
    changed_files,
    digest,
    identify,
    in_project,
    keep_run,
    kept_runs,
    output_files,
    replace_files,
    untold_tables,
)
from mlkit.reuse.finished_steps import why_not_kept as reason
from mlkit.settings import Project

TABLE = "lab-movielens.u_data"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    return LocalPlace(tmp_path / "steps")


def used(*paths: str) -> Activity:
    return Activity(files=tuple(FileRecord(role="output", path=path, sha256="0") for path in paths))


def asked(*statements: str) -> Activity:
    return Activity(queries=tuple(QueryRecord(query_execution_id=str(number), sql=sql) for number, sql in enumerate(statements)))


def step_of(project: Project, **parameters: object) -> Step:
    return identify(notebook_of(project), parameters, project.root)


def kept(project: Project, place: LocalPlace, started: str = STARTED) -> None:
    record = dataclasses.replace(finished(project), started=started)
    keep_run(place, step_of(project), record, executed_of(project).read_bytes(), project.root)


def test_an_unchanged_step_has_the_same_key(project: Project) -> None:
    assert step_of(project).key == step_of(project).key
    assert step_of(project).differences(step_of(project)) == []


def test_a_digest_is_that_of_sorted_json_without_spaces_in_utf_8() -> None:
    assert digest({"b": [1, 2], "a": "ü"}) == sha256_of('{"a":"ü","b":[1,2]}'.encode())
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mlkit/splits.py", "code (mlkit/splits.py)"),
        ("mlkit/aws/training_jobs.py", "code (mlkit/aws/training_jobs.py)"),
        ("CloudFormation/sagemaker_prediction_endpoint.yaml", "code (CloudFormation/sagemaker_prediction_endpoint.yaml)"),
        ("buildspecs/build.yml", "code (buildspecs/build.yml)"),
        ("requirements.lock", "lock (requirements.lock)"),
    ],
)
def test_one_line_changed_anywhere_is_another_key_and_is_named(project: Project, name: str, told: str) -> None:
    before = step_of(project)
    (project.root / name).write_text(FILES[name] + "\n")
    assert step_of(project).key != before.key
    assert step_of(project).differences(before) == [told]


def test_a_changed_notebook_a_new_module_and_a_removed_one_are_other_keys(project: Project) -> None:
    keys = {step_of(project).key}
    notebook_of(project).write_text(notebook_of(project).read_text().replace("print(epochs)", "print(epochs + 1)"))
    keys.add(step_of(project).key)
    (project.root / "mlkit/new.py").write_text("")
    keys.add(step_of(project).key)
    (project.root / "mlkit/splits.py").unlink()
    keys.add(step_of(project).key)
    assert len(keys) == 4


def test_parameters_count_as_they_are_bound_with_the_defaults(project: Project) -> None:
    before = step_of(project)
    assert step_of(project, epochs=Typed("3"), tune=Typed("no")).key == before.key
    other = step_of(project, epochs=4)
    assert other.key != before.key
    assert other.differences(before) == ["parameter epochs (4, was 3)"]
    with pytest.raises(InvalidParameters):
        step_of(project, epoch=4)


def test_the_library_that_is_imported_from_elsewhere_is_in_the_key(project: Project) -> None:
    assert "imported mlkit/reuse/finished_steps.py" in step_of(project).code
    root = Path(__file__).parents[2]
    assert "imported mlkit/reuse/finished_steps.py" not in identify(root / "notebooks" / "01_prep.ipynb", {}, root).code


def test_files_that_runs_write_are_not_in_the_key(project: Project) -> None:
    before = step_of(project).key
    activity(project)
    (project.root / "mlkit/__pycache__").mkdir()
    (project.root / "mlkit/__pycache__/splits.pyc").write_bytes(b"x")
    assert step_of(project).key == before


def test_a_kept_run_comes_back_whole_and_the_newest_is_first(project: Project, place: LocalPlace) -> None:
    for started in (STARTED, "2026-01-03T00:00:00+00:00", "2026-01-02T00:00:00+00:00"):
        kept(project, place, started)
    newest, *older = kept_runs(place, "notebooks/train.ipynb")
    assert (newest.record.started, len(older)) == ("2026-01-03T00:00:00+00:00", 2)
    assert (newest.key, newest.step) == (step_of(project).key, step_of(project))
    assert newest.notebook() == executed_of(project).read_bytes()
    assert newest.outputs() == {"handoff/model.json": b"model 1\n", "CloudFormation/configuration_qa.json": b"{}\n"}
    assert list(kept_runs(place, "notebooks/other.ipynb")) == []


def test_only_the_last_runs_of_a_notebook_stay_on_this_machine(project: Project, place: LocalPlace) -> None:
    for day in range(1, KEEP_LAST + 3):
        kept(project, place, f"2026-01-{day:02d}T00:00:00+00:00")
    assert [run.started.day for run in kept_runs(place, "notebooks/train.ipynb")] == list(range(KEEP_LAST + 2, 2, -1))


def test_a_run_that_could_not_be_written_whole_is_not_there(project: Project, place: LocalPlace) -> None:
    folder = f"train/20260101T000000.000000Z-{'0' * 64}"
    with pytest.raises(TypeError):
        place.write(folder, {"record.json": b"{}", "step.json": None})  # type: ignore[dict-item]
    assert place.folders("train") == []
    with pytest.raises(NotFound):
        place.read(folder, "record.json")


@pytest.mark.parametrize("name", ["handoff/model.json", "CloudFormation/configuration_qa.json"])
def test_a_copy_that_was_changed_is_not_given_back(project: Project, place: LocalPlace, name: str) -> None:
    kept(project, place)
    (run,) = kept_runs(place, "notebooks/train.ipynb")
    Path(place.address(run.folder, f"files/{name}")).write_text("model 2\n")
    with pytest.raises(InvalidData, match=f"{name} was changed after the run"):
        run.outputs()


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"notebook": 1}'])
def test_a_step_that_cannot_be_read_is_damaged_and_named(project: Project, place: LocalPlace, content: bytes) -> None:
    kept(project, place)
    (run,) = kept_runs(place, "notebooks/train.ipynb")
    path = Path(place.address(run.folder, "step.json"))
    path.write_bytes(content)
    with pytest.raises(InvalidData, match=f"{path} is damaged: "):
        _ = run.step


def test_a_folder_with_another_name_than_a_runs_is_ignored(project: Project, place: LocalPlace) -> None:
    kept(project, place)
    for name in ("notes", "20260101T000000.000000Z-0", f"20260101T000000Z-{'0' * 64}", f"20260101T000000.000000Z-{'0' * 64}x", ".partial"):
        (place.path / "train" / name).mkdir()
    assert [run.key for run in kept_runs(place, "notebooks/train.ipynb")] == [step_of(project).key]


@pytest.mark.parametrize("name", ["handoff/model.json", "CloudFormation/configuration_qa.json"])
def test_a_run_whose_result_was_changed_since_is_not_kept(project: Project, place: LocalPlace, name: str) -> None:
    record = finished(project)
    (project.root / name).write_text("model 2\n")
    with pytest.raises(InvalidData, match=f"{name} has changed since the run") as raised:
        keep_run(place, step_of(project), record, b"", project.root)
    assert raised.value.cure == "Run the notebook again."
    (project.root / name).unlink()
    with pytest.raises(InvalidData, match=f"{name} has changed since the run"):
        keep_run(place, step_of(project), record, b"", project.root)
    assert place.folders("train") == []


def test_a_finished_run_can_be_kept(project: Project) -> None:
    assert reason(finished(project)) == ""


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.COMPLETED])
def test_a_run_that_did_not_complete_is_never_kept(project: Project, status: Status) -> None:
    assert reason(finished(project, status=status)) == f"its status is {status}"


NOT_WHOLE = "its evidence is incomplete: a secret was redacted, or a file could not be stored"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"redactions": (Redaction(rule="a secret", place="output"),)}, NOT_WHOLE),
        ({"not_kept": (Failure(cell_number=None, heading="", ename="SaveFailed", evalue="disk"),)}, NOT_WHOLE),
        ({"reused": Earlier(record="r", started=STARTED)}, "it was taken over from an earlier run"),
        ({"activity": None}, "its kernel did not report what it read and wrote"),
        ({"activity": used("handoff/model.json", "/elsewhere/model.json")}, "it used /elsewhere/model.json, which is not in the project"),
        ({"activity": used("handoff/model.json", "../model.json")}, "it used ../model.json, which is not in the project"),
        ({"activity": asked(f'SELECT 1 FROM "{TABLE}"')}, f"it queried {TABLE} without reporting it as an input"),
        ({"activity": asked("SELECT 1 FROM b", "SELECT 1 FROM a")}, "it queried a and 1 more without reporting it as an input"),
    ],
    ids=["redacted", "not stored", "taken over", "deaf", "absolute", "outside", "untold table", "untold tables"],
)
def test_a_run_that_cannot_be_repeated_from_what_is_known_is_not_kept(project: Project, change: dict[str, Any], told: str) -> None:
    assert reason(dataclasses.replace(finished(project), **change)) == told


def test_a_changed_or_missing_input_is_named_but_not_a_file_that_the_run_wrote(project: Project) -> None:
    record = finished(project)
    assert changed_files(record, project.root) == []
    (project.root / "handoff/model.json").unlink()
    assert changed_files(record, project.root) == []
    (project.root / "handoff/prepared.json").write_text("{ }\n")
    assert changed_files(record, project.root) == ["handoff/prepared.json"]
    (project.root / "handoff/prepared.json").unlink()
    assert changed_files(record, project.root) == ["handoff/prepared.json"]


def test_every_input_is_compared_also_those_after_a_result_of_the_runs_own(project: Project) -> None:
    inputs = [FileRecord(role="input", path=f"handoff/{name}.json", sha256=sha256_of(b"{}\n")) for name in ("first", "same", "last")]
    for read in inputs:
        (project.root / read.path).write_text("{}\n")
    own = FileRecord(role="input", path="handoff/model.json", sha256=sha256_of(b"model 1\n"))
    first, *others = inputs
    record = finished(project, did=Activity(files=(*activity(project).files, own, first, own, *others)))
    assert changed_files(record, project.root) == []
    for name in ("first", "last"):
        (project.root / f"handoff/{name}.json").write_text("{ }\n")
    assert changed_files(record, project.root) == ["handoff/first.json", "handoff/last.json"]


def test_a_run_that_could_not_tell_its_files_has_neither_inputs_nor_results(project: Project) -> None:
    record = dataclasses.replace(finished(project), activity=None)
    assert (changed_files(record, project.root), output_files(record)) == ([], {})


@pytest.mark.parametrize(("content", "changed"), [("model 1\n", []), ("model 0\n", ["handoff/model.json"])], ids=["own", "another's"])
def test_a_file_that_a_run_read_and_left_is_an_input_only_as_it_was_before(project: Project, content: str, changed: list[str]) -> None:
    did = activity(project)
    read = FileRecord(role="input", path="handoff/model.json", sha256=sha256_of(content.encode()))
    record = finished(project, did=dataclasses.replace(did, files=(read, *did.files)))
    (project.root / "handoff/model.json").unlink()
    assert changed_files(record, project.root) == changed


@pytest.mark.parametrize("path", ["../outside.json", "/outside.json", "link/outside.json"])
def test_nothing_is_written_outside_of_the_project(project: Project, path: str) -> None:
    (project.root / "link").symlink_to(project.root.parent)
    with pytest.raises(InvalidData, match="outside of the project"):
        in_project({"handoff/fine.json": b"", path: b""}, project.root)


def test_files_of_the_project_are_told_where_they_belong(project: Project) -> None:
    found = in_project({"handoff/a.json": b"a", "new/b.json": b"b"}, project.root)
    assert found == {project.root / "handoff/a.json": b"a", project.root / "new/b.json": b"b"}


def test_files_are_replaced_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        replace_files({tmp_path / "a": b"new", tmp_path / "file" / "b": b"new"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "file"]
    assert (tmp_path / "a").read_text() == "old"


def test_all_files_are_replaced_and_their_folders_made(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    replace_files({tmp_path / "a": b"new", tmp_path / "deep" / "er" / "b": b"b", tmp_path / "deep" / "c": b"c"})
    found = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"a": "new", "deep/er/b": "b", "deep/c": "c"}


def queried(*statements: str) -> Activity:
    told = (TABLE, "lab.other")
    return dataclasses.replace(asked(*statements), inputs=tuple(InputRecord(name=f"glue table {name}", sha256="0") for name in told))


def test_the_tables_of_our_own_queries_are_told() -> None:
    table = RatingsTable(database="lab-movielens", table="u_data")
    rule = SplitRule(salt="s", split="latest", test_ratings_per_user=1, validation_fraction=0.1, positive_rating=4, shards=2)
    unloads = (unload_sql(sql, "s3://bucket/x/") for sql in (feature_index_sql(table), splits_sql(table, rule)))
    assert untold_tables(queried(profile_sql(table), histogram_sql(table), *unloads)) == []


@pytest.mark.parametrize(
    ("sql", "unknown"),
    [
        ('SELECT * FROM "lab-movielens".movies', "lab-movielens.movies"),
        ('SELECT * FROM "lab-movielens".u_data JOIN movies ON a = b', "movies"),
        ('select * from "lab-movielens".u_data u, movies m', "several tables at once"),
        ("WITH a AS (SELECT * FROM b) SELECT * FROM a", "b"),
        ('SELECT * FROM "Lab"."B"', "lab.b"),
        ("select * from b, c", "several tables at once"),
    ],
)
def test_a_queried_table_that_was_not_reported_is_found(sql: str, unknown: str) -> None:
    assert unknown in untold_tables(queried(sql))


def test_the_tables_of_every_query_are_compared_and_each_is_named_once() -> None:
    assert untold_tables(queried('SELECT 1 FROM lab.other JOIN "lab"."other" ON 1 = 1')) == []
    assert untold_tables(queried("SELECT 1 FROM b", f'SELECT 1 FROM "{TABLE}"', "SELECT 1 FROM c JOIN b ON 1 = 1")) == ["b", "c"]
