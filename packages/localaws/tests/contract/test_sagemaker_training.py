"""Training jobs end to end with an algorithm of a few lines: data, role, log, metrics, model, stop, time limit, failures."""

import io
import json
import os
import tarfile
import uuid
from typing import Any

import pytest
from processes import is_alive, wait_until_ended
from started import allow
from tiny_algorithm import IMAGE, ServedHost, TinyAlgorithm, call, wait_while
from waiting import HANG_S, SLOWNESS, wait_until

from localaws.kit.service import AwsError
from localaws.sagemaker import SageMaker


@pytest.fixture
def bucket(aws):
    name = f"tiny-{uuid.uuid4().hex[:12]}"
    aws("s3").create_bucket(Bucket=name)
    aws("s3").put_object(Bucket=name, Key="data/train/part-0", Body=b"1\n2\n")
    aws("s3").put_object(Bucket=name, Key="data/train/deep/part-1", Body=b"6\n")
    return name


@pytest.fixture
def role(make_role, bucket):
    return make_role(allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]), allow("logs:*"))


@pytest.fixture
def sagemaker(local_aws, tmp_path):
    """A job that is asked to stop may take its time."""
    service = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()], grace_s=HANG_S)
    yield service
    service.stop()


@pytest.fixture
def impatient(local_aws, tmp_path):
    """The same, which kills a job that is asked to stop after a moment."""
    service = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()], grace_s=0.3)
    yield service
    service.stop()


def training_request(bucket, role, **changes):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/data/train/", "S3DataDistributionType": "FullyReplicated"}
    request = {
        "TrainingJobName": f"Job-{uuid.uuid4().hex[:8]}",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": role,
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "HyperParameters": {},
    }
    return {**request, **changes}


def train(sagemaker, request):
    """The job's description after its end."""
    call(sagemaker, "CreateTrainingJob", **request)
    return ended(sagemaker, request["TrainingJobName"])


def ended(sagemaker, name):
    return wait_while(sagemaker, "DescribeTrainingJob", "TrainingJobStatus", ("InProgress", "Stopping"), TrainingJobName=name)


def log_of(aws, job_name):
    logs = aws("logs")
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job_name}/algo-1-")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True)["events"]
    return [event["message"] for event in events]


def wait_for_line(sagemaker, tmp_path, job_name, word):
    """The number that follows a word in the output of a job that is running."""
    output = tmp_path / "home/sagemaker/jobs" / f"{job_name}.log"

    def numbers():
        lines = output.read_text().splitlines() if output.exists() else []
        return [line.split()[1] for line in lines if line.startswith(word) and len(line.split()) > 1]

    return int(wait_until(numbers, f"the job prints {word}")[0])


