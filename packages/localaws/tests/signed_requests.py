"""Requests to a local AWS as they are written, header by header: for those that no SDK sends."""

import http.client
import json
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from waiting import HANG_S


def send(local_aws, method="GET", path="/", *, headers=None, body=b"", host=None):
    """One request as it is written here, and the status and body of the answer."""
    port = urlsplit(local_aws.endpoint_url).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_S)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": host or f"127.0.0.1:{port}", "Content-Length": str(len(body)), **(headers or {})}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, dict(answer.getheaders())


def signed(local_aws, service, method="GET", path="/", *, key=None, secret=None, region=None, headers=None, body=b"", content=None):
    """The headers of a signed request. The administrator signs it, unless another key and secret are given.

    `content` is what the header X-Amz-Content-SHA256 says of the body. Without it, only requests to S3 have that header, with the hash.
    """
    request = AWSRequest(method=method, url=local_aws.endpoint_url + path, headers=headers or {}, data=body)
    keys = Credentials(key or local_aws.credentials.access_key_id, secret or local_aws.credentials.secret_access_key)
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(keys, service, region or local_aws.region)
    if content is not None:
        request.headers["X-Amz-Content-SHA256"] = content
        signer.payload = lambda _: content  # type: ignore[method-assign, assignment]
    signer.add_auth(request)
    return dict(request.headers.items())


def target(operation, **members):
    return {"X-Amz-Target": operation, "Content-Type": "application/x-amz-json-1.1"}, json.dumps(members).encode()
