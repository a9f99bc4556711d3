"""The pipeline of CloudFormation/codepipeline.yaml, from a git repository to the production endpoint, and how it stops and goes on."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from project_pipeline import ACTIONS, NAMES, TUNING, FirstRun, Piped
from waiting import HANG_S, wait_until

from mlkit.errors import PipelineFailed
from mlkit.evidence.run_record import RunRecord

FIGURES = {"VALUE": "value", "LOW": "low", "HIGH": "high"}
LONG = {"epochs": 100_000}
NOTEBOOKS = {"Build_and_Train.ModelTraining": ["01_prep", "02_train"], "QA.TestEndpoint": ["03_test_endpoint"]}


def rate_of(report: Mapping[str, Any]) -> dict[str, str]:
    """The report's figures as a build exports them."""
    verdict, rate = report["test"]["verdict"], report["test"]["estimate"]
    return {
        "VERDICT": verdict,
        "METRIC": rate["metric"],
        "ROWS": str(rate["rows"]),
        **{key: f"{rate[name]:.4f}" for key, name in FIGURES.items()},
    }


def sealed_model(pipeline: Piped, execution: str) -> str:
    """The address of the copy of the execution's model that is written once, which is what production serves."""
    trained = pipeline.variables(execution, "Build_and_Train.ModelTraining")
    return f"s3://{pipeline.output('EvidenceBucket')}/{pipeline.name}/models/{trained['MODEL_SHA256']}/model.tar.gz"


def test_the_first_execution_runs_every_action_of_four_stages(first_run: FirstRun) -> None:
    report = first_run.report
    assert report["status"] == "Succeeded"
    assert [f"{item['stage']}.{item['action']}" for item in report["actions"]] == ACTIONS
    assert {(item["status"], item["executed"]) for item in report["actions"]} == {("Succeeded", "ran")}
    assert all(item["duration_s"] > 0 for item in report["actions"])
    assert set(report) == {
        *("status", "pipeline_execution_id", "commit", "actions", "simulated", "test"),
        *("tuned", "executed", "evidence_uri", "seal_sha256", "review_page", "endpoints"),
    }
    assert report["commit"] == first_run.commit
    exported = first_run.pipeline.variables(report["pipeline_execution_id"], "Production.TestEndpoint")
    assert re.fullmatch(r"03_test_endpoint=[0-9a-f]{64}", exported.pop("RECORDS"))
    assert rate_of(report) == exported
    rate = report["test"]["estimate"]
    assert 0.65 < rate["low"] < rate["value"] < rate["high"] < 0.75
    assert rate["rows"] == 9430
    assert (report["tuned"], report["endpoints"]) == (False, [NAMES.endpoint("production")])
    assert f"Match rate {rate['value']:.4f}" in first_run.printed
    source = first_run.pipeline.variables(report["pipeline_execution_id"], "Source.Source")
    assert source["CommitId"] == first_run.commit


def test_the_first_execution_leaves_production_with_its_model_and_nothing_else(first_run: FirstRun) -> None:
    execution = first_run.report["pipeline_execution_id"]
    assert first_run.production["status"] == "InService"
    assert first_run.production["model"] == sealed_model(first_run.pipeline, execution)
    assert first_run.left == []


def test_the_seal_has_every_notebook_that_was_approved(first_run: FirstRun) -> None:
    pipeline, execution = first_run.pipeline, first_run.report["pipeline_execution_id"]
    s3, bucket = pipeline.client("s3"), pipeline.output("EvidenceBucket")
    sealed, tested = (pipeline.variables(execution, f"QA.{name}") for name in ("SealEvidence", "TestEndpoint"))
    (mail,) = pipeline.mails(execution)
    asked = json.loads(mail)["approval"]
    message = asked["customData"]
    assert message.startswith(f"PASS: {tested['METRIC']} {tested['VALUE']}, at least 0.65 is required; production has no model yet. ")
    assert f" commit {first_run.commit[:10]}: Train with {{}}. Page: {sealed['REVIEW_PAGE']} Seal " in message
    assert asked["externalEntityLink"] == sealed["REVIEW_PAGE"]
    assert len(message) <= 1000  # CodePipeline's limit
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
    one = json.loads(manifest)["files"][0]
    key = one["s3_uri"].removeprefix(f"s3://{bucket}/")
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:BypassGovernanceRetention"):  # the administrator's client
        s3.delete_object(Bucket=bucket, Key=key, VersionId=one["version_id"], BypassGovernanceRetention=True)
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:DeleteObject"):  # a marker would hide it
        s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:PutObject"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"another")
    last = json.loads(read(first_run.report["evidence_uri"]))
    assert last["action"] == "Production.SealEvidence"
    assert last["parents"] == [{"s3_uri": sealed["EVIDENCE_URI"], "sha256": sealed["SEAL_SHA256"]}]
    assert {item["s3_uri"] for item in last["files"]} > {uri for uri in files if "/QA.SealEvidence/" not in uri}
    approval = last["approval"]
    assert (approval["status"], approval["action"], approval["comment"]) == ("Approved", "Production.ApprovalGate", "ok")
    assert approval["decided_by"].startswith("arn:aws:iam::")
    assert [(one["action"], one["confirmed"]) for one in last["attempts"]] == [
        ("Build_and_Train.ModelTraining", True),
        ("QA.TestEndpoint", True),
        ("Production.TestEndpoint", True),
    ]


