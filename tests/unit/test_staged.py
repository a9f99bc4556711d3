"""What builds staged is checked against CodePipeline's history and against the builds' own records."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlkit.errors import EvidenceRefused
from mlkit.evidence.manifest import sha256_of
from mlkit.evidence.run_record import Activity, FileRecord, Origin, RunRecord, Status, Usage
from mlkit.evidence.staged import StagedFile, StepRun, check_output, check_staged, exported_records, outputs_of

TRAIN, TEST = "Build_and_Train.ModelTraining", "QA.TestEndpoint"
EXECUTION = "0f0e0d0c-0000-4000-8000-000000000001"
START = datetime(2026, 11, 30, 10, 0, 0, 500_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


RECORD = RunRecord(
    notebook="notebooks/01_prep.ipynb",
    notebook_sha256="0" * 64,
    executed="executed/01_prep.ipynb",
    kernel="python3",
    status=Status.COMPLETED,
    parameters=(),
    cells=(),
    failure=None,
    started="2026-11-30T10:00:30+00:00",
    ended="2026-11-30T10:01:00+00:00",
    usage=Usage(wall_s=30.0),
    python="3.11.7",
)


def staged(
    action: str = TRAIN, build: str = "b1", name: str = "01_prep", *, at: datetime = START + MINUTE, **changes: Any
) -> list[StagedFile]:
    """An executed notebook and its record, as a build stages them."""
    notebook = json.dumps({"cells": [], "name": name}).encode()
    files = (FileRecord(role="output", path=f"handoff/{name}.json", sha256=sha256_of(name.encode())),)
    told = {"executed_sha256": sha256_of(notebook), "origin": Origin(action=action), "activity": Activity(files=files), **changes}
    data = dataclasses.replace(RECORD, **told).to_json().encode()
    common: Mapping[str, Any] = {"action": action, "build": build, "written": (at - MINUTE / 2, at)}
    return [StagedFile(name=f"{name}.ipynb", data=notebook, **common), StagedFile(name=f"{name}.record.json", data=data, **common)]


def run(files: list[StagedFile], action: str = TRAIN, build: str = "b1", **changes: Any) -> StepRun:
    """The attempt that staged the files, as CodePipeline's history tells it."""
    records = {file.name: sha256_of(file.data) for file in files if file.name.endswith(".record.json") and file.build == build}
    values: dict[str, Any] = {"status": "Succeeded", "started": START, "ended": START + 2 * MINUTE, "exported": exported_records(records)}
    return StepRun(action=action, build=build, **{**values, **changes})


def changed(file: StagedFile, **changes: Any) -> StagedFile:
    return dataclasses.replace(file, **changes)


def refused(files: list[StagedFile], *runs: StepRun) -> str:
    with pytest.raises(EvidenceRefused) as raised:
        check_staged(files, runs, EXECUTION)
    return str(raised.value)


def test_an_untouched_execution_is_confirmed_in_the_order_of_its_builds() -> None:
    trained = [*staged(), *staged(name="02_train")]
    tested = staged(TEST, "b2", "03_test_endpoint", at=START + 4 * MINUTE)
    later = run(tested, TEST, "b2", started=START + 3 * MINUTE, ended=START + 5 * MINUTE)
    attempts = check_staged([*tested, *trained], [later, run(trained)], EXECUTION)
    assert [(one.action, one.build, one.confirmed, sorted(one.records)) for one in attempts] == [
        (TRAIN, "b1", True, ["01_prep.record.json", "02_train.record.json"]),
        (TEST, "b2", True, ["03_test_endpoint.record.json"]),
    ]
    assert attempts[0].records["01_prep.record.json"] == sha256_of(trained[1].data)
    assert (attempts[0].started, attempts[0].ended, attempts[0].status) == (
        "2026-11-30T10:00:00+00:00",
        "2026-11-30T10:02:00+00:00",
        "Succeeded",
    )


def test_a_build_that_runs_no_notebook_is_no_attempt() -> None:
    assert check_staged([], [run([], exported="")], EXECUTION) == ()


def test_a_file_of_a_build_that_codepipeline_does_not_know_is_refused() -> None:
    files = staged()
    assert refused([*files, *staged(build="forged")], run(files)).startswith(f"{TRAIN}/forged/01_prep.ipynb is staged, but CodePipeline")
    assert "knows no such build of QA.TestEndpoint" in refused([*files, *staged(TEST)], run(files))


def test_a_file_that_was_written_after_its_build_ended_is_refused_even_if_it_was_put_back() -> None:
    notebook, its_record = staged()
    late = changed(notebook, written=(*notebook.written, START + 2 * MINUTE + timedelta(microseconds=1)))
    assert refused([late, its_record], run([notebook, its_record])) == (
        f"{TRAIN}/b1/01_prep.ipynb was written at 2026-11-30T10:02:00+00:00, after its build ended at 2026-11-30T10:02:00+00:00"
    )
    assert check_staged([changed(notebook, written=(START + 2 * MINUTE,)), its_record], [run([notebook, its_record])], EXECUTION)


