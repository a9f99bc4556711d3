"""What a build or a job may do with the machine's files. It cannot read the state and the key of the local AWS, nor the user's own keys.

The kernel enforces it, by `landlock`. Landlock only allows, so what is denied is what no allowed folder contains.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Protocol, TypeVar

from localaws.kit import landlock

T = TypeVar("T")


class Confine(Protocol):
    """Runs some work with the rights of a sandbox. See `confined`."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


# Credentials of the user, below the home folder.
_KEYS = (
    *(".aws", ".azure", ".boto", ".config/gcloud", ".docker", ".git-credentials", ".gnupg", ".kube", ".netrc", ".npmrc", ".pypirc"),
    *(".password-store", ".ssh", ".vault-token"),
)
_SHARED = ("/dev", "/proc", "/tmp", "/var/tmp", "/run/lock")  # folders in which every program may write
ISOLATED = "isolated by Landlock: they cannot read the state and the key of the local AWS"
NOT_ISOLATED = (
    "not isolated, because this system has no Landlock (Linux 5.19 or newer): they can read the state and the key of the local AWS"
)


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """The folders and files that may be read and executed, and those in which everything may be done."""

    readable: tuple[str, ...]
    writable: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps({"readable": self.readable, "writable": self.writable})


def is_available() -> bool:
    return landlock.is_available()


def described() -> str:
    """How the processes are isolated, as the end of a sentence about them."""
    return ISOLATED if is_available() else NOT_ISOLATED


def for_build(home: Path, *, own: Iterable[Path], readable: Iterable[Path]) -> Sandbox:
    """A sandbox that may write only to `own`, to temporary folders and to the installers' caches. `home` is the local AWS's."""
    caches = (Path(os.environ[name]) for name in ("UV_CACHE_DIR", "PIP_CACHE_DIR") if os.environ.get(name))
    around = _Around(home)
    shared = [path for root in (*map(Path, _SHARED), *caches) for path in around.below(root.resolve())]
    return _sandbox([*around.below(Path("/")), *readable], [*shared, *own])


def for_job(home: Path, *, own: Iterable[Path]) -> Sandbox:
    """A sandbox for programs of our own: they may write everywhere but in the home of the local AWS and in the user's keys."""
    return _sandbox([], [*_Around(home).below(Path("/")), *own])


def confined(sandbox: Sandbox, work: Callable[[], T]) -> T:
    """The result of `work` with the rights of the sandbox. What a build left may be links to what it cannot read itself."""
    if not is_available():
        return work()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            landlock.restrict(_files_only(sandbox.readable), _files_only(sandbox.writable))
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, name="confined")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


class _Around:
    """The largest files and folders that hold neither the home of the local AWS nor the user's keys."""

    def __init__(self, home: Path) -> None:
        user = Path.home()
        self._denied = frozenset(path.resolve() for path in (home, *(user / name for name in _KEYS)))
        self._above = frozenset(parent for path in self._denied for parent in path.parents)

    def below(self, root: Path) -> Iterator[Path]:
        """Those at or below `root`."""
        if root not in self._denied and self._denied.isdisjoint(root.parents):
            yield from self._below(root)

    def _below(self, path: Path) -> Iterator[Path]:
        if path not in self._above:
            yield path
            return
        try:
            with os.scandir(path) as entries:
                # The target of a link is allowed or denied by itself.
                children = [Path(entry.path) for entry in entries if not entry.is_symlink()]
        except OSError:
            return
        for child in sorted(children):
            if child not in self._denied:
                yield from self._below(child)


def _files_only(paths: Iterable[str]) -> list[str]:
    """The paths without the kernel's: in /proc, this process would find itself."""
    return [path for path in paths if path not in ("/dev", "/proc", "/sys") and not path.startswith("/proc/")]


def _sandbox(readable: Iterable[Any], writable: Iterable[Any]) -> Sandbox:
    return Sandbox(readable=tuple(map(str, readable)), writable=tuple(map(str, writable)))
