"""Large objects are sent from their files: whole, in parts, by version, and whatever happens to them meanwhile."""

import itertools
import json
import socket
from urllib.parse import urlsplit

import psutil
import pytest
from signed_requests import signed

SIZE = 12 * 2**20
OLD = bytes(itertools.islice(itertools.cycle(range(251)), SIZE))
NEW = OLD[::-1]


@pytest.fixture(scope="module")
def bucket(local_aws):
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="large-objects")
    return "large-objects"


def opened(local_aws, path):
    """A connection on which the object was asked for, and whose answer nobody has read."""
    port = urlsplit(local_aws.endpoint_url).port
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in signed(local_aws, "s3", path=path).items()]
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    connection.recv(1, socket.MSG_PEEK)
    return connection


def read(connection):
    with connection, connection.makefile("rb") as answer:
        return answer.read().partition(b"\r\n\r\n")[2]


def test_an_object_is_read_whole_in_parts_and_by_version(local_aws, aws, bucket):
    s3 = aws("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=OLD)["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=NEW)
    whole = s3.get_object(Bucket=bucket, Key="k")
    assert (whole["ContentLength"], whole["Body"].read() == NEW) == (SIZE, True)
    part = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes=5-{SIZE - 8}")
    assert (part["ContentLength"], part["Body"].read() == NEW[5:-7]) == (SIZE - 12, True)
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-3")["Body"].read() == NEW[-3:]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == OLD
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == SIZE


def test_a_download_ends_as_it_began_although_its_object_was_replaced(local_aws, aws, bucket):
    aws("s3").put_object(Bucket=bucket, Key="replaced", Body=OLD)
    download = opened(local_aws, f"/{bucket}/replaced")
    aws("s3").put_object(Bucket=bucket, Key="replaced", Body=NEW)
    assert read(download) == OLD
    download = opened(local_aws, f"/{bucket}/replaced")
    aws("s3").delete_object(Bucket=bucket, Key="replaced")
    assert read(download) == NEW


def test_downloads_that_nobody_reads_take_no_memory(local_aws, aws, bucket):
    aws("s3").put_object(Bucket=bucket, Key="unread", Body=OLD)
    server = psutil.Process(json.loads((local_aws.home / "server.json").read_text())["pid"])
    before = server.memory_info().rss
    downloads = [opened(local_aws, f"/{bucket}/unread") for _ in range(20)]
    assert server.memory_info().rss - before < 5 * SIZE
    assert read(downloads[-1]) == OLD
    for download in downloads[:-1]:
        download.close()