def test_a_job_trains_on_all_objects_and_leaves_model_metrics_and_log(sagemaker, aws, bucket, role, tmp_path):
    request = training_request(bucket, role, Tags=[{"Key": "team", "Value": "a"}], Environment={"SOME": "thing"})
    job = train(sagemaker, request)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]} == {"train:mean": 3.0, "test:loss": 0.0}
    artifact = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert artifact == f"s3://{bucket}/models/{request['TrainingJobName']}/output/model.tar.gz"
    body = aws("s3").get_object(Bucket=bucket, Key=artifact.partition(f"{bucket}/")[2])["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        written = tar.extractfile("mean.json")
        assert written is not None
        assert json.load(written) == {"mean": 3.0}
    lines = log_of(aws, request["TrainingJobName"])
    assert lines[0] == f"environment {request['TrainingJobName']} clean"
    assert lines[-1] == "the last line has no end"
    wait_until(lambda: list((tmp_path / "home/sagemaker/jobs").iterdir()), "the job's files are gone", ok=lambda left: not left)
    assert call(sagemaker, "ListTags", ResourceArn=job["TrainingJobArn"])["Tags"] == request["Tags"]


def test_equal_jobs_write_equal_models(sagemaker, aws, bucket, role):
    def etag():
        key = train(sagemaker, training_request(bucket, role))["ModelArtifacts"]["S3ModelArtifacts"].partition(f"{bucket}/")[2]
        return aws("s3").head_object(Bucket=bucket, Key=key)["ETag"]

    assert etag() == etag()


def test_a_manifest_names_the_objects_of_a_channel(sagemaker, aws, bucket, role):
    manifest = json.dumps([{"prefix": f"s3://{bucket}/data/train/"}, "deep/part-1"])
    aws("s3").put_object(Bucket=bucket, Key="data/manifest.json", Body=manifest.encode())
    request = training_request(bucket, role)
    source = request["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    source |= {"S3DataType": "ManifestFile", "S3Uri": f"s3://{bucket}/data/manifest.json"}
    metrics = {metric["MetricName"]: metric["Value"] for metric in train(sagemaker, request)["FinalMetricDataList"]}
    assert metrics["train:mean"] == 6.0


def test_the_algorithms_failure_is_the_jobs_failure_reason(sagemaker, aws, bucket, role):
    request = training_request(bucket, role, HyperParameters={"failure": "feature_dim is wrong", "exit_code": "3"})
    job = train(sagemaker, request)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: feature_dim is wrong, exit code: 3"
    assert "giving up" in log_of(aws, request["TrainingJobName"])


def test_hyperparameters_that_the_algorithm_refuses_are_a_client_error(sagemaker, bucket, role):
    request = training_request(bucket, role)
    request["InputDataConfig"][0]["ChannelName"] = "trane"
    assert train(sagemaker, request)["FailureReason"] == "ClientError: the channel train is missing"


def test_a_role_that_may_not_read_the_objects_fails_the_job_with_s3s_own_denial(sagemaker, bucket, make_role):
    role = make_role(allow("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    job = train(sagemaker, training_request(bucket, role))
    assert job["FailureReason"].startswith("ClientError: Data download failed:AccessDenied (403)")
    assert "s3:GetObject" in job["FailureReason"]


def test_a_role_that_may_not_write_the_model_fails_the_job(sagemaker, bucket, make_role):
    role = make_role(allow(["s3:ListBucket", "s3:GetObject"], [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]), allow("logs:*"))
    job = train(sagemaker, training_request(bucket, role))
    assert job["FailureReason"].startswith("ClientError: Artifact upload failed:AccessDenied (403)")


def test_a_role_without_logs_trains_without_logs_and_the_output_is_kept_on_disk(sagemaker, bucket, make_role, tmp_path):
    role = make_role(allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]))
    request = training_request(bucket, role)
    job = train(sagemaker, request)
    assert job["TrainingJobStatus"] == "Completed"
    assert "the last line has no end" in (tmp_path / f"home/sagemaker/jobs/{request['TrainingJobName']}.log").read_text()


def test_a_role_that_cannot_be_assumed_or_list_the_data_is_refused_at_once(sagemaker, bucket, role, make_role):
    with pytest.raises(AwsError, match="Could not assume role"):
        call(sagemaker, "CreateTrainingJob", **training_request(bucket, role + "x"))
    with pytest.raises(AwsError, match="No S3 objects found under S3 URL"):
        call(sagemaker, "CreateTrainingJob", **training_request(bucket, make_role(allow("logs:*"))))


def test_a_stopped_job_ends_its_whole_process_tree(sagemaker, bucket, role, tmp_path):
    request = training_request(bucket, role, HyperParameters={"sleep": "100000", "grandchild": "1"})
    call(sagemaker, "CreateTrainingJob", **request)
    pids = [wait_for_line(sagemaker, tmp_path, request["TrainingJobName"], word) for word in ("pid", "grandchild")]
    assert all(is_alive(pid) for pid in pids)
    call(sagemaker, "StopTrainingJob", TrainingJobName=request["TrainingJobName"])
    job = ended(sagemaker, request["TrainingJobName"])
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert "FailureReason" not in job
    wait_until_ended(*pids)
    with pytest.raises(AwsError, match="The request was rejected because the training job is in status Stopped"):
        call(sagemaker, "StopTrainingJob", TrainingJobName=request["TrainingJobName"])


def test_a_job_that_ignores_the_signal_is_killed_after_the_grace(impatient, bucket, role, tmp_path):
    request = training_request(bucket, role, HyperParameters={"sleep": "100000", "stubborn": "1"})
    call(impatient, "CreateTrainingJob", **request)
    pid = wait_for_line(impatient, tmp_path, request["TrainingJobName"], "pid")
    call(impatient, "StopTrainingJob", TrainingJobName=request["TrainingJobName"])
    assert ended(impatient, request["TrainingJobName"])["TrainingJobStatus"] == "Stopped"
    wait_until_ended(pid)


def test_a_job_over_its_time_limit_is_stopped_and_what_it_saved_is_kept(sagemaker, aws, bucket, role):
    limit = {"MaxRuntimeInSeconds": round(2 * SLOWNESS)}  # which the job's start fits in
    request = training_request(bucket, role, HyperParameters={"sleep": "100000", "saves_on_stop": "1"}, StoppingCondition=limit)
    job = train(sagemaker, request)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["BillableTimeInSeconds"] >= 1
    aws("s3").head_object(Bucket=bucket, Key=job["ModelArtifacts"]["S3ModelArtifacts"].partition(f"{bucket}/")[2])


def test_a_third_job_waits_for_one_of_two_to_end_and_is_stopped_without_a_start(sagemaker, bucket, role, tmp_path):
    long = [training_request(bucket, role, HyperParameters={"sleep": "100000"}) for _ in range(2)]
    for request in long:
        call(sagemaker, "CreateTrainingJob", **request)
        wait_for_line(sagemaker, tmp_path, request["TrainingJobName"], "pid")
    third, fourth = training_request(bucket, role), training_request(bucket, role)
    for request in (third, fourth):
        call(sagemaker, "CreateTrainingJob", **request)
    name = third["TrainingJobName"]
    assert call(sagemaker, "DescribeTrainingJob", TrainingJobName=name)["SecondaryStatus"] == "Starting"
    call(sagemaker, "StopTrainingJob", TrainingJobName=fourth["TrainingJobName"])
    assert call(sagemaker, "DescribeTrainingJob", TrainingJobName=fourth["TrainingJobName"])["TrainingJobStatus"] == "Stopped"
    call(sagemaker, "StopTrainingJob", TrainingJobName=long[0]["TrainingJobName"])
    assert ended(sagemaker, name)["TrainingJobStatus"] == "Completed"
    assert "TrainingStartTime" not in ended(sagemaker, fourth["TrainingJobName"])


def test_when_the_service_stops_no_process_is_left_and_the_job_has_failed(sagemaker, bucket, role, tmp_path):
    request = training_request(bucket, role, HyperParameters={"sleep": "100000", "stubborn": "1", "grandchild": "1"})
    call(sagemaker, "CreateTrainingJob", **request)
    pids = [wait_for_line(sagemaker, tmp_path, request["TrainingJobName"], word) for word in ("pid", "grandchild")]
    sagemaker.stop()
    wait_until_ended(*pids)
    job = call(sagemaker, "DescribeTrainingJob", TrainingJobName=request["TrainingJobName"])
    assert job["FailureReason"].startswith("InternalServerError")


def test_after_a_restart_a_waiting_job_runs_and_one_that_ran_has_failed_with_its_output_in_the_log(local_aws, aws, bucket, role, tmp_path):
    first = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()], grace_s=HANG_S)
    running = [training_request(bucket, role, HyperParameters={"sleep": "100000"}) for _ in range(2)]
    waiting = training_request(bucket, role)
    for request in [*running, waiting]:
        call(first, "CreateTrainingJob", **request)
    for request in running:
        wait_for_line(first, tmp_path, request["TrainingJobName"], "pid")
    state = json.loads(json.dumps(first.get_state()))
    left = tmp_path / "left"
    os.system(f"cp -r {tmp_path / 'home'} {left}")
    first.stop()
    second = SageMaker(ServedHost(local_aws, left), [TinyAlgorithm()], grace_s=HANG_S)
    second.load_state(state)
    assert ended(second, waiting["TrainingJobName"])["TrainingJobStatus"] == "Completed"
    for request in running:
        assert ended(second, request["TrainingJobName"])["FailureReason"].startswith("InternalServerError")
    wait_until(lambda: list((left / "sagemaker/jobs").iterdir()), "the job's files are gone", ok=lambda left: not left)
    second.stop()
    assert any(line.startswith("pid") for line in log_of(aws, running[0]["TrainingJobName"]))


