"""The git hook of a registered folder. It reports to the local AWS that a branch may have changed.

The hook is git's `reference-transaction`, because it sees every change of a branch: a push to the folder, a commit or a merge in it. A
report is an empty file with the repository's name, so the hook needs no credentials and no running server. The heads at the time of
registration are kept, so that branches from before are no changes.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote

from localaws.codeconnections.repositories import GitFailed, git
from localaws.kit.files import write_whole

_HOOK = "reference-transaction"
_MARK = "# Installed by the local AWS: a changed branch starts pipelines."
Heads = Mapping[str, str]


class HookRefused(Exception):
    """The hook was not installed. The text says why and what to do."""


def install(home: Path, full_name: str, folder: Path) -> None:
    """Install the hook in the folder's repository. `home` is as in `repositories.register`. Raises HookRefused."""
    try:
        hooks = folder / git(folder, "rev-parse", "--git-path", "hooks").decode().strip()
        keep_heads(home, full_name, heads_of(folder))
    except GitFailed as error:
        raise HookRefused(f"{folder} is no git repository yet. Run this command again after `git init`.") from error
    reports = home / "reports"
    reports.mkdir(parents=True, exist_ok=True, mode=0o700)
    report = shlex.quote(str((reports / _file_name(full_name)).resolve()))
    line = f'[ "$1" != committed ] || touch {report} 2>/dev/null || true'
    hook = hooks / _HOOK
    known = hook.read_text() if hook.exists() else f"#!/bin/sh\n{_MARK}\n"
    if _MARK not in known:
        raise HookRefused(f"{hook} is a hook of your own. Add this line to it: {line}")
    if line not in known:
        hooks.mkdir(parents=True, exist_ok=True)
        hook.write_text(f"{known}{line}\n")
    hook.chmod(0o755)


def take_reports(home: Path) -> Iterator[str]:
    """The repositories that reported since the last call, in lower case. A report that arrives later is there for the next call."""
    reports = home / "reports"
    for path in sorted(reports.iterdir()) if reports.is_dir() else ():
        path.unlink(missing_ok=True)
        yield unquote(path.name)


def heads_of(folder: Path) -> dict[str, str]:
    """The commits of the branches as source actions read them: the folder's own, then those of its remote `origin`."""
    listed = git(folder, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/remotes/origin").decode()
    found: dict[str, str] = {}
    for line in sorted(listed.splitlines()):  # refs/heads sorts before refs/remotes
        name, _, commit = line.rpartition(" ")
        found.setdefault(name.removeprefix("refs/heads/").removeprefix("refs/remotes/origin/"), commit)
    return found


def known_heads(home: Path, full_name: str) -> Heads:
    try:
        found: Heads = json.loads((home / "heads" / _file_name(full_name)).read_text())
    except FileNotFoundError:
        return {}
    return found


def keep_heads(home: Path, full_name: str, heads: Heads) -> None:
    (home / "heads").mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(home / "heads" / _file_name(full_name), json.dumps(heads))


def _file_name(full_name: str) -> str:
    return quote(full_name.lower(), safe="")
