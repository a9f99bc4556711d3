"""Ending what a run started, with answers of botocore's service models: no server is needed."""

import functools
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber
from waiting import HANG_S

from mlkit.aws import stopping
from mlkit.aws.session import Session
from mlkit.aws.stopping import stop_job, stop_started
from mlkit.aws.superseded import MODEL, Part
from mlkit.aws.sweeping import Leftover, find_leftovers, sweep
from mlkit.errors import AccessDenied
from mlkit.evidence.activity_log import ActivityLog
from mlkit.runner import evidence_writer, notebook_run, run_state

ROOT = Path(__file__).parents[2]


@functools.cache
def _boto_session():
    """One for all tests: it keeps botocore's models, which take longer to read than a test to run."""
    return boto3.Session("AKIAEXAMPLE", "secret", region_name="us-east-1")


class StubbedSession(Session):
    """A session whose clients are stubbed; hurried or not, they are the same."""

    def __init__(self):
        super().__init__(_boto_session())
        self.stubbers = {name: Stubber(super(StubbedSession, self)._client(name)) for name in ("sagemaker", "athena", "cloudformation")}
        for stubber in self.stubbers.values():
            stubber.activate()

    def _client(self, service, region=None):
        return self.stubbers[service].client

    def hurried(self):
        return self


@pytest.fixture
def aws():
    return StubbedSession()


@pytest.fixture
def sagemaker(aws):
    return aws.stubbers["sagemaker"]


@pytest.fixture
def athena(aws):
    return aws.stubbers["athena"]


@pytest.fixture
def log():
    return ActivityLog()


def started(log, name="fm-1", *, kind="training", status="InProgress"):
    log.add({"kind": "job", "started": True, "job": {"kind": kind, "name": name, "status": status}})


def asked(log, query_execution_id="q-1"):
    log.add({"kind": "query", "started": True, "query": {"query_execution_id": query_execution_id, "sql": "SELECT 1"}})


def not_in_progress(stubber, operation="stop_training_job"):
    stubber.add_client_error(operation, "ValidationException", "The request was rejected because the training job is in status Completed.")


def state(athena, state, query_execution_id="q-1"):
    execution = {"QueryExecutionId": query_execution_id, "Query": "SELECT 1", "Status": {"State": state}}
    athena.add_response("get_query_execution", {"QueryExecution": execution}, {"QueryExecutionId": query_execution_id})


