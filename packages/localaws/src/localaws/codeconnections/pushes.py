"""Pushes to registered repositories: changes of branches that the git hooks reported."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from localaws.codeconnections import push_hook, repositories
from localaws.codeconnections.repositories import GitFailed, git

_EVERY_S = 0.5
_log = logging.getLogger("localaws")


@dataclass(frozen=True, kw_only=True)
class Push:
    """A branch that was made, moved or deleted. `old` and `commit` are its heads; `paths` are the changed files."""

    repository: str
    branch: str
    old: str | None
    commit: str | None
    paths: tuple[str, ...] = ()


Listener = Callable[[Push], None]


class Pushes:
    """Looks for reports of the hooks and tells each push to all listeners. `home` is the folder `codeconnections` of the home."""

    def __init__(self, home: Path) -> None:
        self._home, self._listeners, self._ended = home, list[Listener](), Event()

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def start(self) -> None:
        Thread(target=self._watch, name="pushes", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def take(self) -> Iterator[Push]:
        """The pushes since the last call."""
        known = {name.lower(): (name, repository.folder) for name, repository in repositories.read(self._home).items()}
        for reported in push_hook.take_reports(self._home):
            if reported in known:
                yield from self._pushes(*known[reported])

    def _pushes(self, name: str, folder: Path) -> list[Push]:
        try:
            old, new = push_hook.known_heads(self._home, name), push_hook.heads_of(folder)
            push_hook.keep_heads(self._home, name, new)
            return [
                Push(repository=name, branch=branch, old=old.get(branch), commit=new.get(branch), paths=_changed(folder, old, new, branch))
                for branch in sorted(old.keys() | new.keys())
                if old.get(branch) != new.get(branch)
            ]
        except GitFailed as error:
            _log.warning("git cannot read the branches of %s: %s", folder, error)
            return []

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_S):
            try:
                for push in self.take():
                    for listener in self._listeners:
                        listener(push)
            except Exception:
                _log.exception("a push started nothing")


def _changed(folder: Path, old: push_hook.Heads, new: push_hook.Heads, branch: str) -> tuple[str, ...]:
    """The files that the push changed; all files of a new branch."""
    if branch not in new:
        return ()
    if branch in old:
        listed = git(folder, "diff", "--name-only", "-z", "--no-renames", old[branch], new[branch])
    else:
        listed = git(folder, "ls-tree", "-r", "--name-only", "-z", new[branch])
    return tuple(name for name in listed.decode(errors="replace").split("\0") if name)
