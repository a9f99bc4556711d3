"""The local folders that replace repositories, and the content of their commits. Nothing is fetched; the folders are only read."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from localaws.kit.files import write_whole

_FILE = "repositories.json"
_TIMEOUT_S = 600  # only a git process that hangs takes this long
_UNCOMMITTED = "Uncommitted files of the working tree"


class RepositoryProblem(Exception):
    """The repository, branch or commit does not exist. The text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A folder with a git repository. With `worktree`, uncommitted files are included, except those that git ignores."""

    folder: Path
    worktree: bool = False


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit. Dates have AWS's form; `archive` is a zip file of the commit's files, without history."""

    id: str
    message: str
    author_date: str
    committer_date: str
    committed: float
    archive: bytes = field(repr=False)


def register(home: Path, full_name: str, folder: Path, *, worktree: bool = False) -> None:
    """Use `folder` for "owner/repository". `home` is the folder `codeconnections` in the local AWS's home. The local AWS need not run."""
    known = {name: repository for name, repository in read(home).items() if name.lower() != full_name.lower()}
    known[full_name] = Repository(folder=folder.resolve(), worktree=worktree)
    _write(home, known)


def forget(home: Path, full_name: str) -> None:
    """Use no folder for the repository any more."""
    _write(home, {name: repository for name, repository in read(home).items() if name != full_name})


def read(home: Path) -> dict[str, Repository]:
    """The folders by "owner/repository". In the file, a value is a path, or an object with `path` and `worktree`."""
    try:
        record: Mapping[str, str | Mapping[str, object]] = json.loads((home / _FILE).read_text())
    except FileNotFoundError:
        return {}
    entries = {name: {"path": entry} if isinstance(entry, str) else entry for name, entry in record.items()}
    return {
        name: Repository(folder=Path(str(entry["path"])), worktree=bool(entry.get("worktree", False))) for name, entry in entries.items()
    }


def _write(home: Path, known: Mapping[str, Repository]) -> None:
    record = {name: {"path": str(repository.folder), "worktree": repository.worktree} for name, repository in known.items()}
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(home / _FILE, json.dumps(record, indent=2))


class Repositories:
    """The repositories of source actions. The file is read each time, because it may change while the server runs."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def commit(self, full_name: str, branch: str, *, revision: str | None = None) -> Commit:
        """The branch's last commit, or the commit `revision`. Raises RepositoryProblem."""
        known = {name.lower(): repository for name, repository in read(self._home).items()}
        repository = known.get(full_name.lower())
        if repository is None:
            there = ", ".join(sorted(known)) or "none"
            raise RepositoryProblem(
                f"The local AWS has no folder for the repository {full_name}; it has: {there}. "
                f"The command `repository {full_name}` adds it."
            )
        if not repository.folder.is_dir():
            raise RepositoryProblem(f"The folder {repository.folder} of the repository {full_name} does not exist.")
        if repository.worktree and revision is None:
            with tempfile.TemporaryDirectory() as scratch:
                return _uncommitted(repository.folder, Path(scratch))
        return _read_commit(repository.folder, _resolve(repository.folder, full_name, branch, revision))


def _resolve(folder: Path, full_name: str, branch: str, revision: str | None) -> str:
    wanted = [revision] if revision else [f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"]
    for name in wanted:
        try:
            return git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
        except GitFailed as error:
            if error.text:
                raise RepositoryProblem(f"git cannot read {folder}: {error.text}") from error
    if revision:
        raise RepositoryProblem(f"[GitHub] No commit [{revision}] found for FullRepositoryName [{full_name}]")
    raise RepositoryProblem(f"[GitHub] No Branch [{branch}] found for FullRepositoryName [{full_name}]")


def _uncommitted(folder: Path, scratch: Path) -> Commit:
    """A commit of the working tree on top of HEAD, in a separate object store. The same files give the same commit."""
    objects = Path(git(folder, "rev-parse", "--git-path", "objects").decode().strip())
    environment = {
        "GIT_INDEX_FILE": str(scratch / "index"),
        "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(folder / objects),
    }
    (scratch / "objects").mkdir()
    try:
        head = git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").decode().strip()
        date = git(folder, "show", "--no-patch", "--format=%cI", head).decode().strip()
        git(folder, "read-tree", head, environment=environment)
        git(folder, "add", "--all", ".", environment=environment)
        tree = git(folder, "write-tree", environment=environment).decode().strip()
        if tree == git(folder, "rev-parse", f"{head}^{{tree}}").decode().strip():
            return _read_commit(folder, head)
        person = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in
                  (("NAME", "localaws"), ("EMAIL", "localaws@localhost"), ("DATE", date))}  # fmt: skip
        commit = git(folder, "commit-tree", tree, "-p", head, "-m", _UNCOMMITTED, environment={**environment, **person}).decode().strip()
        return _read_commit(folder, commit, environment)
    except GitFailed as error:
        raise RepositoryProblem(f"git cannot read the working tree of {folder}: {error.text or 'it has no commit yet'}") from error


def _read_commit(folder: Path, commit: str, environment: Mapping[str, str] | None = None) -> Commit:
    try:
        text = git(folder, "show", "--no-patch", "--format=%at%n%ct%n%B", commit, environment=environment).decode(errors="replace")
        archive = git(folder, "archive", "--format=zip", commit, environment=environment)
    except GitFailed as error:
        raise RepositoryProblem(f"git cannot read the commit {commit} of {folder}: {error.text}") from error
    authored, committed, message = text.split("\n", 2)
    return Commit(
        id=commit,
        message=message.strip(),
        author_date=_date(authored),
        committer_date=_date(committed),
        committed=float(committed),
        archive=archive,
    )


def _date(seconds: str) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class GitFailed(Exception):
    """git refused. The text is git's."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def git(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, given: bytes = b"") -> bytes:
    """git's output; `given` is its input. It runs without the caller's GIT_ variables, because a hook sets them for another repository."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", "-c", "gc.auto=0", *arguments]
    ran = subprocess.run(command, capture_output=True, env={**clean, **(environment or {})}, timeout=_TIMEOUT_S, input=given)
    if ran.returncode != 0:
        raise GitFailed(ran.stderr.decode(errors="replace").strip())
    return ran.stdout
