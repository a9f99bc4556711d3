"""Finished training and tuning jobs are taken over by their key: the same request on the same data by the same code, nothing less."""

import dataclasses
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
import requests
from botocore.client import BaseClient
from finished_runs import FILES, make_project
from started import allow

from mlkit.aws.finished_jobs import find_training_job, in_name, is_intact, job_key
from mlkit.aws.s3_objects import write_object
from mlkit.aws.session import Session
from mlkit.aws.training_jobs import run_training_job, run_tuning_job
from mlkit.errors import MlkitError, TrainingJobFailed
from mlkit.evidence.activity_log import ActivityLog
from mlkit.movielens.algorithm import ALGORITHMS
from mlkit.naming import JOB_KEY_TAG, job_prefix
from mlkit.notebook import journal
from mlkit.notebook.handoff import Channel, PreparedData
from mlkit.reuse.finished_steps import REUSE
from mlkit.training.algorithm_type import Hyperparameters
from mlkit.training.machines import Network
from sagemaker_formats import recordio
from sagemaker_formats.inference import RECORDIO

HYPERPARAMETERS = {"feature_dim": "8", "num_factors": "2", "predictor_type": "binary_classifier", "mini_batch_size": "64", "epochs": "2"}
INSTANCE = "ml.c5.xlarge"
pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own
REQUEST = {"image": "i", "role": "r", "hyperparameters": {"epochs": "2"}, "instance_type": INSTANCE, "max_runtime_s": 60}


def hyperparameters_of(**changed):
    return Hyperparameters(algorithm=ALGORITHMS[0], values={**HYPERPARAMETERS, **changed})


