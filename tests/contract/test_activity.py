"""What a watched process does on AWS, as its runner hears it: boto3, its transfers, PyAthena, the SageMaker SDK; then a kill, and stops."""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import uuid

import boto3
import numpy as np
import pytest
from started import allow
from waiting import HANG_S, wait_until

from mlkit.aws.digests import complete_digests
from mlkit.aws.session import Session
from mlkit.aws.stopping import stop_started
from mlkit.evidence.activity_log import ActivityLog
from mlkit.evidence.run_record import Activity, ObjectRecord
from mlkit.runner.journal_server import JournalListener
from sagemaker_formats import recordio

BEGIN = """
import os, sys, time
from mlkit.aws.activity import started_here, watch
watch()
assert not any(name.startswith("botocore") for name in sys.modules)
BUCKET = sys.argv[1]
"""
S3 = """
import boto3, io
from boto3.s3.transfer import TransferConfig
s3 = boto3.client("s3")
s3.put_object(Bucket=BUCKET, Key="put", Body=b"abc")
s3.put_object(Bucket=BUCKET, Key="checked", Body=b"abcd", ChecksumAlgorithm="SHA256")
s3.upload_fileobj(io.BytesIO(b"small"), BUCKET, "small")
open("large", "wb").write(bytes(range(256)) * 40_960)
parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
s3.upload_file("large", BUCKET, "large", Config=parts)
s3.download_file(BUCKET, "large", "back", Config=parts)
s3.download_file(BUCKET, "small", "small")
assert open("back", "rb").read() == open("large", "rb").read()
assert s3.get_object(Bucket=BUCKET, Key="put")["Body"].read() == b"abc"
s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "put"})
s3.get_object(Bucket=BUCKET, Key="checked", Range="bytes=0-1")["Body"].read()
s3.delete_object(Bucket=BUCKET, Key="small")
s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "copy"}], "Quiet": True})
"""
LARGE = bytes(range(256)) * 40_960


@pytest.fixture
def log():
    return ActivityLog()


@pytest.fixture
def secrets():
    return []


@pytest.fixture
def listener(log, secrets):
    """A runner's ear: events go into `log`, announced secrets into `secrets`."""
    listening = JournalListener(lambda event: secrets.append(event["value"]) if event["kind"] == "secret" else log.add(event))
    listening.start()
    yield listening
    listening.stop()


@pytest.fixture
def environment(local_aws, listener, tmp_path):
    own = {"SAGEMAKER_VALIDATE_ROLE": "false", "HOME": str(tmp_path), "MLKIT_JOURNAL": listener.address}
    return {**os.environ, **local_aws.environment, **own}


@pytest.fixture
def run(environment, tmp_path):
    """`run(code, ...)` runs the code in a watched process of its own until it ends well."""

    def run(code, *arguments):
        command = [sys.executable, "-c", BEGIN + textwrap.dedent(code), *arguments]
        ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S, check=False)
        assert ended.returncode == 0, ended.stderr

    return run


@pytest.fixture
def session(local_aws):
    """The runner's own session, which is not watched."""
    keys = local_aws.credentials
    return Session(boto3.Session(keys.access_key_id, keys.secret_access_key, region_name=local_aws.region))


