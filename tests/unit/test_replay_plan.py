"""What a replay would run: the confirmed runs of the bundle, with their parameters and files, from a source that is as it was sealed."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from sealed_bundle import HANDED, Bundled, two_seals
from sealed_evidence import archive, code, notebook

from mlkit.errors import EvidenceRefused, InvalidParameters, SealBroken, UsageError
from mlkit.evidence.manifest import Attempt, Source, sha256_of
from mlkit.evidence.run_record import Activity, FileRecord, ParameterRecord, RunRecord, ServedRecord
from mlkit.parameters import Typed
from mlkit.runner import RunOptions
from mlkit.runner.replay import Scratch, plan_replay, replayed, run_step, unpack_source

PREP = notebook(code('initials: str = "a"\nrows: int = 10', tags=("parameters",)), code("print(initials, rows)"))
TEST = notebook(code('environment: str = "dev"', tags=("parameters",)))
STEPS = b"""kind: movielens
steps:
  prep: {notebook: notebooks/01_prep.ipynb}
  test: {notebook: notebooks/03_test.ipynb}
  never: {notebook: notebooks/09_never.ipynb}
"""
FILES = {"mlkit.yml": STEPS, "notebooks/01_prep.ipynb": PREP, "notebooks/03_test.ipynb": TEST, "README.md": b"not code\n"}
CODE = {name: sha256_of(data) for name, data in FILES.items() if name != "README.md"}
PREPARED = b'{"schema": "p", "rows": 10}'


def parameter(name, value, source="default"):
    return ParameterRecord(name=name, type="str", value=value, source=source)


def handed(role, **files):
    return [FileRecord(role=role, path=f"handoff/{name}.json", sha256=sha256_of(data)) for name, data in files.items()]


def ran(path, started, *, files=(), served=False, parameters=(), **changes):
    base = RunRecord.from_json(two_seals().files["QA.TestEndpoint/b2/01.record.json"].decode())
    shown = ServedRecord(endpoint="mlkit-ml-lab-qa", endpoint_config="c", variant="v")
    activity = Activity(files=tuple(files), served=(shown,) if served else ())
    sha256 = CODE.get(path, "0" * 64)
    return replace(base, notebook=path, notebook_sha256=sha256, started=started, activity=activity, parameters=tuple(parameters), **changes)


PREPARATION = ran(
    "notebooks/01_prep.ipynb",
    "1",
    files=handed("output", prepared_data=PREPARED),
    parameters=[parameter("initials", "x", "env I"), parameter("rows", 10)],
)
QA = ran("notebooks/03_test.ipynb", "2", served=True, parameters=[parameter("environment", "qa", "env E")])
LIVE = ran(
    "notebooks/03_test.ipynb",
    "3",
    served=True,
    files=handed("input", trained_model=HANDED["trained_model"]) + handed("output", test_result=b"not sealed"),
    parameters=[parameter("environment", "production", "env E")],
)


def bundle(*records: tuple[RunRecord, bool], source: bytes = archive(FILES), **changes):
    """The bundle's files and newest manifest; each record with whether its build confirmed it."""
    made: Bundled = two_seals()
    files = {**made.files, "QA.SealEvidence/b3/handoff/prepared_data.json": PREPARED, f"sources/{sha256_of(source)}.zip": source}
    attempts = []
    for number, (record, confirmed) in enumerate(records):
        data = record.to_json().encode()
        files[f"Step.Run/n{number}/notebook.record.json"] = data
        attempts.append(
            Attempt(
                action="Step.Run",
                build=f"n{number}",
                status="Succeeded",
                started="",
                ended="",
                confirmed=confirmed,
                records={"notebook.record.json": sha256_of(data)},
            )
        )
    sealed = Source(archive_sha256=sha256_of(source), variables={})
    return files, replace(made.seals[-1][1], attempts=tuple(attempts), source=sealed, code=CODE, **changes)


def planned(tmp_path, *records, given=None, only=()):
    files, manifest = bundle(*records)
    unpack_source(files, manifest, tmp_path / "source")
    return plan_replay(files, manifest, tmp_path / "source", given or {}, only)


ALL = ((LIVE, True), (PREPARATION, True), (QA, True))


def test_the_last_confirmed_run_of_each_notebook_in_the_order_of_their_starts(tmp_path):
    prep, test = planned(tmp_path, *ALL)
    assert (prep.name, prep.notebook, prep.given, prep.changed) == ("prep", "notebooks/01_prep.ipynb", {"initials": "x"}, ())
    assert (dict(prep.inputs), dict(prep.outputs), prep.needs_endpoint) == ({}, {"prepared_data": PREPARED}, False)
    assert prep.recorded() == {"prepared_data.rows": 10}
    assert (test.name, test.given, test.needs_endpoint, test.environment) == ("test", {"environment": "production"}, True, "production")
    assert dict(test.inputs) == {"trained_model": HANDED["trained_model"]}
    assert dict(test.outputs) == {}  # no sealed file has the recorded digest


