"""The local AWS answers its owner, on this machine, and nobody else."""

import json
import os
import stat
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import ClientError
from signed_requests import send, signed, target


def test_one_socket_listens_and_only_on_loopback(local_aws):
    record = json.loads((local_aws.home / "server.json").read_text())
    server = psutil.Process(record["pid"])
    family = [server, *server.children(recursive=True)]
    listening = [
        c.laddr for p in family for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN or c.type.name == "SOCK_DGRAM"
    ]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", record["port"])]


def test_the_state_is_readable_by_its_owner_only(local_aws):
    assert stat.S_IMODE(local_aws.home.stat().st_mode) == 0o700
    for folder, _, files in os.walk(local_aws.home):
        for name in files:
            mode = stat.S_IMODE(os.stat(os.path.join(folder, name), follow_symlinks=False).st_mode)
            assert mode & 0o077 == 0 or stat.S_IMODE(os.stat(folder).st_mode) & 0o077 == 0, (folder, name)
    assert stat.S_IMODE((local_aws.home / "credentials.json").stat().st_mode) == 0o600


def test_credentials_are_random_and_the_user_is_not_root(local_aws, aws):
    assert aws("sts").get_caller_identity()["Arn"].endswith(":user/administrator")
    assert local_aws.credentials.access_key_id != "test"
    assert len(local_aws.credentials.secret_access_key) >= 30


