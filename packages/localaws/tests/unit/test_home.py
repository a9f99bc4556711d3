"""One folder, its owner's only, served by one process at a time."""

import stat

import pytest

from localaws.errors import LocalAwsFailed
from localaws.home import Home
from localaws.kit.service import Credentials


def test_folders_and_files_are_their_owners_only(tmp_path):
    home = Home(path=tmp_path / "home")
    home.write("state/a.json", {"a": 1})
    assert home.read("state/a.json") == {"a": 1}
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (home.path, home.path / "state", home.path / "state/a.json")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_file_that_was_never_written_is_none(tmp_path):
    assert Home(path=tmp_path / "home").read("a.json") is None
    assert Home(path=tmp_path / "home").credentials() is None


def test_only_one_holds_the_folder(tmp_path):
    home = Home(path=tmp_path)
    assert not home.is_locked()
    with home.locked():
        assert home.is_locked()
        with pytest.raises(LocalAwsFailed, match="Another local AWS is serving"), Home(path=tmp_path).locked():
            pass
    assert not home.is_locked()


def test_a_secret_is_not_shown():
    secret, token = "a-secret", "a-token"
    shown = repr(Credentials(access_key_id="AKIA", secret_access_key=secret, session_token=token))
    assert ("AKIA" in shown, secret in shown, token in shown) == (True, False, False)
