"""The library as a wheel: built from a checkout, without a network and with the same bytes from the same files, or carried by a project."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from mlkit.errors import NotFound, UsageError
from mlkit.evidence import sha256

VENDOR = "vendor"  # the folder of a project that holds its wheel
_SOURCES = ("mlkit", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
_GENERATED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
_FIRST_DATE_OF_A_ZIP = "315532800"  # 1980-01-01, in seconds


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """The file's name, which tells the version, and its content."""

    name: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return sha256(self.content)


def build_wheel(checkout: Path) -> Wheel:
    """The wheel of the checkout's files as they lie there, committed or not. Raises UsageError when the build does not work."""
    with tempfile.TemporaryDirectory(prefix="mlkit-wheel-") as scratch:
        copy, built = Path(scratch, "source"), Path(scratch, "built")
        built.mkdir()
        _copy_sources(checkout, copy)
        # No variable of the user's may change what setuptools writes, and no module of the current folder what is imported.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "SOURCE_DATE_EPOCH": _FIRST_DATE_OF_A_ZIP, "LANG": "C.UTF-8"}
        command = [sys.executable, "-P", "-c", _BUILD, str(built)]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise UsageError(f"The wheel of {checkout} cannot be built: {last[0]}", cure="`make setup` installs what the build needs.")
        return _read(built)


def carried_wheel(project: Path) -> Wheel:
    """The wheel in the project's folder vendor/. Raises NotFound without one, UsageError when there are several."""
    return _read(project / VENDOR)


def _read(folder: Path) -> Wheel:
    found = sorted(folder.glob("mlkit-*.whl"))
    if not found:
        raise NotFound(f"{folder} holds no wheel of mlkit", cure="`git checkout -- vendor` brings back the one that was committed.")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise UsageError(f"{folder} holds more than one wheel of mlkit: {names}", cure="Keep the one that the project is to use.")
    return Wheel(name=found[0].name, content=found[0].read_bytes())


def _copy_sources(checkout: Path, target: Path) -> None:
    """A copy in which neither leftovers of earlier builds nor the user's umask can show."""
    target.mkdir()
    for name in _SOURCES:
        if (checkout / name).is_dir():
            shutil.copytree(checkout / name, target / name, ignore=_GENERATED)
        else:
            shutil.copy(checkout / name, target / name)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
