"""Archives: modes and links survive, nothing gets out."""

import os
import stat
import zipfile

import pytest

from localaws.codebuild import zips
from localaws.codebuild.zips import Entry


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in"
    (root / "bin").mkdir(parents=True)
    (root / "bin/run").write_text("#!/bin/sh\n")
    (root / "bin/run").chmod(0o755)
    (root / "plain").write_text("text")
    (root / "link").symlink_to("bin/run")
    return root


def packed(folder, tmp_path, **options):
    archive = tmp_path / "x.zip"
    zips.pack([Entry(path=folder / name, name=name) for name in ("bin/run", "plain", "link")], archive, **options)
    target = tmp_path / "out"
    zips.unpack(archive, target)
    return target


def test_modes_come_back_and_links_become_files_unless_they_are_to_be_kept(folder, tmp_path):
    target = packed(folder, tmp_path)
    assert stat.S_IMODE((target / "bin/run").stat().st_mode) == 0o755
    assert not (target / "link").is_symlink()
    assert (target / "link").read_text() == "#!/bin/sh\n"


def test_kept_links_are_links_again(folder, tmp_path):
    assert os.readlink(packed(folder, tmp_path, keep_symlinks=True) / "link") == "bin/run"


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out"])
def test_an_entry_that_leaves_the_target_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr(name, "x")
    with pytest.raises(ValueError, match="would be outside"):
        zips.unpack(tmp_path / "bad.zip", tmp_path / "target")


def test_a_link_that_leaves_the_target_is_refused(tmp_path):
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
        file.writestr(info, "../../secret")
    with pytest.raises(ValueError, match="would point outside"):
        zips.unpack(tmp_path / "bad.zip", tmp_path / "target")


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "x").write_text("no")
    with pytest.raises(ValueError, match="not a zip archive"):
        zips.unpack(tmp_path / "x", tmp_path / "target")


def test_an_archive_that_holds_too_much_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("localaws.kit.archives.MOST_BYTES", 1_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(3):
            file.writestr(f"f{number}", b"\0" * 400_000)
    assert (tmp_path / "bomb.zip").stat().st_size < 3_000
    with pytest.raises(ValueError, match="holds more than 1 MB"):
        zips.unpack(tmp_path / "bomb.zip", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_an_archive_of_too_many_entries_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("localaws.kit.archives.MOST_ENTRIES", 2)
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as file:
        for number in range(3):
            file.writestr(f"f{number}", b"")
    with pytest.raises(ValueError, match="2 entries"):
        zips.unpack(tmp_path / "many.zip", tmp_path / "target")


def test_only_stored_and_deflated_entries_are_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as file:
        file.writestr("f", b"x")
    with pytest.raises(ValueError, match="another method than deflate"):
        zips.unpack(tmp_path / "x.zip", tmp_path / "target")
