"""Evidence on one's own disk: what is staged by its last attempt, what is sealed only if it is as it was sealed."""

import dataclasses
import hashlib

import pytest
from sealed_bundle import DEPLOYED, EXECUTION, KEY, PRODUCTION, QA, TRAINING, address_of, two_seals
from typer.testing import CliRunner

from mlkit import cli
from mlkit.aws.evidence_download import fetch_bundle, fetch_executed
from mlkit.errors import InvalidData, NotFound, SealBroken, UsageError
from mlkit.evidence.bundle import BundleFolder
from mlkit.evidence.envelope import read_key
from mlkit.evidence.manifest import Manifest, SealedFile
from mlkit.evidence.run_record import RunRecord, Status, Usage
from mlkit.evidence.verification import verify_bundle


@pytest.fixture
def put(aws, versioned):
    """`put(key, data)`: the object as a manifest lists it."""

    def stored(key, data):
        version = aws("s3").put_object(Bucket=versioned, Key=key, Body=data)["VersionId"]
        address = f"s3://{versioned}/{key}"
        return SealedFile(s3_uri=address, version_id=version, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    return stored


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


@pytest.fixture
def stored(put, versioned):
    """`stored(bundle)`: the bundle's files in the evidence bucket, as they would have been sealed there. Returns the newest manifest."""

    def written(**edits):
        def in_bucket(manifest: Manifest) -> Manifest:
            def moved(address):
                return address.replace("s3://evidence/", f"s3://{versioned}/")

            files = tuple(dataclasses.replace(one, s3_uri=moved(one.s3_uri), version_id=versions[one.s3_uri]) for one in manifest.files)
            parents = tuple(dataclasses.replace(one, s3_uri=moved(one.s3_uri)) for one in manifest.parents)
            edit = edits.get(manifest.action.split(".")[0].lower(), lambda manifest: manifest)
            return edit(dataclasses.replace(manifest, files=files, parents=parents))

        deployed = {name: data.replace(b"s3://evidence/", f"s3://{versioned}/".encode()) for name, data in DEPLOYED.items()}
        files = two_seals(deployed=deployed).files
        versions = {address_of(name): put(key_of(name), data).version_id for name, data in files.items()}
        made = two_seals(qa=in_bucket, production=in_bucket, deployed=deployed)
        for name, data in made.files.items():
            if name.endswith(("manifest.json", "seal.dsse.json", "review.html")):
                put(key_of(name), data)
        return made, f"s3://{versioned}/{key_of(f'{PRODUCTION}/manifest.json')}"

    return written


def key_of(name: str) -> str:
    return address_of(name).removeprefix("s3://evidence/")


def test_the_whole_bundle_is_fetched_as_sealed_and_no_later_version(session, put, stored, tmp_path):
    made, address = stored()
    put(key_of(f"{TRAINING}/01.ipynb"), b"written over")
    fetched = fetch_bundle(session, address, tmp_path / "sealed", sha256=made.head)
    found = {
        path.relative_to(tmp_path / "sealed").as_posix(): path.read_bytes() for path in (tmp_path / "sealed").rglob("*.*") if path.is_file()
    }
    assert found == made.files
    assert fetched.names == tuple(sorted(made.files))
    assert [one.action for one in fetched.manifests] == ["Production.SealEvidence", "QA.SealEvidence"]
    assert fetched.absent == ()
    assert verify_bundle(BundleFolder(tmp_path / "sealed"), public_key=KEY, head=made.head).unproved == ()
    with pytest.raises(UsageError, match="exists"):
        fetch_bundle(session, address, tmp_path / "sealed")


def test_nothing_is_fetched_if_a_manifest_has_another_digest(session, put, stored, tmp_path):
    made, address = stored()
    with pytest.raises(SealBroken, match="is not the approved one"):
        fetch_bundle(session, address, tmp_path / "sealed", sha256="0" * 64)
    put(key_of(f"{QA}/manifest.json"), made.files[f"{PRODUCTION}/manifest.json"])
    with pytest.raises(SealBroken, match=rf"{QA}/manifest\.json is not the one that the later seal names"):
        fetch_bundle(session, address, tmp_path / "sealed", sha256=made.head)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_fetched_if_a_file_differs_from_its_seal(session, stored, tmp_path):
    def another(manifest: Manifest) -> Manifest:
        return dataclasses.replace(manifest, files=(dataclasses.replace(manifest.files[0], sha256="0" * 64), *manifest.files[1:]))

    _, address = stored(production=another)
    with pytest.raises(SealBroken, match=r"01\.ipynb: two seals list it differently"):
        fetch_bundle(session, address, tmp_path / "sealed")
    _, address = stored(production=another, qa=another)
    with pytest.raises(SealBroken, match=r"01\.ipynb differs from what was sealed"):
        fetch_bundle(session, address, tmp_path / "sealed")
    assert list(tmp_path.iterdir()) == []


def test_a_seal_without_an_envelope_is_told(session, aws, versioned, stored, tmp_path):
    _, address = stored()
    aws("s3").delete_object(Bucket=versioned, Key=key_of(f"{QA}/seal.dsse.json"))
    fetched = fetch_bundle(session, address, tmp_path / "sealed")
    assert fetched.absent == (f"{QA}/seal.dsse.json",)
    assert f"{QA}/review.html" not in fetched.names


def test_an_envelope_that_is_none_ends_as_mlkits_error(session, put, stored, tmp_path):
    _, address = stored()
    put(key_of(f"{QA}/seal.dsse.json"), b"[" * 100_000)
    with pytest.raises(SealBroken, match=r"seal\.dsse\.json cannot be read: it is nested too deeply"):
        fetch_bundle(session, address, tmp_path / "sealed")
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_leads_out_of_the_folder_is_refused(session, stored, versioned, tmp_path):
    def outside(manifest: Manifest) -> Manifest:
        file = dataclasses.replace(manifest.files[0], s3_uri=f"s3://{versioned}/line/{EXECUTION}/../../../outside")
        return dataclasses.replace(manifest, files=(file,))

    _, address = stored(production=outside)
    with pytest.raises(InvalidData, match="is not evidence of line's execution"):
        fetch_bundle(session, address, tmp_path / "in" / "sealed")
    assert not (tmp_path / "outside").exists()


def test_a_manifest_that_is_not_there_leaves_nothing(session, versioned, tmp_path):
    with pytest.raises(NotFound, match="manifest"):
        fetch_bundle(session, f"s3://{versioned}/line/{EXECUTION}/A.B/1/manifest.json", tmp_path / "sealed")
    assert list(tmp_path.iterdir()) == []


def run(*words: str):
    """The command's output, and what it printed as errors."""
    done = CliRunner().invoke(cli.app, list(words), env={"COLUMNS": "80"})
    return done, done.output, done.stderr


def test_fetch_says_loudly_that_it_compared_with_nothing(session, stored, tmp_path):
    made, address = stored()
    done, output, errors = run("evidence", "fetch", address, "--to", str(tmp_path / "a"), "--seal-sha256", made.head)
    assert (done.exit_code, errors) == (0, "")
    assert f"mlkit verify {tmp_path / 'a'} --head {made.head} --key evidence-key.pem" in output
    _, output, errors = run("evidence", "fetch", address, "--to", str(tmp_path / "b"))
    assert "COMPARED WITH NOTHING" in errors
    assert "--seal-sha256 SHA256" in errors


def test_an_address_is_verified_like_a_folder(session, put, stored, tmp_path):
    made, address = stored()
    (tmp_path / "key.pem").write_bytes(KEY)
    done, output, _ = run("verify", address, "--head", made.head, "--key", str(tmp_path / "key.pem"))
    assert done.exit_code == 0
    assert output.splitlines()[-1] == "As sealed: 2 seals, 23 files; nothing left unproved"
    put(key_of(f"{QA}/review.html"), b"<p>another</p>")
    done, _, _ = run("verify", address, "--head", made.head, "--key", str(tmp_path / "key.pem"))
    assert isinstance(done.exception, SealBroken)
    assert str(done.exception) == f"{QA}/review.html changed since it was sealed"


def test_the_public_key_is_written_as_pem(session, aws, tmp_path):
    key = aws("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    done, output, _ = run("evidence", "key", str(tmp_path / "key.pem"), "--key-arn", key)
    assert done.exit_code == 0
    read = read_key((tmp_path / "key.pem").read_bytes())
    assert read.keyid in output
    done, _, _ = run("evidence", "key", str(tmp_path / "none.pem"), "--your-initials", "nobody")
    assert isinstance(done.exception, NotFound)
    assert "nobody-ml-lab-evidence-key" in str(done.exception)
    assert not (tmp_path / "none.pem").exists()
