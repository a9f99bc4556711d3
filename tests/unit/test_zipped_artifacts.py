"""Zip archives of a build: read whole, or refused with the error that tells why."""

import io
import re
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlkit.errors import EvidenceRefused
from mlkit.evidence import archives
from mlkit.evidence.archives import code_of, members
from mlkit.evidence.manifest import code_digests, sha256_of


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    body = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(body, "w", method) as opened:
        for name, data in files:
            opened.writestr(zipfile.ZipInfo(name), data, method)
    return body.getvalue()


FILES = (("./handoff/a.json", b"a" * 500), ("b.txt", b""), ("folder/", b""), ("mlkit.yml", b"kind: movielens\n"))


def refused(data: bytes, message: str) -> None:
    for read in (members, code_of):
        with pytest.raises(EvidenceRefused, match=message):
            read(data)


def test_the_files_of_an_archive_by_name() -> None:
    assert members(zipped(*FILES)) == {"handoff/a.json": b"a" * 500, "b.txt": b"", "mlkit.yml": b"kind: movielens\n"}
    assert members(zipped()) == {}


def test_the_code_of_a_source_archive_is_that_of_the_unpacked_one(tmp_path: Path) -> None:
    files = (*FILES, ("notebooks/01.ipynb", b"{}"), ("mlkit/a/b.py", b"x"), ("docs/readme.md", b"no code"))
    for name, data in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(data)
    found = code_of(zipped(*files))
    assert found == code_digests(tmp_path)
    assert found == {"mlkit.yml": sha256_of(FILES[3][1]), "notebooks/01.ipynb": sha256_of(b"{}"), "mlkit/a/b.py": sha256_of(b"x")}


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip archive", zipped(*FILES)[:-5], zipped(*FILES)[:100]])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    refused(data, "^An artifact is no zip archive: ")


def flipped(data: bytes, find: bytes, skip: int = 0) -> bytes:
    at = data.index(find) + skip
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


def test_a_damaged_file_is_told_by_its_name() -> None:
    refused(flipped(zipped(("a", b"some content"), method=zipfile.ZIP_STORED), b"some"), "^An artifact cannot be unpacked: a is damaged")


def outcome(data: bytes) -> object:
    """The files, or the beginning of the refusal."""
    try:
        return members(data)
    except EvidenceRefused as error:
        return str(error).partition(" ")[0]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_compressed_data_are_refused_or_hold_the_same_content(method: int) -> None:
    """The last bits of a compressed stream may mean nothing."""
    content = bytes(range(256)) * 9
    whole = zipped(("a", content), method=method)
    data = range(31, whole.index(b"PK\x01\x02"))
    outcomes = [outcome(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]) for at in data]
    assert [found for found in outcomes if found not in ("An", {"a": content})] == []
    assert outcomes.count("An") > len(data) - 20


def encrypted(data: bytes) -> bytes:
    """The archive with the flag that its first file is encrypted."""
    central = data.index(b"PK\x01\x02") + 8
    return data[:6] + b"\x01" + data[7:central] + b"\x01" + data[central + 1 :]


def test_an_encrypted_file_is_refused() -> None:
    refused(encrypted(zipped(("a", b"1"))), "^An artifact is no zip archive: File 'a' is encrypted")


def test_an_archive_larger_than_a_build_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 4 << 20)
    assert len(members(zipped(("a", b"\0" * (3 << 20)), ("b", b"\0" * (1 << 20))))) == 2
    refused(zipped(("a", b"\0" * (3 << 20)), ("b", b"\0" * ((1 << 20) + 1))), "^An artifact is larger than 4 MB")


def test_the_limit_is_one_gigabyte() -> None:
    assert archives.MOST_BYTES == 2**30


@pytest.mark.parametrize("names", [("a", "a"), ("a", "./a"), ("b", "a/b", "./a/b"), ("a\\b", "a/b"), ("a/", "a")])
def test_two_files_of_one_name_are_refused(names: tuple[str, ...]) -> None:
    refused(zipped(*((name, name.encode()) for name in names)), f"^An artifact holds {names[-1].removeprefix('./')} twice")


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "a//b", "a/./b", "././a", "..", "./", "\\a", "a\\..\\b", "..\\a"])
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    refused(zipped(("good", b""), (name, b"1")), f"^An artifact holds the strange path {re.escape(name)}")


def test_a_name_cannot_command_a_terminal() -> None:
    refused(zipped(("\x1b[2J/../a", b"")), r"^An artifact holds the strange path  \[2J/\.\./a")
    refused(zipped(("\x1b[2J", b""), ("\x1b[2J", b"")), r"^An artifact holds  \[2J twice")


WHOLE = zipped(("handoff/a.json", b"some content" * 4), ("b", b"1"))


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_whatever_byte_is_damaged_an_archive_is_read_or_refused(at: int, by: int) -> None:
    damaged = WHOLE[:at] + bytes([WHOLE[at] ^ by]) + WHOLE[at + 1 :]
    for read in (members, code_of):
        with suppress(EvidenceRefused):
            read(damaged)
