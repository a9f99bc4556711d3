"""The hook of a registered folder, and the pushes that are read from its reports."""

import subprocess
from pathlib import Path

import pytest
from git_folders import git, make_repository

from localaws.codeconnections import push_hook, repositories
from localaws.codeconnections.pushes import Pushes


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / 'home of "the" local AWS\'s'


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    made = tmp_path / "repository"
    make_repository(made, {"a.txt": "one", "b.txt": "one"})
    repositories.register(home, "Owner/Repo", made)
    push_hook.install(home, "Owner/Repo", made)
    return made


def commit(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", text)
    return git(folder, "rev-parse", "HEAD")


def test_a_commit_is_a_push_with_its_files(home: Path, folder: Path) -> None:
    pushes, first = Pushes(home), git(folder, "rev-parse", "HEAD")
    assert list(pushes.take()) == []
    second = commit(folder, "a.txt", "two")
    (push,) = pushes.take()
    assert (push.repository, push.branch, push.old, push.commit, push.paths) == ("Owner/Repo", "main", first, second, ("a.txt",))
    assert list(pushes.take()) == []


def test_a_new_and_a_deleted_branch_are_pushes(home: Path, folder: Path) -> None:
    pushes, head = Pushes(home), git(folder, "rev-parse", "HEAD")
    git(folder, "branch", "feature/x")
    git(folder, "tag", "v1")
    (made,) = pushes.take()
    assert (made.branch, made.old, made.commit, made.paths) == ("feature/x", None, head, ("a.txt", "b.txt"))
    git(folder, "branch", "-D", "feature/x")
    (deleted,) = pushes.take()
    assert (deleted.branch, deleted.old, deleted.commit) == ("feature/x", head, None)


def test_a_push_into_a_bare_repository_is_seen(home: Path, folder: Path, tmp_path: Path) -> None:
    bare, pushes = tmp_path / "bare.git", Pushes(home)
    subprocess.run(["git", "clone", "--quiet", "--bare", str(folder), str(bare)], check=True)
    repositories.register(home, "site", bare)
    push_hook.install(home, "site", bare)
    new = commit(folder, "a.txt", "three")
    git(folder, "push", "--quiet", str(bare), "main")
    assert {(push.repository, push.commit) for push in pushes.take()} == {("Owner/Repo", new), ("site", new)}


def test_a_second_registration_adds_one_line_and_a_home_that_is_gone_disturbs_no_commit(home: Path, folder: Path, tmp_path: Path) -> None:
    push_hook.install(home, "owner/repo", folder)
    push_hook.install(tmp_path / "other", "Owner/Repo", folder)
    hook = folder / ".git/hooks/reference-transaction"
    assert hook.read_text().count("touch") == 2
    (tmp_path / "other/reports").rmdir()
    assert commit(folder, "a.txt", "four")


def test_a_hook_of_the_users_own_stays_and_the_line_for_it_is_told(home: Path, folder: Path) -> None:
    hook = folder / ".git/hooks/reference-transaction"
    hook.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(push_hook.HookRefused, match=r"hook of your own.*touch"):
        push_hook.install(home, "Owner/Repo", folder)
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_folder_without_git_gets_no_hook(home: Path, tmp_path: Path) -> None:
    with pytest.raises(push_hook.HookRefused, match="git init"):
        push_hook.install(home, "a/b", tmp_path)
