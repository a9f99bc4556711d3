"""Where evidence lies: addresses in the staging and evidence buckets, the sealed model's address, and the tools object."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from aws_in_memory import S3, InMemory

from mlkit.aws.session import Session
from mlkit.aws.tools_upload import upload
from mlkit.errors import InvalidData
from mlkit.evidence import layout
from mlkit.evidence.layout import Sealed, Staging, is_sealed_model, notebook_path, record_path, tools_object
from mlkit.evidence.manifest import sha256_of

SEALED = Sealed(address="s3://evidence/", pipeline="line", execution="e1")
STAGING = Staging(address="s3://staging/", execution="e1", action="QA.Test", build="b1")


def test_staging_addresses() -> None:
    assert (STAGING.executions, STAGING.attempt, STAGING.steps) == (
        "s3://staging/e1/",
        "s3://staging/e1/QA.Test/b1/",
        "s3://staging/steps/e1/",
    )
    assert STAGING.action_and_name("s3://staging/e1/QA.Test/b1/a/b.ipynb") == ("QA.Test", "a/b.ipynb")


def test_evidence_addresses() -> None:
    assert SEALED.copy_of(STAGING, "s3://staging/e1/QA.Test/b1/01.ipynb") == "s3://evidence/line/e1/QA.Test/b1/01.ipynb"
    assert SEALED.model_file("abc", "model.tar.gz") == "s3://evidence/line/models/abc/model.tar.gz"
    assert SEALED.source_archive("abc") == "s3://evidence/line/sources/abc.zip"
    assert SEALED.manifest("QA.Seal", "b2") == "s3://evidence/line/e1/QA.Seal/b2/manifest.json"
    assert SEALED.of_seal("QA.Seal", "b2", "deploys/a") == "s3://evidence/line/e1/QA.Seal/b2/deploys/a"
    found = Sealed.of_manifest("s3://evidence/line/e1/QA.Seal/b2/manifest.json", "e1")
    assert found == Sealed(address="s3://evidence", pipeline="line", execution="e1")
    in_folder = Sealed.of_manifest("s3://evidence/e1/line/e1/QA.Seal/b2/manifest.json", "e1")
    assert in_folder == Sealed(address="s3://evidence/e1", pipeline="line", execution="e1")


def test_the_files_of_a_seal() -> None:
    assert (layout.MANIFEST, layout.ENVELOPE, layout.PAGE) == ("manifest.json", "seal.dsse.json", "review.html")
    assert (layout.HANDOFF, layout.DEPLOYS, layout.PUBLIC_KEY) == ("handoff", "deploys", "evidence-key.pem")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://evidence/line/e1/QA.Seal/b2/manifest.json", "QA.Seal/b2/manifest.json"),
        ("s3://evidence/line/models/abc/model.tar.gz", "models/abc/model.tar.gz"),
        ("s3://evidence/line/sources/abc.zip", "sources/abc.zip"),
        ("s3://evidence/line/e1/models/own", "models/own"),
    ],
)
def test_names_in_a_bundle(address: str, name: str) -> None:
    assert SEALED.name_of(address) == name


@pytest.mark.parametrize(
    "address",
    [
        "s3://evidence/line/e2/QA.Seal/b2/manifest.json",
        "s3://evidence/other/e1/QA.Seal/b2/manifest.json",
        "s3://elsewhere/line/e1/a",
        "s3://evidence/line/e1/../e2/a",
        "s3://evidence/line/models/../e2/a",
        "s3://evidence/line/e1",
    ],
)
def test_an_address_of_another_execution_has_no_name_in_a_bundle(address: str) -> None:
    with pytest.raises(InvalidData, match="is not evidence of line's execution e1"):
        SEALED.name_of(address)


def test_a_record_and_its_notebook() -> None:
    assert record_path(Path("executed/01.ipynb")) == Path("executed/01.record.json")
    assert notebook_path(Path("executed/01.record.json")) == Path("executed/01.ipynb")


COPY = "s3://evidence/line/models/abc/model.tar.gz"


@pytest.mark.parametrize("evidence", ["s3://evidence", "s3://evidence/"])
def test_a_sealed_model_is_known_by_its_address(evidence: str) -> None:
    assert is_sealed_model(COPY, "abc", "model.tar.gz", evidence) is True
    for address in (
        "s3://elsewhere/line/models/abc/model.tar.gz",
        "s3://evidence/line/models/abd/model.tar.gz",
        "s3://evidence/line/models/abc/feature_index.parquet",
        "s3://evidence/line/models/abc/more/model.tar.gz",
        "s3://evidence/models/abc/model.tar.gz",
        "s3://evidence/line/sources/abc/model.tar.gz",
        "s3://evidence-2/line/models/abc/model.tar.gz",
        "s3://other/s3://evidence/line/models/abc/model.tar.gz",
        "s3://b/line/models/abc/model.tar.gz",
    ):
        assert is_sealed_model(address, "abc", "model.tar.gz", evidence) is False


def test_without_an_evidence_bucket_no_model_is_sealed() -> None:
    assert is_sealed_model(COPY, "abc", "model.tar.gz", "") is False
    assert is_sealed_model("/line/models/abc/model.tar.gz", "abc", "model.tar.gz", "") is False


@pytest.mark.parametrize("evidence", ["s3://evidence", "s3://evidence/"])
def test_the_tools_are_uploaded_once_under_their_digest(evidence: str) -> None:
    tools, s3 = b"the tools", S3(datetime(2026, 1, 1, tzinfo=UTC))
    address = f"s3://evidence/tools/{sha256_of(tools)}.zip"
    assert tools_object(evidence, sha256_of(tools)) == address
    session = cast(Session, InMemory(s3=s3))
    assert [upload(session, evidence, tools) for _ in range(2)] == [address, address]
    assert s3.content(address) == tools
    assert len(s3.versions["evidence", f"tools/{sha256_of(tools)}.zip"]) == 1
    s3.put(address, b"forged")
    with pytest.raises(InvalidData, match=f"^{address} already holds something else"):
        upload(session, evidence, tools)