@pytest.fixture
def runners_aws(local_aws, session, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.endpoint_url)
    return session


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_all_objects_that_were_read_written_and_deleted_with_version_and_digest(run, versioned, log, aws, runners_aws, secrets, local_aws):
    run(S3, versioned)
    found = {(item.action, item.s3_uri.rpartition("/")[2]): item for item in log.snapshot().objects}
    assert set(found) == {
        *(("written", key) for key in ("put", "checked", "small", "large", "copy")),
        *(("read", key) for key in ("put", "checked", "small", "large")),
        *(("deleted", key) for key in ("small", "copy")),
    }
    versions = {}
    pages = aws("s3").get_paginator("list_object_versions").paginate(Bucket=versioned)
    for item in pages.search("[Versions[], DeleteMarkers[]][]"):
        versions.setdefault(item["Key"], set()).add(item["VersionId"])
    assert all(item.version_id in versions[key] for (action, key), item in found.items() if (action, key) != ("deleted", "copy"))
    digests = {key: item.sha256 for key, item in found.items()}
    assert digests[("written", "put")] == digests[("read", "put")] == sha256(b"abc")
    assert digests[("written", "checked")] == sha256(b"abcd")
    assert digests[("written", "small")] == digests[("read", "small")] == sha256(b"small")
    assert digests[("written", "large")] is digests[("read", "large")] is None
    assert local_aws.credentials.secret_access_key in secrets

    completed = complete_digests(runners_aws, log.snapshot())
    found = {(item.action, item.s3_uri.rpartition("/")[2]): item for item in completed.objects}
    assert {key for key, item in found.items() if item.sha256 is None} == {("deleted", "small"), ("deleted", "copy")}
    assert found[("written", "large")].sha256 == found[("read", "large")].sha256 == sha256(LARGE)
    assert found[("read", "large")].size_bytes == len(LARGE)
    assert found[("read", "checked")].sha256 == sha256(b"abcd")


def test_a_role_that_may_only_read_current_objects_completes_them(bucket, aws, as_role, monkeypatch, local_aws):
    first = aws("s3").put_object(Bucket=bucket, Key="a", Body=b"first")
    record = ObjectRecord(action="read", s3_uri=f"s3://{bucket}/a", etag=first["ETag"].strip('"'))
    session = Session(boto3.Session("x", "y", region_name=local_aws.region))
    reader = as_role(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    monkeypatch.setattr(session, "client", reader)
    (item,) = complete_digests(session, Activity(objects=(record,))).objects
    assert (item.sha256, item.size_bytes) == (sha256(b"first"), 5)


def test_an_object_that_was_overwritten_is_digested_by_its_version_or_not_at_all(versioned, aws, runners_aws):
    first = aws("s3").put_object(Bucket=versioned, Key="a", Body=b"first")
    aws("s3").put_object(Bucket=versioned, Key="a", Body=b"second")
    known = ObjectRecord(action="read", s3_uri=f"s3://{versioned}/a", version_id=first["VersionId"], etag=first["ETag"].strip('"'))
    unversioned = ObjectRecord(action="read", s3_uri=f"s3://{versioned}/a", etag=first["ETag"].strip('"'))
    nothing = ObjectRecord(action="read", s3_uri=f"s3://{versioned}/a")
    gone = ObjectRecord(action="read", s3_uri=f"s3://{versioned}/gone", etag="e")
    found = complete_digests(runners_aws, Activity(objects=(known, unversioned, nothing, gone))).objects
    assert [item.sha256 for item in found] == [sha256(b"first"), None, None, None]


def test_digests_are_completed_from_the_smallest_up_to_a_limit(bucket, aws, runners_aws):
    records = []
    for key, size in (("large", 900), ("small", 10), ("middle", 500)):
        etag = aws("s3").put_object(Bucket=bucket, Key=key, Body=b"x" * size)["ETag"].strip('"')
        records.append(ObjectRecord(action="read", s3_uri=f"s3://{bucket}/{key}", etag=etag, size_bytes=None if key == "large" else size))
    activity = Activity(objects=tuple(records))
    for limit, expected in ((600, [False, True, True]), (505, [False, True, False])):  # 10 + 500 fit into one of them only
        known = [item.sha256 is not None for item in complete_digests(runners_aws, activity, max_bytes=limit).objects]
        assert known == expected
    few = [item.sha256 is not None for item in complete_digests(runners_aws, activity, max_objects=1).objects]
    assert sum(few) == 1


def test_queries_of_pyathena_with_their_cost(run, bucket, log):
    code = """
    from pyathena import connect
    cursor = connect(s3_staging_dir=f"s3://{BUCKET}/results/", poll_interval=0.05).cursor()
    assert cursor.execute("SELECT 1 AS a").fetchall() == [(1,)]
    """
    run(code, bucket)
    (query,) = log.snapshot().queries
    assert (query.sql, query.state, query.bytes_scanned) == ("SELECT 1 AS a", "SUCCEEDED", 0)
    assert log.unfinished_queries() == ()


def test_a_process_without_a_runner_works_the_same(run, environment, versioned, log):
    del environment["MLKIT_JOURNAL"]
    run(S3, versioned)
    assert log.snapshot() == Activity()


def test_botocore_imported_before_is_watched_in_new_sessions(environment, tmp_path, bucket, log):
    code = "import sys, botocore.handlers, boto3\nfrom mlkit.aws.activity import watch\nwatch(); watch()\n"
    code += "boto3.client('s3').put_object(Bucket=sys.argv[1], Key='k', Body=b'abc')"
    subprocess.run([sys.executable, "-c", code, bucket], env=environment, cwd=tmp_path, check=True)
    assert [item.sha256 for item in log.snapshot().objects] == [sha256(b"abc")]


@pytest.fixture
def training(aws, bucket):
    """What an endless job needs besides its name, and the arguments of the processes below."""
    keys = np.array([[user, 4 + movie] for user in range(4) for movie in range(4)] * 400, dtype=np.int64)
    rows = recordio.Rows(
        values=np.ones(keys.size, np.float32),
        keys=keys.ravel(),
        indptr=np.arange(0, keys.size + 1, 2, dtype=np.int64),
        feature_dim=8,
        labels=(keys.sum(axis=1) % 2).astype(np.float32),
    )
    aws("s3").put_object(Bucket=bucket, Key="train/part-0", Body=recordio.encode(rows))
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = aws("iam").create_role(RoleName=bucket, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allowed = [allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]), allow("logs:*")]
    aws("iam").put_role_policy(RoleName=bucket, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}))
    return bucket, role