def test_a_run_that_its_build_did_not_confirm_is_no_evidence(tmp_path):
    _, test = planned(tmp_path, (PREPARATION, True), (QA, True), (LIVE, False))
    assert test.environment == "qa"


def test_a_parameter_replaces_the_recorded_one_wherever_a_notebook_has_it(tmp_path):
    prep, test = planned(tmp_path, *ALL, given={"rows": Typed("20"), "initials": Typed("x")})
    assert (prep.given, prep.changed) == ({"initials": "x", "rows": 20}, ("rows",))
    assert (test.given, test.changed) == ({"environment": "production"}, ())


def test_only_some_steps(tmp_path):
    assert [step.name for step in planned(tmp_path, *ALL, only=["test"])] == ["test"]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"only": ["never"]}, UsageError, "no recorded run of the step never"),
        ({"given": {"seed": Typed("1")}}, UsageError, "No replayed notebook has a parameter `seed`"),
        ({"given": {"environment": Typed("qa")}, "only": ["prep"]}, UsageError, "No replayed notebook has a parameter `environment`"),
        ({"given": {"rows": Typed("many")}}, InvalidParameters, "rows"),
    ],
)
def test_what_cannot_be_replayed_is_refused(tmp_path, options, kind, words):
    with pytest.raises(kind, match=words):
        planned(tmp_path, *ALL, **options)


def test_a_bundle_without_a_step_of_the_project_is_refused(tmp_path):
    with pytest.raises(UsageError, match="No confirmed record"):
        planned(tmp_path, (PREPARATION, False))


def test_a_record_of_another_notebook_than_the_sealed_one_is_refused(tmp_path):
    with pytest.raises(SealBroken, match=r"01_prep\.ipynb in the source archive is not the notebook of its record"):
        planned(tmp_path, (replace(PREPARATION, notebook_sha256="1" * 64), True))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"notebooks/01_prep.ipynb": TEST}, "notebooks/01_prep.ipynb"),
        ({"mlkit/added.py": b"1"}, "mlkit/added.py"),
        ({"notebooks/03_test.ipynb": None}, "notebooks/03_test.ipynb"),
    ],
)
def test_a_source_that_is_not_the_manifests_code_is_refused(tmp_path, changed, named):
    source = {name: data for name, data in {**FILES, **changed}.items() if data is not None}
    files, manifest = bundle(*ALL, source=archive(source))
    with pytest.raises(SealBroken, match=f"{named} in the source archive is not the code"):
        unpack_source(files, manifest, tmp_path / "source")


@pytest.mark.parametrize("name", ["../../escaped", "/escaped"])
def test_files_in_the_archive_cannot_leave_the_folder(tmp_path, name):
    files, manifest = bundle(*ALL, source=archive({**FILES, name: b"x"}))
    with pytest.raises(EvidenceRefused, match="strange path"):
        unpack_source(files, manifest, tmp_path / "deep" / "source")
    assert not list(tmp_path.rglob("escaped"))


def test_a_step_runs_with_the_recorded_parameters_and_the_sealed_files_it_read(tmp_path):
    cells = (
        code('initials: str = "a"\nrows: int = 10', tags=("parameters",)),
        code("import json, pathlib\npathlib.Path('seen.json').write_text(json.dumps([initials, rows, open('handoff/read.json').read()]))"),
    )
    (tmp_path / "source" / "handoff").mkdir(parents=True)
    (tmp_path / "source" / "notebooks").mkdir()
    (tmp_path / "source" / "notebooks" / "01_prep.ipynb").write_bytes(notebook(*cells))
    prep = replace(planned(tmp_path / "other", *ALL)[0], inputs={"read": b"sealed", "written": b"sealed"})
    (tmp_path / "source" / "handoff" / "written.json").write_text("by an earlier step")
    record = run_step(prep, tmp_path / "source", RunOptions())
    assert record.failure is None
    assert (tmp_path / "source" / "seen.json").read_text() == '["x", 10, "sealed"]'
    assert (tmp_path / "source" / "handoff" / "written.json").read_text() == "by an earlier step"
    assert {one.name: one.source for one in record.parameters} == {"initials": "the replayed record", "rows": "default"}
    assert replayed(record, tmp_path / "source") == {}


def test_a_projects_wheels_are_unpacked_for_the_kernel(tmp_path):
    scratch = Scratch(folder=tmp_path)
    (scratch.source / "vendor").mkdir(parents=True)
    assert scratch.python_path(scratch.source) == [str(scratch.source), str(scratch.source / "packages/sagemaker_formats/src")]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr("a_sealed_module.py", "VALUE = 1\n")
    (scratch.source / "vendor" / "sealed-1-py3-none-any.whl").write_bytes(buffer.getvalue())
    *_, last = scratch.python_path(scratch.source)
    assert (Path(last) / "a_sealed_module.py").read_text() == "VALUE = 1\n"
