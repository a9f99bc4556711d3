"""Folders that stand for repositories, and the commits in them."""

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from localaws.codeconnections.repositories import Repositories, Repository, RepositoryProblem, read, register

GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, "-C", str(folder), *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    git(made, "init", "--quiet")
    (made / "a.txt").write_text("one")
    git(made, "add", ".")
    git(made, "commit", "--quiet", "-m", "First\n\nWith a body")
    return made


def files(archive: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def test_a_registered_repository_is_read_back_and_replaced_by_name(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    register(home, "Owner/Repo", tmp_path)
    register(home, "owner/repo", folder, worktree=True)
    register(home, "owner/other", folder)
    assert read(home) == {"owner/repo": Repository(folder=folder, worktree=True), "owner/other": Repository(folder=folder)}
    (home / "repositories.json").write_text(json.dumps({"a/b": str(folder)}))
    assert read(home) == {"a/b": Repository(folder=folder)}
    assert read(tmp_path / "nowhere") == {}


def test_a_branch_gives_its_last_commit_without_what_is_not_committed(tmp_path: Path, folder: Path) -> None:
    register(tmp_path, "a/b", folder)
    (folder / "a.txt").write_text("two")
    commit = Repositories(tmp_path).commit("A/B", "main")
    assert (commit.id, commit.message) == (git(folder, "rev-parse", "HEAD"), "First\n\nWith a body")
    assert commit.author_date.endswith("Z")
    assert files(commit.archive) == {"a.txt": "one"}


def test_a_remote_branch_is_found_too(tmp_path: Path, folder: Path) -> None:
    clone = tmp_path / "clone"
    git(folder, "branch", "feature")
    subprocess.run([*GIT, "clone", "--quiet", str(folder), str(clone)], check=True, capture_output=True)
    register(tmp_path, "a/b", clone)
    assert Repositories(tmp_path).commit("a/b", "feature").id == git(folder, "rev-parse", "feature")


def test_the_working_tree_is_a_commit_that_depends_on_its_files_alone(tmp_path: Path, folder: Path) -> None:
    register(tmp_path, "a/b", folder, worktree=True)
    repositories = Repositories(tmp_path)
    assert repositories.commit("a/b", "main").id == git(folder, "rev-parse", "HEAD")
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "x.log").write_text("ignored")
    (folder / "b.txt").write_text("new")
    (folder / "a.txt").unlink()
    first, second = repositories.commit("a/b", "main"), repositories.commit("a/b", "main")
    assert first == second
    assert files(first.archive) == {".gitignore": "*.log\n", "b.txt": "new"}
    assert first.id != git(folder, "rev-parse", "HEAD")
    assert git(folder, "status", "--porcelain").splitlines() == ["D a.txt", "?? .gitignore", "?? b.txt"]


def test_a_commit_that_is_asked_for_wins_over_the_working_tree(tmp_path: Path, folder: Path) -> None:
    register(tmp_path, "a/b", folder, worktree=True)
    (folder / "a.txt").write_text("two")
    head = git(folder, "rev-parse", "HEAD")
    assert Repositories(tmp_path).commit("a/b", "main", revision=head).id == head


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"])
def test_gits_variables_of_the_caller_do_not_lead_astray(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    head = git(folder, "rev-parse", "HEAD")
    register(tmp_path, "a/b", folder)
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert Repositories(tmp_path).commit("a/b", "main").id == head


def test_what_is_missing_is_named(tmp_path: Path, folder: Path) -> None:
    repositories = Repositories(tmp_path)
    with pytest.raises(RepositoryProblem, match="no folder for the repository a/b; it has: none"):
        repositories.commit("a/b", "main")
    register(tmp_path, "a/b", folder)
    with pytest.raises(RepositoryProblem, match=r"\[GitHub\] No Branch \[other\] found for FullRepositoryName \[a/b\]"):
        repositories.commit("a/b", "other")
    with pytest.raises(RepositoryProblem, match=r"No commit \[0123\] found"):
        repositories.commit("a/b", "main", revision="0123")
    register(tmp_path, "a/b", tmp_path / "gone")
    with pytest.raises(RepositoryProblem, match="does not exist"):
        repositories.commit("a/b", "main")
    (tmp_path / "plain").mkdir()
    register(tmp_path, "a/b", tmp_path / "plain")
    with pytest.raises(RepositoryProblem, match="git cannot read"):
        repositories.commit("a/b", "main")


def test_an_empty_repository_has_no_branch(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    register(tmp_path, "a/b", empty)
    with pytest.raises(RepositoryProblem, match=r"No Branch \[main\] found"):
        Repositories(tmp_path).commit("a/b", "main")
    register(tmp_path, "a/b", empty, worktree=True)
    with pytest.raises(RepositoryProblem, match="it has no commit yet"):
        Repositories(tmp_path).commit("a/b", "main")
