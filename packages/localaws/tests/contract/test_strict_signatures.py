"""A signature covers the whole request: what it does not cover is refused, as on AWS."""

import hashlib
import re

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from signed_requests import send, signed, target

SECRET, OPEN = b"content of another bucket", b"content"
LIST_JOBS, NO_MEMBERS = target("SageMaker.ListTrainingJobs")
SHOW_USER = b"Action=GetUser&Version=2010-05-08&UserName=administrator"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.fixture(scope="module")
def bucket(local_aws):
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="strict-signatures")
    s3.put_object(Bucket="strict-signatures", Key="secret", Body=SECRET)
    return "strict-signatures"


def presigned_put(local_aws, bucket, **more):
    client = local_aws.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "given", **more})
    return url.removeprefix(local_aws.endpoint_url)


def missing(headers, name):
    """The headers without this one in the list of those that are signed."""
    listed = re.sub(rf"(?<=[=;]){name};|;{name}(?=,)", "", headers["Authorization"])
    assert listed != headers["Authorization"]
    return {**headers, "Authorization": listed}


# --- headers


@pytest.mark.parametrize("name", ["x-amz-copy-source", "X-Amz-Copy-Source", "x-amz-meta-owner", "x-amz-tagging", "content-md5"])
def test_a_presigned_url_takes_no_header_that_its_signer_did_not_sign(local_aws, aws, bucket, name):
    status, text, _ = send(local_aws, "PUT", presigned_put(local_aws, bucket), headers={name: f"{bucket}/secret"}, body=OPEN)
    assert (status, "<HeadersNotSigned>" + name.lower() in text, "AccessDenied" in text) == (403, True, True)
    assert "given" not in [item["Key"] for item in aws("s3").list_objects_v2(Bucket=bucket)["Contents"]]


def test_a_presigned_url_takes_the_headers_that_its_signer_signed(local_aws, aws, bucket):
    path = presigned_put(local_aws, bucket, Metadata={"owner": "me"})
    assert send(local_aws, "PUT", path, headers={"x-amz-meta-owner": "me", "content-type": "text/plain"}, body=OPEN)[0] == 200
    assert aws("s3").head_object(Bucket=bucket, Key="given")["Metadata"] == {"owner": "me"}
    assert send(local_aws, "PUT", path, headers={"x-amz-meta-owner": "you"}, body=OPEN)[0] == 403
    aws("s3").delete_object(Bucket=bucket, Key="given")


def test_an_object_is_not_copied_by_a_header_that_was_added_to_a_signed_request(local_aws, bucket):
    path = f"/{bucket}/added"
    headers = signed(local_aws, "s3", "PUT", path, body=OPEN)
    status, text, _ = send(local_aws, "PUT", path, headers={**headers, "x-amz-copy-source": f"{bucket}/secret"}, body=OPEN)
    assert (status, "<HeadersNotSigned>x-amz-copy-source" in text) == (403, True)


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amz-content-sha256"])
def test_amazon_s3_is_told_which_header_is_not_signed(local_aws, bucket, name):
    status, text, _ = send(local_aws, path=f"/{bucket}", headers=missing(signed(local_aws, "s3", path=f"/{bucket}"), name))
    assert (status, f"<HeadersNotSigned>{name}</HeadersNotSigned>" in text) == (403, True)


def test_a_header_that_is_signed_and_not_sent_is_refused(local_aws, bucket):
    client = local_aws.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("copy_object", Params={"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/secret"})
    path = url.removeprefix(local_aws.endpoint_url)
    assert send(local_aws, "PUT", path, headers={"x-amz-copy-source": f"{bucket}/secret"})[0] == 200
    assert send(local_aws, "PUT", path)[0] == 403


@pytest.mark.parametrize("name", ["host", "x-amz-date", "x-amz-target"])
def test_other_services_name_the_header_that_must_be_signed(local_aws, name):
    headers = missing(signed(local_aws, "sagemaker", "POST", headers=LIST_JOBS, body=NO_MEMBERS), name)
    status, text, _ = send(local_aws, "POST", headers=headers, body=NO_MEMBERS)
    shown = "'Host' or ':authority'" if name == "host" else f"'{name}'"
    assert (status, "InvalidSignatureException" in text) == (400, True)
    assert f"{shown} must be a 'SignedHeader' in the AWS Authorization." in text


