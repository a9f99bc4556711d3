import dataclasses

import pytest

from mlkit.errors import GateFailed, Interrupted, InvalidData, KernelDied, NotebookFailed
from mlkit.evidence.run_record import CellRecord, Failure, ParameterRecord, RunRecord, Status, Usage
from mlkit.runner.exit_errors import check_run


def record(status=Status.COMPLETED, *, ename="ValueError", evalue="bad", cell_number=2):
    started, ended = "2024-01-01T00:00:00+00:00", "2024-01-01T00:00:01+00:00"
    cell = CellRecord(
        number=1,
        cell_id="a1",
        heading="Train",
        status=Status.COMPLETED,
        execution_count=1,
        started=started,
        ended=ended,
        duration_s=1.0,
    )
    later = dataclasses.replace(cell, number=2, status=status)
    failure = Failure(cell_number=cell_number, heading="Train", ename=ename, evalue=evalue)
    return RunRecord(
        notebook="02_train.ipynb",
        notebook_sha256="0" * 64,
        executed="out.ipynb",
        kernel="python3",
        status=status,
        parameters=(ParameterRecord(name="tune", type="bool", value=True, source="given"),),
        cells=(cell, later),
        failure=None if status is Status.COMPLETED else failure,
        started=started,
        ended=ended,
        usage=Usage(wall_s=2.0),
        python="3.11.7",
        packages={"numpy": "2"},
    )


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.TIMED_OUT])
def test_a_record_survives_its_json(status):
    assert RunRecord.from_json(record(status).to_json()) == record(status)


def test_the_json_names_its_schema_and_spells_states_for_people():
    text = record(Status.TIMED_OUT).to_json()
    assert '"schema": "mlkit.run/1"' in text
    assert '"status": "timed out"' in text


def test_a_record_of_another_schema_is_refused():
    with pytest.raises(InvalidData, match=r"mlkit\.run/1"):
        RunRecord.from_json(record().to_json().replace("mlkit.run/1", "mlkit.run/2"))


def test_a_completed_run_raises_nothing():
    check_run(record())


def test_a_failed_run_names_cell_heading_and_exception():
    with pytest.raises(NotebookFailed, match=r'02_train\.ipynb, cell 2 of 2, under "Train": ValueError: bad'):
        check_run(record(Status.FAILED))


def test_an_mlkit_error_of_a_cell_comes_back_as_its_own_class():
    with pytest.raises(GateFailed, match=r"rate 0\.6") as raised:
        check_run(record(Status.FAILED, ename="GateFailed", evalue="rate 0.6"))
    assert raised.value.exit_code == 30


def test_a_name_in_the_errors_module_that_is_no_error_is_not_mistaken_for_one():
    with pytest.raises(NotebookFailed):
        check_run(record(Status.FAILED, ename="__doc__"))


@pytest.mark.parametrize(
    ("status", "error"), [(Status.DIED, KernelDied), (Status.INTERRUPTED, Interrupted), (Status.TIMED_OUT, Interrupted)]
)
def test_every_other_end_has_its_class(status, error):
    with pytest.raises(error, match="cell 2 of 2"):
        check_run(record(status))


def test_an_end_outside_of_cells_says_so():
    with pytest.raises(KernelDied, match="outside of its cells"):
        check_run(record(Status.DIED, cell_number=None))