@contextlib.contextmanager
def killed(environment, cwd, code, *arguments):
    """The process runs until the block is left, then is killed without a word."""
    with (cwd / "stderr").open("w") as stderr:
        process = subprocess.Popen([sys.executable, "-c", BEGIN + code, *arguments], env=environment, cwd=cwd, stderr=stderr)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


HYPERPARAMETERS = "dict(feature_dim='8', num_factors='64', predictor_type='binary_classifier', mini_batch_size='64', epochs='100000')"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1"
TUNING = f"""
import boto3
source = dict(S3DataSource=dict(S3DataType="S3Prefix", S3Uri=f"s3://{{BUCKET}}/train/", S3DataDistributionType="FullyReplicated"))
channels = [dict(ChannelName=name, ContentType="application/x-recordio-protobuf", DataSource=source) for name in ("train", "test")]
values = {HYPERPARAMETERS}
boto3.client("sagemaker").create_hyper_parameter_tuning_job(
    HyperParameterTuningJobName=sys.argv[3],
    HyperParameterTuningJobConfig=dict(
        Strategy="Random",
        HyperParameterTuningJobObjective=dict(Type="Maximize", MetricName="test:binary_classification_accuracy"),
        ResourceLimits=dict(MaxNumberOfTrainingJobs=2, MaxParallelTrainingJobs=1),
        ParameterRanges=dict(ContinuousParameterRanges=[dict(Name="factors_lr", MinValue="0.0001", MaxValue="0.01")]),
    ),
    TrainingJobDefinition=dict(
        AlgorithmSpecification=dict(TrainingImage="{IMAGE}", TrainingInputMode="File"),
        StaticHyperParameters=values,
        RoleArn=sys.argv[2],
        InputDataConfig=channels,
        OutputDataConfig=dict(S3OutputPath=f"s3://{{BUCKET}}/models"),
        ResourceConfig=dict(InstanceType="ml.c4.xlarge", InstanceCount=1, VolumeSizeInGB=5),
        StoppingCondition=dict(MaxRuntimeInSeconds=86_400),
    ),
)
boto3.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName=sys.argv[3])
time.sleep(100_000)
"""
SDK = f"""
import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, OutputDataConfig, StoppingCondition
trainer = ModelTrainer(
    training_image="{IMAGE}",
    role=sys.argv[2],
    base_job_name=sys.argv[3],
    sagemaker_session=Session(boto_session=boto3.Session(), default_bucket=BUCKET),
    compute=Compute(instance_type="ml.c4.xlarge", instance_count=1, volume_size_in_gb=5),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=86_400),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{{BUCKET}}/sdk"),
    hyperparameters={HYPERPARAMETERS},
)
data = [InputData(channel_name=name, data_source=f"s3://{{BUCKET}}/train/") for name in ("train",)]
trainer.train(input_data_config=data, wait=False, logs=False)
time.sleep(100_000)
"""