def test_services_with_forms_have_another_code_for_it(local_aws):
    headers = missing(signed(local_aws, "iam", "POST", headers=FORM, body=SHOW_USER), "host")
    status, text, _ = send(local_aws, "POST", headers=headers, body=SHOW_USER)
    assert (status, "<Code>SignatureDoesNotMatch</Code>" in text) == (403, True)


def test_an_older_presigned_url_takes_no_added_header_either(local_aws, aws, bucket):
    client = local_aws.client("s3", signature_version="s3")
    path = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "older"}).removeprefix(local_aws.endpoint_url)
    assert send(local_aws, "PUT", path, headers={"x-amz-copy-source": f"{bucket}/secret"})[0] == 403
    assert send(local_aws, "PUT", path, body=OPEN)[0] == 200
    assert aws("s3").get_object(Bucket=bucket, Key="older")["Body"].read() == OPEN


@pytest.mark.parametrize("name", ["X-Amz-Expires", "X-Amz-Date", "X-Amz-SignedHeaders"])
def test_a_presigned_url_that_lacks_a_part_is_refused(local_aws, bucket, name):
    """Signed without it: what is left out is not only missing from the URL."""
    request = AWSRequest(method="GET", url=f"{local_aws.endpoint_url}/{bucket}/secret")
    keys = Credentials(local_aws.credentials.access_key_id, local_aws.credentials.secret_access_key)
    signer = S3SigV4QueryAuth(keys, "s3", local_aws.region, expires=60)
    canonical = signer.canonical_query_string
    signer.canonical_query_string = lambda request: re.sub(rf"&?{name}=[^&]*", "", canonical(request))  # type: ignore[method-assign]
    signer.add_auth(request)
    path = re.sub(rf"&?{name}=[^&]*", "", request.url.removeprefix(local_aws.endpoint_url))
    status, text, _ = send(local_aws, path=path)
    assert (status in (400, 403), SECRET.decode() in text) == (True, False)


# --- content


def test_content_that_is_not_what_was_signed_is_not_stored(local_aws, aws, bucket):
    path = f"/{bucket}/replaced"
    headers = signed(local_aws, "s3", "PUT", path, body=OPEN)
    assert send(local_aws, "PUT", path, headers=headers, body=OPEN)[0] == 200
    status, text, _ = send(local_aws, "PUT", path, headers=headers, body=b"replaced content")
    assert (status, "XAmzContentSHA256Mismatch" in text) == (400, True)
    assert aws("s3").get_object(Bucket=bucket, Key="replaced")["Body"].read() == OPEN


def test_amazon_s3_takes_content_that_is_said_to_be_unsigned(local_aws, bucket):
    path = f"/{bucket}/unsigned"
    headers = signed(local_aws, "s3", "PUT", path, body=OPEN, content="UNSIGNED-PAYLOAD")
    assert send(local_aws, "PUT", path, headers=headers, body=b"any content")[0] == 200


@pytest.mark.parametrize(("value", "code"), [("SIGNED", "InvalidArgument"), ("a" * 63, "InvalidArgument"), ("", "InvalidRequest")])
def test_amazon_s3_must_be_told_of_the_content(local_aws, bucket, value, code):
    path = f"/{bucket}/k"
    headers = signed(local_aws, "s3", "PUT", path, body=OPEN, content=value)
    status, text, _ = send(local_aws, "PUT", path, headers=headers, body=OPEN)
    assert (status, f"<Code>{code}</Code>" in text) == (400, True)


@pytest.mark.parametrize(("service", "headers", "body"), [("sagemaker", LIST_JOBS, NO_MEMBERS), ("iam", FORM, SHOW_USER)])
def test_other_services_take_no_content_but_what_was_signed(local_aws, service, headers, body):
    right = hashlib.sha256(body).hexdigest()
    for value, sent, is_right in (
        (right, body, True),
        (right, body + b" ", False),
        ("UNSIGNED-PAYLOAD", body, False),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", body, False),
    ):
        asked = signed(local_aws, service, "POST", headers=headers, body=body, content=value)
        status, text, _ = send(local_aws, "POST", headers=asked, body=sent)
        assert (status == 200) is is_right, (value, text)
        assert is_right or "does not match" in text
