"""Large objects are sent from their files: whole, in parts, by version, and whatever happens to them meanwhile."""

import hashlib
import itertools
import json
import socket
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import ClientError
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


def memory(local_aws):
    return psutil.Process(json.loads((local_aws.home / "server.json").read_text())["pid"]).memory_info().rss


def test_versions_take_no_memory(local_aws, aws, bucket):
    s3 = aws("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="versions", Body=OLD)
    before = memory(local_aws)
    first, *_ = [s3.put_object(Bucket=bucket, Key="versions", Body=NEW)["VersionId"] for _ in range(10)]
    s3.delete_object(Bucket=bucket, Key="versions")
    assert memory(local_aws) - before < 5 * SIZE
    assert s3.get_object(Bucket=bucket, Key="versions", VersionId=first)["Body"].read() == NEW


class Upload:
    """A multipart upload of the object `parts`."""

    def __init__(self, s3, bucket):
        self.s3, self.place = s3, {"Bucket": bucket, "Key": "parts"}
        self.place["UploadId"] = s3.create_multipart_upload(**self.place, ChecksumAlgorithm="SHA256")["UploadId"]

    def part(self, number, body):
        told = self.s3.upload_part(**self.place, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        return {"PartNumber": number, "ETag": told["ETag"], "ChecksumSHA256": told["ChecksumSHA256"]}

    def complete(self, *parts):
        return self.s3.complete_multipart_upload(**self.place, MultipartUpload={"Parts": list(parts)})


@pytest.fixture
def parts_folder(local_aws):
    """Where the parts of uploads are, which must not stay."""
    folder = local_aws.home / "state" / "emulator" / "uploads"
    yield folder
    assert list(folder.iterdir()) == []


def test_parts_are_joined_on_disk_in_the_order_of_their_numbers(local_aws, aws, bucket, parts_folder):
    s3 = aws("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="parts", Body=b"before")
    upload, before = Upload(s3, bucket), memory(local_aws)
    upload.part(2, OLD)
    third, first, second = upload.part(3, b"end"), upload.part(1, NEW), upload.part(2, NEW + OLD)
    upload.part(4, OLD)  # not named below, so it is not part of the object
    assert len(list(parts_folder.iterdir())) == 4
    told = upload.complete(first, second, third)
    assert memory(local_aws) - before < 4 * SIZE
    digests = b"".join(hashlib.md5(part).digest() for part in (NEW, NEW + OLD, b"end"))
    assert told["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert upload.complete(first, second, third)["ETag"] == told["ETag"]  # asked again
    found = s3.get_object(Bucket=bucket, Key="parts")
    assert (found["ContentLength"], found["Body"].read() == NEW + NEW + OLD + b"end") == (3 * SIZE + 3, True)
    sizes = {version["Size"] for version in s3.list_object_versions(Bucket=bucket, Prefix="parts")["Versions"]}
    assert sizes == {6, 3 * SIZE + 3}


def test_an_upload_that_is_refused_or_aborted_leaves_what_was_there(aws, bucket, parts_folder):
    s3 = aws("s3")
    upload = Upload(s3, bucket)
    part = upload.part(1, OLD)
    with pytest.raises(ClientError, match="InvalidPart"):
        upload.complete(part | {"ETag": '"0"'})
    assert [found["Size"] for found in s3.list_parts(**upload.place)["Parts"]] == [SIZE]
    s3.abort_multipart_upload(**upload.place)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        upload.complete(part)