REFUSED: dict[str, dict[str, Any]] = {
    "AlgorithmSpecification.TrainingInputMode 'Pipe'": {"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}},
    "The image '111122223333.dkr.ecr.us-east-1.amazonaws.com/xgboost:1'": {
        "AlgorithmSpecification": {"TrainingImage": "111122223333.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "TrainingInputMode": "File"}
    },
    "You can't override the metric definitions": {
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "a", "Regex": "a"}],
        }
    },
    "ResourceConfig.InstanceCount 2": {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}},
    "VpcConfig": {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}},
    "EnableManagedSpotTraining True": {"EnableManagedSpotTraining": True},
    "CheckpointConfig.LocalPath '/opt/ml/other'": {"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/other"}},
    "CheckpointConfig.S3Uri: 'https://b/c' is not": {"CheckpointConfig": {"S3Uri": "https://b/c"}},
    "DebugHookConfig.CollectionConfigurations": {
        "DebugHookConfig": {"S3OutputPath": "s3://b/c", "CollectionConfigurations": [{"CollectionName": "losses"}]}
    },
    "DebugRuleConfigurations": {"DebugRuleConfigurations": [{"RuleConfigurationName": "a", "RuleEvaluatorImage": "b"}]},
    "ProfilerRuleConfigurations": {"ProfilerRuleConfigurations": [{"RuleConfigurationName": "a", "RuleEvaluatorImage": "b"}]},
    "RetryStrategy": {"RetryStrategy": {"MaximumRetryAttempts": 3}},
    "StoppingCondition.MaxWaitTimeInSeconds": {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90}},
    "OutputDataConfig.CompressionType 'NONE'": {"OutputDataConfig": {"S3OutputPath": "s3://b/c", "CompressionType": "NONE"}},
}


