"""Runs the tests of a module against a sample of its mutants, in a copy of the project: the working tree is never touched.

The process imports the slow packages once; the tests of each mutant run in a fork of it.
"""

import hashlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from mutants.modules import MODULES, path_of
from mutants.mutations import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
_MEMORY = 6 << 30  # bytes of address space: a mutant that keeps what it reads fails here, and not with the machine
_SLOW = ("pytest", "numpy", "pandas", "scipy.special", "scipy.stats", "boto3", "papermill", "duckdb", "sqlglot", "pyarrow.parquet")
_PYTEST = ["-q", "-x", "-o", "addopts=", "--hypothesis-seed=0"]
_PYTEST += [f"-pno:{plugin}" for plugin in ("randomly", "xdist", "nbval", "cacheprovider")]
# pytest cannot rewrite the assertions of packages that are imported already; these have none
_PYTEST += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a module's mutants. Of the killed ones, `timed_out` ran into the limit."""

    module: str
    mutants: int
    killed: int
    timed_out: int
    survivors: list[Mutant]


def prepare(folder: Path) -> Path:
    """A copy of the project's files in the folder; afterwards this process is ready to be forked."""
    for name in _SLOW:
        import_module(name)
    copy = folder.resolve() / "project"
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def try_module(copy: Path, module: str, size: int, seed: int) -> Result:
    """Mutates the module `size` times, chosen by `seed`. Exits when its tests fail without a mutation."""
    path = path_of(module, copy)
    tests = [str(found) for pattern in MODULES[module] for found in sorted(copy.glob(pattern))]
    original = path.read_text()
    every = mutants_of(original)
    chosen = sorted(every, key=lambda mutant: _lot(seed, mutant))[:size]
    began = time.monotonic()
    sys.dont_write_bytecode = False
    if _tests_fail(copy, tests, limit_s=1200) is not False:
        sys.exit(f"The tests of {module} fail before anything is changed:\n{(copy.parent / 'output').read_text()}")
    limit_s = 30 + 10 * (time.monotonic() - began)
    sys.dont_write_bytecode = True  # mutants of one size within one second would be taken for each other
    outcomes = []
    for mutant in sorted(chosen, key=lambda mutant: mutant.line):
        path.write_text(mutant.source)
        failed = _tests_fail(copy, tests, limit_s)
        outcomes.append((mutant, failed))
        print({True: ".", None: "T", False: "S"}[failed], end="", flush=True)
    path.write_text(original)
    print(f" {module}: {len(chosen)} of {len(every)} mutants in {time.monotonic() - began:.0f} s", flush=True)
    survivors = [mutant for mutant, failed in outcomes if failed is False]
    timed_out = sum(failed is None for _, failed in outcomes)
    return Result(module=module, mutants=len(chosen), killed=len(chosen) - len(survivors), timed_out=timed_out, survivors=survivors)


def _lot(seed: int, mutant: Mutant) -> bytes:
    """A random number that only depends on the change: an edit elsewhere in the module leaves the sample as it is."""
    return hashlib.sha256(f"{seed} {mutant.diff}".encode()).digest()


def _tests_fail(copy: Path, tests: list[str], limit_s: float) -> bool | None:
    """Whether a test fails; None when they do not end within the limit. Processes that the tests leave behind are killed."""
    child = os.fork()
    if child == 0:
        _run_tests(copy, tests)
    deadline, status = time.monotonic() + limit_s, None
    while status is None and time.monotonic() < deadline:
        time.sleep(0.02)
        ended, code = os.waitpid(child, os.WNOHANG)
        status = code if ended else None
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return None if status is None else status != 0


def _run_tests(copy: Path, tests: list[str]) -> None:
    code = 3
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        os.chdir(copy)
        output = os.open(copy.parent / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.path.insert(0, str(copy))
        os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        code = import_module("pytest").main([*_PYTEST, f"--basetemp={copy.parent / 'tmp'}", *tests])
    finally:
        os._exit(code)
