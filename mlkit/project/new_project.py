"""Creates a team's project and updates its shared files, completely or not at all."""

import contextlib
import functools
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlkit import __version__
from mlkit.errors import NotFound, UsageError
from mlkit.naming import DATALAKE_TEMPLATE, ENDPOINT_TEMPLATE, PIPELINE_TEMPLATES
from mlkit.project import git
from mlkit.project.derived_example import EXAMPLE_FILE, derive, read_example
from mlkit.project.evidence_tools import LOCK as SEAL_LOCK
from mlkit.project.wheels import VENDOR, Wheel, build_wheels, carried_wheels, wheels_in
from mlkit.reuse.finished_steps import LOCKS, replace_files
from mlkit.settings import PROJECT_FILE

_SKELETON = Path(__file__).parent / "skeleton"
_SHARED = ("buildspecs/*.yml", "notebooks/.gitattributes", *map(str, PIPELINE_TEMPLATES), str(ENDPOINT_TEMPLATE), *LOCKS, SEAL_LOCK)
_EXAMPLE = ("notebooks/*.ipynb", str(DATALAKE_TEMPLATE), str(PROJECT_FILE), "*.py")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_THE_CHECKOUTS_OWN = "movielens"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where parts come from: a checkout of mlkit, or a project that carries its wheels. `examples` maps names to folders."""

    root: Path
    examples: Mapping[str, Path]
    default: str
    wheels: Callable[[], tuple[Wheel, ...]]

    def example(self, name: str | None) -> str:
        """The name itself if there is such an example; without one, the default. Raises UsageError."""
        if name is None or name in self.examples:
            return name or self.default
        raise UsageError(f"{self.root} has no example {name!r}", cure=f"Choose one of: {', '.join(sorted(self.examples))}.")


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A project's files by path: those that all projects share, and the team's own."""

    shared: Mapping[str, bytes]
    own: Mapping[str, bytes]
    example: str
    wheels: tuple[Wheel, ...]

    @property
    def message(self) -> str:
        """The commit's message."""
        wheels = "\n".join(f"{wheel.path} has sha256 {wheel.sha256}" for wheel in self.wheels)
        return f"{self.example} with mlkit {__version__}\n\n{wheels}"


@dataclass(frozen=True, kw_only=True)
class Written:
    """`commit` is empty if nothing was committed. `repository` is the surrounding repository if the project has none of its own."""

    files: tuple[str, ...]
    commit: str = ""
    repository: Path | None = None


def find_source(library: Path, start: Path) -> Source:
    """The checkout of `library`, the folder of this mlkit; otherwise the project at or above `start`. Raises NotFound."""
    checkout = library.parent
    if (checkout / "setup.cfg").is_file() and (checkout / "examples").is_dir():
        files = (path for name in (PROJECT_FILE, EXAMPLE_FILE) for path in checkout.glob(f"examples/*/{name}"))
        found = {path.parent.name: path.parent for path in sorted(files)}
        examples = {**found, _THE_CHECKOUTS_OWN: checkout}
        return Source(root=checkout, examples=examples, default=next(iter(examples)), wheels=functools.partial(build_wheels, checkout))
    for root in (start, *start.parents):
        if (root / ENDPOINT_TEMPLATE).is_file() and (root / VENDOR).is_dir():
            return Source(root=root, examples={root.name: root}, default=root.name, wheels=functools.partial(carried_wheels, root))
    raise NotFound(
        "There is no source for a new project here",
        cure="Run `mlkit new` in a checkout of mlkit, or in a project that it created.",
    )


