"""The wheels of mlkit's packages. They are built from a checkout, reproducibly and without a network, or copied from a project."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from mlkit.errors import NotFound, UsageError
from mlkit.evidence.manifest import sha256_of

VENDOR = "vendor"  # the folder of a project that holds its wheels
_GENERATED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.egg-info")
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
_FIRST_DATE_OF_A_ZIP = "315532800"  # 1980-01-01, in seconds


@dataclass(frozen=True, kw_only=True)
class Package:
    """A distribution: its folder and files in a checkout, and the folder of a project that holds its wheel."""

    distribution: str
    folder: str
    sources: tuple[str, ...]
    vendor: str


PACKAGES = (
    Package(
        distribution="sagemaker_mlkit", folder=".", sources=("mlkit", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"), vendor=VENDOR
    ),
    Package(
        distribution="sagemaker_builtin_formats",
        folder="packages/sagemaker_formats",
        sources=("src", "pyproject.toml", "README.md"),
        vendor=VENDOR,
    ),
    # In its own folder, because builds of the pipeline do not install it.
    Package(
        distribution="sagemaker_localaws",
        folder="packages/localaws",
        sources=("src", "pyproject.toml", "README.md"),
        vendor=f"{VENDOR}/local",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A wheel: its path in a project and its content. The file name contains the version."""

    path: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return sha256_of(self.content)


def build_wheels(checkout: Path) -> tuple[Wheel, ...]:
    """The wheels of the checkout's files on disk, committed or not. Raises UsageError if a build fails."""
    return tuple(_build(checkout / package.folder, package) for package in PACKAGES)


def carried_wheels(project: Path) -> tuple[Wheel, ...]:
    """The wheels in the project. Raises NotFound if one is missing, UsageError if a package has several."""
    return tuple(_read(project / package.vendor, package) for package in PACKAGES)


def carries_mlkit(root: Path) -> bool:
    """Whether `root` is a checkout of mlkit, or a project with its wheel."""
    return _is_checkout(root) or bool(list((root / VENDOR).glob(f"{PACKAGES[0].distribution}-*.whl")))


def mlkit_wheel(root: Path) -> Wheel:
    """The wheel of mlkit alone: built from the checkout at `root`, or carried by the project there."""
    package = PACKAGES[0]
    return _build(root / package.folder, package) if _is_checkout(root) else _read(root / package.vendor, package)


def _is_checkout(root: Path) -> bool:
    return (root / "setup.cfg").is_file() and (root / "mlkit" / "__init__.py").is_file()


def wheels_in(project: Path) -> list[str]:
    """The paths of all wheels in the project's folder vendor/, earlier versions included."""
    return [path.relative_to(project).as_posix() for path in sorted((project / VENDOR).rglob("*.whl"))]


def _build(folder: Path, package: Package) -> Wheel:
    with tempfile.TemporaryDirectory(prefix="mlkit-wheel-") as scratch:
        copy, built = Path(scratch, "source"), Path(scratch, "built")
        built.mkdir()
        _copy_sources(folder, package.sources, copy)
        # The user's variables must not change the wheel, and modules of the current folder must not be imported.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "SOURCE_DATE_EPOCH": _FIRST_DATE_OF_A_ZIP, "LANG": "C.UTF-8"}
        command = [sys.executable, "-P", "-c", _BUILD, str(built)]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise UsageError(f"The wheel of {folder} cannot be built: {last[0]}", cure="`make setup` installs what the build needs.")
        return _read(built, package)


def _read(folder: Path, package: Package) -> Wheel:
    found = sorted(folder.glob(f"{package.distribution}-*.whl"))
    if not found:
        cure = "`git checkout -- vendor` restores the committed wheel."
        raise NotFound(f"{folder} has no wheel of {package.distribution}", cure=cure)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        cure = "Keep only the wheel that the project must use."
        raise UsageError(f"{folder} has more than one wheel of {package.distribution}: {names}", cure=cure)
    return Wheel(path=f"{package.vendor}/{found[0].name}", content=found[0].read_bytes())


def _copy_sources(folder: Path, names: tuple[str, ...], target: Path) -> None:
    """Copy the sources without files of earlier builds, and with file modes that do not depend on the user's umask."""
    target.mkdir()
    for name in names:
        if (folder / name).is_dir():
            shutil.copytree(folder / name, target / name, ignore=_GENERATED)
        else:
            shutil.copy(folder / name, target / name)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
