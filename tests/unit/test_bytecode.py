"""Compiled modules of another environment are taken over where the source is the same one, and never used where it is not."""

import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlkit.project.bytecode import take_over

SOURCES = {
    "alone.py": "told = 'alone'",
    "package/__init__.py": "",
    "package/part.py": "told = 'part'",
    "gone/__init__.py": "told = 'gone'",
    "package/tests/it.py": "",
}


def installed(folder: Path, names: list[str], *, compiled: bool) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCES[name])
        os.utime(path, (1_000_000_000, 1_000_000_000))  # the time that the wheel gives it
        if compiled:
            py_compile.compile(str(path))
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return installed(tmp_path / "other", list(SOURCES), compiled=True)


def compiled_in(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in folder.rglob("*.pyc")}


def what_python_does(own: Path, module: str) -> str:
    code = f"import sys; sys.path.insert(0, {str(own)!r}); import {module} as m; print(m.told, m.__file__)"
    done = subprocess.run([sys.executable, "-I", "-B", "-v", "-c", code], capture_output=True, text=True, check=True)
    matched = f"{Path(*module.split('.')).name}.py" in "".join(line for line in done.stderr.splitlines() if " matches " in line)
    return f"{done.stdout.split()[0]} {'taken' if matched else 'compiled'} {Path(done.stdout.split()[1]).is_relative_to(own)}"


def test_the_modules_that_both_have_are_taken_over_and_used(other: Path, tmp_path: Path) -> None:
    own = installed(tmp_path / "own", [name for name in SOURCES if not name.startswith("gone")], compiled=False)
    assert take_over(other, own) == 3
    assert compiled_in(own) == {"alone", "__init__", "part"}
    assert not (own / "gone").exists()
    assert [what_python_does(own, name) for name in ("alone", "package.part")] == ["alone taken True", "part taken True"]
    assert take_over(other, own) == 0


def test_a_module_whose_source_differs_is_compiled_anew(other: Path, tmp_path: Path) -> None:
    own = installed(tmp_path / "own", ["alone.py"], compiled=False)
    (own / "alone.py").write_text("told = 'other'")
    take_over(other, own)
    assert what_python_does(own, "alone") == "other compiled True"


def test_the_bytecode_of_another_python_is_left_where_it_is(other: Path, tmp_path: Path) -> None:
    for path in other.rglob("*.pyc"):
        path.rename(path.with_name(path.name.replace(sys.implementation.cache_tag, "cpython-27")))
    assert take_over(other, installed(tmp_path / "own", list(SOURCES), compiled=False)) == 0


def test_the_other_environment_is_never_written_to(other: Path, tmp_path: Path) -> None:
    own = installed(tmp_path / "own", ["alone.py"], compiled=False)
    before = {path: path.read_bytes() for path in other.rglob("*.pyc")}
    take_over(other, own)
    (own / "alone.py").write_text("told = 'other'")
    subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(own)!r}); import alone"], check=True)
    assert {path: path.read_bytes() for path in other.rglob("*.pyc")} == before
    assert what_python_does(own, "alone") == "other taken True"


def test_without_the_other_environment_python_compiles_again(other: Path, tmp_path: Path) -> None:
    own = installed(tmp_path / "own", ["alone.py"], compiled=False)
    take_over(other, own)
    shutil.rmtree(other)
    assert what_python_does(own, "alone") == "alone compiled True"
