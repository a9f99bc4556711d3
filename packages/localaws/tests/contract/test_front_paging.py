"""Lists come in pages, and a page token is one that the list gave, whatever the service."""

import uuid
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from paged_operations import NAMES, PAGED

from localaws.kit.paging import paging_of

NAMED = {
    "CatalogName": "AwsDataCatalog",
    "DatabaseName": "d",
    "HyperParameterTuningJobName": "j",
    "ServiceNamespace": "sagemaker",
    "pipelineName": "p",
    "projectName": "p",
    "repositoryName": "r",
    "reportArn": "arn:aws:codebuild:us-east-1:123456789012:report/g:r",
    "reportGroupArn": "arn:aws:codebuild:us-east-1:123456789012:report-group/g",
    "resourceArn": "arn:aws:codepipeline:us-east-1:123456789012:p",
}
ARNS = {
    "athena": "arn:aws:athena:us-east-1:123456789012:workgroup/primary",
    "sagemaker": "arn:aws:sagemaker:us-east-1:123456789012:model/m",
}


def refusal(local_aws, operation, **members):
    """The error of the operation, asked with what it requires and with `members`."""
    service = operation.service_model.service_name
    known = {**NAMED, "ResourceARN": ARNS.get(service), "ResourceArn": ARNS.get(service)}
    required = {name: known[name] for name in operation.input_shape.required_members}
    client = local_aws.client(service, parameter_validation=False)
    with pytest.raises(ClientError) as error:
        getattr(client, xform_name(operation.name))(**required, **members)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error.value.response["Error"]


@pytest.mark.parametrize(("operation", "paging"), PAGED, ids=NAMES)
def test_a_page_token_that_was_never_given_is_refused(local_aws, operation, paging):
    error = refusal(local_aws, operation, **{paging.token: "x"})
    assert (error["Code"], error["Message"]) == (
        paging.refused,
        f"The {paging.token} is not valid: {operation.name} did not return it for this request.",
    )


@pytest.mark.parametrize(("operation", "paging"), PAGED, ids=NAMES)
def test_a_limit_that_the_model_does_not_allow_is_refused(local_aws, operation, paging):
    bounds = operation.input_shape.members[paging.limit].metadata if paging.limit else {}
    for limit in [bounds[end] + step for end, step in (("min", -1), ("max", 1)) if end in bounds]:
        error = refusal(local_aws, operation, **{paging.limit: limit})
        assert "1 validation error detected" in error["Message"]
        assert f"alue '{limit}'" in error["Message"] or f"value: {limit}," in error["Message"]


def make_connection(aws, name):
    aws("codeconnections").create_connection(ConnectionName=name, ProviderType="GitHub")


def make_work_group(aws, name):
    aws("athena").create_work_group(Name=name)


def make_database(aws, name):
    aws("glue").create_database(DatabaseInput={"Name": name})


def make_report_group(aws, name):
    aws("codebuild").create_report_group(name=name, type="TEST", exportConfig={"exportConfigType": "NO_EXPORT"})


@pytest.mark.parametrize(
    ("service", "operation", "make", "members"),
    [
        ("codeconnections", "ListConnections", make_connection, {}),
        ("codestar-connections", "ListConnections", make_connection, {}),
        ("athena", "ListWorkGroups", make_work_group, {}),
        ("athena", "ListDatabases", make_database, {"CatalogName": "AwsDataCatalog"}),
        ("codebuild", "ListReportGroups", make_report_group, {"sortOrder": "DESCENDING"}),
    ],
)
def test_pages_of_one_hold_what_one_page_holds(local_aws, service, operation, make, members):
    for _ in range(3):
        make(local_aws.client, f"paged_{uuid.uuid4().hex[:12]}")
    client = local_aws.client(service)
    model = client.meta.service_model.operation_model(operation)
    paging, call = paging_of(model), getattr(client, xform_name(operation))
    assert paging is not None
    assert paging.limit is not None
    whole = call(**members)[paging.items]

    found: list[Any] = []
    more: dict[str, Any] | None = {}
    while more is not None:
        page = call(**members, **{paging.limit: 1}, **more)
        assert len(page[paging.items]) == 1
        found += page[paging.items]
        more = {paging.token: page[paging.next_token]} if paging.next_token in page else None

    assert len(whole) >= 3
    assert found == whole


@pytest.mark.parametrize(
    ("operation", "paging"),
    [pytest.param(*row, id=name) for row, name in zip(PAGED, NAMES, strict=True) if not row[0].input_shape.required_members],
)
def test_every_list_answers_its_first_page(local_aws, operation, paging):
    client = local_aws.client(operation.service_model.service_name)
    assert isinstance(getattr(client, xform_name(operation.name))()[paging.items], list)
