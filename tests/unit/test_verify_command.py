"""mlkit verify on a folder: offline, readable at 80 columns, every mistake one message with its own exit code."""

import pytest
from sealed_bundle import KEY, QA, SIGNER, two_seals
from typer.testing import CliRunner

from mlkit import cli
from mlkit.errors import NotFound, SealBroken, UsageError
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
        "As sealed: 2 seals, 23 files; 1 thing left unproved",
    ]


def test_without_key_and_head_that_is_what_is_not_proved(folder):
    done = verify(folder)
    assert done.exit_code == 0
    assert done.output.count("NOT PROVED") == 3
    assert "No signature was checked" in done.output
    assert done.output.splitlines()[-1] == "As sealed: 2 seals, 23 files; 3 things left unproved"


def test_a_key_in_the_folder_is_the_bundles_own(folder):
    (folder / "evidence-key.pem").write_bytes(KEY)
    done = verify(folder, "--head", BUNDLE.head, "--key", folder / "evidence-key.pem")
    assert "The key is the bundle's own evidence-key.pem" in done.output
    assert done.output.splitlines()[-1].endswith("2 things left unproved")


def test_all_that_can_be_proved_leaves_nothing(tmp_path):
    for name, data in (made := two_seals()).files.items():
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_bytes(data)
    (tmp_path / "key.pem").write_bytes(KEY)
    done = verify(tmp_path / "a", "--head", made.head, "--key", tmp_path / "key.pem")
    assert done.output.splitlines()[-1] == "As sealed: 2 seals, 21 files; nothing left unproved"


def test_the_first_thing_that_is_wrong_ends_the_command(folder):
    (folder / QA / "review.html").write_bytes(b"")
    done = verify(folder)
    assert isinstance(done.exception, SealBroken)
    assert (str(done.exception), done.exception.exit_code) == (f"{QA}/review.html changed since it was sealed", 36)
    assert done.output == ""


@pytest.mark.parametrize("head", ["", "x", "A" * 64, "0" * 63, "0" * 65])
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
