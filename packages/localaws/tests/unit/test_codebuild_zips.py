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
