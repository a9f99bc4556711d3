import pytest
from paged_operations import NAMES, PAGED, PAGED_BY_THEMSELVES

from localaws.kit.paging import paging_of
from localaws.kit.service import AwsError
from localaws.kit.service_models import service_model

all_paged = pytest.mark.parametrize(("operation", "paging"), PAGED, ids=NAMES)


def pages(operation, paging, items, **members):
    """The items of every page, page by page, as a client asks for them."""
    request, found = dict(members), []
    while True:
        page = paging.page(operation, request, {paging.items: items}, start=paging.start(operation, request))
        found.append(page[paging.items])
        if paging.next_token not in page:
            return found
        request = {**members, paging.token: page[paging.next_token]}


def limits(operation, paging):
    return operation.input_shape.members[paging.limit].metadata if paging.limit else {}


def test_the_table_holds_the_operations_that_botocore_paginates_and_those_that_only_their_shapes_tell():
    assert {"athena:ListDatabases", "codebuild:ListBuilds", "codepipeline:ListWebhooks", "sagemaker:ListTags"} < set(NAMES)
    assert {"athena:ListWorkGroups", "codeconnections:ListConnections", "codestar-connections:ListConnections"} < set(NAMES)
    assert [operation.name for operation in PAGED_BY_THEMSELVES] == ["GetQueryResults", "LookupEvents"]


@all_paged
def test_the_smallest_pages_hold_what_the_largest_hold(operation, paging):
    smallest = max(limits(operation, paging).get("min", 1), 1)
    items = [f"item {number}" for number in range(2 * max(smallest, paging.page_size) + 1)]
    asked = {paging.limit: smallest} if paging.limit else {}
    found = pages(operation, paging, items, **asked)
    assert [item for page in found for item in page] == items
    assert {len(page) for page in found[:-1]} == {smallest if paging.limit else paging.page_size}


@all_paged
def test_a_list_of_exactly_one_page_has_no_token(operation, paging):
    assert len(pages(operation, paging, list(range(paging.page_size)))) == 1


@all_paged
def test_without_a_limit_a_page_has_a_size_that_the_model_allows(operation, paging):
    bounds = limits(operation, paging)
    sizes = [len(page) for page in pages(operation, paging, list(range(1000)))]
    assert len(sizes) > 1
    assert bounds.get("min", 1) <= sizes[0] <= bounds.get("max", 100)


@all_paged
@pytest.mark.parametrize("token", ["x", "1", "ä", "MQ==", "LTE6", "MTo="])
def test_a_token_that_is_none_of_ours_is_refused_with_a_code_of_the_operation(operation, paging, token):
    with pytest.raises(AwsError, match=f"The {paging.token} is not valid") as error:
        paging.start(operation, {paging.token: token})
    declared = {shape.name for shape in operation.error_shapes}
    token_codes = declared & {
        "InvalidNextTokenException",
        "InvalidContinuationTokenException",
        "InvalidInputException",
        "InvalidRequestException",
    }
    assert error.value.code in (token_codes or {"ValidationException"})


@all_paged
def test_a_token_of_another_operation_or_of_another_filter_is_refused(operation, paging):
    token = paging.page(operation, {"a": 1}, {paging.items: list(range(1000))}, start=0)[paging.next_token]
    other = next(known for known, _ in PAGED if known.name != operation.name)
    assert paging.start(operation, {"a": 1, paging.token: token}) == paging.page_size
    with pytest.raises(AwsError):
        paging.start(operation, {"a": 2, paging.token: token})
    with pytest.raises(AwsError):
        paging.start(other, {"a": 1, paging.token: token})


def test_a_token_holds_when_the_limit_changes_from_page_to_page():
    operation = service_model("codepipeline").operation_model("ListPipelines")
    paging = paging_of(operation)
    token = paging.page(operation, {"maxResults": 2}, {"pipelines": [1, 2, 3, 4, 5]}, start=0)["nextToken"]
    request = {"maxResults": 10, "nextToken": token}
    last = paging.page(operation, request, {"pipelines": [1, 2, 3, 4, 5]}, start=paging.start(operation, request))
    assert last == {"pipelines": [3, 4, 5]}


def test_a_list_that_became_shorter_ends_with_an_empty_page():
    operation = service_model("codepipeline").operation_model("ListPipelines")
    assert paging_of(operation).page(operation, {}, {"pipelines": [1]}, start=100) == {"pipelines": []}


@pytest.mark.parametrize(("service", "name"), [("codebuild", "BatchGetBuilds"), ("codebuild", "StartBuild"), ("athena", "TagResource")])
def test_an_operation_without_pages_is_none_of_them(service, name):
    assert paging_of(service_model(service).operation_model(name)) is None
