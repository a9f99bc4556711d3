import pytest

from localaws.sagemaker.input_data import relative_name


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
