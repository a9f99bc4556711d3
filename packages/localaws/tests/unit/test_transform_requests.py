"""How a batch transform job splits objects into requests, and makes an object of the answers."""

import pytest

from localaws.sagemaker.transform_job import assembled, requests_of

LINES = b"1,2\n3,4\n5,6"
LARGE = b"x" * 700_000 + b"\n"


def request(*, split="Line", **members):
    return {"TransformInput": {"SplitType": split}, "TransformOutput": {}, **members}


@pytest.mark.parametrize(
    ("content", "members", "bodies"),
    [
        (LINES, {"split": "None"}, [LINES]),
        (LINES, {}, [LINES]),
        (LINES, {"BatchStrategy": "SingleRecord"}, [b"1,2\n", b"3,4\n", b"5,6"]),
        (LARGE * 3, {"MaxPayloadInMB": 1}, [LARGE, LARGE, LARGE]),
        (LARGE * 3, {"MaxPayloadInMB": 2}, [LARGE * 2, LARGE]),
        (b"", {}, []),
    ],
    ids=["whole", "one-batch", "single", "batches-of-1-MB", "batches-of-2-MB", "empty"],
)
def test_an_object_is_split_into_requests(content, members, bodies):
    assert list(requests_of(content, request(**members))) == bodies


def test_a_record_above_the_limit_is_refused():
    with pytest.raises(ValueError, match="limit of MaxPayloadInMB"):
        list(requests_of(LARGE * 2, request(split="None", MaxPayloadInMB=1)))


@pytest.mark.parametrize(("assembly", "content"), [("None", b"0.1\n0.20.3"), ("Line", b"0.1\n0.2\n0.3\n")])
def test_answers_are_assembled(assembly, content):
    assert assembled([b"0.1\n0.2", b"0.3"], {"TransformOutput": {"AssembleWith": assembly}}) == content
