"""Models in the registry of the local AWS: registered once, decided by a person, found as the champion."""

import dataclasses
import uuid

import boto3
import pytest
from started import allow

from mlkit.aws.registry import Candidate, Champion, champion, decide, register
from mlkit.aws.session import Session
from mlkit.errors import AccessDenied, InvalidData, NotFound

METRICS = {"match_rate": 0.7015, "log loss": 0.5641, "difference": -1e-05}


@pytest.fixture
def candidate(aws) -> Candidate:
    """A candidate of a group of its own."""
    group = f"models-{uuid.uuid4().hex[:8]}"
    aws("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    return Candidate(
        group=group,
        image="382416733822.dkr.ecr.us-east-1.amazonaws.com/factorization-machines:1",
        model_s3_uri="s3://evidence/pipeline/models/abc/model.tar.gz",
        model_sha256="a" * 64,
        evidence_uri="s3://evidence/pipeline/execution/QA.SealEvidence/build:1/manifest.json",
        seal_sha256="b" * 64,
        execution=str(uuid.uuid4()),
        metrics=METRICS,
        verdict="PASS",
    )


def restored(found: Champion | None) -> Candidate:
    assert found is not None
    return Candidate(**{field.name: getattr(found, field.name) for field in dataclasses.fields(Candidate)})


def test_the_champion_is_the_candidate_that_was_approved(session, candidate):
    arn = register(session, candidate)
    assert champion(session, candidate.group) is None
    decide(session, arn, approved=True, comment="as good as\nthe last one")
    found = champion(session, candidate.group)
    assert restored(found) == candidate
    assert found is not None
    assert (found.package_arn, found.version, found.comment) == (arn, 1, "as good as the last one")


def test_the_newest_approved_version_is_the_champion(session, candidate):
    arns = [register(session, dataclasses.replace(candidate, execution=f"e{number}")) for number in range(4)]
    for arn in arns[:3]:
        decide(session, arn, approved=True, comment="")
    assert champion(session, candidate.group).execution == "e2"
    decide(session, arns[2], approved=False, comment="it was worse")
    assert champion(session, candidate.group).execution == "e1"


def test_an_execution_and_its_seal_are_registered_once(session, aws, candidate):
    register(session, dataclasses.replace(candidate, execution="another"))
    first = register(session, candidate)
    decide(session, first, approved=False, comment="no")
    assert register(session, dataclasses.replace(candidate, metrics={})) == first
    assert register(session, dataclasses.replace(candidate, seal_sha256="c" * 64)) != first
    assert len(aws("sagemaker").list_model_packages(ModelPackageGroupName=candidate.group)["ModelPackageSummaryList"]) == 3


def test_a_long_address_survives_the_limit_of_a_property(session, candidate):
    long = dataclasses.replace(candidate, evidence_uri=f"s3://evidence/{'k' * 700}/manifest.json")
    decide(session, register(session, long), approved=True, comment="x" * 2000)
    found = champion(session, candidate.group)
    assert restored(found) == long
    assert found is not None
    assert len(found.comment) == 1024


def test_a_group_or_a_version_that_does_not_exist_is_not_found(session, candidate):
    nowhere = dataclasses.replace(candidate, group="no-such-group")
    assert champion(session, "no-such-group") is None
    with pytest.raises(NotFound) as error:
        register(session, nowhere)
    assert "create-model-package-group --model-package-group-name no-such-group" in error.value.cure
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{candidate.group}/9"
    with pytest.raises(NotFound) as error:
        decide(session, arn, approved=True, comment="")
    assert f"--model-package-group-name {candidate.group}" in error.value.cure


def test_a_version_that_somebody_else_approved_is_no_champion(session, aws, candidate):
    arn = aws("sagemaker").create_model_package(ModelPackageGroupName=candidate.group, ModelApprovalStatus="Approved")["ModelPackageArn"]
    with pytest.raises(InvalidData, match="mlkit did not register it") as error:
        champion(session, candidate.group)
    assert arn in error.value.cure


def test_the_registering_role_cannot_approve(local_aws, make_role, aws, candidate, monkeypatch):
    pending = {"StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}}
    versions = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{candidate.group}/*"
    role = make_role(allow("sagemaker:CreateModelPackage", versions, Condition=pending), allow("sagemaker:ListModelPackages", versions))
    keys = aws("sts").assume_role(RoleArn=role, RoleSessionName="build")["Credentials"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.endpoint_url)
    session = Session(boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=local_aws.region))
    arn = register(session, candidate)
    with pytest.raises(AccessDenied, match="sagemaker:UpdateModelPackage"):
        decide(session, arn, approved=True, comment="")
