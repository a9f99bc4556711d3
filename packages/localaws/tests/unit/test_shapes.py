"""The constraints that botocore's own validator leaves out are checked."""

import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, ShapeResolver

from localaws.front.shape_checks import _compiled, problems
from localaws.kit.service_models import service_model


def found(name, members, service="sagemaker"):
    shape = service_model(service).operation_model(name).input_shape
    assert shape is not None
    return problems(shape, members)


def test_a_good_request_has_no_problem():
    assert found("ListTrainingJobs", {"MaxResults": 100, "StatusEquals": "Completed", "NameContains": "a-b"}) == []


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"MaxResults": 101}, "Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100"),
        ({"StatusEquals": "Done"}, "Value 'Done' at 'statusEquals' failed to satisfy constraint: Member must satisfy enum value set: ["),
        (
            {"NameContains": "a b"},
            "Value 'a b' at 'nameContains' failed to satisfy constraint: Member must satisfy regular expression pattern",
        ),
        ({"NameContains": "a" * 64}, "Member must have length less than or equal to 63"),
        ({"MaxResults": "1"}, "Invalid type for parameter MaxResults"),
        ({"Nme": "a"}, "Unknown"),
    ],
)
def test_each_kind_of_violation_is_told(members, text):
    problem = found("ListTrainingJobs", members)
    assert len(problem) == 1
    assert text in problem[0]


def test_a_missing_member_is_told():
    null = "failed to satisfy constraint: Member must not be null"
    assert found("DescribeModel", {}) == [f"Value null at 'modelName' {null}"]
    tags = [{"Key": "a", "Value": "b"}, {"Key": "a"}]
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/m"
    assert found("AddTags", {"ResourceArn": arn, "Tags": tags}) == [f"Value null at 'tags.2.member.value' {null}"]


def test_lists_and_maps_are_walked_to_the_last_item():
    tags = [{"Key": "a", "Value": "b"}, {"Key": "x" * 129, "Value": "b"}]
    assert (
        "at 'tags.2.member.key'" in found("AddTags", {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "Tags": tags})[0]
    )


@pytest.mark.parametrize("service", ["athena", "sagemaker", "sagemaker-runtime", "codebuild", "codepipeline", "codeconnections"])
def test_every_pattern_of_the_models_can_be_read(service):
    for shape in Loader().load_service_model(service, "service-2")["shapes"].values():
        if "pattern" in shape:
            _compiled(shape["pattern"])


def test_a_pattern_with_pairs_for_characters_beyond_the_basic_plane_takes_them():
    shape = next(s for s in Loader().load_service_model("athena", "service-2")["shapes"].values() if "\\uD800" in s.get("pattern", ""))
    assert _compiled(shape["pattern"]).fullmatch("a 🎬")
    assert not _compiled(shape["pattern"]).fullmatch("a\n")


def test_a_text_that_keeps_a_pattern_busy_is_refused_once():
    """The pattern of RepositoryUrl takes exponential time for it, and others wait while it is matched."""
    url = {"type": "string", "pattern": r"https://([.\-_a-zA-Z0-9]+/?){3,1016}"}
    urls = ListShape("L", {"type": "list", "member": {"shape": "U"}}, ShapeResolver({"U": url}))  # type: ignore[dict-item]
    (problem,) = problems(urls, ["https://" + "a." * 500 + "!"] * 50)
    assert "1.member' failed to satisfy constraint: Member must satisfy regular expression pattern" in problem
