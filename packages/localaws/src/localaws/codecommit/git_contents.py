"""Branches, commits and files of one git repository, read and written without a working tree."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localaws.codeconnections.repositories import GitFailed, git
from localaws.kit.service import AwsError

FILE_MODES = {"NORMAL": "100644", "EXECUTABLE": "100755", "SYMLINK": "120000"}
_MODES = {mode: name for name, mode in FILE_MODES.items()}
_NO_COMMIT = "0" * 40


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a tree: a file, a symbolic link (`blob`), a folder (`tree`) or a submodule (`commit`)."""

    mode: str
    kind: str
    id: str
    path: str

    @property
    def file_mode(self) -> str:
        return _MODES.get(self.mode, "NORMAL")


@dataclass(frozen=True, kw_only=True)
class Written:
    """A commit that was made, with the files that it added, changed and deleted."""

    commit: str
    tree: str
    added: Mapping[str, str]
    updated: Mapping[str, str]
    deleted: Mapping[str, str]


def branches(folder: Path) -> dict[str, str]:
    """The commits of the branches by name."""
    listed = git(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads").decode()
    return {name.removeprefix("refs/heads/"): commit for name, _, commit in (line.rpartition(" ") for line in listed.splitlines())}


def head_branch(folder: Path) -> str | None:
    """The branch that HEAD names, if it has a commit."""
    try:
        name = git(folder, "symbolic-ref", "--quiet", "--short", "HEAD").decode().strip()
    except GitFailed:
        return None
    return name if name in branches(folder) else None


def set_head(folder: Path, branch: str) -> None:
    git(folder, "symbolic-ref", "HEAD", f"refs/heads/{branch}")


def resolve(folder: Path, specifier: str) -> str | None:
    """The commit of a branch, a tag or a commit id."""
    for name in (f"refs/heads/{specifier}", f"refs/tags/{specifier}", specifier):
        if re.fullmatch(r"[\w./+-]+", specifier):
            try:
                return git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
            except GitFailed:
                continue
    return None


def describe(folder: Path, commit: str) -> dict[str, object]:
    """GetCommit's Commit."""
    form = "%H%n%T%n%P%n%an%n%ae%n%ad%n%cn%n%ce%n%cd%n%B"
    text = git(folder, "show", "--no-patch", "--date=raw", f"--format={form}", commit).decode(errors="replace")
    identifier, tree, parents, *people, message = text.split("\n", 9)
    author, committer = (dict(zip(("name", "email", "date"), people[at : at + 3], strict=True)) for at in (0, 3))
    return {
        "commitId": identifier,
        "treeId": tree,
        "parents": parents.split(),
        "author": author,
        "committer": committer,
        "message": message.rstrip("\n"),
        "additionalData": "",
    }


def entries(folder: Path, commit: str, path: str) -> list[Entry]:
    """The direct entries of a folder; empty if it does not exist."""
    try:
        listed = git(folder, "ls-tree", "-z", f"{commit}:{path}").decode(errors="replace")
    except GitFailed:
        return []
    lines = (line.partition("\t") for line in listed.split("\0") if line)
    return [Entry(mode=(parts := head.split())[0], kind=parts[1], id=parts[2], path=name) for head, _, name in lines]


def tree_id(folder: Path, commit: str, path: str) -> str:
    return git(folder, "rev-parse", f"{commit}:{path}").decode().strip()


def entry(folder: Path, commit: str, path: str) -> Entry | None:
    parent, _, name = path.rpartition("/")
    return next((found for found in entries(folder, commit, parent) if found.path == name), None)


def blob(folder: Path, identifier: str) -> bytes:
    return git(folder, "cat-file", "blob", identifier)


def move_branch(folder: Path, branch: str, new: str | None, *, old: str | None) -> None:
    """Set, make or delete a branch, if it still has its old commit. Raises AwsError if it is checked out in a working tree."""
    if old is not None and not _is_bare(folder) and head_branch(folder) == branch:
        raise AwsError("InvalidBranchNameException", f"The branch {branch} is checked out in {folder}. Commit there instead.")
    arguments = ("-d", f"refs/heads/{branch}", str(old)) if new is None else (f"refs/heads/{branch}", new, old or _NO_COMMIT)
    git(folder, "update-ref", *arguments)


def write(
    folder: Path,
    branch: str,
    parent: str | None,
    *,
    put: Sequence[tuple[str, str, bytes]],
    delete: Sequence[str] = (),
    message: str,
    person: Mapping[str, str],
) -> Written:
    """Commit files (path, mode, content) on top of `parent`. Raises AwsError for a file to delete that does not exist."""
    old = dict(_files(folder, parent)) if parent else {}
    if missing := [path for path in delete if path not in old]:
        raise AwsError("FileDoesNotExistException", f"The file {missing[0]} does not exist")
    with tempfile.TemporaryDirectory() as scratch:
        index = {"GIT_INDEX_FILE": f"{scratch}/index"}
        if parent:
            git(folder, "read-tree", parent, environment=index)
        blobs = {path: git(folder, "hash-object", "-w", "--stdin", given=content).decode().strip() for path, _, content in put}
        lines = [f"{mode} {blobs[path]}\t{path}" for path, mode, _ in put] + [f"0 {_NO_COMMIT}\t{path}" for path in delete]
        git(folder, "update-index", "-z", "--add", "--index-info", environment=index, given="\0".join(lines).encode() + b"\0")
        tree = git(folder, "write-tree", environment=index).decode().strip()
    parents = ("-p", parent) if parent else ()
    who = {f"GIT_{role}_{key}": person[key.lower()] for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    commit = git(folder, "commit-tree", tree, *parents, "-m", message, environment=who).decode().strip()
    move_branch(folder, branch, commit, old=parent)
    changed = {path: identifier for path, identifier in blobs.items() if path in old}
    added = {path: identifier for path, identifier in blobs.items() if path not in old}
    return Written(commit=commit, tree=tree, added=added, updated=changed, deleted={path: old[path] for path in delete})


def _files(folder: Path, commit: str) -> Iterator[tuple[str, str]]:
    for line in git(folder, "ls-tree", "-r", "-z", commit).decode(errors="replace").split("\0"):
        head, _, path = line.partition("\t")
        if path:
            yield path, head.split()[2]


def _is_bare(folder: Path) -> bool:
    return git(folder, "rev-parse", "--is-bare-repository").decode().strip() == "true"
