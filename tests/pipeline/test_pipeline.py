"""The pipeline of CloudFormation/codepipeline.yaml, from a git repository to the production endpoint, and how it stops and goes on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from project_pipeline import NAMES, FirstRun, Piped, until

from mlkit.errors import PipelineFailed
from mlkit.records import RunRecord, Status

TUNING = {
    "tune": True,
    "tune_epochs": [10, 30],
    "tune_mini_batch_size": [500, 2000],
    "tune_factors_wd": [1e-08, 0.001],
    "max_jobs": 2,
    "max_parallel_jobs": 2,
}
pytestmark = pytest.mark.timeout(570)  # a test's fixtures may be two executions
FIGURES = {"MATCH_RATE": "value", "LOW": "low", "HIGH": "high"}
LONG = {"epochs": 100_000}
ACTIONS = [
    "Source.Source",
    "Build_and_Train.ModelTraining",
    *(f"QA.{name}" for name in ("LaunchEndpoint", "TestEndpoint", "SealEvidence", "RemoveEndpoint")),
    *(f"Production.{name}" for name in ("ApprovalGate", "VerifyApproval", "LaunchEndpoint", "TestEndpoint", "SealEvidence")),
]
NOTEBOOKS = {"Build_and_Train.ModelTraining": ["01_prep", "02_train"], "QA.TestEndpoint": ["03_test_endpoint"]}


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


def last_report(pipeline: Piped) -> dict[str, Any]:
    return json.loads((pipeline.project.root / ".mlkit" / "last_run.json").read_text())


def rate_of(report: Mapping[str, Any]) -> dict[str, str]:
    """The report's figures as a build exports them."""
    rate = report["match_rate"]
    return {"VERDICT": rate["verdict"], "ROWS": str(rate["rows"]), **{key: f"{rate[name]:.4f}" for key, name in FIGURES.items()}}


def parameter(pipeline: Piped, execution: str, action: str, notebook: str, name: str) -> tuple[Any, str]:
    """The value that the executed notebook ran with, and where it came from."""
    record = RunRecord.from_json(pipeline.staged(execution, action)[f"{notebook}.record.json"].decode())
    found = next(item for item in record.parameters if item.name == name)
    return found.value, found.source


def retry(pipeline: Piped, execution: str, stage: str) -> None:
    request = {"pipelineName": pipeline.name, "stageName": stage, "pipelineExecutionId": execution, "retryMode": "ALL_ACTIONS"}
    assert pipeline.client("codepipeline").retry_stage_execution(**request)["pipelineExecutionId"] == execution


def set_parameter(pipeline: Piped, name: str, value: str) -> None:
    """Update the pipeline's stack in this parameter alone."""
    client = pipeline.client("cloudformation")
    (stack,) = client.describe_stacks(StackName=NAMES.pipeline_stack)["Stacks"]
    parameters = [
        {"ParameterKey": key, **({"ParameterValue": value} if key == name else {"UsePreviousValue": True})}
        for key in (item["ParameterKey"] for item in stack["Parameters"])
    ]
    capabilities = ["CAPABILITY_IAM"]
    client.update_stack(StackName=NAMES.pipeline_stack, UsePreviousTemplate=True, Parameters=parameters, Capabilities=capabilities)
    client.get_waiter("stack_update_complete").wait(StackName=NAMES.pipeline_stack, WaiterConfig={"Delay": 1})


def test_the_first_execution_runs_every_action_of_four_stages(first_run: FirstRun) -> None:
    report = first_run.report
    assert report["status"] == "Succeeded"
    assert [f"{item['stage']}.{item['action']}" for item in report["actions"]] == ACTIONS
    assert {(item["status"], item["executed"]) for item in report["actions"]} == {("Succeeded", "ran")}
    assert all(item["duration_s"] > 0 for item in report["actions"])
    assert set(report) == {
        *("status", "pipeline_execution_id", "commit", "actions", "simulated", "match_rate"),
        *("tuned", "executed", "evidence_uri", "review_page", "endpoints"),
    }
    assert report["commit"] == first_run.commit
    assert rate_of(report) == first_run.pipeline.variables(report["pipeline_execution_id"], "Production.TestEndpoint")
    rate = report["match_rate"]
    assert 0.65 < rate["low"] < rate["value"] < rate["high"] < 0.75
    assert rate["rows"] == 9430
    assert (report["tuned"], report["endpoints"]) == (False, [NAMES.endpoint("production")])
    assert f"Match rate {rate['value']:.4f}" in first_run.printed
    source = first_run.pipeline.variables(report["pipeline_execution_id"], "Source.Source")
    assert source["CommitId"] == first_run.commit