@pytest.mark.parametrize("named", REFUSED)
def test_a_request_that_is_not_honoured_is_refused_by_name(sagemaker, bucket, role, named):
    request = training_request(bucket, role, **REFUSED[named])
    with pytest.raises(AwsError) as error:
        call(sagemaker, "CreateTrainingJob", **request)
    assert error.value.code == "ValidationException"
    assert error.value.message.startswith(named)
    with pytest.raises(AwsError, match="Requested resource not found"):
        call(sagemaker, "DescribeTrainingJob", TrainingJobName=request["TrainingJobName"])


def test_checkpoints_of_an_algorithm_that_writes_none_are_refused(sagemaker, bucket, role, monkeypatch):
    monkeypatch.setattr(TinyAlgorithm, "keeps_checkpoints", False)
    request = training_request(bucket, role, CheckpointConfig={"S3Uri": f"s3://{bucket}/checkpoints"})
    with pytest.raises(AwsError, match="CheckpointConfig is not honoured by the local AWS for tiny"):
        call(sagemaker, "CreateTrainingJob", **request)


def count_in(aws, bucket):
    """The checkpoint's number of jobs, None where there is no checkpoint."""
    found = aws("s3").list_objects_v2(Bucket=bucket, Prefix="checkpoints/").get("Contents", [])
    assert [item["Key"] for item in found] in ([], ["checkpoints/deep/jobs"])
    return aws("s3").get_object(Bucket=bucket, Key="checkpoints/deep/jobs")["Body"].read() if found else None


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_job_goes_on_from_the_checkpoint_of_an_earlier_job(sagemaker, aws, bucket, role, slash):
    config = {"S3Uri": f"s3://{bucket}/checkpoints{slash}", "LocalPath": "/opt/ml/checkpoints"}
    for jobs in (1, 2):
        answer = train(sagemaker, training_request(bucket, role, CheckpointConfig=config))
        assert (answer["TrainingJobStatus"], answer["CheckpointConfig"]) == ("Completed", config)
        assert count_in(aws, bucket) == str(jobs).encode()


def test_a_checkpoint_is_in_s3_while_the_job_runs_and_outlives_a_killed_server(sagemaker, aws, bucket, role):
    config = {"S3Uri": f"s3://{bucket}/checkpoints"}
    request = training_request(bucket, role, CheckpointConfig=config, HyperParameters={"sleep": "100000"})
    call(sagemaker, "CreateTrainingJob", **request)
    assert wait_until(lambda: count_in(aws, bucket), "the checkpoint is in S3") == b"1"
    sagemaker.stop()
    assert ended(sagemaker, request["TrainingJobName"])["FailureReason"].startswith("InternalServerError")
    assert count_in(aws, bucket) == b"1"


def test_a_role_that_may_not_use_the_checkpoints_ends_the_job_with_the_reason(sagemaker, aws, bucket, make_role):
    data = allow("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/data/*", f"arn:aws:s3:::{bucket}/models/*"])
    read_only = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/checkpoints/*")
    aws("s3").put_object(Bucket=bucket, Key="checkpoints/deep/jobs", Body=b"1")
    for statements, reason in (((data,), "Data download failed"), ((data, read_only), "Checkpoint upload failed")):
        request = training_request(bucket, make_role(*statements), CheckpointConfig={"S3Uri": f"s3://{bucket}/checkpoints"})
        assert train(sagemaker, request)["FailureReason"].startswith(f"ClientError: {reason}:AccessDenied (403)")


def test_a_name_is_taken_for_ever_and_without_case(sagemaker, bucket, role):
    request = training_request(bucket, role)
    train(sagemaker, request)
    with pytest.raises(AwsError) as error:
        call(sagemaker, "CreateTrainingJob", **{**request, "TrainingJobName": request["TrainingJobName"].lower()})
    assert error.value.code == "ResourceInUse"
