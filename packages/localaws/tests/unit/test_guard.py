"""What is refused before anything is read."""

import pytest

from localaws.front.guard import Request, Signature, check_caller_is_local, check_path, signature_of
from localaws.kit.service import AwsError

HEADER = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEEXAMPLE00/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=abc"


def request(path="/", *, headers=None, query=None, host="127.0.0.1:4566", method="GET"):
    sent = [(b"host", host.encode())] + [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"method": method, "path": path, "headers": sent, "query_string": (query or "").encode(), "client": ("127.0.0.1", 1)}
    return Request.from_scope(scope)


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "LOCALHOST:4566", "[::1]:4566"])
def test_loopback_names_with_our_port_are_answered(host):
    check_caller_is_local(request(host=host), 4566)


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1", "127.0.0.1:80", "evil.example:4566", "bucket.localhost:4566", "127.0.0.1:4566@evil.example"]
)
def test_other_hosts_are_refused(host):
    with pytest.raises(AwsError, match="loopback"):
        check_caller_is_local(request(host=host), 4566)


def test_two_hosts_are_refused():
    with pytest.raises(AwsError, match="loopback"):
        check_caller_is_local(request(headers={"host": "evil.example"}), 4566)


def test_the_service_is_the_one_that_the_request_is_signed_for():
    assert signature_of(request(headers={"authorization": HEADER.format("glue")})) == Signature(
        access_key_id="AKIAEXAMPLEEXAMPLE00", service="glue", region="us-east-1"
    )


@pytest.mark.parametrize(
    "header",
    [
        "Bearer token",
        "Basic dGVzdDp0ZXN0",
        "AWS AKIAEXAMPLEEXAMPLE00:abc",
        HEADER.format("s3").replace("AKIAEXAMPLEEXAMPLE00", "test"),
        HEADER.format("s3").replace("AKIAEXAMPLEEXAMPLE00", "123456789012"),
        HEADER.format("s3").replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        HEADER.format("s3/../iam"),
    ],
)
def test_a_header_that_is_no_version_four_signature_is_refused(header):
    with pytest.raises(AwsError, match="Signature Version 4"):
        signature_of(request(headers={"authorization": header}))


@pytest.mark.parametrize("service", ["iam", "glue", "sagemaker"])
def test_only_s3_takes_a_signature_in_the_query(service):
    scope = f"AKIAEXAMPLEEXAMPLE00/20260101/us-east-1/{service}/aws4_request"
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=a&X-Amz-Credential={scope}"
    with pytest.raises(AwsError, match="for Amazon S3 only"):
        signature_of(request(query=query))


@pytest.mark.parametrize(
    ("service", "path", "allowed"),
    [
        ("s3", "/", True),
        ("s3", "/a-bucket/any/../key", True),
        ("s3", "/health/key", True),
        ("s3", "/_ministack/reset", False),
        ("s3", "//_ministack/reset", False),
        ("s3", "/ab", False),
        ("s3", "/Bucket/key", False),
        ("iam", "/", True),
        ("iam", "/a-bucket", False),
        ("sagemaker", "/endpoints/e/invocations", True),
        ("athena", "/endpoints/e/invocations", False),
        ("glue", "/iceberg/v1/config", False),
    ],
)
def test_a_service_has_its_own_paths_and_no_others(service, path, allowed):
    signature = Signature(access_key_id="AKIAEXAMPLEEXAMPLE00", service=service, region="us-east-1")
    if allowed:
        check_path(request(path), signature)
    else:
        with pytest.raises(AwsError, match="bucket is not valid" if service == "s3" else "nothing at"):
            check_path(request(path), signature)