def test_the_first_execution_leaves_production_with_its_model_and_nothing_else(first_run: FirstRun) -> None:
    execution = first_run.report["pipeline_execution_id"]
    job = first_run.pipeline.variables(execution, "Build_and_Train.ModelTraining")["TRAINING_JOB"]
    assert first_run.production["status"] == "InService"
    assert first_run.production["model"] == f"s3://{NAMES.bucket}/models/{job}/output/model.tar.gz"
    assert first_run.left == []


def test_what_was_approved_is_sealed_notebook_by_notebook(first_run: FirstRun) -> None:
    pipeline, execution = first_run.pipeline, first_run.report["pipeline_execution_id"]
    s3, bucket = pipeline.client("s3"), pipeline.output("EvidenceBucket")
    sealed, tested = (pipeline.variables(execution, f"QA.{name}") for name in ("SealEvidence", "TestEndpoint"))
    (mail,) = pipeline.mails(execution)
    message = json.loads(mail)["approval"]["customData"]
    assert message.startswith(f"PASS: match rate {tested['MATCH_RATE']} ({tested['LOW']} to {tested['HIGH']}) on 9430 held-out rows.")
    assert f"Seal {sealed['SEAL_SHA256']}." in message
    assert sealed["EVIDENCE_URI"] in message

    def read(s3_uri: str) -> bytes:
        assert s3_uri.startswith(f"s3://{bucket}/")
        return s3.get_object(Bucket=bucket, Key=s3_uri.removeprefix(f"s3://{bucket}/"))["Body"].read()

    manifest = read(sealed["EVIDENCE_URI"])
    assert hashlib.sha256(manifest).hexdigest() == sealed["SEAL_SHA256"]
    files = {item["s3_uri"]: item["sha256"] for item in json.loads(manifest)["files"]}
    assert {uri: hashlib.sha256(read(uri)).hexdigest() for uri in files} == files
    for action, names in NOTEBOOKS.items():
        staged = pipeline.staged(execution, action)
        assert set(staged) == {f"{name}{suffix}" for name in names for suffix in (".ipynb", ".record.json")}
        for name, content in staged.items():
            (uri,) = (uri for uri in files if f"/{execution}/{action}/" in uri and Path(uri).name == name)
            assert files[uri] == hashlib.sha256(content).hexdigest()
    last = json.loads(read(first_run.report["evidence_uri"]))
    assert last["action"] == "Production.SealEvidence"
    assert {item["s3_uri"] for item in last["files"]} > set(files)


def test_a_pushed_notebook_tunes_a_rejection_changes_nothing_and_a_retry_updates_production_in_place(pipeline: Piped) -> None:
    pipeline.push(**TUNING)
    before = pipeline.production()
    with pipeline.running() as run:
        until(lambda: pipeline.approval() or run.process.poll() is not None)
        pipeline.run("mlkit", "local", "reject", "not today")
        assert run.process.wait(60) == PipelineFailed.exit_code
    assert "Production.ApprovalGate: Rejected by" in run.log.read_text().split("Error: ")[-1]
    assert "not today" in run.log.read_text().split("Error: ")[-1]
    report = last_report(pipeline)
    assert [name for name in report["executed"] if not (pipeline.project.root / name).is_file()] == []
    assert [Path(name).stem for name in report["executed"]] == ["01_prep", "02_train", "03_test_endpoint"]
    assert (report["status"], report["tuned"], report["pipeline_execution_id"]) == ("Failed", True, run.execution)
    assert parameter(pipeline, run.execution, "Build_and_Train.ModelTraining", "02_train", "tune") == (True, "default")
    assert pipeline.ended(run.execution)["Production.ApprovalGate"] == "Failed"
    assert any("Action ApprovalGate of stage Production failed" in mail and "not today" in mail for mail in pipeline.mails(run.execution))
    assert pipeline.production() == before
    assert pipeline.left() == []

    retry(pipeline, run.execution, "Production")
    until(pipeline.approval)
    pipeline.run("mlkit", "local", "approve", "today")
    assert until(lambda: status if (status := pipeline.status(run.execution)) != "InProgress" else None) == "Succeeded"
    after, job = pipeline.production(), pipeline.variables(run.execution, "Build_and_Train.ModelTraining")["TRAINING_JOB"]
    assert (after["status"], after["created"]) == ("InService", before["created"])
    assert after["configuration"] != before["configuration"]
    assert after["model"] == f"s3://{NAMES.bucket}/models/{job}/output/model.tar.gz"
    tuning = pipeline.client("sagemaker").describe_training_job(TrainingJobName=job)["TuningJobArn"].rpartition("/")[2]
    jobs = pipeline.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
    assert len(jobs["TrainingJobSummaries"]) == TUNING["max_jobs"]


