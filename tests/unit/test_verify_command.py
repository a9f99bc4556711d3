"""mlkit verify on a folder: offline, readable at 80 columns, every mistake one message with its own exit code."""

import os
import shutil

import pytest
from sealed_bundle import KEY, QA, SIGNER, two_seals
from typer.testing import CliRunner

from mlkit import cli
from mlkit.errors import NotFound, NotProved, SealBroken, UsageError
from mlkit.evidence.manifest import sha256_of

BUNDLE = two_seals(failed_first={})


@pytest.fixture
def folder(tmp_path):
    for name, data in BUNDLE.files.items():
        (tmp_path / "bundle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bundle" / name).write_bytes(data)
    (tmp_path / "key.pem").write_bytes(KEY)
    return tmp_path / "bundle"


def verify(*words: object):
    return CliRunner().invoke(cli.app, ["verify", *map(str, words)], env={"COLUMNS": "80"})


def test_a_line_for_each_proof_then_what_is_not_proved_then_the_verdict(folder):
    done = verify(folder, "--head", BUNDLE.head, "--key", folder.parent / "key.pem")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "Pipeline line, execution 0f0e0d0c-0000-4000-8000-000000000001"
    assert lines[1] == f"  proved      {QA}/manifest.json of 2026-01-01T03:00:00+00:00 is"
    assert lines[2] == f"              signed by the key {SIGNER.public_key.keyid[:12]}."
    assert lines[-3:] == [
        "  NOT PROVED  Build_and_Train.ModelTraining/b0 ended as Failed: its build",
        "              confirmed none of its files.",
        "As sealed: 2 seals, 25 files; 1 thing left unproved",
    ]


def test_without_key_and_head_nothing_is_proved_and_the_exit_code_says_so(folder):
    done = verify(folder)
    assert isinstance(done.exception, NotProved)
    assert done.exception.exit_code == 38
    assert str(done.exception) == (
        "Nothing is wrong, but the evidence is not proved: no public key was given; no digest of the newest manifest was given"
    )
    assert done.output.count("NOT PROVED") == 3
    assert "proved      " not in done.output
    assert "As sealed" not in done.output
    assert "  consistent  It says: Approved by arn:aws:iam::1:user/ann" in done.output
    assert done.output.splitlines()[-2:] == [
        "Consistent in itself: 2 seals, 25 files. Anybody may have written it: without",
        "the key, nothing is proved.",
    ]


def test_a_caller_may_accept_what_is_left_unproved(folder):
    done = verify(folder, "--allow-unproved")
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "the key, nothing is proved."


def test_a_key_in_the_folder_is_the_bundles_own(folder):
    (folder / "evidence-key.pem").write_bytes(KEY)
    done = verify(folder, "--head", BUNDLE.head, "--key", folder / "evidence-key.pem")
    assert "The key is the bundle's own evidence-key.pem" in done.output
    assert "proved      " not in done.output
    assert str(done.exception).endswith("not proved: no public key from elsewhere was given")


def test_a_head_alone_says_that_more_may_have_been_edited(folder):
    done = verify(folder, "--head", sha256_of(b"another"))
    assert str(done.exception) == (
        "The bundle is cut off, or its manifest was edited: without --key, nobody knows who wrote it: "
        f"no manifest in it has the digest {sha256_of(b'another')}"
    )


def test_an_earlier_seal_that_is_missing_is_named_whole(folder):
    shutil.rmtree((folder / QA).parent)
    done = verify(folder, "--head", BUNDLE.head, "--key", folder.parent / "key.pem")
    address = f"s3://evidence/line/0f0e0d0c-0000-4000-8000-000000000001/{QA}/manifest.json"
    assert str(done.exception) == f"Nothing is wrong, but the evidence is not proved: the earlier seal {address} is missing"
    assert address in done.output


def test_an_earlier_head_is_not_enough(folder):
    qa = sha256_of((folder / QA / "manifest.json").read_bytes())
    done = verify(folder, "--head", qa, "--key", folder.parent / "key.pem")
    assert str(done.exception).endswith("not proved: the digest that you gave is of an earlier manifest")


@pytest.mark.parametrize("written", ["{}", " {} \n", "sha256:{}", "SHA256: {}"])
def test_a_head_may_be_written_in_several_ways(folder, written):
    for head in (BUNDLE.head, BUNDLE.head.upper()):
        assert verify(folder, "--head", written.format(head), "--key", folder.parent / "key.pem").exit_code == 0


def test_a_key_file_that_is_too_large_is_not_read(folder):
    os.truncate(folder.parent / "key.pem", (64 << 10) + 1)
    done = verify(folder, "--key", folder.parent / "key.pem")
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == f"{folder.parent / 'key.pem'} is too large for a key: 65,537 bytes"
    os.truncate(folder.parent / "key.pem", 64 << 10)
    assert str(verify(folder, "--key", folder.parent / "key.pem", "--head", BUNDLE.head).exit_code) == "0"


def test_all_that_can_be_proved_leaves_nothing(tmp_path):
    for name, data in (made := two_seals()).files.items():
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_bytes(data)
    (tmp_path / "key.pem").write_bytes(KEY)
    done = verify(tmp_path / "a", "--head", made.head, "--key", tmp_path / "key.pem")
    assert done.output.splitlines()[-1] == "As sealed: 2 seals, 23 files; nothing left unproved"


def test_the_first_thing_that_is_wrong_ends_the_command(folder):
    (folder / QA / "review.html").write_bytes(b"")
    done = verify(folder)
    assert isinstance(done.exception, SealBroken)
    assert (str(done.exception), done.exception.exit_code) == (f"{QA}/review.html changed since it was sealed", 36)
    assert done.output == ""


@pytest.mark.parametrize("head", ["", "x", "G" * 64, "0" * 63, "0" * 65, "sha1:" + "0" * 64])
def test_a_head_that_is_no_digest_is_refused(folder, head):
    done = verify(folder, "--head", head)
    assert isinstance(done.exception, UsageError)
    assert str(done.exception) == f"--head is {head!r}"


def test_a_cut_off_bundle_is_refused(folder):
    done = verify(folder, "--head", sha256_of(b"another"))
    assert isinstance(done.exception, SealBroken)
    assert "cut off" in str(done.exception)


def test_a_key_file_or_folder_that_does_not_exist_is_told(folder):
    for words in ((folder, "--key", folder.parent / "no.pem"), (folder.parent / "nowhere",)):
        done = verify(*words)
        assert isinstance(done.exception, NotFound)
