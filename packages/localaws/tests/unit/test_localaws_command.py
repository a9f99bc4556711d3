"""The command `localaws` on the terminal: where its state is, what it refuses, and what its README says of it."""

import json
import re
from pathlib import Path

import pytest

from localaws import cli

PACKAGE = Path(__file__).parents[2]
README = (PACKAGE / "README.md").read_text()
COMMANDS = ("up", "down", "status", "env", "logs", "reset", "repository")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(cli.HOME_VARIABLE, raising=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert "--home" in capsys.readouterr().out


def test_the_state_is_in_the_current_folder_unless_option_or_variable_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["status"])
    monkeypatch.setenv("LOCALAWS_HOME", str(tmp_path / "by-variable"))
    cli.main(["status"])
    cli.main(["status", "--home", str(tmp_path / "by-option")])
    told = re.findall(r"^state: +(.*)$", capsys.readouterr().out, re.M)
    assert told == [str(tmp_path / name) for name in (".localaws", "by-variable", "by-option")]


def test_nothing_is_deleted_without_yes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".localaws").mkdir()
    with pytest.raises(SystemExit) as ended:
        cli.main(["reset"])
    assert ended.value.code == 1
    assert "Next: `localaws reset --yes`" in capsys.readouterr().err
    assert (tmp_path / ".localaws").is_dir()
    cli.main(["reset", "--yes"])
    assert not (tmp_path / ".localaws").exists()


def test_an_error_is_two_lines_with_the_next_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["env"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "Error: The local AWS does not run.\n  Next: Start it with `localaws up`.\n"


def test_logs_and_down_of_what_never_ran_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["logs"])
    cli.main(["down"])
    assert re.fullmatch(r".*server\.log does not exist yet\nThe local AWS did not run\.\n", capsys.readouterr().out)


def test_a_folder_stands_for_a_repository(tmp_path: Path) -> None:
    cli.main(["repository", "you/site", "--folder", "."])
    (record,) = [json.loads(path.read_text()) for path in (tmp_path / ".localaws" / "codeconnections").glob("*.json")]
    assert record["you/site"] == {"path": str(tmp_path), "worktree": False}


@pytest.mark.parametrize("name", ["you/", "/site", "you/site/more"])
def test_a_repository_has_a_name_of_codecommit_or_an_owner(name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["repository", name])
    assert ended.value.code == 1


def test_a_folder_without_git_is_registered_and_the_missing_hook_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["repository", "site", "--folder", "."])
    assert "No push starts them" in capsys.readouterr().out


def test_the_readme_names_every_command_and_no_other() -> None:
    assert set(re.findall(r"\blocalaws ([a-z]+)", README)) == set(COMMANDS)


@pytest.mark.parametrize("folder", ["localaws", "sagemaker_formats"])
def test_the_readmes_links_and_files_exist(folder: str) -> None:
    package = PACKAGE.parent / folder
    readme = (package / "README.md").read_text()
    source = package / "src" / folder
    assert [name for name in re.findall(r"\]\(([^)#:]+)\)", readme) if not (package / name).exists()] == []
    parts = re.findall(r"`([\w/]+(?:\.py|/))`", " ".join(re.findall(r"^\|([^|]*)\|", readme, re.M)))
    assert parts
    assert [name for name in parts if not (source / name).exists()] == []
