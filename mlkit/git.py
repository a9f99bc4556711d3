"""What mlkit asks of git: whose files a folder's are, a new project's repository and commits, what the index holds of a notebook."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from mlkit.errors import UsageError

_WITHOUT_IDENTITY = ("-c", "user.name=mlkit", "-c", "user.email=mlkit@localhost")
# A commit of generated files asks nobody for a key and runs no hook that a user's settings name.
_COMMIT = ("commit", "--quiet", "--no-verify", "--no-gpg-sign")


def is_installed() -> bool:
    return shutil.which("git") is not None


def check_git() -> None:
    """Raises UsageError where git is missing."""
    if not is_installed():
        raise UsageError("git is not installed, and a pipeline runs what git holds", cure="Install git, or add --no-git.")


def top_level(folder: Path) -> Path | None:
    """The root of the working tree that the folder lies in; None outside of any."""
    done = _git(folder, "rev-parse", "--show-toplevel")
    return Path(done.stdout.strip()).resolve() if done.returncode == 0 else None


def surrounding(folder: Path) -> Path | None:
    """The root of the working tree whose files those of `folder` are or would be; None outside of any, and where it ignores them."""
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    if (root := top_level(there)) is None:
        return None
    ignored = root != folder and _git(there, "check-ignore", "--quiet", str(folder)).returncode == 0
    return None if ignored else root


def init(folder: Path) -> None:
    _checked(folder, "init", "--quiet", "--initial-branch", "main")


def commit(folder: Path, paths: Iterable[str], message: str) -> str:
    """Commit these files as they are, removed ones too, whatever ignore rules say. Returns the commit's short id."""
    _checked(folder, "add", "--all", "--force", "--", *paths)
    identity = () if _git(folder, "config", "user.email").stdout.strip() or "GIT_AUTHOR_EMAIL" in os.environ else _WITHOUT_IDENTITY
    _checked(folder, *identity, *_COMMIT, "--message", message)
    return _checked(folder, "rev-parse", "--short", "HEAD")


def uncommitted(folder: Path) -> list[str]:
    """Files below the folder that no commit holds as they are, without those that git ignores."""
    return [line[3:] for line in _checked(folder, "status", "--porcelain", "--", ".").splitlines()]


def ignored(folder: Path, paths: Iterable[str]) -> list[str]:
    """Those of the paths that git ignores, so that no commit holds them; a folder stands for what is in it."""
    listed = _checked(folder, "status", "--porcelain", "--ignored", "--", *paths).splitlines()
    return [line[3:] for line in listed if line.startswith("!!")]


def staged(folder: Path, path: str) -> str | None:
    """The text of a file below the folder as git's index holds it; None outside of git, and for a file that git does not know."""
    done = _git(folder, "show", f":./{path}")
    return done.stdout if done.returncode == 0 else None


def settle(folder: Path, name: str) -> None:
    """Let the index know the file's new size and time where its content, as filters leave it, is what the index holds already."""
    if _git(folder, "diff", "--quiet", "--", name).returncode == 0:
        _git(folder, "add", "--update", "--", name)


def _checked(folder: Path, *arguments: str) -> str:
    done = _git(folder, *arguments)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it did not say why"]
        raise UsageError(f"git failed in {folder}: {said[0]}", cure=f"It was asked: git {' '.join(arguments[:6])}. --no-git leaves it out.")
    return done.stdout.rstrip("\n")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The caller's own variables of a repository (a hook sets them) would point to another one."""
    repository = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
    clean = {name: value for name, value in os.environ.items() if name not in repository}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean, stdin=subprocess.DEVNULL, check=False)
