"""Batch transform jobs, with an algorithm of a few lines; requests and answers fit botocore's models."""

import io
import json
import tarfile
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError
from started import allow
from tiny_algorithm import IMAGE, ServedHost, TinyAlgorithm, call, wait_while

from localaws.kit.service import AwsError
from localaws.sagemaker import SageMaker
from localaws.sagemaker.transform_job import TransformJob


@pytest.fixture
def sagemaker(local_aws, tmp_path):
    service = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()])
    yield service
    service.stop()


@pytest.fixture
def transform(sagemaker, aws, bucket, make_role):
    """`transform({"a.txt": b"1"})` is the description of an ended job over these objects."""

    def run(objects, actions=("s3:GetObject", "s3:PutObject"), **members):
        packed, name = io.BytesIO(), f"t-{uuid.uuid4().hex[:8]}"
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            entry = tarfile.TarInfo("mean.json")
            entry.size = len(data := json.dumps({"mean": 2.0}).encode())
            tar.addfile(entry, io.BytesIO(data))
        for key, body in {"model.tar.gz": packed.getvalue(), **{f"in/{key}": body for key, body in objects.items()}}.items():
            aws("s3").put_object(Bucket=bucket, Key=key, Body=body)
        rights = allow(list(actions), f"arn:aws:s3:::{bucket}/*"), allow("s3:ListBucket", f"arn:aws:s3:::{bucket}")
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/model.tar.gz"}
        call(sagemaker, "CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=make_role(*rights, allow("logs:*")))
        call(sagemaker, "CreateTransformJob", TransformJobName=name, ModelName=name, **{**request(bucket), **members})
        return wait_while(sagemaker, "DescribeTransformJob", "TransformJobStatus", ("InProgress", "Stopping"), TransformJobName=name)

    return run


def request(bucket, **source):
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/in/", **source}}
    return {
        "TransformInput": {"DataSource": place, "ContentType": "text/plain", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": f"s3://{bucket}/out", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "BatchStrategy": "SingleRecord",
    }


def test_each_object_gets_an_object_of_answers(sagemaker, transform, aws, bucket):
    job = transform({"a.txt": b"1\n21\n", "more/b.txt": b"3"})
    assert (job["TransformJobStatus"], job.get("FailureReason")) == ("Completed", None)
    read = {key: aws("s3").get_object(Bucket=bucket, Key=f"out/{key}.out")["Body"].read() for key in ("a.txt", "more/b.txt")}
    assert read == {"a.txt": b"2.0\n42.0\n", "more/b.txt": b"6.0\n"}
    (summary,) = call(sagemaker, "ListTransformJobs", NameContains=job["TransformJobName"])["TransformJobSummaries"]
    assert summary["TransformJobStatus"] == "Completed"
    with pytest.raises(AwsError, match="is in status Completed"):
        call(sagemaker, "StopTransformJob", TransformJobName=job["TransformJobName"])
    with pytest.raises(AwsError) as taken:
        call(sagemaker, "CreateTransformJob", TransformJobName=job["TransformJobName"], ModelName="m", **request(bucket))
    assert taken.value.code == "ResourceInUse"


@pytest.mark.parametrize(
    ("objects", "members", "reason"),
    [
        ({"a.txt": b"no number"}, {}, "could not convert string to float"),
        ({}, {}, "No S3 objects found"),
        ({"a.txt": b"1"}, {"actions": ["s3:GetObject"]}, "AccessDenied"),
    ],
    ids=["the-model-refuses", "nothing-there", "nothing-may-be-written"],
)
def test_a_job_that_cannot_go_on_fails_with_its_reason(transform, aws, objects, members, reason):
    job = transform(objects, **members)
    assert job["TransformJobStatus"] == "Failed"
    assert reason in job["FailureReason"]
    events = aws("logs").filter_log_events(logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix=job["TransformJobName"])
    assert any(reason in event["message"] for event in events["events"])


REFUSED: dict[str, dict[str, Any]] = {
    "TransformInput.SplitType 'RecordIO'": {"TransformInput": {"SplitType": "RecordIO"}},
    "TransformInput.DataSource.S3DataSource.S3DataType 'ManifestFile'": {
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://b/k"}}}
    },
    "DataProcessing.JoinSource 'Input'": {"DataProcessing": {"JoinSource": "Input"}},
    "DataCaptureConfig": {"DataCaptureConfig": {"DestinationS3Uri": "s3://b/k"}},
    'Could not find model "arn:aws:sagemaker:': {},
}


@pytest.mark.parametrize("named", REFUSED)
def test_a_request_that_is_not_honoured_is_refused_by_name(sagemaker, named):
    base = request("b")
    members = {name: {**base.get(name, {}), **value} for name, value in REFUSED[named].items()}
    with pytest.raises(AwsError) as refused:
        call(sagemaker, "CreateTransformJob", TransformJobName="t", ModelName="none", **{**base, **members})
    assert refused.value.message.startswith(named)


@pytest.mark.parametrize(("started", "status"), [(None, "InProgress"), (5.0, "Failed")])
def test_after_a_kill_a_running_job_failed_and_a_waiting_one_waits(sagemaker, started, status, monkeypatch):
    monkeypatch.setattr(sagemaker.transforms, "_run", lambda job: None)
    job = TransformJob(
        name="t",
        arn=sagemaker.transforms.table.arn("t"),
        created=1.0,
        modified=1.0,
        request={**request("b"), "ModelName": "m"},
        image=IMAGE,
        model_data_url="s3://b/m",
        role_arn="arn:aws:iam::123456789012:role/r",
        started=started,
    )
    sagemaker.transforms.table.add(job)
    sagemaker.load_state(json.loads(json.dumps(sagemaker.get_state())))
    assert call(sagemaker, "DescribeTransformJob", TransformJobName="t")["TransformJobStatus"] == status


def test_a_caller_needs_the_right_on_the_job(as_role):
    client = as_role(allow("sagemaker:ListTransformJobs"))("sagemaker")
    client.list_transform_jobs()
    with pytest.raises(ClientError, match=r"DescribeTransformJob on resource: arn:aws:sagemaker:us-east-1:123456789012:transform-job/t"):
        client.describe_transform_job(TransformJobName="t")
