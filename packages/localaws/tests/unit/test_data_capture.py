"""The lines of captured data, and what an endpoint configuration may combine."""

import base64
import json
import random
from threading import RLock
from typing import Any

import pytest

from localaws.kit.service import AwsError
from localaws.sagemaker.data_capture import DataCapture, Exchange, Source, captured_line
from localaws.sagemaker.hosting_checks import check_serving

EXCHANGE = Exchange(body=b"1,2", content_type="text/csv; charset=utf-8", answer=b'{"a": 1}', answer_type="application/json", time_s=0.0)
BOTH = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
HEADERS = {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]}


@pytest.mark.parametrize(
    ("options", "headers", "sides"),
    [
        (BOTH, HEADERS, {"endpointInput": ("CSV", "1,2"), "endpointOutput": ("JSON", '{"a": 1}')}),
        ([{"CaptureMode": "Input"}], HEADERS, {"endpointInput": ("CSV", "1,2")}),
        ([{"CaptureMode": "InputAndOutput"}], {}, {"endpointInput": ("BASE64", "MSwy"), "endpointOutput": ("BASE64", None)}),
        ([{"CaptureMode": "Output"}], {"CsvContentTypes": ["text/csv"]}, {"endpointOutput": ("BASE64", None)}),
    ],
)
def test_a_line_has_the_sides_and_the_encoding_of_the_configuration(options, headers, sides):
    config = {"CaptureOptions": options, "CaptureContentTypeHeader": headers}
    line = json.loads(captured_line(config, EXCHANGE, "id"))
    assert line["eventMetadata"] == {"eventId": "id", "inferenceTime": "1970-01-01T00:00:00Z"}
    found = {name: (side["encoding"], side["data"]) for name, side in line["captureData"].items()}
    assert found == {name: (kind, data or base64.b64encode(EXCHANGE.answer).decode()) for name, (kind, data) in sides.items()}


@pytest.mark.parametrize(("percentage", "is_on", "taken"), [(100, True, 200), (0, True, 0), (100, False, 0), (50, True, None)])
def test_the_sample_takes_its_share(percentage, is_on, taken):
    no_roles: Any = None
    capture = DataCapture(no_roles, lock=RLock(), chance=random.Random(1))
    config = {"EnableCapture": is_on, "InitialSamplingPercentage": percentage, "DestinationS3Uri": "s3://b/c/", "CaptureOptions": BOTH}
    source = Source(prefix="e/v", role_arn="r", endpoint_arn="a", log=("g", "s"))
    count = sum(capture.take(config, source, EXCHANGE) for _ in range(200))
    capture.shut_down()
    assert count == len(capture.to_json())
    assert count == taken if taken is not None else 60 < count < 140
    assert all(entry["file"][0] == "s3://b/c/e/v/1970/01/01/00" for entry in capture.to_json())


INSTANCES = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
SERVERLESS = {"VariantName": "v", "ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
ASYNC = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}}}
CAPTURE = {"DataCaptureConfig": {"DestinationS3Uri": "s3://b/c"}}


@pytest.mark.parametrize("request_", [{"ProductionVariants": [INSTANCES], **ASYNC, **CAPTURE}, {"ProductionVariants": [SERVERLESS]}])
def test_these_settings_fit(request_):
    check_serving(request_)


@pytest.mark.parametrize(
    ("variants", "more", "text"),
    [
        ([{"VariantName": "v", "ModelName": "m"}], {}, "or ServerlessConfig"),
        ([{**SERVERLESS, "InstanceType": "ml.m5.large"}], {}, "cannot be combined with InstanceType"),
        ([{**SERVERLESS, "ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 5}}], {}, "MemorySizeInMB 1500 is not one of"),
        ([SERVERLESS, INSTANCES], {}, "one production variant"),
        ([SERVERLESS], CAPTURE, "DataCaptureConfig is not supported for serverless"),
        ([SERVERLESS], ASYNC, "AsyncInferenceConfig is not supported for serverless"),
        ([INSTANCES], {"AsyncInferenceConfig": {"OutputConfig": {}}}, "S3OutputPath is required"),
        ([INSTANCES], {"DataCaptureConfig": {"DestinationS3Uri": "b/c"}}, "DataCaptureConfig.DestinationS3Uri"),
    ],
)
def test_these_settings_do_not_fit(variants, more, text):
    with pytest.raises(AwsError, match=text) as refused:
        check_serving({"ProductionVariants": variants, **more})
    assert refused.value.code == "ValidationException"
