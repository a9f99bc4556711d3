import pytest

from localaws.sagemaker.objects import DataUnavailable, Location, _inside, parse_uri, relative_name


@pytest.mark.parametrize(
    ("key", "prefix", "name"),
    [
        ("data/train/part-0", "data/train/", "part-0"),
        ("data/train/part-0", "data/train", "part-0"),
        ("data/train/deep/part-0", "data/train", "deep/part-0"),
        ("data/train-extra/part-0", "data/train", "train-extra/part-0"),
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("part-0", "", "part-0"),
    ],
)
def test_an_object_goes_where_its_key_follows_the_prefix(key, prefix, name):
    assert relative_name(key, prefix) == name


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", ""])
def test_a_key_that_leaves_the_channels_folder_is_refused(tmp_path, name):
    with pytest.raises(DataUnavailable, match="is no file name"):
        _inside(tmp_path, name)


def test_only_s3_uris_are_locations():
    assert parse_uri("s3://b/k/x") == Location(bucket="b", key="k/x")
    assert parse_uri("s3://b") == Location(bucket="b", key="")
    for uri in ("https://b/k", "s3:///k", "b/k"):
        with pytest.raises(ValueError, match="is not an S3 URI"):
            parse_uri(uri)
