"""Requests become members and members become answers, as botocore's own client writes and reads them."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from localaws.front.engine_calls import _check_answer
from localaws.front.guard import Request
from localaws.front.wire_protocol import error_answer, operation_of, parse, serialise
from localaws.kit.service import AwsError
from localaws.kit.service_models import service_model


def request_of(operation, members):
    """The request that botocore's client would send, and its body."""
    protocol = operation.service_model.metadata["protocol"]
    made = create_serializer(protocol).serialize_to_request(members, operation)
    parts = urlsplit(made["url_path"])
    headers = {name.lower(): str(value) for name, value in made["headers"].items()}
    body = made["body"] if isinstance(made["body"], bytes) else made["body"].encode()
    request = Request(
        method=made["method"], path=parts.path, raw_path=parts.path, query=parse_qs(parts.query), headers=headers, raw_headers=[]
    )
    return request, body


def read_back(operation, answer):
    protocol = operation.service_model.metadata["protocol"]
    response = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    parsed = create_parser(protocol).parse(response, operation.output_shape)
    parsed.pop("ResponseMetadata")
    return parsed


def round_trip(service, name, members):
    operation = service_model(service).operation_model(name)
    request, body = request_of(operation, members)
    assert operation_of(request, [service]).name == name
    return parse(operation, request, body)


def test_a_json_request_is_read_as_it_was_meant():
    members = {"CreationTimeAfter": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "MaxResults": 3, "NameContains": "ü"}
    assert round_trip("sagemaker", "ListTrainingJobs", members) == members


def test_a_blob_is_bytes_on_both_sides():
    operation = service_model("sagemaker-runtime").operation_model("InvokeEndpoint")
    members = {"EndpointName": "an-end", "Body": b"\x00\xff", "ContentType": "text/csv", "Accept": "application/json", "TargetVariant": "v"}
    assert round_trip("sagemaker-runtime", "InvokeEndpoint", members) == members
    answer = {"Body": b"\x00\xff", "ContentType": "x/y", "InvokedProductionVariant": "v"}
    served = serialise(operation, answer)
    assert served.body == b"\x00\xff"
    assert (served.headers["content-type"], served.headers["x-amzn-invoked-production-variant"]) == ("x/y", "v")


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_timestamp_is_kept_to_the_millisecond(moment):
    operation = service_model("sagemaker").operation_model("DescribeModel")
    answer = {"ModelName": "m", "CreationTime": moment, "ModelArn": "arn"}
    read = read_back(operation, serialise(operation, answer))["CreationTime"]
    assert abs((read - moment).total_seconds()) <= 0.001


def test_every_operation_of_ours_is_recognised_by_its_target():
    session = botocore.session.Session()
    for service in ("athena", "sagemaker"):
        model = session.get_service_model(service)
        for name in model.operation_names:
            headers = {"x-amz-target": f"{model.metadata['targetPrefix']}.{name}"}
            request = Request(method="POST", path="/", raw_path="/", query={}, headers=headers, raw_headers=[])
            assert operation_of(request, [service]).name == name


@pytest.mark.parametrize("target", ["SageMaker.Nothing", "AmazonAthena.ListModels", "ListModels", ""])
def test_an_unknown_target_is_named(target):
    request = Request(method="POST", path="/", raw_path="/", query={}, headers={"x-amz-target": target}, raw_headers=[])
    with pytest.raises(AwsError, match=target or "POST /"):
        operation_of(request, ["sagemaker", "sagemaker-runtime"])


@pytest.mark.parametrize("body", [b"{", b"[]", b'"a"', b'{"CreationTimeAfter": "yesterday"}', b"\xff"])
def test_a_body_of_another_shape_is_a_serialization_error(body):
    operation = service_model("sagemaker").operation_model("ListTrainingJobs")
    request, _ = request_of(operation, {})
    with pytest.raises(AwsError) as error:
        parse(operation, request, body)
    assert error.value.code == "SerializationException"


def test_an_answer_that_aws_would_not_give_is_refused():
    operation = service_model("sagemaker").operation_model("DescribeModel")
    good = {"ModelName": "m", "CreationTime": datetime.now(UTC), "ModelArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m"}
    _check_answer("sagemaker", operation, good)
    for wrong in ({"Extra": 1}, {"ModelName": 3}, {"ModelName": "a_b"}, {"CreationTime": None}):
        with pytest.raises(AwsError, match="answer to DescribeModel is wrong"):
            _check_answer("sagemaker", operation, good | wrong)
    with pytest.raises(AwsError, match="has no members"):
        _check_answer("sagemaker", service_model("sagemaker").operation_model("DeleteModel"), {"A": 1})


@pytest.mark.parametrize(
    ("headers", "method", "content_type", "status"),
    [
        (
            {"x-amz-target": "SageMaker.X", "authorization": "Credential=a/b/c/sagemaker/aws4_request"},
            "POST",
            "application/x-amz-json-1.1",
            400,
        ),
        ({"authorization": "Credential=a/b/c/sagemaker/aws4_request"}, "POST", "application/x-amz-json-1.1", 403),
        ({"authorization": "Credential=a/b/c/s3/aws4_request"}, "GET", "application/xml", 403),
        ({"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, "POST", "text/xml", 403),
        ({}, "GET", "application/xml", 403),
    ],
)
def test_an_error_comes_in_the_form_of_its_protocol(headers, method, content_type, status):
    request = Request(method=method, path="/", raw_path="/", query={}, headers=headers, raw_headers=[])
    answer = error_answer(AwsError("AccessDeniedException", "no <b>"), request)
    assert (answer.headers["content-type"], answer.status) == (content_type, status)
    assert (b"no &lt;b&gt;" in answer.body) == ("xml" in content_type)
