"""Each condition of the guard by itself: a request that is right but for one thing is refused for that thing."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import pytest

from localaws.front.guard import Request, Signature, check_caller_is_local, check_path, signature_of
from localaws.kit.service import AwsError

KEY = "AKIAEXAMPLEEXAMPLE00"
SCOPE = f"{KEY}/20260101/us-east-1/s3/aws4_request"
HEADER = f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=abc"
SIGNATURE = Signature(access_key_id=KEY, service="s3", region="us-east-1")
NEW = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": SCOPE, "X-Amz-Signature": "abc", "X-Amz-Expires": "60"}
OLD = {"AWSAccessKeyId": KEY, "Signature": "abc", "Expires": "1800000000"}
Pairs = Sequence[tuple[str, str]]


def request(*, path: str = "/", host: str = "127.0.0.1:4566", query: Mapping[str, str] | Pairs = (), headers: Pairs = ()) -> Request:
    sent = [(b"host", host.encode()), *((name.encode(), value.encode()) for name, value in headers)]
    return Request.from_scope({"method": "GET", "path": path, "headers": sent, "query_string": urlencode(query).encode()})


def refused(made: Request) -> tuple[str, int]:
    with pytest.raises(AwsError) as caught:
        signature_of(made)
    return caught.value.code, caught.value.status


def without(members: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in members.items() if key != name}


# --- signatures: what is right


@pytest.mark.parametrize(
    ("made", "signature"),
    [
        (request(headers=[("authorization", HEADER)]), SIGNATURE),
        (request(headers=[("Authorization", HEADER)]), SIGNATURE),
        (request(query=NEW), SIGNATURE),
        (request(query=OLD), Signature(access_key_id=KEY, service="s3", region="")),
        (request(query={**NEW, "response-content-type": "text/html"}), SIGNATURE),
    ],
    ids=["a header", "a header with a capital", "a presigned URL", "an older presigned URL", "a presigned URL with more"],
)
def test_one_complete_signature_is_taken(made: Request, signature: Signature) -> None:
    assert signature_of(made) == signature


def test_a_key_has_16_to_128_letters_and_digits() -> None:
    for length, is_right in ((15, False), (16, True), (128, True), (129, False)):
        key = "A" * length
        for made in (
            request(headers=[("authorization", HEADER.replace(KEY, key))]),
            request(query={**NEW, "X-Amz-Credential": SCOPE.replace(KEY, key)}),
            request(query={**OLD, "AWSAccessKeyId": key}),
        ):
            if is_right:
                assert signature_of(made).access_key_id == key
            else:
                assert refused(made) == ("IncompleteSignature", 403)


# --- signatures: one thing wrong


def test_a_request_without_a_signature_is_refused() -> None:
    assert refused(request()) == ("MissingAuthenticationToken", 403)
    assert refused(request(query={"X-Amz-Date": "20260101T000000Z", "Expires": "1"})) == ("MissingAuthenticationToken", 403)


@pytest.mark.parametrize(
    "header",
    [
        "",
        HEADER.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        HEADER.replace("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"),
        HEADER.replace("AWS4", "aws4"),
        HEADER.replace("Credential=", ""),
        HEADER.replace(KEY, KEY.lower()),
        HEADER.replace(KEY, "AKIAEXAMPLEEXAMPLE/0"),
        HEADER.replace("20260101", "2026011"),
        HEADER.replace("20260101", "202601011"),
        HEADER.replace("20260101", "2026-1-1"),
        HEADER.replace("us-east-1", ""),
        HEADER.replace("us-east-1", "US-EAST-1"),
        HEADER.replace("/s3/", "//"),
        HEADER.replace("/s3/", "/S3/"),
        HEADER.replace("/s3/", "/s3/s3/"),
        HEADER.replace("aws4_request", "aws3_request"),
        HEADER.replace("/aws4_request", ""),
        HEADER.partition(", Sig")[0].partition(", ")[0],
        HEADER.partition(", Signed")[0] + ",",
        f" {HEADER}",
        f"{HEADER}\nX-Other: header",
    ],
)
def test_a_header_that_is_no_complete_signature_is_refused(header: str) -> None:
    assert refused(request(headers=[("authorization", header)])) == ("IncompleteSignature", 403)


@pytest.mark.parametrize(
    "query",
    [
        without(NEW, "X-Amz-Algorithm"),
        without(NEW, "X-Amz-Credential"),
        without(NEW, "X-Amz-Signature"),
        {**NEW, "X-Amz-Algorithm": ""},
        {**NEW, "X-Amz-Algorithm": "aws4-hmac-sha256"},
        {**NEW, "X-Amz-Algorithm": "AWS4-ECDSA-P256-SHA256"},
        {**NEW, "X-Amz-Algorithm": "AWS4-HMAC-SHA256 "},
        {**NEW, "X-Amz-Credential": ""},
        {**NEW, "X-Amz-Credential": f"{SCOPE}/more"},
        {**NEW, "X-Amz-Credential": SCOPE.replace("/20260101", "")},
        {**NEW, "X-Amz-Credential": SCOPE.replace("20260101", "2026")},
        {**NEW, "X-Amz-Credential": SCOPE.replace("us-east-1", "us_east_1")},
        {**NEW, "X-Amz-Credential": SCOPE.replace("aws4_request", "aws4")},
        {**NEW, "X-Amz-Credential": SCOPE.replace(KEY, KEY.lower())},
        without(OLD, "Signature"),
        without(OLD, "Expires"),
        {**OLD, "AWSAccessKeyId": ""},
        {**OLD, "AWSAccessKeyId": KEY.lower()},
        {**OLD, "AWSAccessKeyId": f"{KEY}/"},
        without(OLD, "AWSAccessKeyId"),
    ],
)
def test_a_presigned_url_that_lacks_one_thing_is_refused(query: dict[str, str]) -> None:
    assert refused(request(query=query)) == ("IncompleteSignature", 403)


@pytest.mark.parametrize("service", ["iam", "sts", "glue", "s3express"])
def test_a_presigned_url_for_another_service_is_refused(service: str) -> None:
    query = {**NEW, "X-Amz-Credential": SCOPE.replace("/s3/", f"/{service}/")}
    assert refused(request(query=query)) == ("IncompleteSignature", 403)


@pytest.mark.parametrize("name", ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "AWSAccessKeyId", "Signature"])
@pytest.mark.parametrize("value", ["same", "other"])
def test_each_part_of_a_presigned_url_may_be_there_once(name: str, value: str) -> None:
    whole = NEW if name in NEW else OLD
    again = whole[name] if value == "same" else "B"
    assert refused(request(query=[*whole.items(), (name, again)])) == ("InvalidRequest", 400)


def test_two_signatures_are_refused_whichever_they_are() -> None:
    header = ("authorization", HEADER)
    assert refused(request(headers=[header, header])) == ("InvalidRequest", 400)
    assert refused(request(headers=[header, ("AUTHORIZATION", "Bearer x")])) == ("InvalidRequest", 400)
    for query in (NEW, OLD, {"Signature": "x"}, {"X-Amz-Algorithm": "x"}):
        assert refused(request(headers=[header], query=query)) == ("InvalidRequest", 400)


def test_a_presigned_url_of_both_kinds_is_refused() -> None:
    other = {**NEW, "X-Amz-Credential": SCOPE.replace(KEY, "AKIASOMEBODYELSE0000")}
    assert refused(request(query={**OLD, **other})) == ("InvalidRequest", 400)
    assert refused(request(query={**NEW, "Signature": "abc"})) == ("InvalidRequest", 400)


# --- who calls


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "[::1]:4566", "LocalHost:4566"])
def test_a_program_on_this_machine_is_answered(host: str) -> None:
    check_caller_is_local(request(host=host), 4566)
    check_caller_is_local(request(host=host, headers=[("sec-fetch-site", "none")]), 4566)
    check_caller_is_local(request(host=host, headers=[("sec-fetch-site", "same-origin")]), 4566)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (request(host="127.0.0.1:4567"), "loopback"),
        (request(host="127.0.0.1"), "loopback"),
        (request(host="127.0.0.2:4566"), "loopback"),
        (request(host="0.0.0.0:4566"), "loopback"),
        (request(host="localhost.example:4566"), "loopback"),
        (request(host="127.0.0.1:4566 "), "loopback"),
        (request(headers=[("host", "127.0.0.1:4566")]), "loopback"),
        (request(headers=[("Host", "127.0.0.1:4566")]), "loopback"),
        (request(headers=[("origin", "http://127.0.0.1:4566")]), "web pages"),
        (request(headers=[("Origin", "null")]), "web pages"),
        (request(headers=[("origin", "")]), "web pages"),
        (request(headers=[("sec-fetch-site", "cross-site")]), "web pages"),
        (request(headers=[("Sec-Fetch-Site", "same-site")]), "web pages"),
        (request(headers=[("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]), "web pages"),
        (request(headers=[("sec-fetch-site", "")]), "web pages"),
    ],
)
def test_each_sign_of_another_caller_is_enough_to_be_refused(made: Request, text: str) -> None:
    with pytest.raises(AwsError, match=text) as caught:
        check_caller_is_local(made, 4566)
    assert (caught.value.code, caught.value.status) == ("AccessDenied", 403)


def test_the_port_is_the_servers_own_and_a_header_is_found_however_it_is_spelled() -> None:
    made = Request.from_scope({"method": "GET", "path": "/", "headers": [(b"Host", b"127.0.0.1:5000")], "query_string": b""})
    check_caller_is_local(made, 5000)
    with pytest.raises(AwsError, match="loopback"):
        check_caller_is_local(made, 4566)


def test_a_request_without_a_host_is_refused() -> None:
    made = Request.from_scope({"method": "GET", "path": "/", "headers": [], "query_string": b""})
    with pytest.raises(AwsError, match="loopback"):
        check_caller_is_local(made, 4566)


# --- paths


@pytest.mark.parametrize(
    ("service", "path", "is_allowed"),
    [
        ("s3", "/", True),
        ("s3", "/abc", True),
        ("s3", "/abc/", True),
        ("s3", f"/{'a' * 63}/key", True),
        ("s3", f"/{'a' * 64}/key", False),
        ("s3", "/ab/key", False),
        ("s3", "/-bc/key", False),
        ("s3", "/ab-/key", False),
        ("s3", "/a_c/key", False),
        ("s3", "/abC/key", False),
        ("s3", "/a.c/key", True),
        ("s3", "//abc", False),
        ("s3", "abc/key", False),
        ("s3", "*", False),
        ("s3", "", False),
        ("s3", "/endpoints", True),
        ("sagemaker", "/", True),
        ("sagemaker", "/endpoints/e/invocations", True),
        ("sagemaker", "/endpoint/e/invocations", False),
        ("sagemaker", "/x/endpoints/e", False),
        ("sagemaker", "endpoints", False),
        ("athena", "/", True),
        ("athena", "/endpoints/e/invocations", False),
        ("athena", "/abc", False),
        ("athena", "", False),
    ],
)
def test_a_service_is_answered_at_its_own_paths_alone(service: str, path: str, is_allowed: bool) -> None:
    signature = Signature(access_key_id=KEY, service=service, region="us-east-1")
    if is_allowed:
        check_path(request(path=path), signature)
    else:
        with pytest.raises(AwsError, match=r"nothing at|bucket is not valid") as caught:
            check_path(request(path=path), signature)
        expected = ("InvalidBucketName", 400) if service == "s3" else ("AccessDenied", 403)
        assert (caught.value.code, caught.value.status) == expected


# --- what a request is made of


def test_a_request_keeps_what_was_sent() -> None:
    scope = {
        "method": "PUT",
        "path": "/b/a b/c",
        "raw_path": b"/b/a%20b%2Fc",
        "query_string": b"x=&x=1&y=%C3%BC&z=%ff",
        "headers": [(b"Host", b"h"), (b"X-A", b"1"), (b"x-a", b"2"), (b"x-b", b"\xfc")],
        "client": ("127.0.0.7", 5),
    }
    made = Request.from_scope(scope)
    assert (made.method, made.path, made.raw_path, made.client) == ("PUT", "/b/a b/c", "/b/a%20b%2Fc", "127.0.0.7")
    assert made.query == {"x": ["", "1"], "y": ["ü"], "z": ["\ufffd"]}
    assert made.headers == {"host": "h", "x-a": "1, 2", "x-b": "ü"}
    assert made.raw_headers == scope["headers"]
    assert "X-A" not in repr(made)


def test_a_server_that_tells_less_leaves_the_path_quoted_and_the_client_on_this_machine() -> None:
    for more in ({}, {"raw_path": b"", "client": None}):
        made = Request.from_scope({"method": "GET", "path": "/b/a b", "headers": [], **more})
        assert (made.raw_path, made.client, made.query) == ("/b/a%20b", "127.0.0.1", {})
