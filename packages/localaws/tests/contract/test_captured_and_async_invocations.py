"""Endpoints that capture data, answer asynchronously or are serverless, with an algorithm of a few lines."""

import io
import json
import tarfile
import uuid

import pytest
import tiny_algorithm
from started import allow
from tiny_algorithm import IMAGE, ServedHost, TinyAlgorithm, call, wait_while
from waiting import wait_until

from localaws.kit.service import AwsError
from localaws.sagemaker import SageMaker, SageMakerRuntime
from localaws.sagemaker.runtime import MAX_BODY_BYTES, MAX_SERVERLESS_BODY_BYTES

INSTANCES = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


@pytest.fixture
def services(local_aws, tmp_path):
    sagemaker = SageMaker(ServedHost(local_aws, tmp_path / "home"), [TinyAlgorithm()])
    runtime = SageMakerRuntime(sagemaker)
    yield sagemaker, runtime
    runtime.stop()
    sagemaker.stop()


@pytest.fixture
def make_endpoint(services, aws, bucket, make_role):
    """`make_endpoint(DataCaptureConfig=...)` is the name of an endpoint in service, whose model's role may use the bucket."""

    def make(variant=INSTANCES, actions=("s3:GetObject", "s3:PutObject"), **config):
        sagemaker, _ = services
        packed, name = io.BytesIO(), f"e-{uuid.uuid4().hex[:8]}"
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            entry = tarfile.TarInfo("mean.json")
            entry.size = len(data := json.dumps({"mean": 2.0}).encode())
            tar.addfile(entry, io.BytesIO(data))
        aws("s3").put_object(Bucket=bucket, Key=f"{name}.tar.gz", Body=packed.getvalue())
        role = make_role(allow(list(actions), f"arn:aws:s3:::{bucket}/*"), allow("logs:*"))
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/{name}.tar.gz"}
        call(sagemaker, "CreateModel", ModelName=name, Containers=[container], ExecutionRoleArn=role)
        variants = [{"VariantName": "v", "ModelName": name, **variant}]
        call(sagemaker, "CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants, **config)
        call(sagemaker, "CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        wait_while(sagemaker, "DescribeEndpoint", "EndpointStatus", ("Creating",), EndpointName=name)
        return name

    return make


def ask(services, name, **members):
    return call(services[1], "InvokeEndpoint", EndpointName=name, Body=b"21", ContentType="text/plain", **members)


def capture_config(bucket):
    headers = {"CsvContentTypes": ["text/plain"]}
    options = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
    where = {"DestinationS3Uri": f"s3://{bucket}/captured", "CaptureOptions": options}
    return {"EnableCapture": True, "InitialSamplingPercentage": 100, "CaptureContentTypeHeader": headers, **where}


def test_requests_and_answers_are_written_below_the_variant(services, aws, bucket, make_endpoint):
    name = make_endpoint(DataCaptureConfig=capture_config(bucket))
    described = call(services[0], "DescribeEndpoint", EndpointName=name)["DataCaptureConfig"]
    assert (described["CaptureStatus"], described["CurrentSamplingPercentage"]) == ("Started", 100)
    ask(services, name, InferenceId="one")
    kept = services[0].get_state()["captured"]
    assert [json.loads(entry["line"])["eventMetadata"]["inferenceId"] for entry in kept] == ["one"]
    s3 = aws("s3")
    wait_until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"captured/{name}/v/").get("Contents"), "the captured file")
    (file,) = s3.list_objects_v2(Bucket=bucket, Prefix=f"captured/{name}/v/")["Contents"]
    line = json.loads(s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].read())
    assert [side["data"] for side in line["captureData"].values()] == ["21", "42.0"]
    assert services[0].get_state()["captured"] == []


def test_a_role_that_may_not_write_captures_nothing_and_the_log_says_so(services, aws, bucket, make_endpoint):
    name = make_endpoint(actions=["s3:GetObject"], DataCaptureConfig=capture_config(bucket))
    assert ask(services, name)["Body"] == b"42.0"
    group, logs = f"/aws/sagemaker/Endpoints/{name}", aws("logs")

    def told():
        return [e for e in logs.filter_log_events(logGroupName=group)["events"] if "could not be written" in e["message"]]

    wait_until(told, "the log of the refusal")
    assert "AccessDenied" in told()[0]["message"]