def test_a_file_that_was_written_before_its_build_began_is_refused() -> None:
    notebook, its_record = staged()
    early = changed(its_record, written=(START - timedelta(seconds=1), START + MINUTE))
    assert "01_prep.record.json was written at 2026-11-30T09:59:59+00:00, before its build began" in refused(
        [notebook, early], run([notebook, its_record])
    )
    in_the_same_second = changed(its_record, written=(START.replace(microsecond=0),))  # S3 tells whole seconds
    assert check_staged([notebook, in_the_same_second], [run([notebook, its_record])], EXECUTION)


@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_a_notebook_that_differs_from_its_record_is_refused(status: str) -> None:
    notebook, its_record = staged()
    assert refused([changed(notebook, data=b"{}"), its_record], run([notebook, its_record], status=status)) == (
        f"{TRAIN}/b1/01_prep.ipynb differs from its record"
    )


@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
@pytest.mark.parametrize("name", ["04_more.ipynb", "notes.txt", "01_prep.html", "01_prep.record.json.bak"])
def test_a_file_that_no_record_names_is_refused(name: str, status: str) -> None:
    files = staged()
    added = changed(files[0], name=name)
    assert refused([*files, added], run(files, status=status)) == f"{TRAIN}/b1/{name} is staged, but no record names it"


def test_a_record_that_differs_from_its_builds_digest_is_refused() -> None:
    notebook, its_record = staged()
    forged = changed(its_record, data=its_record.data.replace(b'"wall_s": ', b'"wall_s": 1'))
    assert forged.data != its_record.data
    told = refused([notebook, forged], run([notebook, its_record]))
    assert told == f"{TRAIN}/b1/01_prep.record.json differs from the digest that its build exported"


def test_a_missing_record_or_notebook_is_named() -> None:
    notebook, its_record = staged()
    exported = run([notebook, its_record])
    assert refused([notebook], exported) == f"{TRAIN}/b1/01_prep.record.json is not staged, but its build exported its digest"
    assert refused([its_record], exported) == f"{TRAIN}/b1/01_prep.ipynb is not staged, but its record is"


def test_a_record_that_its_build_did_not_export_is_refused() -> None:
    files, more = staged(), staged(name="02_train")
    assert refused([*files, *more], run(files)) == f"{TRAIN}/b1/02_train.record.json is staged, but its build did not export its digest"


def test_a_build_that_succeeded_without_digests_is_refused() -> None:
    files = staged()
    with pytest.raises(EvidenceRefused, match="succeeded, but exported no digests of its records") as raised:
        check_staged(files, [run(files, exported="")], EXECUTION)
    assert "mlkit exports" in raised.value.cure


def test_a_record_of_another_action_is_refused() -> None:
    files = staged(origin=Origin(action=TEST))
    assert refused(files, run(files)) == f"{TRAIN}/b1/01_prep.record.json is a record of {TEST}"


def test_a_record_of_another_execution_is_refused() -> None:
    files = staged(origin=Origin(action=TRAIN, pipeline_execution_id="another"))
    assert refused(files, run(files)) == f"{TRAIN}/b1/01_prep.record.json is a record of the execution another"
    files = staged(origin=Origin(action=TRAIN, pipeline_execution_id=EXECUTION))
    assert check_staged(files, [run(files)], EXECUTION)


@pytest.mark.parametrize("data", [b"{}", b"\xff", b"[]", b"not JSON"])
def test_a_record_that_cannot_be_read_is_refused(data: bytes) -> None:
    files = staged()
    files[1] = changed(files[1], data=data)
    assert refused(files, run(files)).startswith(f"{TRAIN}/b1/01_prep.record.json is no record: ")


def test_a_failed_attempt_is_kept_as_unconfirmed() -> None:
    files = staged()
    (attempt,) = check_staged(files, [run(files, status="Failed", exported="")], EXECUTION)
    assert (attempt.confirmed, attempt.status, list(attempt.records)) == (False, "Failed", ["01_prep.record.json"])


def test_a_build_that_was_cut_off_leaves_a_record_without_an_end() -> None:
    files = staged(ended=None, executed_sha256=None)
    (attempt,) = check_staged(files, [run(files, status="Abandoned", exported="")], EXECUTION)
    assert not attempt.confirmed
    assert refused(files, run(files)) == f"{TRAIN}/b1/01_prep.ipynb differs from its record"


def test_a_failed_attempt_of_the_same_action_does_not_confirm_a_later_one() -> None:
    first, second = staged(), staged(build="b2", at=START + 4 * MINUTE)
    failed = run(first, status="Failed", exported="")
    passed = run(second, build="b2", started=START + 3 * MINUTE, ended=START + 5 * MINUTE)
    assert [one.confirmed for one in check_staged([*first, *second], [passed, failed], EXECUTION)] == [False, True]


