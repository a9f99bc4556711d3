import pytest

from localaws.kit.files import made_whole, write_whole


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path):
    target = tmp_path / "state.json"
    target.write_text("old")
    with made_whole(target) as incoming:
        incoming.write_text("new, half of i")
        assert target.read_text() == "old"
    assert target.read_text() == "new, half of i"
    assert names(tmp_path) == ["state.json"]


def fail_half_way(target, *, is_folder):
    with made_whole(target) as incoming:
        if is_folder:
            incoming.mkdir()
            (incoming / "half").touch()
        else:
            incoming.touch()
        raise RuntimeError("half way")


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_failure_half_way_leaves_the_old_target_only(tmp_path, is_folder):
    target = tmp_path / "target"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="half way"):
        fail_half_way(target, is_folder=is_folder)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["target"]


def test_a_folder_appears_with_all_that_it_holds(tmp_path):
    with made_whole(tmp_path / "model") as incoming:
        incoming.mkdir()
        (incoming / "weights").write_text("w")
        assert not (tmp_path / "model").exists()
    assert (tmp_path / "model/weights").read_text() == "w"


def fill(folder, text):
    folder.mkdir()
    (folder / "a").write_text(text)


def race(target):
    """Somebody makes the same folder while we do."""
    with made_whole(target) as late:
        fill(late, "late")
        with made_whole(target) as quick:
            fill(quick, "quick")


def test_of_two_who_make_the_same_folder_one_wins_whole(tmp_path):
    with pytest.raises(OSError, match=r"not empty|exists"):
        race(tmp_path / "pip")
    assert (tmp_path / "pip/a").read_text() == "quick"
    assert names(tmp_path) == ["pip"]


@pytest.mark.parametrize("content", ["text ü", b"bytes"])
def test_a_written_file_is_its_owners_alone(tmp_path, content):
    write_whole(tmp_path / "key", content)
    assert (tmp_path / "key").read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
