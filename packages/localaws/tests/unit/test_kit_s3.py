import io
from typing import Any

import pytest

from localaws.kit.s3 import Location, download, encrypted_with, parse_uri, path_inside


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", ""])
def test_a_key_that_leaves_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="is no file name"):
        path_inside(tmp_path, name)


def test_a_key_becomes_a_path_below_the_folder(tmp_path):
    assert path_inside(tmp_path, "a/b.csv") == tmp_path / "a/b.csv"


def test_only_s3_uris_are_locations():
    assert parse_uri("s3://b/k/x") == Location(bucket="b", key="k/x")
    assert parse_uri("s3://b") == Location(bucket="b", key="")
    assert parse_uri("s3a://b/k", schemes=("s3", "s3a")) == Location(bucket="b", key="k")
    for uri in ("https://b/k", "s3:///k", "b/k", "s3a://b/k"):
        with pytest.raises(ValueError, match="is not an S3 URI"):
            parse_uri(uri)


class Bucket:
    """S3 with one object, whose answer says this version."""

    def __init__(self, version: str | None) -> None:
        self.version = version
        self.asked: dict[str, Any] = {}

    def get_object(self, **asked):
        self.asked = asked
        return {"Body": io.BytesIO(b"text"), **({"VersionId": self.version} if self.version else {})}


@pytest.mark.parametrize(("answered", "version"), [("v1", "v1"), ("null", None), (None, None)])
def test_a_download_gives_the_version_that_the_bucket_keeps(tmp_path, answered, version):
    target = tmp_path / "deep/file"
    bucket: Any = Bucket(answered)
    assert download(bucket, Location(bucket="b", key="k"), target) == version
    assert target.read_bytes() == b"text"


def test_a_version_is_asked_for_by_its_id(tmp_path):
    bucket: Any = Bucket("v1")
    download(bucket, Location(bucket="b", key="k"), tmp_path / "file", version_id="v1")
    assert bucket.asked == {"Bucket": "b", "Key": "k", "VersionId": "v1"}


def test_without_a_key_the_buckets_own_encryption_holds():
    assert encrypted_with(None) == {}
    assert encrypted_with("k") == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}