def test_a_job_of_the_sdk_is_stopped_after_its_process_was_killed(environment, tmp_path, training, log, aws, runners_aws):
    with killed(environment, tmp_path, SDK, *training, f"sdk-{uuid.uuid4().hex[:6]}") as process:
        wait_until(
            lambda: (process.poll(), [job.status for job in log.unfinished_jobs()]),
            "the job is under way, or its process has ended",
            ok=lambda seen: seen[0] is not None or "InProgress" in seen[1],
        )
    assert log.unfinished_jobs(), (tmp_path / "stderr").read_text()
    (job,) = log.unfinished_jobs()
    assert (job.kind, job.image, job.instance_type, job.instance_count) == ("training", IMAGE, "ml.c4.xlarge", 1)
    assert stop_started(runners_aws, log, HANG_S) == [f"Stopped training job {job.name}"]
    wait_until(
        lambda: aws("sagemaker").describe_training_job(TrainingJobName=job.name)["TrainingJobStatus"],
        "the job is stopped",
        ok=lambda status: status == "Stopped",
    )
    assert log.snapshot().jobs[0].stopped


def test_a_tuning_job_is_stopped_with_its_training_jobs(environment, tmp_path, training, log, aws, runners_aws):
    name = f"t-{uuid.uuid4().hex[:8]}"
    with killed(environment, tmp_path, TUNING, *training, name) as process:
        wait_until(
            lambda: (process.poll(), log.snapshot().jobs),
            "both jobs are known, or their process has ended",
            ok=lambda seen: seen[0] is not None or len(seen[1]) == 2,
        )
    assert [job.kind for job in log.snapshot().jobs] == ["tuning", "training"], (tmp_path / "stderr").read_text()
    assert stop_started(runners_aws, log, HANG_S) == [f"Stopped tuning job {name}"]
    sagemaker = aws("sagemaker")
    wait_until(
        lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)["HyperParameterTuningJobStatus"],
        "the tuning job is stopped",
        ok=lambda status: status == "Stopped",
    )
    assert stop_started(runners_aws, log, HANG_S) == []


def test_stopping_asks_for_the_right_and_names_it(log, as_role, local_aws, monkeypatch):
    name = f"fm-{uuid.uuid4().hex[:8]}"
    log.add({"kind": "job", "started": True, "job": {"kind": "training", "name": name, "status": "InProgress"}})
    session = Session(boto3.Session("x", "y", region_name=local_aws.region))
    monkeypatch.setattr(session, "hurried", lambda: session)
    monkeypatch.setattr(session, "client", as_role())
    (line,) = stop_started(session, log, HANG_S)
    assert f"sagemaker:StopTrainingJob on resource: arn:aws:sagemaker:us-east-1:{local_aws.account}:training-job/{name}" in line
    assert f"aws sagemaker stop-training-job --training-job-name {name}" in line


def test_botocore_still_has_what_we_reach_into(aws):
    """Three places that botocore promises to nobody. Without them `watch` would see nothing, and say nothing of it."""
    from botocore import handlers
    from botocore.response import StreamingBody

    assert isinstance(handlers.BUILTIN_HANDLERS, list)
    assert all(isinstance(name, str) and callable(handler) for name, handler, *_ in handlers.BUILTIN_HANDLERS)
    assert "_raw_stream" in vars(StreamingBody(io.BytesIO(), 0))
    assert hasattr(aws("sts")._request_signer._credentials, "get_frozen_credentials")
