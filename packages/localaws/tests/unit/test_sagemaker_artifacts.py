import gzip
import io
import os
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.sagemaker.model_archive import pack, unpack


def archive_of(tmp_path, *entries):
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def link(name, target, kind):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def test_packed_files_are_unpacked(tmp_path):
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/a").write_bytes(b"1")
    (tmp_path / "in/deep/b").write_bytes(b"2")
    pack(tmp_path / "in", tmp_path / "model.tar.gz")
    unpack(tmp_path / "model.tar.gz", tmp_path / "out")
    assert {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == {
        "a": b"1",
        "deep/b": b"2",
    }


def test_equal_files_give_equal_archives_whatever_their_times_and_order(tmp_path):
    for folder, names in (("one", "ab"), ("two", "ba")):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text(name)
    os.utime(tmp_path / "two/a", (1, 1))
    pack(tmp_path / "one", tmp_path / "1.tar.gz")
    pack(tmp_path / "two", tmp_path / "2.tar.gz")
    assert (tmp_path / "1.tar.gz").read_bytes() == (tmp_path / "2.tar.gz").read_bytes()


@pytest.mark.parametrize(
    "entry",
    [
        tarfile.TarInfo("../escaped"),
        tarfile.TarInfo("a/../../escaped"),
        tarfile.TarInfo("/escaped"),
        link("a", "../escaped", tarfile.SYMTYPE),
        link("a", "../escaped", tarfile.LNKTYPE),
        link("a", "", tarfile.FIFOTYPE),
    ],
    ids=lambda entry: f"{entry.name}-{entry.type.decode()}",
)
def test_an_archive_that_reaches_outside_of_its_folder_is_refused(tmp_path, entry):
    archive = archive_of(tmp_path, (entry, b""))
    with pytest.raises(ValueError, match=r"the archive's entry|not a readable"):
        unpack(archive, tmp_path / "out/model")
    assert not (tmp_path / "out/escaped").exists()
    assert not (tmp_path / "escaped").exists()


@settings(max_examples=30)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_archive_are_a_value_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("no-archive")
    (folder / "model.tar.gz").write_bytes(data)
    with pytest.raises(ValueError, match="not a readable tar archive"):
        unpack(folder / "model.tar.gz", folder / "out")


def test_a_cut_archive_is_a_value_error(tmp_path):
    archive = archive_of(tmp_path, (tarfile.TarInfo("a"), os.urandom(100_000)))
    archive.write_bytes(archive.read_bytes()[:50_000])
    with pytest.raises(ValueError, match="not a readable tar archive"):
        unpack(archive, tmp_path / "out")


def test_an_archive_that_holds_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("localaws.kit.archives.MOST_BYTES", 1_000_000)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/model").write_bytes(bytes(1_000_001))
    pack(tmp_path / "in", tmp_path / "m.tar.gz")
    with pytest.raises(ValueError, match="holds more than 1 MB"):
        unpack(tmp_path / "m.tar.gz", tmp_path / "out")


def test_an_entry_with_a_huge_name_is_not_read_into_memory(tmp_path):
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
    (tmp_path / "m.tar.gz").write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
    with pytest.raises(ValueError, match="more than 1 MB"):
        unpack(tmp_path / "m.tar.gz", tmp_path)