def collect(source: Source, *, example: str | None, name: str) -> Parts:
    """Read every file. Raises UsageError for a name that no repository can have, or an unknown example."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a project's name: it needs letters, digits, dots, hyphens or underscores, as GitHub has them",
            cure="Give another with --name.",
        )
    example, wheels = source.example(example), source.wheels()
    skeleton = {path.relative_to(_SKELETON).as_posix(): path.read_bytes() for path in _SKELETON.rglob("*") if _is_part(path)}
    readme = skeleton.pop("README.md").decode().replace("PROJECT_NAME", name).replace("MLKIT_VERSION", __version__)
    own = {"README.md": readme.encode(), ".gitignore": skeleton.pop("gitignore"), **_example_files(source, example)}
    shared = {**skeleton, **_read(source.root, _SHARED), **{wheel.path: wheel.content for wheel in wheels}}
    return Parts(shared=shared, own=own, example=example, wheels=wheels)


def _example_files(source: Source, name: str) -> dict[str, bytes]:
    """The example's own files; of an example that differs by values only, its base's with these values."""
    folder = source.examples[name]
    derived = read_example(folder)
    if derived is None:
        return _read(folder, _EXAMPLE)
    base = source.examples[source.example(derived.base)]
    return {**derive(derived, base, _read(base, _EXAMPLE)), **_read(folder, ("*.py",))}


def make(target: Path, parts: Parts, *, with_git: bool) -> Written:
    """Create the project in a new or empty folder; a failure leaves nothing behind. Raises UsageError."""
    if target.is_file() or (target.is_dir() and any(path.name != ".git" for path in target.iterdir())):
        raise UsageError(f"{target} is not empty", cure="Name a new folder, or add --refresh for a project of mlkit.")
    files = {**parts.shared, **parts.own}
    if with_git:
        git.check_git()
    repository = git.surrounding(target) if with_git else None
    try:
        with _scratch(target) as made:
            replace_files({made / path: content for path, content in files.items()})
            commit = ""
            if with_git and repository is None:
                git.init(made)
                commit = git.commit(made, files, parts.message)
            _move(made, target)
    except OSError as error:
        raise UsageError(f"{target} cannot be created: {error.strerror or error}", cure="Name a folder where you may write.") from error
    return Written(files=tuple(files), commit=commit, repository=repository)


def refresh(target: Path, parts: Parts, *, with_example: bool, with_git: bool) -> Written:
    """Update and commit a project's shared files, and with `with_example` the example's files. Raises UsageError.

    Committed changes of these files are replaced too; the repository's history keeps them. Uncommitted changes are refused, even
    without git.
    """
    if not (target / ENDPOINT_TEMPLATE).is_file() or not (target / VENDOR).is_dir():
        raise UsageError(f"`mlkit new` did not create {target}", cure="Leave out --refresh to create a project in an empty folder.")
    wanted = {**parts.shared, **(parts.own if with_example else {})}
    old = [path for path in wheels_in(target) if path not in wanted]
    differing = {path: content for path, content in wanted.items() if _content(target / path) != content}
    changed = (*differing, *old)
    if not changed:
        return Written(files=())
    _check_held(target, [path for path in changed if (target / path).exists()])
    repository = git.top_level(target) if with_git else None
    replace_files({target / path: content for path, content in differing.items()})
    for path in old:
        (target / path).unlink()
    if repository != target:
        return Written(files=changed, repository=repository)
    return Written(files=changed, commit=git.commit(target, changed, parts.message))


def _check_held(target: Path, replaced: list[str]) -> None:
    """Raises UsageError if one of these files has uncommitted changes, because refresh replaces the files."""
    if not replaced:
        return
    if not git.is_installed() or git.top_level(target) is None:
        cure = "Commit it first (`git init`, `git add --all`, `git commit`), or move that file away."
        raise UsageError(f"{target} is in no git repository: {replaced[0]} would be lost", cure=cure)
    if lost := [*git.uncommitted(target), *git.ignored(target, replaced)]:
        raise UsageError(f"{target} has changes that are not committed: {lost[0]}", cure="Commit or revert them first.")


def _read(root: Path, patterns: tuple[str, ...]) -> dict[str, bytes]:
    """The files of all patterns by path below `root`. Raises NotFound if a pattern that names a file has none."""
    found: dict[str, bytes] = {}
    for pattern in patterns:
        paths = sorted(root.glob(pattern))
        if not paths and "*" not in pattern:
            raise NotFound(f"{root / pattern} does not exist, and every project needs it", cure="`git checkout` restores it.")
        found |= {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    return found


def _is_part(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


@contextlib.contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A temporary folder on the target's disk, to be moved to the target."""
    there = next(path for path in (target, *target.parents) if path.is_dir())
    scratch = Path(tempfile.mkdtemp(prefix=".mlkit-new-", dir=there))
    try:
        made = scratch / "project"
        made.mkdir()
        yield made
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _move(made: Path, target: Path) -> None:
    """Move the folder to the target. An existing empty target stays the same folder, because a shell may be in it."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        made.rename(target)
        return
    moved = []
    try:
        for path in sorted(made.iterdir()):
            moved.append(path.rename(target / path.name))
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