@pytest.mark.parametrize(
    ("kind", "operation", "member"),
    [
        ("training", "stop_training_job", "TrainingJobName"),
        ("tuning", "stop_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
        ("processing", "stop_processing_job", "ProcessingJobName"),
        ("transform", "stop_transform_job", "TransformJobName"),
    ],
)
def test_a_job_of_each_kind_is_stopped_and_put_on_record(aws, sagemaker, log, kind, operation, member):
    started(log, kind=kind)
    sagemaker.add_response(operation, {}, {member: "fm-1"})
    assert stop_started(aws, log, HANG_S) == [f"Stopped {kind} job fm-1"]
    (job,) = log.snapshot().jobs
    assert (job.status, job.stopped) == ("Stopping", True)
    assert log.unfinished_jobs() == ()


def test_training_jobs_of_a_tuning_job_are_left_to_it(aws, sagemaker, log):
    started(log, "tune", kind="tuning")
    log.add({"kind": "job", "tuning_job": "tune", "job": {"kind": "training", "name": "tune-001", "status": "InProgress"}})
    sagemaker.add_response("stop_hyper_parameter_tuning_job", {}, {"HyperParameterTuningJobName": "tune"})
    assert stop_started(aws, log, HANG_S) == ["Stopped tuning job tune"]


def test_a_job_that_has_ended_meanwhile_is_not_mentioned_but_its_end_is_recorded(aws, sagemaker, log):
    started(log, kind="processing")
    not_in_progress(sagemaker, "stop_processing_job")
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    answer = {
        "ProcessingJobName": "fm-1",
        "ProcessingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/fm-1",
        "ProcessingJobStatus": "Completed",
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": "i"},
        "CreationTime": 0,
    }
    sagemaker.add_response("describe_processing_job", answer, {"ProcessingJobName": "fm-1"})
    assert stop_started(aws, log, HANG_S) == []
    (job,) = log.snapshot().jobs
    assert (job.status, job.stopped) == ("Completed", False)


def test_a_job_that_has_ended_and_may_not_be_described_is_no_error(aws, sagemaker, log):
    started(log)
    not_in_progress(sagemaker)
    sagemaker.add_client_error("describe_training_job", "AccessDeniedException")
    assert stop_started(aws, log, HANG_S) == []


def test_an_announced_job_is_looked_for_while_its_request_may_be_on_its_way(aws, sagemaker, log, monkeypatch):
    monkeypatch.setattr(stopping, "_AGAIN_S", 0.01)
    started(log, status=None)
    for _ in range(2):
        sagemaker.add_client_error("stop_training_job", "ValidationException", "Requested resource not found.")
    sagemaker.add_response("stop_training_job", {}, {"TrainingJobName": "fm-1"})
    assert stop_started(aws, log, HANG_S) == ["Stopped training job fm-1"]


def test_an_announced_job_that_never_comes_is_given_up_before_the_deadline(aws, sagemaker, log, monkeypatch):
    monkeypatch.setattr(stopping, "_AGAIN_S", 0.02)
    monkeypatch.setattr(stopping, "_LOOK_S", 0.1)
    started(log, status=None, kind="tuning")
    for _ in range(20):
        sagemaker.add_client_error("stop_hyper_parameter_tuning_job", "ResourceNotFound")
    assert stop_started(aws, log, HANG_S) == []


def test_a_refusal_is_named_with_what_to_type(aws, sagemaker, log):
    started(log, kind="tuning")
    sagemaker.add_client_error("stop_hyper_parameter_tuning_job", "AccessDeniedException", "not authorized to perform: sagemaker:Stop")
    (line,) = stop_started(aws, log, HANG_S)
    assert line.startswith("Could not stop tuning job fm-1: ")
    assert "not authorized to perform: sagemaker:Stop" in line
    assert "`aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name fm-1`" in line
    assert log.snapshot().jobs[0].stopped is False


def test_one_refusal_does_not_keep_the_others_from_being_stopped(aws, athena, log, monkeypatch):
    def stop(_, kind, name):
        if name == "a":
            raise AccessDenied("not authorized")
        return "stopped"

    monkeypatch.setattr(stopping, "stop_job", stop)
    started(log, "a")
    started(log, "b", kind="transform")
    asked(log)
    athena.add_response("stop_query_execution", {})
    state(athena, "CANCELLED")
    refused, *others = stop_started(aws, log, HANG_S)
    assert refused.startswith("Could not stop training job a: not authorized")
    assert others == ["Stopped transform job b", "Stopped query q-1"]


@pytest.mark.parametrize(
    ("found", "lines", "recorded"), [("CANCELLED", 1, "CANCELLED"), ("RUNNING", 1, "STOPPING"), ("SUCCEEDED", 0, "SUCCEEDED")]
)
def test_a_query_is_stopped_and_its_state_asked_for(aws, athena, log, found, lines, recorded):
    asked(log)
    athena.add_response("stop_query_execution", {}, {"QueryExecutionId": "q-1"})
    state(athena, found)
    assert stop_started(aws, log, HANG_S) == ["Stopped query q-1"] * lines
    assert [one.state for one in log.snapshot().queries] == [recorded]


def test_an_answer_that_does_not_come_in_time_is_named(aws, sagemaker, log, monkeypatch):
    released = []
    monkeypatch.setattr(stopping, "stop_job", lambda *_: [time.sleep(0.01) for _ in iter(lambda: bool(released), True)] and "stopped")
    started(log)
    try:
        (line,) = stop_started(aws, log, 0.05)
    finally:
        released.append(True)
    assert line.startswith("Could not stop training job fm-1: no answer within 0.05 s")


def test_a_stopped_run_ends_within_the_documented_seconds():
    """Each wait ends by its own limit, so their sum is what the documents promise, whatever the machine's speed."""
    waits = (run_state.INTERRUPT_GRACE_S, notebook_run.STOP_JOBS_S, notebook_run.STOP_SAVING_S, evidence_writer.LAST_STORE_S)
    promised = (ROOT / "docs" / "other-ci.md").read_text(), (ROOT / "README.md").read_text()
    assert [re.findall(r"within (\d+) s", text)[0] for text in promised] == ["20", "20"]
    assert sum(waits) <= 20


def test_aws_out_of_reach_is_no_exception(aws, log, monkeypatch):
    def unreachable(**_):
        raise ConnectTimeoutError(endpoint_url="http://127.0.0.1:1")

    started(log)
    monkeypatch.setattr(aws.client("sagemaker"), "stop_training_job", unreachable)
    (line,) = stop_started(aws, log, HANG_S)
    assert "Connect timeout" in line


def test_without_running_jobs_no_call_is_made(aws, log):
    assert stop_started(aws, log, HANG_S) == []


def test_a_session_in_a_hurry_has_the_same_credentials_and_gives_up_soon():
    patient = Session(_boto_session())
    hurried = patient.hurried()
    assert hurried.region == "us-east-1"
    assert hurried.boto_session is patient.boto_session
    config: Any = hurried.client("athena").meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 2, 2)


def test_other_refusals_of_a_stop_are_raised_as_ours(aws, sagemaker):
    sagemaker.add_client_error("stop_training_job", "AccessDeniedException")
    with pytest.raises(AccessDenied):
        stop_job(aws, "training", "fm-1")


