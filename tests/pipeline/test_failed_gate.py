"""An execution whose gate says no: what is told and kept of it, and how its QA stage is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nbformat
import pytest
from project_pipeline import ACTIONS, NAMES, TUNING, Piped
from waiting import HANG_S

from mlkit.errors import PipelineFailed
from mlkit.evidence.run_record import RunRecord, Status


@dataclass(frozen=True, kw_only=True)
class Failed:
    """An execution that failed in QA: how, and what its sweeper left."""

    execution: str
    exit_code: int
    said: str
    report: Mapping[str, Any]
    ended: Mapping[str, str]
    before: Mapping[str, Any]
    production: Mapping[str, Any]


@pytest.fixture(scope="module")
def gate_failed(pipeline: Piped) -> Failed:
    """An execution whose gate no model can meet, of a notebook that would tune if the stack left it to it."""
    pipeline.push(**TUNING)
    before = pipeline.production()
    with pipeline.running("--tune", "false", "--min-match-rate", "0.99") as run:
        exit_code = run.process.wait(HANG_S)
    ended = pipeline.ended(run.execution)
    pipeline.wait_until_nothing_is_left()
    return Failed(
        execution=run.execution,
        exit_code=exit_code,
        said=run.log.read_text().rpartition("Error: ")[2],
        report=pipeline.last_report(),
        ended=ended,
        before=before,
        production=pipeline.production(),
    )


def test_a_gate_that_cannot_be_met_stops_in_qa_and_the_stack_overrules_the_notebook(pipeline: Piped, gate_failed: Failed) -> None:
    execution = gate_failed.execution
    assert gate_failed.exit_code == PipelineFailed.exit_code
    assert (gate_failed.report["status"], gate_failed.report["test"]["verdict"]) == ("Failed", "FAIL")
    assert "QA.TestEndpoint: The model fails: match rate" in gate_failed.said
    assert "  Next: Compare it with the baselines" in gate_failed.said
    assert list(gate_failed.ended) == ACTIONS[:4]
    assert gate_failed.ended["QA.TestEndpoint"] == "Failed"
    assert gate_failed.production == gate_failed.before
    assert pipeline.parameter(execution, "Build_and_Train.ModelTraining", "02_train", "tune") == (False, "env TUNE")
    assert any("Action TestEndpoint of stage QA failed" in mail for mail in pipeline.mails(execution))


def test_the_notebook_of_a_failed_gate_is_in_staging_and_its_cell_in_the_mail(pipeline: Piped, gate_failed: Failed) -> None:
    s3, bucket = pipeline.client("s3"), pipeline.output("StagingBucket")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{gate_failed.execution}/QA.TestEndpoint/")["Contents"]
    first = min((item for item in listed if item["Key"].endswith(".record.json")), key=lambda item: item["LastModified"])["Key"]
    record = RunRecord.from_json(s3.get_object(Bucket=bucket, Key=first)["Body"].read().decode())
    assert (record.status, record.failure.ename) == (Status.FAILED, "GateFailed")
    body = s3.get_object(Bucket=bucket, Key=first.replace(".record.json", ".ipynb"))["Body"].read()
    failed = [cell for cell in nbformat.reads(body.decode(), 4).cells if any(o.output_type == "error" for o in cell.get("outputs", []))]
    assert "check_gate(" in failed[-1].source
    told = f"03_test_endpoint.ipynb failed in cell {record.failure.cell_number}, under {record.failure.heading}, with GateFailed"
    assert [mail for mail in pipeline.mails(gate_failed.execution) if told in mail]


def test_a_build_killed_in_qa_leaves_no_endpoint_and_a_retry_goes_on_as_the_stack_now_says(pipeline: Piped, gate_failed: Failed) -> None:
    execution = gate_failed.execution
    before = pipeline.production()
    pipeline.set_parameter("MinMatchRate", "0.6")
    pipeline.retry(execution, "QA")
    pipeline.wait_until_it_runs("test_endpoint")
    assert NAMES.endpoint("qa") in pipeline.left()
    pipeline.kill_builds()
    assert pipeline.wait_until_ended(execution) == "Failed"
    pipeline.wait_until_nothing_is_left()

    pipeline.retry(execution, "QA")
    pipeline.wait_until_asked(execution)
    assert {pipeline.ended(execution)[name] for name in ACTIONS[2:6]} == {"Succeeded"}
    pipeline.run("mlkit", "local", "reject", "enough")
    assert pipeline.wait_until_ended(execution) == "Failed"
    assert pipeline.production() == before
    assert pipeline.left() == []