@pytest.fixture(scope="module")
def gate_failed(pipeline: Piped) -> Failed:
    """An execution whose gate no model can meet, of a notebook that would tune if the stack left it to it."""
    pipeline.push(**TUNING)
    before = pipeline.production()
    with pipeline.running("--tune", "false", "--min-match-rate", "0.99") as run:
        exit_code = run.process.wait()
    ended = pipeline.ended(run.execution)
    until(lambda: not pipeline.left())
    return Failed(
        execution=run.execution,
        exit_code=exit_code,
        said=run.log.read_text().rpartition("Error: ")[2],
        report=last_report(pipeline),
        ended=ended,
        before=before,
        production=pipeline.production(),
    )


def test_a_gate_that_cannot_be_met_stops_in_qa_and_the_stack_overrules_the_notebook(pipeline: Piped, gate_failed: Failed) -> None:
    execution = gate_failed.execution
    assert gate_failed.exit_code == PipelineFailed.exit_code
    assert (gate_failed.report["status"], gate_failed.report["match_rate"]["verdict"]) == ("Failed", "FAIL")
    assert "QA.TestEndpoint: The model fails: match rate" in gate_failed.said
    assert "  Next: Compare it with the baselines" in gate_failed.said
    assert list(gate_failed.ended) == ACTIONS[:4]
    assert gate_failed.ended["QA.TestEndpoint"] == "Failed"
    assert gate_failed.production == gate_failed.before
    assert parameter(pipeline, execution, "Build_and_Train.ModelTraining", "02_train", "tune") == (False, "-o")
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
    set_parameter(pipeline, "MinMatchRate", "0.6")
    retry(pipeline, execution, "QA")
    until(lambda: any("notebooks/03_test_endpoint.ipynb" in (process.info["cmdline"] or []) for process in pipeline.builds()))
    assert NAMES.endpoint("qa") in pipeline.left()
    pipeline.kill_builds()
    until(lambda: pipeline.status(execution) == "Failed")
    until(lambda: not pipeline.left())

    retry(pipeline, execution, "QA")
    until(lambda: pipeline.approval() or pipeline.status(execution) != "InProgress")
    assert {pipeline.ended(execution)[name] for name in ACTIONS[2:6]} == {"Succeeded"}
    pipeline.run("mlkit", "local", "reject", "enough")
    assert until(lambda: status if (status := pipeline.status(execution)) != "InProgress" else None) == "Failed"
    assert pipeline.production() == before
    assert pipeline.left() == []


@pytest.mark.parametrize("end", ["kill -9", "stop"])
def test_no_training_job_goes_on_when_its_build_is_ended(pipeline: Piped, end: str) -> None:
    pipeline.push(**LONG)
    before = pipeline.production()
    with pipeline.running() as run:
        until(pipeline.left)
        if end == "stop":
            pipeline.run("mlkit", "local", "stop")
        else:
            pipeline.kill_builds()
        assert run.process.wait(60) == PipelineFailed.exit_code
        assert pipeline.status(run.execution) == ("Stopped" if end == "stop" else "Failed")
        until(lambda: not pipeline.left())
    (job,) = pipeline.client("sagemaker").list_training_jobs(NameContains=f"ml-{run.execution[:8]}-")["TrainingJobSummaries"]
    assert job["TrainingJobStatus"] == "Stopped"
    until(lambda: not pipeline.builds())  # the sweeper is one of them
    assert pipeline.production() == before
