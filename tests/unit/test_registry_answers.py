"""What goes into SageMaker's model registry and what comes back, with answers of botocore's service model: no server is needed."""

import dataclasses
import functools
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from mlkit.aws.registry import Candidate, champion, register
from mlkit.aws.session import Session
from mlkit.errors import AccessDenied, InvalidData

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/g"
NOW = datetime(2024, 1, 1, tzinfo=UTC)
CANDIDATE = Candidate(
    group="g",
    image="i",
    model_s3_uri="s3://b/model.tar.gz",
    model_sha256="a",
    evidence_uri="s3://b/manifest.json",
    seal_sha256="s",
    execution="e",
    metrics={"auc": 0.75},
    verdict="PASS",
)
PROPERTIES = {
    "mlkit:model-sha256": "a",
    "mlkit:evidence-uri": "s3://b/manifest.json",
    "mlkit:seal-sha256": "s",
    "mlkit:pipeline-execution": "e",
    "mlkit:verdict": "PASS",
    "mlkit:metric:auc": "0.75",
}


@functools.cache
def _boto_session() -> boto3.Session:
    return boto3.Session("AKIAEXAMPLE", "secret", region_name="us-east-1")


class StubbedRegistry(Session):
    def __init__(self) -> None:
        super().__init__(_boto_session())
        self.stubber = Stubber(super()._client("sagemaker"))
        self.stubber.activate()

    def _client(self, service: str, region: str | None = None) -> Any:
        return self.stubber.client


@pytest.fixture
def aws():
    found = StubbedRegistry()
    yield found
    found.stubber.assert_no_pending_responses()


def page(*versions: int, more: str | None = None, **members: Any) -> dict[str, Any]:
    items = [{"ModelPackageArn": f"{ARN}/{n}", "CreationTime": NOW, "ModelPackageStatus": "Completed", **members} for n in versions]
    return {"ModelPackageSummaryList": items, **({"NextToken": more} if more else {})}


def described(**members: Any) -> dict[str, Any]:
    needed = {"ModelPackageName": "g", "ModelPackageArn": f"{ARN}/3", "CreationTime": NOW, "ModelPackageStatus": "Completed"}
    return {**needed, "ModelPackageVersion": 3, "ModelPackageStatusDetails": {"ValidationStatuses": []}, **members}


def test_a_candidate_is_registered_with_all_that_makes_a_champion(aws):
    aws.stubber.add_response("list_model_packages", page(1, more="t"), {"ModelPackageGroupName": "g"})
    aws.stubber.add_response("list_model_packages", page(2, ModelPackageDescription="another"))
    expected = {
        "ModelPackageGroupName": "g",
        "ModelPackageDescription": "Pipeline execution e, seal s",
        "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://b/model.tar.gz"}]},
        "ModelApprovalStatus": "PendingManualApproval",
        "CustomerMetadataProperties": PROPERTIES,
        "ClientToken": ANY,
    }
    aws.stubber.add_response("create_model_package", {"ModelPackageArn": f"{ARN}/3"}, expected)
    assert register(aws, CANDIDATE) == f"{ARN}/3"


def test_the_same_candidate_is_found_on_a_later_page(aws):
    aws.stubber.add_response("list_model_packages", page(1, more="t"))
    aws.stubber.add_response("list_model_packages", page(2, ModelPackageDescription="Pipeline execution e, seal s"))
    assert register(aws, CANDIDATE) == f"{ARN}/2"


def test_a_token_is_of_the_execution_and_the_seal(aws):
    tokens: list[str] = []
    aws.stubber.client.meta.events.register(
        "before-parameter-build.sagemaker.CreateModelPackage", lambda params, **_: tokens.append(params["ClientToken"])
    )
    for changed in ({}, {"metrics": {}}, {"execution": "f"}, {"seal_sha256": "t"}, {"group": "h"}):
        aws.stubber.add_response("list_model_packages", page())
        aws.stubber.add_response("create_model_package", {"ModelPackageArn": f"{ARN}/1"})
        register(aws, dataclasses.replace(CANDIDATE, **changed))
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 4
    assert all(len(token) <= 36 for token in tokens)


def test_a_champion_behind_an_empty_page_is_found(aws):
    asked = {"ModelPackageGroupName": "g", "ModelApprovalStatus": "Approved", "SortBy": "CreationTime", "SortOrder": "Descending"}
    aws.stubber.add_response("list_model_packages", page(more="t"), asked)
    aws.stubber.add_response("list_model_packages", page(3, 2), {**asked, "NextToken": "t"})
    package = described(
        InferenceSpecification={"Containers": [{"Image": "i", "ModelDataUrl": "s3://b/model.tar.gz"}]},
        CustomerMetadataProperties={**PROPERTIES, "team": "ml"},
        ApprovalDescription="good",
    )
    aws.stubber.add_response("describe_model_package", package, {"ModelPackageName": f"{ARN}/3"})
    found = champion(aws, "g")
    assert {field.name: getattr(found, field.name) for field in dataclasses.fields(Candidate)} == dataclasses.asdict(CANDIDATE)
    assert (found.version, found.comment) == (3, "good")


def test_only_a_missing_group_means_that_there_is_no_champion(aws):
    aws.stubber.add_client_error("list_model_packages", "ValidationException", f"ModelPackageGroup {ARN} does not exist.")
    assert champion(aws, "g") is None
    aws.stubber.add_client_error("list_model_packages", "AccessDeniedException", "no")
    with pytest.raises(AccessDenied):
        champion(aws, "g")


@pytest.mark.parametrize("lost", sorted(set(PROPERTIES) - {"mlkit:metric:auc"}))
def test_an_approved_version_without_a_property_of_mlkit_is_named(aws, lost):
    aws.stubber.add_response("list_model_packages", page(3))
    kept = {name: text for name, text in PROPERTIES.items() if name != lost}
    aws.stubber.add_response("describe_model_package", described(CustomerMetadataProperties=kept))
    with pytest.raises(InvalidData, match=lost):
        champion(aws, "g")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"metrics": {"auc": float("nan")}}, "The metric auc is nan"),
        ({"metrics": {"auc": float("inf")}}, "The metric auc is inf"),
        ({"metrics": {"a" * 120: 1.0}}, f"mlkit:metric:{'a' * 120}="),
        ({"metrics": {"a%": 1.0}}, "mlkit:metric:a%="),
        ({"metrics": {f"m{number}": 1.0 for number in range(46)}}, "has 51 properties; a model package can have 50"),
        ({"verdict": ""}, "mlkit:verdict=''"),
        ({"verdict": "PASS (0.7)"}, "mlkit:verdict="),
        ({"execution": "a\nb"}, "mlkit:pipeline-execution="),
    ],
)
def test_a_value_that_aws_would_refuse_is_refused_before_the_first_call(aws, changed, named):
    with pytest.raises(InvalidData) as error:
        register(aws, dataclasses.replace(CANDIDATE, **changed))
    assert named in str(error.value)