class Training:
    """A bucket with prepared data and a role for jobs; what a runner would be told is in `log`."""

    def __init__(self, session, client, role, bucket):
        self.session, self.client, self.role, self.bucket, self.log = session, client, role, bucket, ActivityLog()
        self.prepared = self.prepare()

    def prepare(self, rows=64):
        """Another preparation: the same bytes below a prefix of its own."""
        prefix = f"s3://{self.bucket}/prepared/{uuid.uuid4().hex[:8]}/"
        train, validation = (self.channel(f"{prefix}{name}/", rows) for name in ("train", "validation"))
        index = write_object(self.session, f"{prefix}feature_index.parquet", b"index")
        return PreparedData(
            run_id="r",
            your_initials="abc",
            bucket=self.bucket,
            database="d",
            table="t",
            feature_dim=8,
            encoding=index,
            train=train,
            validation=validation,
            test=validation,
            query_execution_ids={},
            details={},
        )

    def channel(self, prefix, rows):
        keys = np.array([[row % 4, 4 + row // 4 % 4] for row in range(rows)], dtype=np.int64)
        encoded = recordio.Rows(
            values=np.ones(keys.size, np.float32),
            keys=keys.ravel(),
            indptr=np.arange(0, keys.size + 1, 2, dtype=np.int64),
            feature_dim=8,
            labels=(keys.sum(axis=1) % 2).astype(np.float32),
        )
        stored = write_object(self.session, f"{prefix}shard-00000.recordio", recordio.encode(encoded))
        return Channel(s3_uri=prefix, content_type=RECORDIO, rows=rows, positives=1, objects=(stored,))

    def train(self, prepared=None, **hyperparameters):
        request = {"role": self.role, "instance_type": INSTANCE, "max_runtime_s": 600}
        return run_training_job(self.session, prepared or self.prepared, hyperparameters_of(**hyperparameters), **request)

    def tune(self, **changed):
        request = {"ranges": {"epochs": [1, 3]}, "max_jobs": 2, "max_parallel_jobs": 2, **changed}
        return run_tuning_job(self.session, self.prepared, hyperparameters_of(), role=self.role, instance_type=INSTANCE, **request)

    def described(self, name):
        return self.client("sagemaker").describe_training_job(TrainingJobName=name)

    def found(self, key):
        """The name of the finished job with the key."""
        job = find_training_job(self.session, key)
        assert job is not None
        return job["TrainingJobName"]


@pytest.fixture
def training(local_aws, make_role, monkeypatch, tmp_path):
    for name, value in {**local_aws.environment, "SAGEMAKER_VALIDATE_ROLE": "false"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(make_project(tmp_path).root)
    bucket = f"jobs-{uuid.uuid4().hex[:12]}"
    local_aws.client("s3").create_bucket(Bucket=bucket)
    statements = allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]), allow("logs:*"), allow("cloudwatch:*")
    found = Training(Session(boto3.Session()), local_aws.client, make_role(*statements, service="sagemaker.amazonaws.com"), bucket)
    monkeypatch.setattr(journal, "tell", lambda kind, **facts: found.log.add({"kind": kind, **facts}))
    return found


def test_a_finished_job_is_taken_over_and_told(training, monkeypatch):
    first, second = training.train(), training.train()
    assert first.training_job != second.training_job
    monkeypatch.setenv(REUSE, "1")
    again = training.train(training.prepare())
    assert (again.reused, second.reused) == (True, False)
    assert (again.training_job, again.model_data_url, again.metrics) == (second.training_job, second.model_data_url, second.metrics)
    assert again.hyperparameters == second.hyperparameters
    assert "yes" in again.summary().loc["taken over", "value"]
    (told,) = training.log.snapshot().jobs
    assert (told.kind, told.name, told.status, told.reused, told.instance_type) == (
        "training",
        again.training_job,
        "Completed",
        True,
        INSTANCE,
    )
    assert not training.log.unfinished_jobs()


def test_in_a_pipeline_a_job_of_another_execution_is_not_taken_over(training, monkeypatch):
    """A build of another commit could have made a job with this key, from other data or with another image."""
    monkeypatch.setenv(REUSE, "1")
    monkeypatch.setattr(training.session, "pipeline_execution_id", "11111111-2222-3333-4444-555555555555")
    first = training.train()
    assert training.train().training_job == first.training_job
    monkeypatch.setattr(training.session, "pipeline_execution_id", "99999999-2222-3333-4444-555555555555")
    assert not training.train().reused


def test_another_request_is_another_job(training, monkeypatch):
    monkeypatch.setenv(REUSE, "1")
    names = {training.train().training_job, training.train(epochs="3").training_job, training.train(training.prepare(32)).training_job}
    assert len(names) == 3
    assert training.train().training_job in names


def test_a_failed_job_is_never_taken_over(training, monkeypatch):
    monkeypatch.setenv(REUSE, "1")
    for _ in range(2):
        with pytest.raises(TrainingJobFailed):
            training.train(feature_dim="3")
    jobs = training.client("sagemaker").list_training_jobs(NameContains="ml-hand-", StatusEquals="Failed", MaxResults=100)
    mine = [job for job in jobs["TrainingJobSummaries"] if training.described(job["TrainingJobName"])["RoleArn"] == training.role]
    assert len(mine) == 2


def test_a_job_whose_model_went_or_was_written_by_somebody_else_is_not_taken_over(training, monkeypatch):
    monkeypatch.setenv(REUSE, "1")
    first = training.train()
    job = training.described(first.training_job)
    assert is_intact(training.session, job)
    earlier: Any = {**job, "TrainingEndTime": job["TrainingEndTime"] - timedelta(hours=1)}
    stopped: Any = {**job, "TrainingJobStatus": "Stopped"}
    assert not is_intact(training.session, earlier)
    assert not is_intact(training.session, stopped)
    training.client("s3").delete_object(Bucket=training.bucket, Key=first.model_data_url.partition(f"{training.bucket}/")[2])
    assert not training.train().reused


def test_the_whole_key_decides_not_its_beginning(training):
    job = training.described(training.train().training_job)
    tags = {tag["Key"]: tag["Value"] for tag in training.client("sagemaker").list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]}
    key = tags[JOB_KEY_TAG]
    assert training.found(key) == job["TrainingJobName"]
    assert find_training_job(training.session, key[:-1] + ("1" if key[-1] == "0" else "0")) is None


def test_a_finished_search_is_taken_over_with_its_best_job(training, monkeypatch):
    monkeypatch.setattr(training.session, "pipeline_execution_id", str(uuid.uuid4()))
    first = training.tune()
    monkeypatch.setenv(REUSE, "1")
    again = training.tune()
    assert (again.reused, again.tuning_job, again.training_job) == (True, first.tuning_job, first.training_job)
    assert len(again.jobs) == 2
    (told,) = training.log.snapshot().jobs
    assert (told.kind, told.name, told.reused) == ("tuning", first.tuning_job, True)
    other = training.tune(ranges={"epochs": [1, 4]})
    assert not other.reused
    assert len(first.tuning_job) == 32
    assert first.tuning_job.startswith(job_prefix(training.session.pipeline_execution_id))


def test_a_role_needs_lists_and_tags_to_find_a_job_and_is_told_so(training, as_role, monkeypatch):
    first = training.train()
    arn = training.described(first.training_job)["TrainingJobArn"]
    key = training.client("sagemaker").list_tags(ResourceArn=arn)["Tags"][0]["Value"]
    finding = [
        allow("sagemaker:ListTrainingJobs"),
        allow(["sagemaker:ListTags", "sagemaker:DescribeTrainingJob"], arn.rpartition("/")[0] + "/ml-*"),
        allow("s3:GetObject", f"arn:aws:s3:::{training.bucket}/models/*"),
    ]
    client = as_role(*finding)
    monkeypatch.setattr(training.session, "client", client)
    assert training.found(key) == first.training_job
    for number in range(len(finding)):
        monkeypatch.setattr(training.session, "client", as_role(*finding[:number], *finding[number + 1 :]))
        with pytest.raises(PermissionError, match=r"not authorized|Forbidden"):
            find_training_job(training.session, key)


def changed_data(prepared, **changed):
    (stored,) = prepared.train.objects
    train = dataclasses.replace(prepared.train, objects=(dataclasses.replace(stored, **changed),))
    return dataclasses.replace(prepared, train=train)


def test_the_key_is_of_the_request_the_data_the_index_the_code_and_the_lock(training):
    prepared = training.prepared

    def key(kind="training", prepared=prepared, **request):
        return job_key(kind, prepared, {**REQUEST, **request})

    index = dataclasses.replace(prepared, encoding=dataclasses.replace(prepared.encoding, sha256="0" * 64))
    changed = [
        key(),
        *(key(**{name: "other"}) for name in REQUEST),
        key(kind="tuning"),
        key(prepared=changed_data(prepared, sha256="0" * 64)),
        key(prepared=changed_data(prepared, s3_uri=f"{prepared.train.s3_uri}shard-00001.recordio")),
        key(prepared=index),
    ]
    for name in ("mlkit/splits.py", "CloudFormation/sagemaker_prediction_endpoint.yaml", "requirements.lock"):
        Path(name).write_text(FILES[name] + "# another line\n")
        changed.append(key())
        Path(name).write_text(FILES[name])
    assert len(set(changed)) == len(changed)
    assert key(prepared=training.prepare()) == key()
    assert in_name(key()) == key()[:8]


NETWORK = Network(subnets=("subnet-0a1b2c3d",), security_groups=("sg-0a1b2c3d",))


@pytest.mark.parametrize(
    ("given", "refused", "sent"),
    [
        (
            {"spot": True},
            "EnableManagedSpotTraining|MaxWaitTimeInSeconds",
            {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 3600}},
        ),
        ({"network": NETWORK}, "VpcConfig", {"VpcConfig": {"Subnets": ["subnet-0a1b2c3d"], "SecurityGroupIds": ["sg-0a1b2c3d"]}}),
    ],
)
def test_spot_and_network_are_in_the_requests_and_the_local_aws_refuses_them_by_name(training, monkeypatch, given, refused, sent):
    base: Any = BaseClient
    sent_requests, call = [], base._make_api_call

    def keep(client, operation, params):
        if operation in ("CreateTrainingJob", "CreateHyperParameterTuningJob"):
            sent_requests.append(params.get("TrainingJobDefinition", params))
        return call(client, operation, params)

    monkeypatch.setattr(base, "_make_api_call", keep)  # the SDK makes clients of its own
    common: dict[str, Any] = {"role": training.role, "instance_type": INSTANCE, "max_runtime_s": 600, **given}
    with pytest.raises(MlkitError, match=refused):
        run_training_job(training.session, training.prepared, hyperparameters_of(), **common)
    search: dict[str, Any] = {"ranges": {"epochs": [1, 3]}, "max_jobs": 2, "max_parallel_jobs": 2}
    with pytest.raises(MlkitError, match=refused):
        run_tuning_job(training.session, training.prepared, hyperparameters_of(), **search, **common)
    assert [{name: request.get(name) for name in sent} for request in sent_requests] == [sent, sent]