@pytest.mark.parametrize(
    "path",
    ["/_ministack/reset", "/_ministack/config", "/_ministack/health", "/_localstack/health", "/health", "/_aws/sqs/messages", "/", "/b/k"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
def test_an_unsigned_request_is_refused_everywhere(local_aws, aws, method, path):
    status, text, headers = send(local_aws, method, path)
    assert status == 403
    assert "MissingAuthenticationToken" in text
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    "path", ["/_ministack/reset", "/_ministack/config", "/_ministack/health", "/_localstack/info", "/%5Fministack/reset"]
)
@pytest.mark.parametrize("service", ["s3", "iam", "sqs", "sagemaker"])
def test_admin_paths_are_closed_for_signed_requests_too(local_aws, aws, service, path):
    aws("s3").create_bucket(Bucket="still-here")
    status, text, _ = send(local_aws, "POST", path, headers=signed(local_aws, service, "POST", path))
    assert status in (400, 403)
    assert "honour" in text or "nothing at" in text or "InvalidBucketName" in text
    assert "still-here" in [bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", "0.0.0.0:{port}"]
)
def test_a_foreign_host_name_is_refused(local_aws, host):
    port = urlsplit(local_aws.endpoint_url).port
    status, text, _ = send(local_aws, path="/", headers=signed(local_aws, "s3"), host=host.format(port=port))
    assert (status, "loopback" in text) == (403, True)


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_is_refused_even_with_a_good_signature(local_aws, header):
    status, text, _ = send(local_aws, headers=signed(local_aws, "s3") | header)
    assert (status, "web pages" in text) == (403, True)


def test_a_signed_request_by_hand_is_answered(local_aws):
    status, text, _ = send(local_aws, headers=signed(local_aws, "s3"))
    assert (status, "ListAllMyBucketsResult" in text) == (200, True)


@pytest.mark.parametrize("key", ["test", "123456789012", "AKIAUNKNOWNUNKNOWN00"])
@pytest.mark.parametrize("service", ["s3", "iam", "glue", "sagemaker"])
def test_well_known_and_unknown_keys_are_refused(local_aws, service, key):
    headers, body = target("AWSGlue.GetDatabases") if service == "glue" else target("SageMaker.ListTrainingJobs")
    method = "GET" if service == "s3" else "POST"
    if service == "iam":
        headers, body = {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=ListUsers&Version=2010-05-08"
    if service == "s3":
        headers, body = {}, b""
    sent = signed(local_aws, service, method, key=key, secret="test" * 10, headers=headers, body=body)
    status, text, _ = send(local_aws, method, headers=sent, body=body)
    assert status in (400, 403)
    assert any(code in text for code in ("InvalidAccessKeyId", "IncompleteSignature", "InvalidClientTokenId", "UnrecognizedClient"))


@pytest.mark.parametrize("service", ["s3", "iam", "athena", "sagemaker", "cloudformation"])
def test_a_wrong_secret_is_refused(local_aws, service):
    wrong = local_aws.credentials.__class__(access_key_id=local_aws.credentials.access_key_id, secret_access_key="x" * 40)
    operations = {
        "s3": "list_buckets",
        "iam": "list_users",
        "athena": "list_work_groups",
        "sagemaker": "list_models",
        "cloudformation": "list_stacks",
    }
    with pytest.raises(ClientError) as error:
        getattr(local_aws.client(service, wrong), operations[service])()
    assert error.value.response["Error"]["Code"] in ("SignatureDoesNotMatch", "InvalidSignatureException")


def test_a_signature_for_one_service_does_not_serve_another(local_aws):
    headers, body = target("AWSGlue.GetDatabases")
    status, text, _ = send(local_aws, "POST", headers=signed(local_aws, "s3", "POST", headers=headers, body=body), body=body)
    assert (status, "knows no operation of s3" in text) == (400, True)


def test_a_body_changed_on_the_way_is_refused(local_aws):
    headers, body = target("SageMaker.ListTrainingJobs", MaxResults=1)
    sent = signed(local_aws, "sagemaker", "POST", headers=headers, body=body)
    status, text, _ = send(local_aws, "POST", headers=sent, body=body.replace(b"1", b"2"))
    assert (status, "InvalidSignatureException" in text) == (400, True)


def test_two_signatures_are_refused(local_aws):
    query = "/?X-Amz-Credential=AKIAAAAAAAAAAAAAAAAA/20260101/us-east-1/s3/aws4_request"
    status, text, _ = send(local_aws, path=query, headers=signed(local_aws, "s3"))
    assert (status, "Only one signature" in text) == (400, True)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}


@pytest.mark.parametrize(
    ("service", "method", "path", "headers", "body"),
    [
        ("cloudformation", "GET", "/?Action=DeleteStack&StackName=s", {}, b""),
        ("cloudformation", "POST", "/?Action=DeleteStack", FORM, b"StackName=s"),
        ("cloudformation", "POST", "/", JSON | {"X-Amz-Target": "CloudFormation_20100515.DeleteStack"}, b'{"StackName": "s"}'),
        ("cloudformation", "POST", "/", FORM, b"Action=DescribeStacks&Action=DeleteStack&StackName=s"),
        ("iam", "POST", "/", FORM | {"X-Amz-Target": "AWSIAM.GetUser"}, b"Action=DeleteUser&UserName=administrator"),
        ("glue", "POST", "/?Action=GetTables", JSON | {"X-Amz-Target": "AWSGlue.DeleteTable"}, b"{}"),
        ("glue", "POST", "/", FORM | {"X-Amz-Target": "AWSGlue.DeleteTable"}, b"Action=GetTables"),
        ("sns", "POST", "/", FORM, b"Action=Subscribe&Protocol=email&Protocol=https&Endpoint=x&TopicArn=t"),
        ("sns", "POST", "/", FORM, b"%%%"),
    ],
)
def test_a_request_that_could_mean_two_things_is_refused(local_aws, service, method, path, headers, body):
    status, text, _ = send(local_aws, method, path, headers=signed(local_aws, service, method, path, headers=headers, body=body), body=body)
    assert status == 400
    assert any(words in text for words in ("as the AWS SDKs send them", "more than once", "cannot be read"))


@pytest.mark.parametrize("query", ["?tagging&policy", "?acl&policy", "?versions&uploads"])
def test_two_sub_resources_of_s3_are_refused(local_aws, aws, query):
    aws("s3").create_bucket(Bucket="sub-resources")
    path = f"/sub-resources{query}"
    status, text, _ = send(local_aws, path=path, headers=signed(local_aws, "s3", path=path))
    assert (status, "Conflicting query string parameters" in text) == (400, True)


def test_another_region_is_refused(local_aws):
    status, text, _ = send(local_aws, headers=signed(local_aws, "s3", region="eu-west-1"))
    assert (status, "serves us-east-1 only" in text) == (403, True)


def test_a_websocket_is_refused(local_aws):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    status, _, _ = send(local_aws, headers=upgrade)
    assert status == 403


def test_presigned_urls_work_and_a_forged_one_does_not(local_aws, aws):
    aws("s3").create_bucket(Bucket="presigned")
    aws("s3").put_object(Bucket="presigned", Key="a b", Body=b"content")
    for version in ("s3v4", "s3"):
        url = local_aws.client("s3", signature_version=version).generate_presigned_url(
            "get_object", Params={"Bucket": "presigned", "Key": "a b"}
        )
        path = url.removeprefix(local_aws.endpoint_url)
        assert send(local_aws, path=path)[:2] == (200, "content")
        assert send(local_aws, path=path.replace("a%20b", "a%20c"))[0] == 403
        assert send(local_aws, path=path[:-3] + "abc")[0] == 403


def test_names_that_the_emulator_keeps_for_itself_are_ordinary_buckets_and_keys(aws):
    s3 = aws("s3")
    for bucket, key in (("health", "k"), ("login", "x/.well-known/jwks.json"), ("iceberg", "v1/config"), ("v20180820", "accesspoint/a")):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=b"content")
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"content"
        assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
