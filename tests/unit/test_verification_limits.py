"""A folder that somebody made to exhaust memory or the stack is refused by a name, before its files are read."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sealed_bundle import KEY, MODEL_FILE, PRODUCTION, QA, SOURCE_FILE, TRAINING, two_seals

from mlkit.errors import SealBroken
from mlkit.evidence import archives, bundle
from mlkit.evidence.bundle import BundleFolder, BundleInMemory
from mlkit.evidence.verification import verify_bundle

BUNDLE = two_seals()
GB = 1 << 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in {**BUNDLE.files, "evidence-key.pem": KEY}.items():
        (tmp_path / "bundle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bundle" / name).write_bytes(data)
    return tmp_path / "bundle"


def refused(folder: Path, message: str) -> None:
    with pytest.raises(SealBroken) as raised:
        verify_bundle(BundleFolder(folder), public_key=KEY, head=BUNDLE.head)
    assert str(raised.value) == message


@pytest.fixture
def nested() -> Iterator[Callable[[int], Path]]:
    """Makes folders in folders; their whole path may be longer than the system takes, and than pytest removes."""
    folder = tempfile.mkdtemp(prefix="mlkit-nested-")
    before = os.open(".", os.O_RDONLY)

    def make(depth: int) -> Path:
        os.chdir(folder)
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        os.fchdir(before)
        return Path(folder)

    yield make
    os.fchdir(before)
    os.close(before)
    subprocess.run(["rm", "-rf", folder], check=True)


@pytest.mark.parametrize("depth", [9, 1500, 3000])
def test_folders_in_folders_without_end_are_refused(nested: Callable[[int], Path], depth: int) -> None:
    refused(nested(depth), "d/d/d/d/d/d/d/d/d was added: sealed evidence has no folders so deep")


def test_as_many_folders_as_no_evidence_has_are_no_problem_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "a/b/c/d/e/f/g/h").mkdir(parents=True)
    (tmp_path / "a/b/c/d/e/f/g/h/file").write_bytes(b"x")
    assert list(BundleFolder(tmp_path)) == ["a/b/c/d/e/f/g/h/file"]


def test_an_empty_folder_is_refused(folder: Path) -> None:
    (folder / "Production.ApprovalGate" / "rejected by \u202eann").mkdir(parents=True)
    refused(folder, "Production.ApprovalGate/rejected by \\u202eann is an empty folder: sealed evidence has none")


def test_an_empty_bundle_has_no_seal(tmp_path: Path) -> None:
    refused(tmp_path, "There is no seal: no folder <action>/<build> holds manifest.json")


def test_more_files_than_any_bundle_has_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_FILES", len(BUNDLE.files) + 1)
    assert len(BundleFolder(folder)) == len(BUNDLE.files) + 1
    monkeypatch.setattr(bundle, "MOST_FILES", len(BUNDLE.files))
    refused(folder, f"The folder holds more than {len(BUNDLE.files)} files: no sealed evidence has so many")


HUGE = {
    MODEL_FILE: f"changed since it was sealed: {30 * GB:,} bytes, not 7",
    f"{TRAINING}/01.ipynb": f"changed since it was sealed: {30 * GB:,} bytes, not {len(BUNDLE.files[f'{TRAINING}/01.ipynb'])}",
    SOURCE_FILE: f"changed since it was sealed: {30 * GB:,} bytes, not {len(BUNDLE.files[SOURCE_FILE])}",
    f"{QA}/manifest.json": f"is too large: {30 * GB:,} bytes; mlkit writes at most 33,554,432",
    f"{QA}/seal.dsse.json": f"is too large: {30 * GB:,} bytes; mlkit writes at most 33,554,432",
    f"{PRODUCTION}/review.html": "changed since it was sealed",
    "evidence-key.pem": f"is too large: {30 * GB:,} bytes; mlkit writes at most 65,536",
}


@pytest.mark.parametrize("name", HUGE)
def test_a_file_that_grew_to_any_size_is_refused_before_it_is_read(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    os.truncate(folder / name, 30 * GB)
    read: list[str] = []
    opened = BundleFolder._opened
    monkeypatch.setattr(BundleFolder, "_opened", lambda self, name: (read.append(name), opened(self, name))[1])
    refused(folder, f"{name} {HUGE[name]}")
    assert name not in read


def test_a_page_may_be_as_large_as_256_mb(folder: Path) -> None:
    os.truncate(folder / QA / "review.html", 256 << 20)
    refused(folder, f"{QA}/review.html changed since it was sealed")


PROGRAM = """
import hashlib, resource, sys
from pathlib import Path
from mlkit.evidence.bundle import BundleFolder
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
print(BundleFolder(Path(sys.argv[1])).sha256("huge"))
"""


def test_a_digest_needs_no_memory_for_the_whole_file(tmp_path: Path) -> None:
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", 768 << 20)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(512 << 20)], capture_output=True, text=True, check=True, env=os.environ
    )
    assert len(done.stdout.strip()) == 64


def test_the_limit_of_a_file_in_memory_is_asked_too() -> None:
    files = BundleInMemory({"a": b"abc"})
    assert files.read("a", 3) == b"abc"
    with pytest.raises(SealBroken, match="a is too large: 3 bytes; mlkit writes at most 2"):
        files.read("a", 2)
    assert (list(files), len(files), "b" in files, files.size("a")) == (["a"], 1, False, 3)


def test_an_archive_with_too_many_files_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_ENTRIES", 3)
    refused(folder, f"{SOURCE_FILE} cannot be unpacked: An artifact holds more than 3 files")
    monkeypatch.setattr(archives, "MOST_ENTRIES", 4)
    assert verify_bundle(BundleFolder(folder), public_key=KEY, head=BUNDLE.head).unproved == ()
