"""Evidence on one's own disk: what is staged by its last attempt, what is sealed only if it is as it was sealed."""

import dataclasses
import hashlib

import pytest

from mlkit.aws.evidence_download import fetch_executed, fetch_sealed
from mlkit.errors import ApprovalVoid, InvalidData, NotFound, UsageError
from mlkit.evidence.manifest import Manifest, SealedFile
from mlkit.evidence.run_record import RunRecord, Status, Usage

EXECUTION = "0f0e0d0c-0000-4000-8000-000000000001"


@pytest.fixture
def put(aws, versioned):
    """`put(key, data)`: the object as a manifest lists it."""

    def stored(key, data):
        version = aws("s3").put_object(Bucket=versioned, Key=key, Body=data)["VersionId"]
        address = f"s3://{versioned}/{key}"
        return SealedFile(s3_uri=address, version_id=version, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    return stored


@pytest.fixture
def sealed(put, versioned):
    """`sealed(*files)`: the address of their manifest and its SHA-256."""

    def written(*files):
        manifest = Manifest(
            pipeline="line", pipeline_execution_id=EXECUTION, action="QA.SealEvidence", sealed_at="2026-01-01T00:00:00+00:00",
            code_sha256="0", model_s3_uri="s3://models/m", model_sha256="0", verdict="PASS", configurations={}, files=tuple(files),
        )  # fmt: skip
        stored = put(f"line/{EXECUTION}/QA.SealEvidence/1/manifest.json", manifest.to_bytes())
        return stored.s3_uri, stored.sha256

    return written


def record(status, started):
    return RunRecord(
        notebook="03.ipynb", notebook_sha256="0", executed="03.ipynb", kernel="python3", status=status, parameters=(), cells=(),
        failure=None, started=started, ended=None, usage=Usage(wall_s=1), python=None,
    )  # fmt: skip


def test_of_what_is_staged_the_last_attempt_of_each_action_is_fetched(session, put, versioned, tmp_path):
    for attempt, status in (("b", Status.FAILED), ("a", Status.COMPLETED)):
        put(f"{EXECUTION}/QA.TestEndpoint/{attempt}/03.ipynb", attempt.encode())
        put(f"{EXECUTION}/QA.TestEndpoint/{attempt}/03.record.json", record(status, f"2026-01-0{1 + (attempt == 'a')}").to_json().encode())
    put(f"{EXECUTION}/Build.Train/c/01.record.json", record(Status.COMPLETED, "2025-12-31").to_json().encode())
    put("another/QA.TestEndpoint/a/03.record.json", b"{}")
    found = fetch_executed(session, f"s3://{versioned}", EXECUTION, tmp_path / "here")
    assert [(run.action, run.path.relative_to(tmp_path / "here").as_posix(), run.record.status) for run in found] == [
        ("Build.Train", "Build.Train/01.ipynb", Status.COMPLETED),
        ("QA.TestEndpoint", "QA.TestEndpoint/03.ipynb", Status.COMPLETED),
    ]
    assert found[1].path.read_text() == "a"


def test_sealed_files_are_those_of_the_manifest_and_no_later_version(session, put, sealed, tmp_path):
    notebook, model = put(f"line/{EXECUTION}/QA.TestEndpoint/1/03.ipynb", b"as sealed"), put("line/models/abc/model.tar.gz", b"model")
    address, digest = sealed(notebook, model)
    put(f"line/{EXECUTION}/QA.TestEndpoint/1/03.ipynb", b"written over")
    manifest, paths = fetch_sealed(session, address, tmp_path / "sealed", sha256=digest)
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in paths} == {
        "sealed/QA.TestEndpoint/1/03.ipynb": b"as sealed",
        "sealed/models/abc/model.tar.gz": b"model",
    }
    assert Manifest.from_bytes((tmp_path / "sealed" / "manifest.json").read_bytes()) == manifest
    with pytest.raises(UsageError, match="exists"):
        fetch_sealed(session, address, tmp_path / "sealed")


@pytest.mark.parametrize("other", ["file", "manifest"])
def test_nothing_is_fetched_if_a_file_or_the_manifest_differs_from_its_seal(session, put, sealed, tmp_path, other):
    good, bad = put(f"line/{EXECUTION}/A.B/1/01.ipynb", b"good"), put(f"line/{EXECUTION}/A.B/1/02.ipynb", b"bad")
    address, _ = sealed(good, dataclasses.replace(bad, sha256=good.sha256) if other == "file" else bad)
    with pytest.raises(ApprovalVoid, match=r"02\.ipynb differs from what was sealed" if other == "file" else "is not the approved one"):
        fetch_sealed(session, address, tmp_path / "sealed", sha256=None if other == "file" else good.sha256)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_leads_out_of_the_folder_is_refused(session, put, sealed, versioned, tmp_path):
    address, _ = sealed(put(f"line/{EXECUTION}/../../../outside", b"x"))
    with pytest.raises(InvalidData, match="leads out"):
        fetch_sealed(session, address, tmp_path / "in" / "sealed")
    assert not (tmp_path / "outside").exists()


def test_a_manifest_that_is_not_there_leaves_nothing(session, versioned, tmp_path):
    with pytest.raises(NotFound, match="manifest"):
        fetch_sealed(session, f"s3://{versioned}/line/{EXECUTION}/A.B/1/manifest.json", tmp_path / "sealed")
    assert list(tmp_path.iterdir()) == []