def test_a_job_or_model_of_another_execution_is_not_swept(aws, sagemaker, monkeypatch):
    monkeypatch.setattr("mlkit.aws.superseded.find_superseded", lambda aws, names: [Part(MODEL, "replaced")])
    now, began = datetime(2026, 1, 1, tzinfo=UTC), {"CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}
    jobs = [
        {"TrainingJobName": name, "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}", **began}
        for name in ("ml-01234567-train", "xml-01234567-train")
    ]
    sagemaker.add_response("list_hyper_parameter_tuning_jobs", {"HyperParameterTuningJobSummaries": []})
    listed = [{**job, "TrainingJobStatus": "InProgress", "LastModifiedTime": now} for job in jobs]
    sagemaker.add_response("list_training_jobs", {"TrainingJobSummaries": listed})
    aws.stubbers["cloudformation"].add_client_error("describe_stacks", "ValidationError", "Stack with id abc does not exist")
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/abc-ml-lab/"
    execution = "01234567-89ab-cdef-0123-456789abcdef"
    packages = [
        {"ModelPackageArn": f"{arn}{version}", "ModelPackageDescription": f"Pipeline execution {of}, seal 0", "CreationTime": now,
         "ModelPackageStatus": "Completed"}
        for version, of in enumerate((execution, "01234567-0000-0000-0000-000000000000"), start=1)
    ]  # fmt: skip
    sagemaker.add_response(
        "list_model_packages",
        {"ModelPackageSummaryList": packages},
        {"ModelPackageGroupName": "abc-ml-lab", "ModelApprovalStatus": "PendingManualApproval"},
    )
    found = find_leftovers(aws, execution, "abc")
    ours = {"training job": "ml-01234567-train", "model package": f"{arn}1", "model": "replaced"}
    assert found == [Leftover(kind=kind, name=name) for kind, name in ours.items()]


def test_what_is_pending_of_the_execution_is_rejected(aws, sagemaker):
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/abc-ml-lab/1"
    sent = {
        "ModelPackageArn": arn,
        "ModelApprovalStatus": "Rejected",
        "ApprovalDescription": "Its execution ended before production served it.",
    }
    sagemaker.add_response("update_model_package", {"ModelPackageArn": arn}, sent)
    sweep(aws, [Leftover(kind="model package", name=arn)])
    sagemaker.assert_no_pending_responses()


def test_a_sweep_ends_the_others_when_one_stop_is_refused_and_says_which_goes_on(aws, sagemaker):
    sagemaker.add_client_error("stop_training_job", "AccessDeniedException", "no identity-based policy allows it")
    sagemaker.add_response("stop_hyper_parameter_tuning_job", {}, {"HyperParameterTuningJobName": "t"})
    with pytest.raises(AccessDenied, match=r"no identity-based policy allows it\. Not ended: training job fm-1\."):
        sweep(aws, [Leftover(kind="training job", name="fm-1"), Leftover(kind="tuning job", name="t")])
    sagemaker.assert_no_pending_responses()


@pytest.mark.parametrize("states", [[], ["Updating", "RollingBack", "InService"], ["Failed"]])
def test_the_stack_is_deleted_once_no_update_of_its_endpoint_is_in_progress(aws, sagemaker, monkeypatch, states):
    asked: dict[str, Any] = {"EndpointName": "abc-ml-lab-qa"}
    deleted: list[str] = []
    monkeypatch.setattr("mlkit.aws.endpoint_states.time.sleep", lambda seconds: None)
    monkeypatch.setattr(
        "mlkit.aws.sweeping.delete_stack", lambda aws, name: sagemaker.assert_no_pending_responses() or deleted.append(name)
    )
    if not states:
        sagemaker.add_client_error("describe_endpoint", "ValidationException", "Could not find endpoint", expected_params=asked)
    for state in states:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        described = {**asked, "EndpointArn": "arn:aws:sagemaker:us-east-1:1:endpoint/e", "EndpointStatus": state}
        sagemaker.add_response("describe_endpoint", {**described, "CreationTime": now, "LastModifiedTime": now}, asked)
    sweep(aws, [Leftover(kind="stack", name="abc-ml-lab-qa-endpoint")])
    assert deleted == ["abc-ml-lab-qa-endpoint"]


def test_what_was_replaced_is_deleted(aws, sagemaker):
    sagemaker.add_response("delete_endpoint_config", {}, {"EndpointConfigName": "c"})
    sagemaker.add_response("delete_model", {}, {"ModelName": "m"})
    sweep(aws, [Leftover(kind="endpoint configuration", name="c"), Leftover(kind="model", name="m")])
    sagemaker.assert_no_pending_responses()


def test_a_sweep_goes_on_after_a_job_that_has_ended(aws, sagemaker):
    not_in_progress(sagemaker)
    sagemaker.add_response("stop_hyper_parameter_tuning_job", {}, {"HyperParameterTuningJobName": "t"})
    sweep(aws, [Leftover(kind="training job", name="fm-1"), Leftover(kind="tuning job", name="t")])
    sagemaker.assert_no_pending_responses()