def test_only_confirmed_records_tell_of_hand_off_files_and_later_ones_count() -> None:
    first, second = staged(), staged(build="b2", at=START + 4 * MINUTE)
    later = FileRecord(role="output", path="handoff/01_prep.json", sha256="9" * 64)
    read = FileRecord(role="input", path="handoff/01_prep.json", sha256=sha256_of(b"01_prep"))
    third = staged(build="b3", at=START + 7 * MINUTE, activity=Activity(files=(later, read)))
    runs = [
        run(first, status="Failed", exported=""),
        run(second, build="b2", started=START + 3 * MINUTE, ended=START + 5 * MINUTE),
        run(third, build="b3", started=START + 6 * MINUTE, ended=START + 8 * MINUTE),
    ]
    files = [*first, *second, *third]
    attempts = check_staged(files, runs, EXECUTION)
    assert outputs_of(files, attempts[:1]) == {}
    assert outputs_of(files, attempts[:2]) == {"handoff/01_prep.json": sha256_of(b"01_prep")}
    assert outputs_of(files, attempts) == {"handoff/01_prep.json": "9" * 64}


def test_a_file_that_no_earlier_notebook_wrote_is_no_input() -> None:
    def read(path: str, data: bytes, role: str = "input") -> FileRecord:
        return FileRecord(role=role, path=path, sha256=sha256_of(data))

    def outputs(*files: FileRecord, started: str = "2026-11-30T10:01:00+00:00") -> Any:
        first, second = staged(name="02_first"), staged(name="01_second", activity=Activity(files=files), started=started)
        return outputs_of([*first, *second], check_staged([*first, *second], [run([*first, *second])], EXECUTION))

    assert outputs(read("handoff/02_first.json", b"02_first"))
    assert outputs(read("handoff/own.json", b"own"), read("handoff/own.json", b"own", "output"))
    told = f"{TRAIN}/b1/01_second.record.json read a handoff/{{}}.json that no earlier notebook of this execution wrote"
    for name, data in (("02_first", b"another"), ("nobody", b"02_first")):
        with pytest.raises(EvidenceRefused) as raised:
            outputs(read(f"handoff/{name}.json", data))
        assert str(raised.value) == told.format(name)
    with pytest.raises(EvidenceRefused, match=r"read a handoff/02_first\.json"):
        outputs(read("handoff/02_first.json", b"02_first"), started="2026-11-30T10:00:00+00:00")


def test_a_test_replaces_the_result_of_an_earlier_test_and_nothing_of_the_training() -> None:
    def tested(action: str, path: str) -> dict[str, str]:
        first = staged(TEST, "b1", name="result")
        files = (FileRecord(role="output", path=path, sha256="9" * 64),)
        second = staged(action, "b2", name="second", at=START + 4 * MINUTE, activity=Activity(files=files))
        later = run(second, action, "b2", started=START + 3 * MINUTE, ended=START + 5 * MINUTE)
        return outputs_of([*first, *second], check_staged([*first, *second], [run(first, TEST), later], EXECUTION))

    assert tested("Production.TestEndpoint", "handoff/result.json") == {"handoff/result.json": "9" * 64}
    with pytest.raises(EvidenceRefused) as raised:
        tested("Production.Other", "handoff/result.json")
    assert str(raised.value) == "Production.Other/b2/second.record.json wrote handoff/result.json, which TestEndpoint hands over"


def test_a_record_without_activity_tells_of_no_file() -> None:
    files = staged(activity=None)
    assert outputs_of(files, check_staged(files, [run(files)], EXECUTION)) == {}


def test_a_hand_off_file_must_be_what_its_notebook_wrote() -> None:
    outputs = {"handoff/a.json": sha256_of(b"a")}
    assert check_output("handoff/a.json", b"a", outputs) == b"a"
    with pytest.raises(EvidenceRefused, match=r"^handoff/a\.json differs from the record of the notebook that wrote it"):
        check_output("handoff/a.json", b"b", outputs)
    with pytest.raises(EvidenceRefused, match=r"^handoff/b\.json is among the artifacts, but no record names it"):
        check_output("handoff/b.json", b"b", outputs)


@pytest.mark.parametrize("meddle", [lambda text: text.replace("=", ":"), lambda text: text[:-1], lambda text: text.upper()])
def test_digests_that_are_not_written_as_exports_writes_them_confirm_nothing(meddle: Callable[[str], str]) -> None:
    files = staged()
    exported = meddle(run(files).exported)
    with pytest.raises(EvidenceRefused):
        check_staged(files, [run(files, exported=exported)], EXECUTION)


def test_exported_digests_are_sorted_and_separated_by_spaces() -> None:
    assert exported_records({"b.record.json": "2", "a.record.json": "1"}) == "a=1 b=2"