def test_a_pushed_notebook_tunes_a_rejection_changes_nothing_and_a_retry_updates_production_in_place(pipeline: Piped) -> None:
    pipeline.push(**TUNING)
    before = pipeline.production()
    with pipeline.running() as run:
        pipeline.wait_until_asked(run.execution)
        pipeline.run("mlkit", "local", "reject", "not today")
        assert run.process.wait(HANG_S) == PipelineFailed.exit_code
    assert "Production.ApprovalGate: Rejected by" in run.log.read_text().split("Error: ")[-1]
    assert "not today" in run.log.read_text().split("Error: ")[-1]
    report = pipeline.last_report()
    assert [name for name in report["executed"] if not (pipeline.project.root / name).is_file()] == []
    assert [Path(name).stem for name in report["executed"]] == ["01_prep", "02_train", "03_test_endpoint"]
    assert (report["status"], report["tuned"], report["pipeline_execution_id"]) == ("Failed", True, run.execution)
    assert pipeline.parameter(run.execution, "Build_and_Train.ModelTraining", "02_train", "tune") == (True, "default")
    tested = RunRecord.from_json(pipeline.staged(run.execution, "QA.TestEndpoint")["03_test_endpoint.record.json"].decode())
    assert "the same, untuned: match rate" in tested.activity.metrics  # beside production's model, the third of QA's endpoint
    assert pipeline.ended(run.execution)["Production.ApprovalGate"] == "Failed"
    assert any("Action ApprovalGate of stage Production failed" in mail for mail in pipeline.mails(run.execution))
    assert pipeline.production() == before
    assert pipeline.left() == []

    pipeline.retry(run.execution, "Production")
    pipeline.wait_until_asked(run.execution)
    pipeline.run("mlkit", "local", "approve", "today")
    assert pipeline.wait_until_ended(run.execution) == "Succeeded"
    after, job = pipeline.production(), pipeline.variables(run.execution, "Build_and_Train.ModelTraining")["TRAINING_JOB"]
    assert (after["status"], after["created"]) == ("InService", before["created"])
    assert after["configuration"] != before["configuration"]
    assert after["model"] == sealed_model(pipeline, run.execution)
    tuning = pipeline.client("sagemaker").describe_training_job(TrainingJobName=job)["TuningJobArn"].rpartition("/")[2]
    jobs = pipeline.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
    assert len(jobs["TrainingJobSummaries"]) == TUNING["max_jobs"]


@pytest.mark.parametrize("end", ["kill -9", "stop"])
def test_no_training_job_goes_on_when_its_build_is_ended(pipeline: Piped, end: str) -> None:
    pipeline.push(**LONG)
    before = pipeline.production()
    with pipeline.running() as run:
        wait_until(pipeline.left, "the training job is under way")
        if end == "stop":
            pipeline.run("mlkit", "local", "stop")
        else:
            pipeline.kill_builds()
        assert run.process.wait(HANG_S) == PipelineFailed.exit_code
        assert pipeline.status(run.execution) == ("Stopped" if end == "stop" else "Failed")
        pipeline.wait_until_nothing_is_left()
    (job,) = pipeline.client("sagemaker").list_training_jobs(NameContains=f"ml-{run.execution[:8]}-")["TrainingJobSummaries"]
    assert job["TrainingJobStatus"] == "Stopped"
    assert pipeline.production() == before