@pytest.mark.parametrize(
    ("body", "ending", "content"), [(b"21", "OutputLocation", b"42.0"), (b"no number", "FailureLocation", b"Received")]
)
def test_an_asynchronous_answer_is_in_s3(services, aws, bucket, make_endpoint, body, ending, content):
    output = {"S3OutputPath": f"s3://{bucket}/out", "S3FailurePath": f"s3://{bucket}/failed"}
    name = make_endpoint(AsyncInferenceConfig={"OutputConfig": output})
    aws("s3").put_object(Bucket=bucket, Key="in", Body=body, ContentType="text/plain")
    answer = call(services[1], "InvokeEndpointAsync", EndpointName=name, InputLocation=f"s3://{bucket}/in")
    key = answer[ending].removeprefix(f"s3://{bucket}/")
    wait_until(lambda: aws("s3").list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"), "the answer")
    assert aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read().startswith(content)
    wait_until(lambda: not services[1].get_state()["waiting"], "the end of the invocation")
    with pytest.raises(AwsError, match="use InvokeEndpointAsync"):
        ask(services, name)


def test_a_serverless_endpoint_answers_and_has_no_instances(services, make_endpoint):
    settings = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    name = make_endpoint({"ServerlessConfig": settings})
    (variant,) = call(services[0], "DescribeEndpoint", EndpointName=name)["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == settings
    assert "CurrentInstanceCount" not in variant
    assert ask(services, name)["Body"] == b"42.0"
    with pytest.raises(AwsError, match="use InvokeEndpoint"):
        call(services[1], "InvokeEndpointAsync", EndpointName=name, InputLocation="s3://b/k")


SERVERLESS = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
LIMITS = pytest.mark.parametrize(("variant", "limit"), [(INSTANCES, MAX_BODY_BYTES), (SERVERLESS, MAX_SERVERLESS_BODY_BYTES)])


@LIMITS
def test_an_answer_above_the_limit_is_a_model_error_and_is_counted_as_one(services, make_endpoint, monkeypatch, variant, limit):
    sizes = iter([limit, limit + 1])
    monkeypatch.setattr(tiny_algorithm.TinyPredictor, "predict", lambda *_: (bytes(next(sizes)), "text/plain"))
    name = make_endpoint(variant)
    assert len(ask(services, name)["Body"]) == limit
    with pytest.raises(AwsError, match=f"has {limit + 1} bytes. An answer of this endpoint has at most {limit}") as refused:
        ask(services, name)
    assert (refused.value.code, refused.value.members["OriginalStatusCode"]) == ("ModelError", 500)
    assert [value for _, metric, value, _ in services[0].host.metrics if metric == "Invocation5XXErrors"] == [0.0, 1.0]


@LIMITS
def test_a_request_above_the_limit_is_refused(services, make_endpoint, variant, limit):
    body = {"EndpointName": make_endpoint(variant), "ContentType": "text/plain"}
    with pytest.raises(AwsError, match=f"body is larger than {limit} bytes"):
        services[1].operations["InvokeEndpoint"].handler(services[0].host.caller, {**body, "Body": bytes(limit + 1)})


def test_an_asynchronous_answer_may_be_larger(services, aws, bucket, make_endpoint, monkeypatch):
    monkeypatch.setattr(tiny_algorithm.TinyPredictor, "predict", lambda *_: (bytes(MAX_BODY_BYTES + 1), "text/plain"))
    name = make_endpoint(AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": f"s3://{bucket}/out"}})
    aws("s3").put_object(Bucket=bucket, Key="in", Body=b"1", ContentType="text/plain")
    answer = call(services[1], "InvokeEndpointAsync", EndpointName=name, InputLocation=f"s3://{bucket}/in")
    key = answer["OutputLocation"].removeprefix(f"s3://{bucket}/")
    (found,) = wait_until(lambda: aws("s3").list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"), "the answer")
    assert found["Size"] == MAX_BODY_BYTES + 1
