"""Git commands that mlkit needs: find a folder's repository, commit a new project, read a notebook from the index."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from mlkit.errors import UsageError

_WITHOUT_IDENTITY = ("-c", "user.name=mlkit", "-c", "user.email=mlkit@localhost")
_PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # another git command, such as an editor's, holds the index for a moment
# A commit of generated files needs no signing key and runs none of the user's hooks.
_COMMIT = ("commit", "--quiet", "--no-verify", "--no-gpg-sign")


def is_installed() -> bool:
    return shutil.which("git") is not None


def check_git() -> None:
    """Raises UsageError if git is not installed."""
    if not is_installed():
        raise UsageError("git is not installed, and a pipeline runs committed files", cure="Install git, or add --no-git.")


def top_level(folder: Path) -> Path | None:
    """The root of the folder's working tree; None outside a repository."""
    done = _git(folder, "rev-parse", "--show-toplevel")
    return Path(done.stdout.strip()).resolve() if done.returncode == 0 else None


def surrounding(folder: Path) -> Path | None:
    """The root of the working tree that would track the files of `folder`; None outside a repository, and if it ignores the folder."""
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    if (root := top_level(there)) is None:
        return None
    ignored = root != folder and _git(there, "check-ignore", "--quiet", str(folder)).returncode == 0
    return None if ignored else root


def init(folder: Path) -> None:
    _checked(folder, "init", "--quiet", "--initial-branch", "main")


def commit(folder: Path, paths: Iterable[str], message: str) -> str:
    """Commit these files, deleted ones included, without regard to ignore rules. Returns the commit's short id."""
    _checked(folder, "add", "--all", "--force", "--", *paths)
    identity = () if _git(folder, "config", "user.email").stdout.strip() or "GIT_AUTHOR_EMAIL" in os.environ else _WITHOUT_IDENTITY
    _checked(folder, *identity, *_COMMIT, "--message", message)
    return _checked(folder, "rev-parse", "--short", "HEAD")


def uncommitted(folder: Path) -> list[str]:
    """Files below the folder with uncommitted changes, without those that git ignores."""
    return [line[3:] for line in _checked(folder, "status", "--porcelain", "--", ".").splitlines()]


def ignored(folder: Path, paths: Iterable[str]) -> list[str]:
    """The paths that git ignores; a folder counts for its content."""
    listed = _checked(folder, "status", "--porcelain", "--ignored", "--", *paths).splitlines()
    return [line[3:] for line in listed if line.startswith("!!")]


def staged(folder: Path, path: str) -> str | None:
    """The text of a file below the folder in git's index; None outside a repository, and for an untracked file."""
    done = _git(folder, "show", f":./{path}")
    return done.stdout if done.returncode == 0 else None


def settle(folder: Path, name: str) -> None:
    """Refresh the file's size and time in the index if its filtered content equals the content in the index."""
    if _git(folder, "diff", "--quiet", "--", name).returncode != 0:
        return
    for pause_s in _PAUSES_S:
        done = _git(folder, "add", "--update", "--", name)
        if "index.lock" not in done.stderr:
            return
        time.sleep(pause_s)


def _checked(folder: Path, *arguments: str) -> str:
    done = _git(folder, *arguments)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["it printed no reason"]
        raise UsageError(
            f"git failed in {folder}: {said[0]}", cure=f"The command was: git {' '.join(arguments[:6])}. --no-git does not run it."
        )
    return done.stdout.rstrip("\n")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git without the caller's GIT_ variables: a hook sets them, and they would point to another repository."""
    repository = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
    clean = {name: value for name, value in os.environ.items() if name not in repository}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean, stdin=subprocess.DEVNULL, check=False)