def test_the_same_search_tries_the_same_values_again(training):
    def tried():
        tuned = training.tune(ranges={"epochs": [1, 100]}).tuning_job
        jobs = training.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuned)
        return sorted(job["TunedHyperParameters"]["epochs"] for job in jobs["TrainingJobSummaries"])

    assert tried() == tried()


def test_several_preparations_at_once_share_one_key(training):
    with ThreadPoolExecutor(2) as workers:
        first, second = workers.map(lambda _: training.prepare(), range(2))
    assert first.train.s3_uri != second.train.s3_uri
    assert job_key("training", first, REQUEST) == job_key("training", second, REQUEST)


@pytest.mark.parametrize("is_wanted", [False, True])
def test_training_and_tuning_send_no_telemetry_unless_the_user_s_file_turns_it_on(training, monkeypatch, tmp_path, is_wanted):
    """The SDK sends in threads of its own; here a thread would be too late to be seen."""
    from sagemaker.core.telemetry import telemetry_logging  # imported here, because every test process imports this file

    addresses: list[str] = []
    monkeypatch.setattr(requests, "get", lambda url, **_: addresses.append(url))
    monkeypatch.setattr(telemetry_logging, "_send_telemetry_request", telemetry_logging._send_telemetry_request_sync)
    if is_wanted:
        wanted = tmp_path / "config.yaml"
        wanted.write_text('{SchemaVersion: "1.0", SageMaker: {PythonSDK: {Modules: {TelemetryOptOut: false}}}}')
        monkeypatch.setenv("SAGEMAKER_USER_CONFIG_OVERRIDE", str(wanted))
    training.train()
    training.tune()
    assert [url for url in addresses if "x-accountId" in url] == addresses
    assert bool(addresses) == is_wanted
